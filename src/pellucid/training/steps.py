"""One step of training, one class per objective: forward, loss, backward, update."""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from pellucid.errors import DivergedError
from pellucid.training.batches import Batch
from pellucid.training.recipe import Recipe, batches_per_epoch

Logits = Float[Tensor, "batch classes"]
Labels = Int64[Tensor, " batch"]


class StepResult(NamedTuple):
    """What one step says about its batch.

    Attributes:
        loss: mean loss over the batch.
        correct: examples whose largest logit is their class.
        examples: size of the batch.
    """

    loss: float
    correct: int
    examples: int


def cross_entropy(logits: Logits, labels: Labels, recipe: Recipe, weights: Tensor | None) -> Tensor:
    r"""Mean of $-\sum_k t_k \log p_k$ over the batch, $p$ the softmax of the logits.

    Args:
        logits: the network's output.
        labels: class of each example.
        recipe: gives the label smoothing $\varepsilon$: $t = (1-\varepsilon) e_y + \varepsilon / K$.
        weights: weight of each class, or `None`.

    Returns:
        A scalar.

    Source: Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016, section 7.
    """
    return F.cross_entropy(logits, labels, weight=weights, label_smoothing=recipe.label_smoothing)


def mean_squared_error(logits: Logits, labels: Labels, recipe: Recipe, weights: Tensor | None) -> Tensor:
    r"""Mean of $\sum_k (p_k - t_k)^2$ over the batch, $p$ the softmax of the logits, $t$ one-hot.

    Args:
        logits: the network's output.
        labels: class of each example.
        recipe: not used.
        weights: weight of each class, or `None`.

    Returns:
        A scalar.

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
    """Teach a network to name the class of its input.

    Full-batch gradient descent adds up the gradients of all batches of an epoch, each weighted by
    its share of the examples, and updates once at the end.
    """

    def __init__(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, recipe: Recipe, examples: int
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.recipe = recipe
        self.examples = examples
        self.device = torch.device(recipe.device)
        self.parameters = [each for each in network.parameters() if each.requires_grad]
        self.loss = LOSSES[recipe.loss]
        weights = recipe.class_weights
        self.weights = None if weights is None else torch.tensor(weights, device=self.device)

    def __call__(self, batch: Batch, step: int, learning_rate: float) -> StepResult:
        """Take one step.

        Args:
            batch: the examples.
            step: steps already taken, for messages.
            learning_rate: of this step.

        Returns:
            Loss and hits on the batch, before the update.

        Raises:
            DivergedError: the loss or a gradient is not finite; the weights are left as they were.
        """
        inputs, labels = batch.inputs.to(self.device), batch.labels.to(self.device)
        bf16 = self.recipe.precision == "bf16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16):
            logits = self.network(inputs).float()
        loss = self.loss(logits, labels, self.recipe, self.weights)
        value = loss.item()
        self._require_finite(value, "loss", batch, step, learning_rate)
        accumulates = self.recipe.optimizer == "gd"
        (loss * (len(labels) / self.examples) if accumulates else loss).backward()  # type: ignore[no-untyped-call]
        norms = torch._foreach_norm([each.grad for each in self.parameters if each.grad is not None])
        self._require_finite(float(torch.stack(norms).norm()), "gradient", batch, step, learning_rate)
        if not accumulates or self._closes_epoch(step):
            self._update(learning_rate)
        return StepResult(value, int((logits.argmax(dim=1) == labels).sum()), len(labels))

    def _closes_epoch(self, step: int) -> bool:
        return (step + 1) % batches_per_epoch(self.examples, self.recipe.batch_size) == 0

    def _update(self, learning_rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def _require_finite(self, value: float, what: str, batch: Batch, step: int, rate: float) -> None:
        if value - value == 0.0:
            return
        shown = ", ".join(str(index) for index in batch.indices[:5])
        raise DivergedError(
            f"step {step + 1}: the {what} is {value} on examples {shown}, ... at learning rate {rate:.3g}; "
            "lower --learning-rate; the last good checkpoint is kept"
        )
