"""One optimiser step shared by every objective: outputs, a finite loss, gradients, an update."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.errors import DivergedError
from pellucid.training.batches import Batch
from pellucid.training.recipe.choosing import Recipe, batches_per_epoch
from pellucid.training.recipe.optimisers import SHARE
from pellucid.training.recipe.rows import values_of
from pellucid.training.steps.sharing import Part, Team


class Judged(NamedTuple):
    """Judgement of the outputs for some examples.

    Attributes:
        loss: mean over them.
        hits: how many of them are right; 0 where that has no meaning.
    """

    loss: Tensor
    hits: int = 0


class _Learnt(NamedTuple):
    """Result of one part of a batch, weighed by its share.

    Attributes:
        loss: share of the batch's mean loss.
        hits: as in `Judged`.
        gradients: of that loss by each parameter; `None` where it does not depend on one.
    """

    loss: float
    hits: int
    gradients: tuple[Tensor | None, ...]


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
        self._all = list(network.parameters())
        self._team = Team(network, recipe)

    @property
    def _parameters(self) -> list[nn.Parameter]:
        """Those that learn at present."""
        return [each for each in self._all if each.requires_grad]

    def learn(
        self,
        batch: Batch,
        step: int,
        learning_rate: float,
        judge: Callable[[Tensor, Batch], Judged],
        weigh: Callable[[Batch], float],
    ) -> tuple[float, int]:
        """Take one step down the mean loss that `judge` gives outputs and examples; that loss, and the hits.

        Threads take a part of the batch each where that is faster. `weigh` gives the weight of a part in the
        mean.

        Raises: `DivergedError` as `down` does.
        """
        parts = self._team.parts(len(batch.labels))
        if len(parts) == 1:
            judged = judge(self._outputs(self._network, batch.inputs), batch)
            return self.down(judged.loss, batch, step, learning_rate), judged.hits
        total, parameters = weigh(batch), self._parameters

        def work(part: Part) -> _Learnt:
            """Loss of a part and its gradients."""
            mine = batch.part(part.examples)
            judged = judge(self._outputs(part.network, mine.inputs), mine)
            loss = judged.loss * (weigh(mine) / total)
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
            return _Learnt(loss.item(), judged.hits, gradients)

        found = self._team.each(parts, work)
        value = sum(each.loss for each in found)
        _require_finite(value, "loss", batch, step, learning_rate)
        self._add([each.gradients for each in found], self._scale(batch))
        self._finish(batch, step, learning_rate)
        return value, sum(each.hits for each in found)

    def _outputs(self, network: nn.Module, inputs: Tensor) -> Float[Tensor, "batch outputs"]:
        """Outputs of a network, computed in the recipe's arithmetic, as float32."""
        with self.arithmetic():
            outputs: Tensor = network(inputs.to(self.device)).float()
        return outputs

    def arithmetic(self) -> torch.autocast:
        """Context in which networks compute in the recipe's arithmetic."""
        bf16 = self._recipe.precision == "bf16"
        # Its cache of weights is one for all threads, and every weight is used once.
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16, cache_enabled=False)

    def down(self, loss: Tensor, batch: Batch, step: int, learning_rate: float) -> float:
        """Take the gradient of a batch's mean loss, update where it is time, and return the loss.

        Raises: `DivergedError` if the loss or a gradient is not finite; the weights are left as they were.
        """
        value = loss.item()
        _require_finite(value, "loss", batch, step, learning_rate)
        scale = self._scale(batch)
        (loss if scale == 1.0 else loss * scale).backward()  # type: ignore[no-untyped-call]
        self._finish(batch, step, learning_rate)
        return value

    def _scale(self, batch: Batch) -> float:
        """Factor of a batch's gradients: its share of the examples where those of an epoch add up, else 1."""
        return len(batch.labels) / self._examples if self._recipe.optimizer == "gd" else 1.0

    def _add(self, of_parts: Sequence[Sequence[Tensor | None]], scale: float) -> None:
        """Add the gradients of parts, in their order, to those of the parameters."""
        for parameter, found in zip(self._parameters, zip(*of_parts, strict=True), strict=True):
            there = [each for each in found if each is not None]
            if not there:
                continue
            gradient = sum(there[1:], start=there[0])
            gradient = gradient if scale == 1.0 else gradient * scale
            if gradient.stride() != parameter.stride():  # a fused update goes by the order in memory
                gradient = torch.empty_like(parameter).copy_(gradient)
            parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient

    def _finish(self, batch: Batch, step: int, learning_rate: float) -> None:
        """Refuse gradients that are not finite, and update where it is time."""
        gradients = [values_of(each.grad) for each in self._parameters if each.grad is not None]
        norms = torch._foreach_norm(gradients)
        _require_finite(float(torch.stack(norms).norm()), "gradient", batch, step, learning_rate)
        if self._recipe.optimizer != "gd" or self._closes_epoch(step):
            self._update(learning_rate)

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
