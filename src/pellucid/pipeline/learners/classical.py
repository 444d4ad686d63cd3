"""Classical models: fitted within a budget of counts that follows from the settings and the data."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from pellucid.classical import Budget, Lesson, fit_baseline
from pellucid.classical.lesson import Setting
from pellucid.data import Dataset
from pellucid.data.texts.store import Texts
from pellucid.pipeline.learners.candidates import Candidate, HeldOut, answers
from pellucid.pipeline.learners.learner import UNLIMITED, Allowance
from pellucid.pipeline.learners.planning.preparation import Material, classical_model_of
from pellucid.pipeline.learners.planning.shares import share_of_classical
from pellucid.settings import CLASSICAL, Settings, parse_duration
from pellucid.training.determinism import choose_threads
from pellucid.training.recipe.choosing import weights_of_classes

_FULL_SECONDS, _FULL_EXAMPLES, _LEAST_SECONDS = 150.0, 55_000, 6.0
_FULL_VALUES, _FULL_CORES, _LARGEST = 28 * 28, 2, 2.0
"""Data on which the seconds of the whole budget were measured; larger images are made smaller first."""

_SECONDS_A_BYTE = 2e-6
_TOGETHER = 4
"""Classical models of which that is the time."""

_LEAST_GRANTED = 0.1


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
        settings: seed, threads, metric and time limit.
        budget: bounds of its work; `None` for those that follow from the time limit and the material.
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

    def fit(self, material: Material, allowance: Allowance = UNLIMITED) -> Sequence[Candidate]:
        """Fit the model within the seconds granted, which become counts."""
        fitted = fit_baseline(
            self.name,
            self.lesson(material),
            seed=self.settings.seed,
            threads=choose_threads(self.settings),
            metric=self.settings.metric,
            setup=self.setup,
            scale=self.scale,
            class_weights=class_weights_of(self.settings, material),
            budget=self.budget or budget_within(self.settings, material, allowance.granted),
        )
        model = classical_model_of(fitted, material)
        candidate = Candidate(
            name=fitted.name,
            model=model,
            train_examples=fitted.train_examples,
            train_seconds=fitted.seconds,
            held_out=HeldOut(material.validation, answers(model, material, material.validation)),
            features=fitted.features if fitted.predictor.inputs else None,
            configurations=fitted.configurations,
            setup=fitted.setup,
            scale=fitted.scale,
        )
        return [candidate]


def learner_at_setup(
    candidate: Candidate,
    settings: Settings,
    material: Material,
    seconds: float | None = None,
    lesson: Callable[[Material], Lesson] = lesson_of,
) -> ClassicalLearner:
    """The learner of a classical model at the set-up that was taken, for parts of the material.

    Its budget follows from all material and the seconds. Another set-up on each part would judge, calibrate
    and draw the curve of other models than the one that is kept.
    """
    budget = budget_within(settings, material, seconds)
    return ClassicalLearner(candidate.name, settings, budget, lesson, candidate.setup)


def budget_within(settings: Settings, material: Material, seconds: float | None = None) -> Budget:
    """The baselines' budget: counts that follow from the settings and the data, never from the clock.

    Under a time limit all beside a network may take three tenths of it, one that was asked for alone half of
    it, or the `seconds` that a run set aside. It goes by what they took on two cores on Fashion-MNIST, twice
    as much for each larger image in colour, or for each byte of the bundled mails.
    """
    limit, whole = parse_duration(settings.time_limit), Budget.of_preset(settings.preset)
    if limit is None:
        return whole
    granted = share_of_classical(settings) * limit if seconds is None else max(seconds, _LEAST_GRANTED)
    expected = max(_LEAST_SECONDS, _expected(material, choose_threads(settings)))
    share = granted / (expected / _TOGETHER if settings.model in CLASSICAL else expected)
    return whole if share >= 1 else Budget.shrunk(share, len(material.train)).within(whole)


def _expected(material: Material, threads: int) -> float:
    """Seconds that all baselines together may take."""
    inputs, train = material.inputs, material.train
    if isinstance(inputs, Texts):
        return _SECONDS_A_BYTE * float((inputs.offsets[train + 1] - inputs.offsets[train]).sum())
    size = math.sqrt(math.prod(inputs.shape[1:]) / _FULL_VALUES)
    cores = _FULL_CORES / min(_FULL_CORES, threads)
    return _FULL_SECONDS * min(1.0, len(train) / _FULL_EXAMPLES) * cores * min(_LARGEST, max(1.0, size))
