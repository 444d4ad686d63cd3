"""Steps of training, one class per objective: forward, loss, backward, update."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from pellucid.networks import Adversarial, Autoencoder, HeadAlone, Network
from pellucid.reference.autoencoder import NOISE_VARIANCE
from pellucid.tasks import CLASSIFICATION, REGRESSION, Target
from pellucid.training.batches import Batch, Examples
from pellucid.training.descent import Descent, LossAndHits
from pellucid.training.recipe import Recipe

# Training steps: their interface, and what they tell of a batch.


class StepResult(NamedTuple):
    """Result of one step on its batch, before the update."""

    loss: float  # mean loss over the batch
    examples: int  # size of the batch
    correct: int = 0  # examples whose largest logit is their class; 0 where numbers are predicted
    also: Mapping[str, float] | None = None  # what else is recorded, by name: means over the batch


@runtime_checkable
class Step(Protocol):
    """Protocol of a training step."""

    def __call__(self, batch: Batch, step: int, learning_rate: float) -> StepResult:
        """Take one step at a learning rate; how the network did on the batch, before the update.

        `step` counts those already taken, for messages.

        Raises: `DivergedError` if the loss or a gradient is not finite; the weights are left as they were.
        """


# Steps of networks that predict: classes, or a number.

Logits = Float[Tensor, "batch classes"]
Labels = Int64[Tensor, " batch"]


def cross_entropy(
    logits: Logits, labels: Labels, recipe: Recipe, weights: Tensor | None
) -> Float[Tensor, " batch"]:
    r"""$-\sum_k w_k t_k \log p_k$ of each example, $p$ the softmax of its logits.

    The targets are $t = (1-\varepsilon) e_y + \varepsilon / K$ with the label smoothing $\varepsilon$ of the
    recipe; `weights` holds $w_k$ of each class, or is `None` for 1.

    Source: Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016, section 7.
    """
    smoothing = recipe.label_smoothing
    return F.cross_entropy(logits, labels, weight=weights, label_smoothing=smoothing, reduction="none")


def squared_error(
    logits: Logits, labels: Labels, recipe: Recipe, weights: Tensor | None
) -> Float[Tensor, " batch"]:
    r"""$w_y \sum_k (p_k - t_k)^2$ of each example, $p$ the softmax of its logits, $t$ one-hot.

    Source: Brier, "Verification of forecasts expressed in terms of probability", 1950, equation 2.
    """
    del recipe
    targets = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
    errors = (logits.softmax(dim=1) - targets).square().sum(dim=1)
    return errors if weights is None else errors * weights[labels]


LOSSES: dict[str, Callable[[Logits, Labels, Recipe, Tensor | None], Float[Tensor, " batch"]]] = {
    "cross-entropy": cross_entropy,
    "mse": squared_error,
}


class ClassificationStep:
    """Step that teaches a network the class of its input."""

    def __init__(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, recipe: Recipe, examples: int
    ) -> None:
        self._descent = Descent(network, optimizer, recipe, examples)
        self._recipe = recipe
        self._loss = LOSSES[recipe.loss]
        weights = recipe.class_weights
        self._weights = None if weights is None else torch.tensor(weights, device=self._descent.device)

    def __call__(self, batch: Batch, step: int, learning_rate: float) -> StepResult:
        """Take one step as in `Step`; the result counts the hits."""
        loss, hits = self._descent.learn(batch, step, learning_rate, self._judge, self._weigh)
        return StepResult(loss, len(batch.labels), hits)

    def _judge(self, logits: Logits, batch: Batch) -> LossAndHits:
        """Mean loss of logits, and how many of them say the first of an image's labels."""
        total = torch.zeros((), device=self._descent.device)
        for labels, share in self._answers(batch):
            total = total + (share * self._loss(logits, labels, self._recipe, self._weights)).sum()
        hits = int((logits.argmax(dim=1) == self._answers(batch)[0][0]).sum())
        return LossAndHits(total / self._weigh(batch), hits)

    def _weigh(self, batch: Batch) -> float:
        """Weight of some examples in the mean loss."""
        weights = self._weights
        if weights is None:
            return _count(batch)
        return sum(float((share * weights[labels]).sum()) for labels, share in self._answers(batch))

    def _answers(self, batch: Batch) -> list[tuple[Labels, Tensor]]:
        """Labels of examples beside the share of each in its image: one, or two where images are mixed.

        Shares are times the weight of the example that the label comes from.
        """
        device = self._descent.device
        labels = batch.labels.to(device)
        weights = torch.ones((), device=device) if batch.weights is None else batch.weights.to(device)
        if batch.mixed is None:
            return [(labels, weights)]
        shares = batch.mixed.shares.to(device)
        others = shares * batch.mixed.weights.to(device)
        return [(labels, (1.0 - shares) * weights), (batch.mixed.labels.to(device), others)]


class RegressionStep:
    r"""Step that teaches a network to predict a number.

    The loss is the mean over the batch of $(\hat z - z)^2$, where $z = (y - \mu) / \sigma$ is the
    number standardised by mean and standard deviation of the training labels, and $\hat z$ the
    prediction likewise: so one learning rate serves all units.

    Args:
        network: with one output, its last layer set from the training labels.
        optimizer: over its parameters.
        recipe: how it learns.
        examples: size of the training split.

    Raises:
        ValueError: the network predicts classes.
    """

    def __init__(
        self, network: Network | HeadAlone, optimizer: torch.optim.Optimizer, recipe: Recipe, examples: int
    ) -> None:
        if network.rescale is None:
            raise ValueError(f"network: {network.config.outputs} outputs found, 1 expected for a number")
        self._descent = Descent(network, optimizer, recipe, examples)
        self._mean = float(network.rescale.mean)
        self._std = float(network.rescale.std)

    def __call__(self, batch: Batch, step: int, learning_rate: float) -> StepResult:
        """Take one step as in `Step`; the loss is that of standardised numbers."""
        loss, _ = self._descent.learn(batch, step, learning_rate, self._judge, _count)
        return StepResult(loss, len(batch.labels))

    def _judge(self, outputs: Float[Tensor, "batch 1"], batch: Batch) -> LossAndHits:
        targets = ((batch.labels.to(self._descent.device) - self._mean) / self._std).float()
        errors = ((outputs.squeeze(1) - self._mean) / self._std - targets).square()
        if batch.weights is None:
            return LossAndHits(errors.mean())
        return LossAndHits((errors * batch.weights.to(self._descent.device)).sum() / _count(batch))


def _count(batch: Batch) -> float:
    """Weight of some examples in their mean, where classes are not weighted."""
    if batch.weights is None:
        return float(len(batch.labels))
    if batch.mixed is None:
        return float(batch.weights.sum())
    shares = batch.mixed.shares
    return float(((1.0 - shares) * batch.weights + shares * batch.mixed.weights).sum())


# Step of a variational autoencoder: the evidence lower bound.

_LEAST_SHARE = 0.05  # of a batch in the running mean of variances


class ElboStep:
    r"""Step that teaches an autoencoder to make images.

    The loss is $(R + \beta K) / (D \ln 2)$, in bits per dimension: the reconstruction $R$ under the best
    variance for the batch and the divergence $K$ from the prior of each image's class, as in
    `reference/autoencoder.py`; $\beta$ rises during the warm-up. The network keeps a running mean of the
    variances, which stands for them when nothing is trained.

    Source: Rybkin et al. 2021, arXiv:2006.13202, section 3; Sønderby et al. 2016, "Ladder variational
        autoencoders", arXiv:1602.02282, section 2.3, for the warm-up.
    """

    def __init__(
        self, network: Autoencoder, optimizer: torch.optim.Optimizer, recipe: Recipe, examples: int
    ) -> None:
        self._descent = Descent(network, optimizer, recipe, examples)
        self._network = network
        self._recipe = recipe

    def __call__(self, batch: Batch, step: int, learning_rate: float) -> StepResult:
        """Take one step as in `Step`; the noise is drawn by torch's generator, which each step is seeded."""
        images, labels = batch.inputs.to(self._descent.device), batch.labels.to(self._descent.device)
        network = self._network
        with self._descent.arithmetic():
            found = network.posterior(images)
            noise = torch.randn_like(found.means)
            drawn = found.drawn(noise)
            decoded = network.decode(drawn, labels)
        variance = (decoded - images).square().mean() + NOISE_VARIANCE
        dimensions = images[0].numel()
        reconstruction = 0.5 * dimensions * (1 + math.log(2 * math.pi) + variance.log())
        divergence = network.divergence(found, drawn, noise, labels).mean()
        weighed = reconstruction + self._recipe.beta_at(step) * divergence
        value = self._descent.down(weighed / (dimensions * math.log(2)), batch, step, learning_rate)
        with torch.no_grad():
            network.variance.lerp_(variance.detach(), max(_LEAST_SHARE, 1 / (step + 1)))
        return StepResult(value, len(labels))


# One step of adversarial training: the discriminator learns, then the generator.

Scores = Float[Tensor, " batch"]


def discriminator_loss(real: Scores, made: Scores) -> Tensor:
    r"""Mean of $\ln(1 + e^{-s}) + \ln(1 + e^{\tilde s})$, $s$ scores of real images, $\tilde s$ of made ones.

    Source: Goodfellow et al. 2014, eq. 1, in scores before the sigmoid.
    """
    return F.softplus(-real).mean() + F.softplus(made).mean()


def generator_loss(made: Scores) -> Tensor:
    r"""Mean of $\ln(1 + e^{-\tilde s})$: made images are to be taken for real.

    Source: Goodfellow et al. 2014, section 3, for the loss that does not saturate.
    """
    return F.softplus(-made).mean()


class AdversarialStep:
    r"""Step that teaches a generator to make images, and a discriminator to tell them from real ones.

    The discriminator goes down its loss on a batch of real images and as many made ones of the same classes,
    then the generator goes down its own on the same made images, judged by the discriminator as it is now.
    `reference/losses.py` has both losses. The averaged generator follows.

    Source: Goodfellow et al. 2014, "Generative adversarial nets", NeurIPS, algorithm 1 with one step each;
        Yazici et al. 2019, "The unusual effectiveness of averaging in GAN training", arXiv:1806.04498.
    """

    def __init__(
        self, network: Adversarial, optimizer: torch.optim.Optimizer, recipe: Recipe, examples: int
    ) -> None:
        assert recipe.adversarial is not None  # the recipe of such a network has it
        self._descent = Descent(network, optimizer, recipe, examples)
        self._network = network
        self._rules = recipe.adversarial

    def __call__(self, batch: Batch, step: int, learning_rate: float) -> StepResult:
        """Take one step as in `Step`.

        The loss is the discriminator's; the generator's, and the share of images that the discriminator told
        right, are recorded beside it. The noise is drawn by torch's generator, which each step is seeded.
        """
        network, descent = self._network, self._descent
        images, labels = batch.inputs.to(descent.device), batch.labels.to(descent.device)
        noise = torch.randn(len(labels), network.latent, device=descent.device)
        with descent.arithmetic():
            made = network.made(noise, labels, averaged=False)
            scores = network.scores(torch.cat([images, made.detach()]), labels.repeat(2))
        real, fake = scores.chunk(2)
        loss = discriminator_loss(real, fake)
        value = descent.down(loss, batch, step, learning_rate)
        if self._rules.stretch:
            network.limit(self._rules.stretch)
        network.judging(learns=False)
        with descent.arithmetic():
            judged = network.scores(made, labels)
        of_generator = descent.down(generator_loss(judged), batch, step, learning_rate)
        network.judging(learns=True)
        network.follow(min(self._rules.averaging, (step + 1) / (step + 10)))
        right = 0.5 * float((real > 0).float().mean() + (fake < 0).float().mean())
        return StepResult(
            value,
            len(labels),
            also={"generator_loss": of_generator, "discriminator_accuracy": right},
        )


__all__ = [
    "AdversarialStep",
    "ClassificationStep",
    "ElboStep",
    "RegressionStep",
    "Step",
    "StepResult",
    "make_step",
]


def make_step(
    network: Network | HeadAlone, optimizer: torch.optim.Optimizer, recipe: Recipe, examples: Examples
) -> Step:
    """The step of training for the objective of the recipe."""
    kind = _OF_GENERATORS.get(recipe.loss) or _OF_TARGETS[examples.target]
    return kind(network, optimizer, recipe, len(examples.train))


_Make = Callable[[Any, torch.optim.Optimizer, Recipe, int], Step]

# By the loss.
_OF_GENERATORS: dict[str, _Make] = {"elbo": ElboStep, "adversarial": AdversarialStep}

_OF_TARGETS: dict[Target, _Make] = {CLASSIFICATION: ClassificationStep, REGRESSION: RegressionStep}
