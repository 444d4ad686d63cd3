"""Classical models: fitted within a budget of counts that follows from the settings and the data."""

import math
from dataclasses import dataclass

from pellucid.classical import Budget, Lesson, fit_baseline
from pellucid.classical.lesson import Setting
from pellucid.data.texts.store import Texts
from pellucid.pipeline.learners.candidates import Candidate, HeldOut, answers
from pellucid.pipeline.learners.learner import UNLIMITED, Allowance
from pellucid.pipeline.learners.planning.preparation import Material, classical_model_of
from pellucid.settings import Settings, parse_duration
from pellucid.training.determinism import choose_threads

_FULL_SECONDS, _FULL_EXAMPLES, _LEAST_SECONDS = 150.0, 55_000, 6.0
_FULL_VALUES, _FULL_CORES, _LARGEST = 28 * 28, 2, 2.0
"""Data on which the seconds of the whole budget were measured; larger images are made smaller first."""

_SECONDS_A_BYTE = 2e-6
_TOGETHER = 4
"""Classical models of which that is the time."""

_LEAST_GRANTED = 0.1
SHARE_OF_LIMIT = 0.3
"""Of a time limit, what all baselines together may take."""
LEAST_SHARE = 0.1
"""Of a time limit, what training a network gets in any case, even where the time is up before."""


@dataclass(frozen=True, eq=False)
class ClassicalLearner:
    """A classical model by name, a dummy one among them.

    Attributes:
        name: of the model.
        settings: seed, threads, metric and time limit.
        budget: bounds of its work; `None` for those that follow from the time limit and the material.
        lesson: of the same material, where several models share what was computed for it.
        setup: its set-up; `None` where set-ups are compared.
        scale: of the decision values at that set-up, where an earlier training has found it.
    """

    name: str
    settings: Settings
    budget: Budget | None = None
    lesson: Lesson | None = None
    setup: Setting | None = None
    scale: float | None = None

    def fit(self, material: Material, allowance: Allowance = UNLIMITED) -> Candidate:
        """Fit the model within the seconds granted, which become counts."""
        fitted = fit_baseline(
            self.name,
            self.lesson or lesson_of(material),
            seed=self.settings.seed,
            threads=choose_threads(self.settings),
            metric=self.settings.metric,
            setup=self.setup,
            scale=self.scale,
            budget=self.budget or budget_within(self.settings, material, allowance.granted),
        )
        model = classical_model_of(fitted, material)
        return Candidate(
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


def lesson_of(material: Material) -> Lesson:
    """Lesson of a classical model from images, feature vectors or texts."""
    return Lesson(
        inputs=material.inputs,
        labels=material.labels,
        train=material.train,
        validation=material.validation,
        classes=len(material.classes),
        kind=material.takes,
    )


def budget_within(settings: Settings, material: Material, seconds: float | None = None) -> Budget:
    """The baselines' budget: counts that follow from the settings and the data, never from the clock.

    Under a time limit the baselines may take three tenths of it, or the `seconds` that a run set aside, going
    by what they took on two cores on Fashion-MNIST, twice as much for each larger image in colour, or for
    each byte of the bundled mails.
    """
    limit, whole = parse_duration(settings.time_limit), Budget.of_preset(settings.preset)
    if limit is None:
        return whole
    granted = SHARE_OF_LIMIT * limit if seconds is None else max(seconds, _LEAST_GRANTED)
    share = granted / max(_LEAST_SECONDS, _expected(material, choose_threads(settings)))
    return whole if share >= 1 else Budget.shrunk(share, len(material.train)).within(whole)


def expected_seconds(material: Material, settings: Settings) -> float:
    """Seconds that one classical model may take, by counts alone."""
    return _expected(material, choose_threads(settings)) / _TOGETHER


def _expected(material: Material, threads: int) -> float:
    """Seconds that all baselines together may take."""
    inputs, train = material.inputs, material.train
    if isinstance(inputs, Texts):
        return _SECONDS_A_BYTE * float((inputs.offsets[train + 1] - inputs.offsets[train]).sum())
    size = math.sqrt(math.prod(inputs.shape[1:]) / _FULL_VALUES)
    cores = _FULL_CORES / min(_FULL_CORES, threads)
    return _FULL_SECONDS * min(1.0, len(train) / _FULL_EXAMPLES) * cores * min(_LARGEST, max(1.0, size))
