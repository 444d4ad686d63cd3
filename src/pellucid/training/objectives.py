"""Objectives of training: the losses that a step goes down, one class for each kind of network."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn

from pellucid.arithmetic import number_errors
from pellucid.language.sentence import Sentence
from pellucid.networks import Adversarial, Autoencoder, HeadAlone, Network
from pellucid.networks.layers import of_questions
from pellucid.reference.autoencoder import NOISE_VARIANCE
from pellucid.settings import metrics_of
from pellucid.targets import CLASSIFICATION, MULTILABEL, ORDERED, PRESENT, REGRESSION, UNKNOWN, Target
from pellucid.training.batches import Batch, Examples
from pellucid.training.hardware import arithmetic
from pellucid.training.recipe import Recipe

Logits = Float[Tensor, "batch classes"]
Labels = Int64[Tensor, " batch"]
Scores = Float[Tensor, " batch"]


class LossAndHits(NamedTuple):
    """Loss of some examples, and how many of them the network has right."""

    loss: Tensor  # mean over them
    hits: int = 0  # 0 where that has no meaning
    also: Mapping[str, float] = {}  # what else is recorded, by name: means over them
    kept: Mapping[str, float] = {}  # what the objective itself needs, likewise


# Loss of a network on a part of a batch, and which of the batch's examples these are.
LossOfPart = Callable[[nn.Module, Batch, slice], LossAndHits]


@runtime_checkable
class Objective(Protocol):
    """What a network learns."""

    def losses(self, batch: Batch, step: int, means: Mapping[str, float]) -> Iterator[LossOfPart]:
        """Losses whose mean over a batch is to go down, each once the last one has.

        `step` counts those already taken; `means` then has over the batch what the losses kept.
        """

    def weight(self, batch: Batch) -> float:
        """Weight of some examples in the mean loss; their number, where none has a weight of its own."""
        if batch.weights is None:
            return float(len(batch.labels))
        if batch.mixed is None:
            return float(batch.weights.sum())
        shares = batch.mixed.shares
        return float(((1.0 - shares) * batch.weights + shares * batch.mixed.weights).sum())


def _outputs(network: nn.Module, batch: Batch, recipe: Recipe) -> Float[Tensor, "batch outputs"]:
    """Outputs of a network, computed in the recipe's arithmetic, as float32."""
    with arithmetic(recipe):
        outputs: Tensor = network(batch.inputs.to(recipe.device)).float()
    return outputs


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


class Classification(Objective):
    """The class of an input: the mean of one of `LOSSES`."""

    def __init__(self, network: nn.Module, recipe: Recipe) -> None:
        del network
        self._recipe = recipe
        weights = recipe.class_weights
        self._weights = None if weights is None else torch.tensor(weights, device=recipe.device)

    def losses(self, batch: Batch, step: int, means: Mapping[str, float]) -> Iterator[LossOfPart]:
        """The one loss."""
        yield self._loss

    def weight(self, batch: Batch) -> float:
        """Sum of the weights of the classes, of mixed images in proportion."""
        weights = self._weights
        if weights is None:
            return super().weight(batch)
        return sum(float((share * weights[labels]).sum()) for labels, share in self._answers(batch))

    def _loss(self, network: nn.Module, batch: Batch, examples: slice) -> LossAndHits:
        logits, answers = _outputs(network, batch, self._recipe), self._answers(batch)
        total = torch.zeros((), device=logits.device)
        for labels, share in answers:
            total = total + (share * self._of_each(logits, labels)).sum()
        hits = int((self._decided(logits) == answers[0][0]).sum())
        return LossAndHits(total / self.weight(batch), hits)

    def _of_each(self, logits: Logits, labels: Labels) -> Scores:
        """Loss of each example."""
        return LOSSES[self._recipe.loss](logits, labels, self._recipe, self._weights)

    def _decided(self, logits: Logits) -> Labels:
        """The most probable class of each example."""
        return logits.argmax(dim=1)

    def _answers(self, batch: Batch) -> list[tuple[Labels, Tensor]]:
        """Labels, and the share of each in its image times the weight of the example it comes from.

        One pair, or two where images are mixed.
        """
        device = self._recipe.device
        labels = batch.labels.to(device)
        weights = torch.ones((), device=device) if batch.weights is None else batch.weights.to(device)
        if batch.mixed is None:
            return [(labels, weights)]
        shares = batch.mixed.shares.to(device)
        others = shares * batch.mixed.weights.to(device)
        return [(labels, (1.0 - shares) * weights), (batch.mixed.labels.to(device), others)]


def binary_cross_entropy(logits: Logits, targets: Logits) -> Logits:
    r"""$-t \log p - (1 - t) \log (1 - p)$ of each label, $p$ the sigmoid of its logit.

    Source: Nam et al. 2014, "Large-scale Multi-label Text Classification", section 3.2.
    """
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


def squared_label_error(logits: Logits, targets: Logits) -> Logits:
    """$(p - t)^2$ of each label, $p$ the sigmoid of its logit."""
    return (logits.sigmoid() - targets).square()


LOSSES_OF_LABELS: dict[str, Callable[[Logits, Logits], Logits]] = {
    "cross-entropy": binary_cross_entropy,
    "mse": squared_label_error,
}


class LabelClassification(Objective):
    r"""Any number of labels: the mean over examples of the mean loss of their known labels.

    A label that nobody has looked at counts nowhere. Targets are $t = (1-\varepsilon) y + \varepsilon / 2$
    with the label smoothing $\varepsilon$ of the recipe. An example is right where all known labels are.
    """

    def __init__(self, network: nn.Module, recipe: Recipe) -> None:
        del network
        self._recipe = recipe

    def losses(self, batch: Batch, step: int, means: Mapping[str, float]) -> Iterator[LossOfPart]:
        """The one loss."""
        yield self._loss

    def _loss(self, network: nn.Module, batch: Batch, examples: slice) -> LossAndHits:
        recipe = self._recipe
        logits, labels = _outputs(network, batch, recipe), batch.labels.to(recipe.device)
        is_known, is_present = labels != UNKNOWN, labels == PRESENT
        smoothing = recipe.label_smoothing
        targets = is_present.float() * (1.0 - smoothing) + smoothing / 2
        losses = LOSSES_OF_LABELS[recipe.loss](logits, targets) * is_known
        of_examples = losses.sum(dim=1) / is_known.sum(dim=1).clamp(min=1)
        if batch.weights is not None:
            of_examples = of_examples * batch.weights.to(recipe.device)
        is_right = ((logits >= 0) == is_present) | ~is_known
        return LossAndHits(of_examples.sum() / self.weight(batch), int(is_right.all(dim=1).sum()))


class OrderedClassification(Classification):
    r"""One of several ordered classes: the mean over questions whether a class is a higher one.

    Of the $K - 1$ logits the $k$-th is that of $y > k$. The loss of an example is $w_y$ times the mean of one
    of `LOSSES_OF_LABELS` over them; targets are smoothed as those of several labels, and mixed images have
    those of both classes by their shares.

    Source: Cheng, Wang and Pollastri 2008, "A neural network approach to ordinal regression", section 3.
    """

    def _of_each(self, logits: Logits, labels: Labels) -> Scores:
        smoothing = self._recipe.label_smoothing
        is_higher = (labels[:, None] > torch.arange(logits.shape[1], device=logits.device)).float()
        targets = is_higher * (1.0 - smoothing) + smoothing / 2
        losses = LOSSES_OF_LABELS[self._recipe.loss](logits, targets).mean(dim=1)
        return losses if self._weights is None else losses * self._weights[labels]

    def _decided(self, logits: Logits) -> Labels:
        return of_questions(logits.sigmoid()).argmax(dim=1)


class Regression(Objective):
    r"""A number: the mean over the batch of $(\hat z - z)^2$.

    $z = (y - \mu) / \sigma$ is the number standardised by mean and standard deviation of the training labels,
    and $\hat z$ the prediction likewise: so one learning rate serves all units.
    """

    def __init__(self, network: Network | HeadAlone, recipe: Recipe) -> None:
        if network.rescale is None:
            raise ValueError(
                Sentence("network: {outputs} outputs found, 1 expected for a number", network.config.outputs)
            )
        self._recipe = recipe
        self._mean = float(network.rescale.mean)
        self._std = float(network.rescale.std)

    def losses(self, batch: Batch, step: int, means: Mapping[str, float]) -> Iterator[LossOfPart]:
        """The one loss."""
        yield self._loss

    def _loss(self, network: nn.Module, batch: Batch, examples: slice) -> LossAndHits:
        outputs, device = _outputs(network, batch, self._recipe), self._recipe.device
        targets = ((batch.labels.to(device) - self._mean) / self._std).float()
        errors = ((outputs.squeeze(1) - self._mean) / self._std - targets).square()
        if batch.weights is None:
            return LossAndHits(errors.mean())
        return LossAndHits((errors * batch.weights.to(device)).sum() / self.weight(batch))


_LEAST_SHARE = 0.05  # of a batch in the running mean of variances


class EvidenceBound(Objective):
    r"""Images made by an autoencoder: the loss is $(R + \beta K) / (D \ln 2)$, in bits per dimension.

    $R$ is the reconstruction under the best variance for the part of a batch, $K$ the divergence from the
    prior of each image's class, as in `reference/autoencoder.py`; $\beta$ rises during the warm-up. The
    network keeps a running mean of the variances, which it uses outside of training.

    Source: Rybkin et al. 2021, arXiv:2006.13202, section 3; Sønderby et al. 2016, "Ladder variational
        autoencoders", arXiv:1602.02282, section 2.3, for the warm-up.
    """

    def __init__(self, network: Autoencoder, recipe: Recipe) -> None:
        self._network, self._recipe = network, recipe

    def losses(self, batch: Batch, step: int, means: Mapping[str, float]) -> Iterator[LossOfPart]:
        """The bound; noise for the whole batch is drawn by torch's generator, which each step is seeded."""
        recipe = self._recipe
        noise = torch.randn(len(batch.labels), self._network.latent, device=recipe.device)

        def bound(network: Any, part: Batch, examples: slice) -> LossAndHits:
            images, labels = part.inputs.to(recipe.device), part.labels.to(recipe.device)
            with arithmetic(recipe):
                found = network.posterior(images)
                drawn = found.drawn(noise[examples])
                decoded = network.decode(drawn, labels)
            variance = (decoded - images).square().mean() + NOISE_VARIANCE
            dimensions = images[0].numel()
            reconstruction = 0.5 * dimensions * (1 + math.log(2 * math.pi) + variance.log())
            divergence = network.divergence(found, drawn, noise[examples], labels).mean()
            weighed = reconstruction + recipe.beta_at(step) * divergence
            return LossAndHits(weighed / (dimensions * math.log(2)), kept={"variance": variance.item()})

        yield bound
        kept = self._network.variance
        kept.lerp_(torch.full_like(kept, means["variance"]), max(_LEAST_SHARE, 1 / (step + 1)))


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


class AdversarialGame(Objective):
    r"""Images made by a generator that a discriminator cannot distinguish from real ones.

    The discriminator goes down its loss on a batch of real images and as many made ones of the same classes,
    then the generator goes down its own on the same made images, judged by the discriminator as it is now.
    The averaged generator follows. `reference/losses.py` has both losses.

    Source: Goodfellow et al. 2014, "Generative adversarial nets", NeurIPS, algorithm 1 with one step each;
        Yazici et al. 2019, "The unusual effectiveness of averaging in GAN training", arXiv:1806.04498.
    """

    def __init__(self, network: Adversarial, recipe: Recipe) -> None:
        assert recipe.adversarial is not None  # the recipe of such a network has it
        self._network, self._recipe, self._rules = network, recipe, recipe.adversarial

    def losses(self, batch: Batch, step: int, means: Mapping[str, float]) -> Iterator[LossOfPart]:
        """The discriminator's loss, then the generator's.

        Noise for the whole batch is drawn by torch's generator, which each step is seeded.
        """
        network, recipe = self._network, self._recipe
        noise = torch.randn(len(batch.labels), network.latent, device=recipe.device)
        made: dict[int, Tensor] = {}  # images of each part

        def of_discriminator(judge: Any, part: Batch, examples: slice) -> LossAndHits:
            images, labels = part.inputs.to(recipe.device), part.labels.to(recipe.device)
            with arithmetic(recipe):
                own = made[examples.start] = judge.made(noise[examples], labels, averaged=False)
                scores = judge.scores(torch.cat([images, own.detach()]), labels.repeat(2))
            real, fake = scores.chunk(2)
            right = 0.5 * float((real > 0).float().mean() + (fake < 0).float().mean())
            return LossAndHits(discriminator_loss(real, fake), also={"discriminator_accuracy": right})

        def of_generator(judge: Any, part: Batch, examples: slice) -> LossAndHits:
            with arithmetic(recipe):
                scores = judge.scores(made[examples.start], part.labels.to(recipe.device))
            loss = generator_loss(scores)
            return LossAndHits(loss, also={"generator_loss": loss.item()})

        yield of_discriminator
        if self._rules.stretch:
            network.limit(self._rules.stretch)
        network.judging(learns=False)
        yield of_generator
        network.judging(learns=True)
        network.follow(min(self._rules.averaging, (step + 1) / (step + 10)))


def make_objective(network: Network | HeadAlone, recipe: Recipe, examples: Examples) -> Objective:
    """The objective of a recipe: of generators by its loss, of others by what is learnt."""
    return (_OF_GENERATORS.get(recipe.loss) or OBJECTIVES[examples.target].make)(network, recipe)


def _class_scores(
    target: Target, labels: np.ndarray, probabilities: np.ndarray, network: Any
) -> dict[str, float]:
    """Every metric of classes or labels that may choose an epoch, the log loss first."""
    metrics = metrics_of(target.noun, 2 if probabilities.shape[1] == 2 else 0)
    tested = sorted((each for each in metrics if each.test), key=lambda each: each.key != "log_loss")
    return {each.in_history: target.value(each.key, labels, probabilities) for each in tested}


def _number_scores(target: Target, labels: np.ndarray, numbers: np.ndarray, network: Any) -> dict[str, float]:
    """Mean squared error of standardised numbers, and the errors in their unit."""
    errors = number_errors(labels, numbers)
    standardised = errors.root_mean_squared_error / float(network.rescale.std)
    found = {f"validation_{name}": value for name, value in errors._asdict().items()}
    return {"validation_loss": standardised * standardised, **found}


_Make = Callable[[Any, Recipe], Objective]


class Learning(NamedTuple):
    """How a network learns one target."""

    make: _Make  # from the network and its recipe to its objective
    # from outputs in double precision to probabilities (n, classes), or numbers (n,)
    answers: Callable[[Float64[Tensor, "n outputs"]], Tensor]
    # from target, labels, answers and network to the scores of an epoch, by their names in `history.jsonl`
    scores: Callable[[Target, np.ndarray, np.ndarray, Any], dict[str, float]]
    # whether the last layer starts with the mean and deviation of the training labels
    standardises: bool = False


OBJECTIVES: dict[Target, Learning] = {
    CLASSIFICATION: Learning(Classification, lambda outputs: outputs.softmax(dim=1), _class_scores),
    ORDERED: Learning(OrderedClassification, lambda outputs: of_questions(outputs.sigmoid()), _class_scores),
    MULTILABEL: Learning(LabelClassification, lambda outputs: outputs.sigmoid(), _class_scores),
    REGRESSION: Learning(Regression, lambda outputs: outputs[:, 0], _number_scores, standardises=True),
}
_OF_GENERATORS: dict[str, _Make] = {"elbo": EvidenceBound, "adversarial": AdversarialGame}
