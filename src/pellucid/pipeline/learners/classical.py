"""Classical models: fitted within a budget of counts, which follows from the settings or from a time.

Within a time a model first learns from a small part, which becomes it where nothing more fits; by the time
which that took it then learns from as much as fits. So what decides is what this very data costs on this
machine just now. Linear models of texts give up set-ups to compare before they give up a text; forests grow
until it is time.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Int64

from pellucid.classical import (
    LINEAR_OF_TEXTS,
    Budget,
    Fitted,
    Lesson,
    OverdueError,
    fit_baseline,
    load_learner,
)
from pellucid.classical.lesson import Setting
from pellucid.classical.predictors.forest import Forest
from pellucid.classical.text_baselines import TREES_LEFT_OUT
from pellucid.data import Dataset
from pellucid.data.texts.store import Texts
from pellucid.pipeline.learners.candidates import Candidate, HeldOut, answers, seconds_of_one
from pellucid.pipeline.learners.planning.preparation import Material, classical_model_of
from pellucid.pipeline.run.time_budget import UNLIMITED, TimeBudget, slowdown
from pellucid.settings import DUMMIES, Settings
from pellucid.training.determinism import choose_threads
from pellucid.training.recipe.choosing import weights_of_classes

Model = TypeVar("Model")

_FULL_SECONDS, _FULL_EXAMPLES = 150.0, 55_000
# Data on which the seconds of the whole budget were measured; larger images are made smaller first.
_FULL_VALUES, _FULL_CORES, _LARGEST = 28 * 28, 2, 2.0

_SECONDS_A_BYTE = 2e-6
# Classical models of which that is the time.
_TOGETHER = 4

# Of these those that learn.
_LEARNING = 3

# A first part may take one in so many of the seconds on an idle machine; the last, so much of the rest.
_PROBED, _SMALLEST, _PLANNED = 16.0, 1e-4, 0.85

_TRIES, _LATER = 4, 16


def lesson_of(material: Material) -> Lesson:
    """Lesson of a classical model from images, feature vectors or texts."""
    return Lesson(
        inputs=material.inputs,
        labels=material.labels,
        train=material.train,
        validation=material.validation,
        classes=len(material.classes),
        kind=material.takes,
        weights=material.weights,
    )


def class_weights_of(settings: Settings, material: Material | Dataset) -> tuple[float, ...] | None:
    """Weights of the classes that were asked for; by no rule, as probabilities would be less honest."""
    if not material.classes:
        return None
    return weights_of_classes(settings.class_weight, material.labels[material.train], material.classes)


class Lessons:
    """Lessons by training examples, each shared by all models, so that features are computed once."""

    def __init__(self) -> None:
        self._known: list[tuple[Int64[np.ndarray, " train"], Lesson]] = []

    def of(self, material: Material) -> Lesson:
        """The lesson of the material's training examples."""
        found = next((lesson for train, lesson in self._known if train is material.train), None)
        if found is None:
            found = lesson_of(material)
            self._known.append((material.train, found))
        return found


@dataclass(frozen=True, eq=False)
class ClassicalLearner:
    """A classical model by name, a dummy one among them.

    Attributes:
        name: of the model.
        settings: seed, threads, metric and preset.
        budget: bounds of its work; `None` for those of the preset, or for what fits into a time.
        lesson: makes the lesson of a material; several models may share what is computed for it.
        setup: its set-up; `None` where set-ups are compared.
        scale: of the decision values at that set-up, where an earlier training has found it.
    """

    name: str
    settings: Settings
    budget: Budget | None = None
    lesson: Callable[[Material], Lesson] = lesson_of
    setup: Setting | None = None
    scale: float | None = None

    def cost(self, material: Material) -> float:
        """A share of what all classical models together may take."""
        return _expected(material, choose_threads(self.settings)) / _TOGETHER

    def fit(self, material: Material, time: TimeBudget = UNLIMITED, most: float = 0.0) -> Sequence[Candidate]:
        """Fit the model within its budget, or else within what is left of a time; `most` as for `within`."""
        if self.budget is None and time.is_limited:
            found = self.within(time.left(), material, most)
            if found is None:  # a small part takes no longer than the rest of a run
                found = self._fitted(material, self._share_of_budget(_SMALLEST, material), math.inf)
            return [found]
        return [self._fitted(material, self.budget or self._whole)]

    def within(self, seconds: float, material: Material, most: float = 0.0) -> Candidate | None:
        """Fit the model as well as a time allows, its budget among what it hands over.

        It may take `most` seconds where it could not learn from all examples otherwise and these come first.
        `None` where it could not learn from even a small part.
        """
        if self.name in DUMMIES:
            return self._fitted(material, self._whole)
        load_learner(self.name)
        expected = max(1e-3, _expected(material, choose_threads(self.settings)) / _LEARNING)
        return fitted_within(
            seconds,
            expected,
            lambda share: self._share_of_budget(share, material),
            lambda budget, deadline: self._fitted(material, budget, deadline),
            enough=self._whole.for_all(len(material.train)) if self._takes_all(material) else 0.0,
            most=most,
        )

    def _takes_all(self, material: Material) -> bool:
        """True where examples are worth more than set-ups: of linear models of texts, and of few images."""
        if material.takes == "texts":
            return self.name in LINEAR_OF_TEXTS
        return len(material.train) <= self._whole.screened

    @property
    def _whole(self) -> Budget:
        return Budget.of_preset(self.settings.preset)

    def _share_of_budget(self, share: float, material: Material) -> Budget:
        """The budget for so much of the whole work."""
        whole, count = self._whole, len(material.train)
        if self._takes_all(material):
            return whole.shrunk_to_all(share, count)
        return whole if share >= 1 else Budget.shrunk(share, count).within(whole)

    def _fitted(self, material: Material, budget: Budget, deadline: float | None = None) -> Candidate:
        """Fit the model, and ask it about validation.

        Raises: `OverdueError` if the deadline was over before it was trained.
        """
        fitted = fit_baseline(
            self.name,
            self.lesson(material),
            seed=self.settings.seed,
            threads=choose_threads(self.settings),
            metric=self.settings.metric,
            setup=self.setup,
            scale=self.scale,
            class_weights=class_weights_of(self.settings, material),
            budget=budget,
            deadline=deadline,
        )
        model, began = classical_model_of(fitted, material), time.perf_counter()
        held_out = HeldOut(material.validation, answers(model, material, material.validation))
        return Candidate(
            name=fitted.name,
            model=model,
            train_examples=fitted.train_examples,
            train_seconds=fitted.seconds,
            held_out=held_out,
            features=fitted.features if fitted.predictor.inputs else None,
            configurations=fitted.configurations,
            setup=fitted.setup,
            scale=fitted.scale,
            budget=None if deadline is None else _as_grown(budget, fitted, material),
            answer_seconds=seconds_of_one(began, len(material.validation)),
        )


def _as_grown(budget: Budget, fitted: Fitted, material: Material) -> Budget:
    """The budget with as many trees as a forest has grown until its time was over."""
    if not isinstance(fitted.predictor, Forest):
        return budget
    grown = len(fitted.predictor.roots)
    return dataclasses.replace(budget, trees=grown * (TREES_LEFT_OUT if material.takes == "texts" else 1))


def fitted_within(
    seconds: float,
    expected: float,
    budget_of: Callable[[float], Budget],
    fit: Callable[[Budget, float], Model],
    enough: float = 0.0,
    most: float = 0.0,
) -> Model | None:
    """Train a model as well as a time allows: from a small part first, which says how much more fits.

    Args:
        seconds: for all of it.
        expected: seconds of the whole work on an idle machine; an order of magnitude is enough.
        budget_of: budget for a share of the whole work, above 0 and at most 1.
        fit: trains within a budget, and gives up after a deadline.
        enough: share of the whole work for which it may take longer; 0 for none.
        most: seconds that it may take for this share.

    Returns:
        The last that was finished; `None` where not even a small part was.
    """
    ends, latest = (time.monotonic() + each for each in (seconds, max(seconds, most)))
    share, found, before = min(1.0, max(_SMALLEST, seconds / _PROBED / expected)), None, None
    if share < enough and expected * enough * slowdown() < (latest - time.monotonic()) / 2:
        share = enough
    for _ in range(_TRIES):
        budget, began = budget_of(share), time.monotonic()
        if budget == before:
            break
        try:
            found = fit(budget, latest if share <= enough else ends)
        except OverdueError:
            share /= _LATER
            if found is not None or share < _SMALLEST or time.monotonic() > latest + seconds:
                break
            ends = latest = time.monotonic() + seconds / 2
            continue
        took, before, now = max(1e-3, time.monotonic() - began), budget, time.monotonic()
        further = max(
            min(1.0, _PLANNED * share * (ends - now) / took),
            min(enough, _PLANNED * share * (latest - now) / took),
        )
        # Of texts more is better from a little more on; all else has to be worth learning again.
        if share >= 1 or further < (1.2 if further <= enough else 2) * share:
            break
        share = further
    return found


def learner_at_setup(
    candidate: Candidate,
    settings: Settings,
    lesson: Callable[[Material], Lesson] = lesson_of,
) -> ClassicalLearner:
    """The learner of a classical model at the set-up and within the budget that were taken, for parts.

    Another set-up on each part would judge, calibrate and draw the curve of other models than the one that is
    kept.
    """
    budget = candidate.budget or Budget.of_preset(settings.preset)
    return ClassicalLearner(candidate.name, settings, budget, lesson, candidate.setup)


def _expected(material: Material, threads: int) -> float:
    """Seconds that all baselines together may take."""
    inputs, train = material.inputs, material.train
    if isinstance(inputs, Texts):
        return _SECONDS_A_BYTE * float((inputs.offsets[train + 1] - inputs.offsets[train]).sum())
    size = math.sqrt(math.prod(inputs.shape[1:]) / _FULL_VALUES)
    cores = _FULL_CORES / min(_FULL_CORES, threads)
    return _FULL_SECONDS * min(1.0, len(train) / _FULL_EXAMPLES) * cores * min(_LARGEST, max(1.0, size))
