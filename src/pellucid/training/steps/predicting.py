"""Steps of networks that predict: classes, or a number."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn

from pellucid.networks import HeadAlone, Network
from pellucid.training.batches import Batch
from pellucid.training.recipe.choosing import Recipe
from pellucid.training.steps.descent import Descent, Judged
from pellucid.training.steps.step import StepResult

Logits = Float[Tensor, "batch classes"]
Labels = Int64[Tensor, " batch"]


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
        loss, hits = self._descent.learn(batch, step, learning_rate, self._judge, self._weigh)
        return StepResult(loss, len(batch.labels), hits)

    def _judge(self, logits: Logits, labels: Labels) -> Judged:
        """Loss of logits, and how many are right."""
        hits = int((logits.argmax(dim=1) == labels).sum())
        return Judged(self._loss(logits, labels, self._recipe, self._weights), hits)

    def _weigh(self, labels: Labels) -> float:
        """Weight of some labels in the mean loss."""
        return float(len(labels) if self._weights is None else self._weights[labels].sum())


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
        loss, _ = self._descent.learn(batch, step, learning_rate, self._judge)
        return StepResult(loss, len(batch.labels))

    def _judge(self, outputs: Float[Tensor, "batch 1"], labels: Float64[Tensor, " batch"]) -> Judged:
        targets = ((labels - self._mean) / self._std).float()
        return Judged(((outputs.squeeze(1) - self._mean) / self._std - targets).square().mean())
