"""Costs of a pretrained backbone, measured on a few examples, and of fine-tuning it."""

import dataclasses
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.data import Dataset
from pellucid.data.raw_texts import Texts
from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence, join
from pellucid.networks.upper_part import row_length
from pellucid.pipeline.learners.backbone_choice import BackboneChoice, BackboneLimits
from pellucid.pipeline.learners.evaluation_budget import (
    Folds,
    most_detector_examples,
    most_synthetic_outliers,
)
from pellucid.pipeline.learners.preparation import Prepared, make_recipe, unvaried_model_of
from pellucid.settings import Settings
from pellucid.training import Recipe
from pellucid.training.hardware import choose_threads, keep_freed_memory, pinned
from pellucid.training.loop import SHARES
from pellucid.training.recipe import batches_per_epoch
from pellucid.training.recipe_defaults import choose_parts

# Examples shown, unless epochs are given; none with the preset `quick`. What they gain:
# `benchmarks/backbones.py --tuning`.
_PASSES = {"quick": 0, "standard": 3_000, "best": 12_000}

_MOST_EPOCHS = 20
_LEARNING_RATE = 1e-3
_WEIGHT_DECAY = 0.05
_BATCH = 32  # examples
# A network of one layer below its head, which stays as it is.
_WORDS = "word-vectors"
_PATCHES = "vision-transformer"

# The last blocks of a backbone are trained on rows of numbers that those below gave once: twice as many
# passes take about half the time, and come out better (docs/backbones.md).
_TIMES_OF_LAST = 2
_MOST_EPOCHS_OF_LAST = 40
_RATE_OF_LAST = 7e-4  # higher ones kill units (docs/experiments/few.md, "Few photographs")
_MOST_BYTES_OF_ROWS = 1 << 29

_LIKE = "text-cnn"  # whose rule decides for a network of texts what is not decided here
_COST_OF_STEP = 4  # passes that a step takes
_COST_OF_STEP_OF_LAST = 0.75
_COST_OF_LAST = 0.2  # passes that an answer of the last blocks takes
_LEAST_SHARE = 0.2  # of the steps, below which fine-tuning is left out


def is_tuned(settings: Settings, choice: BackboneChoice) -> bool:
    """True where tuning is tried at all.

    It needs layers that can be trained further, a preset that spends something on it, and room within a time
    limit. A transformer takes minutes for a hundred examples, and one of texts rarely gains: there it is
    tried with the preset `best`, or where the transformer and the epochs were asked for.
    """
    is_open = choice.config.name != _WORDS and not choice.config.is_closed
    is_wanted = is_open and bool(settings.epochs or _PASSES[settings.preset])
    is_meant = choice.is_asked_for and settings.epochs is not None
    is_cheap = choice.takes_images and choice.config.name != _PATCHES
    is_worth_it = is_cheap or is_meant or settings.preset == "best"
    fits = choice.limits is None or choice.limits.is_tuned
    return is_wanted and is_worth_it and fits


def tunes_last_blocks(settings: Settings, choice: BackboneChoice, prepared: Prepared) -> bool:
    """True where the last blocks alone are tuned.

    The network has such a form, each image is shown several times, and the rows of all fit into memory.
    """
    shown, examples = _TIMES_OF_LAST * _PASSES[settings.preset], len(prepared.examples.train)
    if settings.epochs is None and 2 * examples > shown:
        return False
    rows = 2 * examples + len(prepared.examples.validation)
    return 0 < 4 * rows * row_length(choice.config) <= _MOST_BYTES_OF_ROWS


def share_of_tuning(choice: BackboneChoice) -> float:
    """Share of the usual steps of tuning that a time limit leaves, in (0, 1]."""
    return 1.0 if choice.limits is None else choice.limits.share


def passes_of_tuning(
    settings: Settings, choice: BackboneChoice, prepared: Prepared, asked: int, share: float = 1.0
) -> int:
    """Passes of one example through the network that tuning costs at most.

    A step goes forward and back, which takes about four times as long as forward alone; validation is asked
    after every epoch and of each mixture; a network that learnt from mirrored images sees each twice. `asked`
    counts the examples that the tuned network is asked about, and `share` is that of the usual steps. The
    last blocks alone take a part of that, and one pass for each view of an image.
    """
    is_upper = tunes_last_blocks(settings, choice, prepared)
    recipe = tuning_recipe(settings, prepared, is_upper=is_upper, share=share)
    seen, views = recipe.total_steps * recipe.batch_size, 2 if recipe.augmentation.mirror else 1
    judged = (recipe.epochs + len(SHARES)) * len(prepared.examples.validation)
    if not is_upper:
        return _COST_OF_STEP * seen + judged + views * asked
    rows = views * len(prepared.examples.train) + len(prepared.examples.validation)
    return round(_COST_OF_STEP_OF_LAST * seen + rows + _COST_OF_LAST * judged + views * asked)


def tuning_recipe(
    settings: Settings, prepared: Prepared, *, is_upper: bool = False, share: float = 1.0
) -> Recipe:
    """The numbers of tuning: what the user set is kept, the rest is by rule.

    The rule: so many epochs that about 3,000 examples are shown (12,000 with the preset `best`), a part of
    one where there are more, at most 20; batches of 32; AdamW at 0.001 for the head and less for what lies
    below, once up and down; fp32, since narrow convolutions gain nothing by bf16.

    `is_upper`: of the last blocks, twice as many examples at 0.0007 everywhere, in at most 40 epochs; an
    image that may be mirrored is two examples. Of a `share` below 1 the course is as much shorter, unless
    epochs are given.
    """
    examples = len(prepared.examples.train)
    named = dataclasses.replace(prepared, name=_LIKE) if prepared.encoder is not None else prepared
    chosen, _ = make_recipe(dataclasses.replace(settings, parts=None), named)
    passes, most, rate = _PASSES[settings.preset], _MOST_EPOCHS, _LEARNING_RATE
    if is_upper:
        passes, most, rate = _TIMES_OF_LAST * passes, _MOST_EPOCHS_OF_LAST, _RATE_OF_LAST
        examples *= 2 if chosen.augmentation.mirror else 1
    batch_size = settings.batch_size or min(_BATCH, max(1, examples))
    per_epoch = batches_per_epoch(examples, batch_size)
    epochs = settings.epochs or max(1, round(share * min(most, passes / examples)))
    steps = epochs * per_epoch
    if settings.epochs is None:
        steps = min(steps, math.ceil(share * passes / batch_size))
    is_adaptive = settings.optimizer in (None, "adam", "adamw")
    family = "backbone" if prepared.encoder is None else "sentence-encoder"
    return dataclasses.replace(
        chosen,
        epochs=epochs,
        total_steps=max(1, steps),
        batch_size=batch_size,
        learning_rate=settings.learning_rate or (rate if is_adaptive else chosen.learning_rate),
        weight_decay=_WEIGHT_DECAY if settings.weight_decay is None else settings.weight_decay,
        metric="log-loss" if prepared.examples.classes else chosen.metric,
        precision="fp32" if settings.precision == "auto" else chosen.precision,
        parts=choose_parts(settings, family, prepared.examples.takes, batch_size, chosen.device),
    )


# Share of the time that is planned; the rest is for a busy machine.
_MARGIN = 0.88
_WARM = 4  # examples that are asked about first
_BLOCK = 32  # examples that are timed together
_MOST_TIMED = 128  # examples
_LONG_ENOUGH = 1.5  # seconds of timing
# Training examples with which a backbone is worth it.
_LEAST = 40
_LEAST_PER_CLASS = 4
_FAR = 10.0  # the first examples take several times as long as others
# Seconds of loading the library of a backbone, and of one example, on a fast machine: with less time than
# that nothing is even measured.
_OF_IMAGES = (2.0, 0.002)
_OF_TEXTS = (0.5, 0.0005)

# For all models on features, besides what each feature of each example takes.
_SECONDS = 2.0

# Time of the models on features, for each feature of each training example.
SECONDS_A_VALUE = 2e-6


class BackboneCost(NamedTuple):
    """Cost of a backbone."""

    example: float  # seconds for the features of one example
    learning: float  # seconds that the models on them take for one training example
    held_out: int  # examples for validation and test, whose features are computed in any case
    # passes of fine-tuning and of what the tuned network is asked about: of its whole course, 0 where it is
    # not tried; and of the shortest that is worth it
    tuning: int
    shortest: int
    most: int  # training examples that there are for it
    least: int  # training examples below which it is not worth its time

    def needed(self, train: int) -> float:
        """Seconds without fine-tuning for so many training examples."""
        asked = (train + self.held_out) * self.example
        return (asked + train * self.learning) / _MARGIN + _SECONDS

    def within(self, seconds: float) -> BackboneLimits | None:
        """Decide how much fits into a time; `None` where it is not worth it.

        Training examples come before fine-tuning, which gets a shorter course where not all of it fits.
        """
        room = (seconds - self.needed(0)) * _MARGIN
        examples = min(self.most, round(max(0.0, room) / (self.example + self.learning)))
        if examples < self.least:
            return None
        before, a_pass = self.needed(examples), self.example / _MARGIN
        passes = min(self.tuning, (seconds - before) / a_pass)
        if self.tuning == 0 or passes < self.shortest:
            return BackboneLimits(examples, False, round(before, 1), 0.0)
        above = (passes - self.shortest) / max(1, self.tuning - self.shortest)
        share = 1.0 if passes == self.tuning else _LEAST_SHARE + (1 - _LEAST_SHARE) * above
        return BackboneLimits(examples, True, round(before, 1), round(passes * a_pass, 1), round(share, 3))


@dataclass(frozen=True, eq=False)
class Measured:
    """A backbone whose cost was measured, to be cut down to its share of a time limit."""

    choice: BackboneChoice
    cost: BackboneCost  # on this machine
    material: Dataset  # what it learns from
    settings: Settings

    @property
    def least(self) -> float:
        """Seconds for the fewest training examples that are worth it."""
        return self.cost.needed(self.cost.least)

    def require(self, seconds: float) -> None:
        """Refuse a backbone asked for by name for which there is too little time."""
        if self.least <= seconds:
            return
        cost = self.cost
        raise UsageError(
            "--time-limit: {seconds:.1f} s are left for {name}, and the features of "
            "{held_out:,} examples for validation and test and of {least:,} to "
            "learn from take about {least2:.0f} s; allow more time, or choose --preset quick or a "
            "smaller backbone",
            max(0.0, seconds),
            self.choice.name,
            cost.held_out,
            cost.least,
            self.least,
        )

    def within(self, seconds: float) -> BackboneChoice | None:
        """Let it learn from what fits into a time; one that was asked for gets a part in any case."""
        limits = self.cost.within(max(seconds, self.least) if self.choice.is_asked_for else seconds)
        if limits is None:
            return None
        lacks: list[str] = []
        if limits.train < len(self.choice.train):
            lacks.append(
                Sentence(
                    "it learns from {train:,} of {train2:,} training examples, to "
                    "which each {stratum} gives its share",
                    limits.train,
                    len(self.material.train),
                    self.material.target.stratum,
                )
            )
        if self.cost.tuning and not limits.is_tuned:
            lacks.append("fine-tuning is left out")
        elif limits.share < 1.0:
            lacks.append(Sentence("fine-tuning has {share:.0f} % of its usual steps", 100 * limits.share))
        reason = self.choice.reason
        if lacks:
            reason = Sentence(
                "{reason} Within {time_limit}, {lacks}.",
                reason,
                self.settings.time_limit,
                join(", and ", lacks),
            )
        return self.choice.within(limits, self.material, self.settings.seed, reason)


def is_hopeless(choice: BackboneChoice, material: Dataset, test: int, seconds: float) -> bool:
    """True where by counts the features of enough examples would not fit, so that nothing is even loaded.

    Few training examples and a fast machine are assumed, since the true rate is measured where it may fit.
    The library of an image network takes seconds to load.
    """
    fewest = max(_LEAST, _LEAST_PER_CLASS * len(material.classes)) + len(material.validation) + test
    loading, example = _OF_IMAGES if choice.takes_images else _OF_TEXTS
    return loading + fewest * example + _SECONDS > seconds


def measured(
    choice: BackboneChoice,
    material: Dataset,
    settings: Settings,
    test: int = 0,
    folds: Folds | None = None,
    seconds: float = math.inf,
) -> Measured:
    """Measure the cost of a backbone here on a few of the training and validation examples.

    `test` says how many test examples it will be asked about; `folds` what judges it: the models on features
    on all of them, the tuned backbone on one. Where the first examples take so long that it will not fit into
    the `seconds` that it may have at most, no more are timed.
    """
    most = None if settings.time_limit is None else 1  # folds that judge; further ones as there is time
    least = min(len(choice.train), max(_LEAST, _LEAST_PER_CLASS * len(material.classes)))
    train, validation, outliers = len(material.train), len(material.validation), most_synthetic_outliers(test)
    network, prepared = choice.started(settings), choice.prepared(material)
    model = unvaried_model_of(network, prepared, material.classes)
    positions = _typical(material)
    with pinned(choose_threads(settings)):
        keep_freed_memory()
        began = time.perf_counter()
        features = model.transform(material.inputs[positions[:_WARM]]).shape[1]
        example = (time.perf_counter() - began) / len(positions[:_WARM])
        if example * (least + validation + test) < _FAR * seconds:
            example = _seconds_of_one(
                lambda some: model.transform(material.inputs[some]), positions, vary=material.takes == "texts"
            )
    tuning, shortest = 0, 0
    if is_tuned(settings, choice):
        asked = validation + most_detector_examples(train, validation) + test + outliers
        tuning, shortest = (
            passes_of_tuning(settings, choice, prepared, asked, share) for share in (1.0, _LEAST_SHARE)
        )
    trainings = 1 if folds is None else folds.trainings(1)
    cost = BackboneCost(
        example=example,
        learning=SECONDS_A_VALUE * features * (1 if folds is None else folds.trainings(most)),
        held_out=validation + test,
        tuning=round(tuning * trainings),
        shortest=round(shortest * trainings),
        most=len(choice.train),
        least=least,
    )
    return Measured(choice, cost, material, settings)


def _typical(material: Dataset) -> Int64[np.ndarray, " some"]:
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
    """Seconds for one example: block after block, until it has taken long enough.

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
