"""Health of the layers while they learn: measured at a few steps, summed up for each epoch's record.

Which steps are measured follows from their number alone, and measuring only reads: the weights are those of
a training that was not looked at, to the byte.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pellucid.training.batches import Batch, Batches
from pellucid.training.recipe.choosing import Recipe
from pellucid.training.state import Record, State
from pellucid.training.steps import Step, StepResult
from pellucid.training.watching.measures import (
    SHARES,
    WeightNorms,
    activations_of,
    watched_activations,
    watched_weights,
    weights_of_layers,
)

_FEWEST_BETWEEN, _MOST_PER_EPOCH, _MOST_PER_RUN = 20, 4, 400


def spacing(recipe: Recipe, per_epoch: int) -> int:
    """Spacing of the measured steps: those whose count, from 1, is a multiple of it.

    At least 20, so that measuring stays cheap beside the smallest steps; at most 4 measured steps in
    an epoch, and 400 in a run. `gd` updates once in an epoch, so there whole epochs lie between.
    """
    between = max(
        _FEWEST_BETWEEN,
        math.ceil(per_epoch / _MOST_PER_EPOCH),
        math.ceil(recipe.planned_steps / _MOST_PER_RUN),
    )
    return per_epoch * math.ceil(between / per_epoch) if recipe.optimizer == "gd" else between


class ExaminedStep:
    """Step that lets another do the work and measures the network at some steps; sums go to the state."""

    def __init__(self, step: Step, state: State, batches: Batches) -> None:
        self._step = step
        self._state = state
        self._spacing = spacing(batches.recipe, batches.per_epoch)
        self._weights = weights_of_layers(state.network)
        self._activations = activations_of(state.network)

    def __call__(self, batch: Batch, step: int, learning_rate: float) -> StepResult:
        """Take one step as in `Step`."""
        if (step + 1) % self._spacing:
            return self._step(batch, step, learning_rate)
        with watched_weights(self._state.optimizer, self._weights) as lengths:
            with watched_activations(self._activations) as outputs:
                result = self._step(batch, step, learning_rate)
        _add(self._state.sums.health, lengths, outputs)
        return result


def _add(sums: Record, lengths: Mapping[str, Tensor], outputs: Mapping[str, Sequence[Tensor]]) -> None:
    """Add one measured step to the sums of the epoch; a step with a number that is not finite is left out."""
    rows = [*lengths.values(), *(torch.stack(list(calls)).mean(0) for calls in outputs.values())]
    if not rows:
        return
    numbers: list[list[float]] = torch.stack(rows).tolist()
    if not all(math.isfinite(number) for row in numbers for number in row):
        return
    sums["steps"] = sums.get("steps", 0) + 1
    parts = {"weights": list(lengths), "activations": list(outputs)}
    left = iter(numbers)
    for part, names in parts.items():
        for name in names:
            before = sums.setdefault(part, {}).get(name, [0.0, 0.0, 0.0])
            sums[part][name] = [old + new for old, new in zip(before, next(left), strict=True)]


def epoch_health(sums: Record) -> Record:
    """Entry `health` of an epoch's record: the number of measured `steps`, and means over them.

    For each layer with `weights` the numbers of `WeightNorms`; for each of the `activations` its kind, mean,
    deviation and, where it has one, the share `dead` or `saturated`; four significant figures. Empty where
    no step was measured.
    """
    if not sums:
        return {}
    steps = sums["steps"]
    weights = {
        name: WeightNorms(*(_rounded(each / steps) for each in row))._asdict()
        for name, row in sums.get("weights", {}).items()
    }
    activations = {}
    for key, row in sums.get("activations", {}).items():
        kind, _, name = key.partition(" ")
        mean, deviation, share = (_rounded(each / steps) for each in row)
        activations[name] = {"kind": kind, "mean": mean, "deviation": deviation}
        if kind in SHARES:
            activations[name][SHARES[kind]] = share
    return {"health": {"steps": steps, "weights": weights, "activations": activations}}


def _rounded(number: float) -> float:
    return float(f"{number:.4g}")
