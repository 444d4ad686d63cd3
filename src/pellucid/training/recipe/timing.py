"""Time limits as a number of steps, fixed before the first step; the clock decides no more."""

import copy
import dataclasses
import math
import statistics
import time

from pellucid.errors import UsageError
from pellucid.networks import HeadAlone, Network
from pellucid.training.batches import Batches
from pellucid.training.recipe.choosing import Recipe
from pellucid.training.recipe.optimisers import build_optimizer
from pellucid.training.steps import make_step
from pellucid.training.validation import validator

# The first steps warm up and are not timed.
_WARM_STEPS, _TIMED_STEPS = 2, 6
_MARGIN = 0.88


def within(
    seconds: float,
    network: Network | HeadAlone,
    batches: Batches,
    scored_after: int,
    least: float = 0.0,
    fewest: int = 0,
) -> Recipe:
    """Shorten a recipe so that training ends within a time, its schedule run to the end.

    A copy of the network takes a few real steps, on short and on long texts where it reads texts, and
    one validation pass; the number of steps that fit, with a margin of 12 % for a busy machine, is
    then fixed and saved with the run.

    Args:
        seconds: time left for training and for scoring afterwards.
        network: the network about to be trained; not changed.
        batches: the recipe's batches.
        scored_after: examples that will be scored when training is over.
        least: seconds that training gets in any case, even where none are left.
        fewest: steps; where not even half of them fit nothing is measured any further, for the caller will
            train another network.

    Returns:
        The recipe with fewer steps, or as it was when it fits.

    Raises:
        UsageError: not even a few steps fit.
    """
    recipe = batches.recipe
    began = time.perf_counter()
    slowest = 2 * max(least, seconds) / fewest if fewest else math.inf
    step_seconds, validation_seconds = _measure(network, batches, slowest)
    scoring = scored_after * validation_seconds / max(1, len(batches.examples.validation))
    # Answers are means over an image and its mirror image where mirroring keeps the label.
    scoring *= 2 if recipe.augmentation.mirror else 1
    left = max(least, (seconds - scoring - (time.perf_counter() - began)) * _MARGIN)
    epoch_seconds = batches.per_epoch * step_seconds + validation_seconds
    whole = math.floor(left / epoch_seconds)
    rest = (left - whole * epoch_seconds - validation_seconds) / step_seconds
    steps = whole * batches.per_epoch + max(0, math.floor(rest))
    if recipe.optimizer == "gd":
        steps = whole * batches.per_epoch  # it updates at the end of an epoch only
    if steps < 3:
        raise UsageError(
            f"--time-limit: {max(0.0, left):.1f} s are left for training and one step takes "
            f"{step_seconds:.2f} s; allow more time, or use fewer examples or a smaller "
            + batches.examples.input_kind.smaller
        )
    if steps >= recipe.total_steps:
        return recipe
    return dataclasses.replace(recipe, total_steps=steps, epochs=math.ceil(steps / batches.per_epoch))


def expected_seconds(network: Network | HeadAlone, batches: Batches) -> float:
    """Seconds that the whole of a training would take here just now, by a few steps of a copy."""
    recipe = batches.recipe
    step_seconds, validation_seconds = _measure(network, batches, math.inf)
    return recipe.total_steps * (step_seconds + validation_seconds / batches.per_epoch)


def _measure(network: Network | HeadAlone, batches: Batches, slowest: float) -> tuple[float, float]:
    """Seconds of a step and of a validation pass, on a throw-away copy.

    Where a step takes longer than `slowest` only that is measured.
    """
    trial = copy.deepcopy(network)
    recipe = batches.recipe
    step = make_step(trial, build_optimizer(trial, recipe), recipe, batches.examples)
    trial.train()
    took = 0.0
    for number, batch in enumerate(batches.typical(_WARM_STEPS)):
        began = time.perf_counter()
        step(batch, number, 1e-6)
        took = time.perf_counter() - began
    if took > slowest:
        return took, 0.0
    seconds: list[float] = []
    for number, batch in enumerate(batches.typical(_TIMED_STEPS), start=_WARM_STEPS):
        began = time.perf_counter()
        step(batch, number, 1e-6)
        seconds.append(time.perf_counter() - began)
    began = time.perf_counter()
    validator(trial, batches.examples, recipe.device)()
    # Steps on texts differ by their lengths, so their mean counts; else only a busy machine makes them.
    average = statistics.fmean if batches.examples.input_kind.has_lengths else statistics.median
    return average(seconds), time.perf_counter() - began
