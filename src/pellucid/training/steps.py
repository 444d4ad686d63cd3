"""One step of training, one class per objective: forward, loss, backward, update."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from pellucid.networks import Autoencoder, HeadAlone, Network
from pellucid.reference.autoencoder import NOISE_VARIANCE
from pellucid.tasks import CLASSIFICATION, GENERATION, REGRESSION, Target
from pellucid.training.batches import Batch, Examples
from pellucid.training.descent import Descent
from pellucid.training.recipe.choosing import Recipe

_LEAST_SHARE = 0.05  # of a batch in the running mean of variances

Logits = Float[Tensor, "batch classes"]
Labels = Int64[Tensor, " batch"]


class StepResult(NamedTuple):
    """Result of one step on its batch, before the update.

    Attributes:
        loss: mean loss over the batch.
        examples: size of the batch.
        correct: examples whose largest logit is their class; 0 where numbers are predicted.
    """

    loss: float
    examples: int
    correct: int = 0


@runtime_checkable
class Step(Protocol):
    """Protocol of a training step."""

    def __call__(self, batch: Batch, step: int, learning_rate: float) -> StepResult:
        """Take one step.

        Args:
            batch: the examples.
            step: steps already taken, for messages.
            learning_rate: of this step.

        Returns:
            How the network did on the batch, before the update.

        Raises:
            DivergedError: the loss or a gradient is not finite; the weights are left as they were.
        """


def cross_entropy(logits: Logits, labels: Labels, recipe: Recipe, weights: Tensor | None) -> Tensor:
    r"""Mean of $-\sum_k t_k \log p_k$ over the batch, $p$ the softmax of the logits.

    The targets are $t = (1-\varepsilon) e_y + \varepsilon / K$ with the label smoothing $\varepsilon$ of the
    recipe; `weights` holds one for each class, or is `None`.

    Source: Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016, section 7.
    """
    return F.cross_entropy(logits, labels, weight=weights, label_smoothing=recipe.label_smoothing)


def mean_squared_error(logits: Logits, labels: Labels, recipe: Recipe, weights: Tensor | None) -> Tensor:
    r"""Mean of $\sum_k (p_k - t_k)^2$ over the batch, $p$ the softmax of the logits, $t$ one-hot.

    Source: Brier, "Verification of forecasts expressed in terms of probability", 1950, equation 2.
    """
    del recipe
    targets = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
    errors = (logits.softmax(dim=1) - targets).square().sum(dim=1)
    return errors.mean() if weights is None else (errors * weights[labels]).sum() / weights[labels].sum()


LOSSES: dict[str, Callable[[Logits, Labels, Recipe, Tensor | None], Tensor]] = {
    "cross-entropy": cross_entropy,
    "mse": mean_squared_error,
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
        labels = batch.labels.to(self._descent.device)
        logits = self._descent.outputs(batch)
        loss = self._loss(logits, labels, self._recipe, self._weights)
        value = self._descent.down(loss, batch, step, learning_rate)
        return StepResult(value, len(labels), int((logits.argmax(dim=1) == labels).sum()))


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
        targets = ((batch.labels - self._mean) / self._std).float().to(self._descent.device)
        predicted = (self._descent.outputs(batch).squeeze(1) - self._mean) / self._std
        loss = (predicted - targets).square().mean()
        return StepResult(self._descent.down(loss, batch, step, learning_rate), len(targets))


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


def make_step(
    network: Network | HeadAlone, optimizer: torch.optim.Optimizer, recipe: Recipe, examples: Examples
) -> Step:
    """The step of training for the target of the examples."""
    return _STEPS[examples.target](network, optimizer, recipe, len(examples.train))


_STEPS: dict[Target, Callable[[Any, torch.optim.Optimizer, Recipe, int], Step]] = {
    CLASSIFICATION: ClassificationStep,
    REGRESSION: RegressionStep,
    GENERATION: ElboStep,
}
