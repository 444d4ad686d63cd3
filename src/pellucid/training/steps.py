"""The training step, one for every objective: loss, gradients, update; its batch computed in parts."""

import math
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import nn

from pellucid.errors import DivergedError
from pellucid.networks import HeadAlone, Network
from pellucid.training.batches import Batch, Examples
from pellucid.training.objectives import LossOfPart, Objective, make_objective
from pellucid.training.optimisers import SHARE, values_of
from pellucid.training.parts import Networks, Part, PartSum, parts_of
from pellucid.training.ranks import Ranks
from pellucid.training.recipe import Recipe, batches_per_epoch


class StepResult(NamedTuple):
    """Result of one step on its batch, before the update."""

    loss: float  # mean over the batch
    examples: int  # size of the batch
    correct: int = 0  # examples whose largest logit is their class; 0 where numbers are predicted
    also: Mapping[str, float] = {}  # what else is recorded, by name: means over the batch


# A step on a batch, after so many others, at a learning rate.
Step = Callable[[Batch, int, float], StepResult]


class TrainingStep:
    """Optimiser steps down the losses of an objective, one batch at a time.

    Full-batch gradient descent (`gd`) adds up the gradients of all batches of an epoch, each weighted by its
    share of the examples, and updates once at the end.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        objective: Objective,
        recipe: Recipe,
        examples: int,
        ranks: Ranks | None = None,
    ) -> None:
        self._network, self._optimizer, self._objective = network, optimizer, objective
        self._gd_examples = examples if recipe.optimizer == "gd" else None
        self._per_update = batches_per_epoch(examples, recipe.batch_size) if recipe.optimizer == "gd" else 1
        self._parameters = list(network.parameters())
        self._recipe, self._networks = recipe, Networks(network, recipe, ranks)

    def __call__(self, batch: Batch, step: int, learning_rate: float) -> StepResult:
        """Take one step at a learning rate; `step` counts those already taken.

        Raises: `DivergedError` if a loss or a gradient is not finite; the weights are left as they were.
        """
        results: list[StepResult] = []
        means: dict[str, float] = {}
        for loss in self._objective.losses(batch, step, means):  # adversaries have one each
            results.append(self.gradients(loss, batch, means))
            _require_finite(results[-1].loss, "loss", batch, step, learning_rate)
            gradients = [values_of(each.grad) for each in self._learning() if each.grad is not None]
            norm = torch.stack(torch._foreach_norm(gradients)).norm()
            _require_finite(float(norm), "gradient", batch, step, learning_rate)
            if (step + 1) % self._per_update == 0:
                for group in self._optimizer.param_groups:
                    group["lr"] = learning_rate * group[SHARE]
                self._optimizer.step()
                self._optimizer.zero_grad(set_to_none=True)
        return results[0]._replace(also=dict(ChainMap(*(dict(each.also) for each in results))))

    def gradients(self, loss: LossOfPart, batch: Batch, means: dict[str, float]) -> StepResult:
        """Add the gradients of a batch's mean loss to those of the parameters; none if it is not finite.

        `means` gets what the objective itself needs of the loss.
        """
        examples, scale = len(batch.labels), 1.0
        if self._gd_examples is not None:
            scale = examples / self._gd_examples
        parts, parameters = parts_of(examples, self._recipe), self._learning()
        whole = self._objective.weight(batch) if len(parts) > 1 else 0.0

        def work(part: Part, network: nn.Module) -> PartSum:
            """Share of a part in the mean loss and in other means, its hits, and gradients of its share."""
            mine = batch if len(parts) == 1 else batch.part(part.examples)
            found = loss(network, mine, part.examples)
            share = 1.0 if len(parts) == 1 else self._objective.weight(mine) / whole
            names = [*found.also], [*found.kept]
            shown = [share * each for each in (*found.also.values(), *found.kept.values())]
            mean = found.loss if share == 1.0 else found.loss * share
            numbers = torch.tensor([mean.item(), found.hits, *shown], dtype=torch.float64)
            descended = mean if scale == 1.0 else mean * scale
            return PartSum(
                numbers, torch.autograd.grad(descended, parameters, allow_unused=True), names=names
            )

        found = self._networks.sum(parts, work)
        value, hits, *shown = found.numbers.tolist()
        also, kept = found.names
        means |= zip(kept, shown[len(also) :], strict=True)
        if math.isfinite(value):
            for parameter, gradient in zip(parameters, found.gradients, strict=True):
                if gradient is None:
                    continue
                if not gradient.is_sparse and gradient.stride() != parameter.stride():
                    # A fused update goes by the order in memory.
                    gradient = torch.empty_like(parameter).copy_(gradient)
                parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
        return StepResult(value, examples, round(hits), dict(zip(also, shown, strict=False)))

    def _learning(self) -> list[nn.Parameter]:
        """Parameters that learn at present."""
        return [each for each in self._parameters if each.requires_grad]


def _require_finite(value: float, what: str, batch: Batch, step: int, rate: float) -> None:
    if not math.isfinite(value):
        shown = ", ".join(str(index) for index in batch.indices[:5])
        raise DivergedError(
            "step {step}: the {what} is {value} on examples {shown}, ... at learning rate {rate:.3g}; "
            "lower --learning-rate; the last good checkpoint is kept",
            step + 1,
            what,
            value,
            shown,
            rate,
        )


def make_step(
    network: Network | HeadAlone,
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    examples: Examples,
    ranks: Ranks | None = None,
) -> TrainingStep:
    """The step of training for the objective of the recipe; `ranks` take it together."""
    objective = make_objective(network, recipe, examples)
    return TrainingStep(network, optimizer, objective, recipe, len(examples.train), ranks)
