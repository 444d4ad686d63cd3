"""One optimiser step shared by every objective: outputs, a finite loss, gradients, an update."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.errors import DivergedError
from pellucid.training.batches import Batch
from pellucid.training.recipe.choosing import Recipe, batches_per_epoch
from pellucid.training.recipe.optimisers import SHARE


class Descent:
    """Optimiser steps down a loss, one batch at a time.

    Full-batch gradient descent adds up the gradients of all batches of an epoch, each weighted by
    its share of the examples, and updates once at the end.

    Attributes:
        device: where the network lives.

    Args:
        network: in training mode while it learns.
        optimizer: over the network's trainable parameters.
        recipe: arithmetic, optimiser and batch size.
        examples: size of the training split.
    """

    device: torch.device

    def __init__(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, recipe: Recipe, examples: int
    ) -> None:
        self.device = torch.device(recipe.device)
        self._network = network
        self._optimizer = optimizer
        self._recipe = recipe
        self._examples = examples
        self._parameters = [each for each in network.parameters() if each.requires_grad]

    def outputs(self, batch: Batch) -> Float[Tensor, "batch outputs"]:
        """Outputs of the network for a batch, computed in the recipe's arithmetic, as float32."""
        inputs = batch.inputs.to(self.device)
        with self.arithmetic():
            outputs: Tensor = self._network(inputs).float()
        return outputs

    def arithmetic(self) -> torch.autocast:
        """Context in which networks compute in the recipe's arithmetic."""
        bf16 = self._recipe.precision == "bf16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16)

    def down(self, loss: Tensor, batch: Batch, step: int, learning_rate: float) -> float:
        """Take the gradient of a batch's mean loss, update where it is time, and return the loss.

        Raises: `DivergedError` if the loss or a gradient is not finite; the weights are left as they were.
        """
        value = loss.item()
        _require_finite(value, "loss", batch, step, learning_rate)
        accumulates = self._recipe.optimizer == "gd"
        share = len(batch.labels) / self._examples
        (loss * share if accumulates else loss).backward()  # type: ignore[no-untyped-call]
        norms = torch._foreach_norm([each.grad for each in self._parameters if each.grad is not None])
        _require_finite(float(torch.stack(norms).norm()), "gradient", batch, step, learning_rate)
        if not accumulates or self._closes_epoch(step):
            self._update(learning_rate)
        return value

    def _closes_epoch(self, step: int) -> bool:
        return (step + 1) % batches_per_epoch(self._examples, self._recipe.batch_size) == 0

    def _update(self, learning_rate: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate * group[SHARE]
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)


def _require_finite(value: float, what: str, batch: Batch, step: int, rate: float) -> None:
    """Refuse a value that is not finite with a `DivergedError`."""
    if value - value == 0.0:
        return
    shown = ", ".join(str(index) for index in batch.indices[:5])
    raise DivergedError(
        f"step {step + 1}: the {what} is {value} on examples {shown}, ... at learning rate {rate:.3g}; "
        "lower --learning-rate; the last good checkpoint is kept"
    )
