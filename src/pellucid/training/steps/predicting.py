"""Steps of networks that predict: classes, or a number."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from pellucid.networks import HeadAlone, Network
from pellucid.training.batches import Batch
from pellucid.training.recipe.choosing import Recipe
from pellucid.training.steps.descent import Descent, Judged
from pellucid.training.steps.step import StepResult

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

    def _judge(self, logits: Logits, batch: Batch) -> Judged:
        """Mean loss of logits, and how many of them say the first of an image's labels."""
        total = torch.zeros((), device=self._descent.device)
        for labels, share in self._answers(batch):
            total = total + (share * self._loss(logits, labels, self._recipe, self._weights)).sum()
        hits = int((logits.argmax(dim=1) == self._answers(batch)[0][0]).sum())
        return Judged(total / self._weigh(batch), hits)

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

    def _judge(self, outputs: Float[Tensor, "batch 1"], batch: Batch) -> Judged:
        targets = ((batch.labels.to(self._descent.device) - self._mean) / self._std).float()
        errors = ((outputs.squeeze(1) - self._mean) / self._std - targets).square()
        if batch.weights is None:
            return Judged(errors.mean())
        return Judged((errors * batch.weights.to(self._descent.device)).sum() / _count(batch))


def _count(batch: Batch) -> float:
    """Weight of some examples in their mean, where classes are not weighted."""
    if batch.weights is None:
        return float(len(batch.labels))
    if batch.mixed is None:
        return float(batch.weights.sum())
    shares = batch.mixed.shares
    return float(((1.0 - shares) * batch.weights + shares * batch.mixed.weights).sum())
