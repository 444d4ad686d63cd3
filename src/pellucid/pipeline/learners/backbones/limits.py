"""What a time limit leaves a pretrained backbone: measured once, decided once, then taken over.

A few examples go through the network, and their rate says how many more fit. The examples for validation and
test go through it whole. Of the training examples, so many are taken as fit beside them; fine-tuning is tried
where it fits as well. A backbone that was asked for gets all that is left of the limit but what comes after
it; those that are considered beside a network share three tenths of the limit. Where not even a small part of
the training examples fits, one that was asked for is refused before anything is trained, and another is left
out.
"""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.data.texts.store import Texts
from pellucid.errors import UsageError
from pellucid.pipeline.learners.asked_later import looked_at, most_synthetic_outliers
from pellucid.pipeline.learners.backbones.building import started
from pellucid.pipeline.learners.backbones.option import Choice, Granted
from pellucid.pipeline.learners.backbones.tuning import is_tuned, passes_of_tuning
from pellucid.pipeline.learners.preparation import Material, Prepared, unvaried_model_of
from pellucid.settings import Settings
from pellucid.training.determinism import choose_threads, pinned
from pellucid.training.memory import keep_freed_memory

_MARGIN = 0.88
_WARM, _BLOCK, _MOST_TIMED, _LONG_ENOUGH = 4, 32, 128, 1.5
_LEAST, _LEAST_PER_CLASS = 40, 4
_SECONDS, _SECONDS_A_VALUE = 2.0, 2e-6
"""For the models on features: for all of them, and for each feature of each example."""


class Cost(NamedTuple):
    """What a backbone costs.

    Attributes:
        example: seconds for the features of one example.
        learning: seconds that the models on them take for one training example.
        held_out: examples for validation and test, whose features are computed in any case.
        asked_after: examples that the frozen network is asked about afterwards.
        tuning: passes of fine-tuning and of what the tuned network is asked about; 0 where it is not tried.
        most: training examples that there are for it.
        least: training examples below which it is not worth its time.
    """

    example: float
    learning: float
    held_out: int
    asked_after: int
    tuning: int
    most: int
    least: int

    def needed(self, train: int) -> float:
        """Seconds without fine-tuning for so many training examples."""
        asked = (train + self.held_out + self.asked_after) * self.example
        return (asked + train * self.learning) / _MARGIN + _SECONDS

    def granted(self, seconds: float) -> Granted | None:
        """Decide what fits.

        Args:
            seconds: for everything on the backbone.

        Returns:
            What fits; `None` where too little does.
        """
        room = (seconds - self.needed(0)) * _MARGIN
        fitting = min(self.most, round(max(0.0, room) / (self.example + self.learning)))
        if fitting < self.least:
            return None
        left = seconds - self.needed(fitting)
        tuning = self.tuning * self.example / _MARGIN
        is_tuned = 0 < tuning <= left
        after = self.asked_after * self.example / _MARGIN + (tuning if is_tuned else 0.0)
        before = self.needed(fitting) - self.asked_after * self.example / _MARGIN
        return Granted(fitting, is_tuned, round(before, 1), round(after, 1))


def measured(choice: Choice, material: Material, settings: Settings, test: int = 0) -> Cost:
    """Find out what a backbone costs, going by a few of the training and validation examples.

    Args:
        choice: the backbone.
        material: the data.
        settings: what the user asked for.
        test: how many test examples it will be asked about.

    Returns:
        What it costs here.
    """
    network, prepared = started(choice, settings), choice.prepared(material)
    model = unvaried_model_of(network, prepared, material.classes)
    positions = _typical(material)
    with pinned(choose_threads(settings)):
        keep_freed_memory()
        features = model.transform(material.inputs[positions[:_WARM]]).shape[1]
        example = _seconds_of_one(
            lambda some: model.transform(material.inputs[some]), positions, vary=material.takes == "texts"
        )
    asked_after = most_synthetic_outliers(test)
    return Cost(
        example=example,
        learning=_SECONDS_A_VALUE * features,
        held_out=len(material.validation) + test,
        asked_after=asked_after,
        tuning=_passes(choice, prepared, material, settings, test),
        most=len(choice.train),
        least=min(len(choice.train), max(_LEAST, _LEAST_PER_CLASS * len(material.classes))),
    )


def require_time(choice: Choice, cost: Cost, seconds: float) -> None:
    """Refuse a backbone for which there is too little time.

    Args:
        choice: the backbone, asked for by name.
        cost: of it.
        seconds: that there are for everything on it.

    Raises:
        UsageError: not even a small part of the training examples fits.
    """
    if cost.needed(cost.least) <= seconds:
        return
    raise UsageError(
        f"--time-limit: {max(0.0, seconds):.1f} s are left for {choice.name}, and the features of "
        f"{cost.held_out + cost.asked_after:,} examples for validation and test and of {cost.least:,} to "
        f"learn from take about {cost.needed(cost.least):.0f} s; allow more time, or choose --preset quick "
        "or a smaller backbone"
    )


def granted_to(
    choice: Choice, cost: Cost, seconds: float, material: Material, settings: Settings
) -> Choice | None:
    """Let a backbone learn from what fits into a time.

    Args:
        choice: the backbone.
        cost: of it.
        seconds: for everything on it; one that was asked for gets what it needs at least in any case.
        material: the data.
        settings: what the user asked for.

    Returns:
        The same with what it is granted; `None` where too little fits.
    """
    if choice.is_asked_for:
        seconds = max(seconds, cost.needed(cost.least))
    granted = cost.granted(seconds)
    if granted is None:
        return None
    return choice.within(granted, material, settings.seed, _reason(choice, granted, cost, material, settings))


def left_out(choice: Choice, settings: Settings) -> str:
    """Say that a backbone takes no part for want of time.

    Args:
        choice: the backbone.
        settings: for the limit.

    Returns:
        A sentence.
    """
    return (
        f"{choice.name}, which is installed, is left out: the features of enough examples would not fit into "
        f"its share of {settings.time_limit}."
    )


def _passes(choice: Choice, prepared: Prepared, material: Material, settings: Settings, test: int) -> int:
    """Passes of fine-tuning, and those of what the tuned network is asked about."""
    if not is_tuned(settings, choice, prepared):
        return 0
    train, validation = len(material.train), len(material.validation)
    asked = validation + looked_at(train, validation) + test + most_synthetic_outliers(test)
    return passes_of_tuning(settings, prepared, asked)


def _typical(material: Material) -> Int64[np.ndarray, " some"]:
    """Some examples, in an order by chance; of texts short and long ones as there are."""
    some = np.concatenate([material.train, material.validation])
    if isinstance(material.inputs, Texts):
        offsets = material.inputs.offsets
        some = some[np.argsort(offsets[some + 1] - offsets[some], kind="stable")]
    spread = some[np.linspace(0, len(some) - 1, min(len(some), _MOST_TIMED)).round().astype(np.int64)]
    return np.random.default_rng(0).permutation(spread)


def _seconds_of_one(
    ask: Callable[[Int64[np.ndarray, " some"]], object], positions: Int64[np.ndarray, " some"], *, vary: bool
) -> float:
    """Seconds for one example: block after block, until it has taken long enough to tell.

    Blocks of texts differ by their lengths, so their mean counts; else only a busy machine makes them.
    """
    began, seconds = time.perf_counter(), []
    for start in range(0, len(positions), _BLOCK):
        some, block_began = positions[start : start + _BLOCK], time.perf_counter()
        ask(some)
        seconds.append((time.perf_counter() - block_began) / len(some))
        if time.perf_counter() - began >= _LONG_ENOUGH:
            break
    return statistics.fmean(seconds) if vary else statistics.median(seconds)


def _reason(choice: Choice, granted: Granted, cost: Cost, material: Material, settings: Settings) -> str:
    """Why a backbone takes part, and what the limit leaves out."""
    lacks = []
    if granted.train < len(choice.train):
        lacks.append(
            f"it learns from {granted.train:,} of {len(material.train):,} training examples, to which each "
            f"{material.target.stratum} gives its share"
        )
    if cost.tuning and not granted.is_tuned:
        lacks.append("fine-tuning is left out")
    if not lacks:
        return choice.reason
    return f"{choice.reason} Within {settings.time_limit}, {', and '.join(lacks)}."
