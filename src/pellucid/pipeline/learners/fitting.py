"""One model from examples, whichever kind it is: a network, or a classical model alone."""

import dataclasses
import math
import time
from dataclasses import dataclass
from typing import Any

from pellucid.bundle import ClassicalModel, Model
from pellucid.classical import Budget, Fitted, Lesson, fit_baseline
from pellucid.data.texts.store import Texts
from pellucid.pipeline.learners.fitting_backbone import fit_on_backbone
from pellucid.pipeline.learners.plan import make_plan
from pellucid.pipeline.learners.preparation import (
    Material,
    classical_model_of,
    model_of,
    network_name,
    prepared_for,
    session_of,
)
from pellucid.pipeline.learners.refusals import require_fitting_inputs, require_fitting_model
from pellucid.settings import CLASSICAL, Settings, parse_duration
from pellucid.training.determinism import choose_threads

_FULL_SECONDS, _FULL_EXAMPLES, _LEAST_SECONDS = 150.0, 55_000, 6.0
_FULL_VALUES, _FULL_CORES, _LARGEST = 28 * 28, 2, 2.0
"""What the seconds of the whole budget were measured on; larger images are made smaller first."""

_SECONDS_A_BYTE = 2e-6
_LEAST_GRANTED = 0.1
SHARE_OF_LIMIT = 0.3
"""Of a time limit, what all baselines together may take."""
LEAST_SHARE = 0.1
"""Of a time limit, what training a network gets in any case, even where the time is up before."""


@dataclass(frozen=True)
class FittedModel:
    """What came of fitting.

    Attributes:
        model: the model, ready to answer.
        history: one record for each epoch; empty for a classical model, which has none.
    """

    model: Model
    history: list[dict[str, Any]]


def fit_model(
    settings: Settings,
    material: Material,
    *,
    class_weights: tuple[float, ...] | None = None,
    began: float | None = None,
) -> FittedModel:
    """Fit the model that the settings name, and nothing beside it.

    Args:
        settings: what the user asked for.
        material: images, feature vectors or texts with their labels; the validation split may be
            empty.
        class_weights: weights in the loss in the order of the classes, in place of those by rule.
        began: reading of `time.monotonic` from which a time limit counts; default: now.

    Returns:
        The model and how it came about.

    Raises:
        UsageError: a setting contradicts the data, the model or another setting.
        DivergedError: the loss stopped being finite.
    """
    require_fitting_model(settings, material.target)
    if settings.model in CLASSICAL:
        require_fitting_inputs(settings, material.takes)
        budget = budget_within(settings, material)
        return FittedModel(fit_classical(settings.model, material, settings, budget)[1], [])
    began = time.monotonic() if began is None else began
    limit = parse_duration(settings.time_limit)
    if settings.builds_on_backbone:
        left = None if limit is None else limit - (time.monotonic() - began)
        return FittedModel(*fit_on_backbone(settings, material, left))
    prepared = prepared_for(network_name(settings, material), material, settings)
    plan = make_plan(settings, prepared)
    recipe = plan.recipe
    if class_weights is not None:
        recipe = dataclasses.replace(recipe, class_weights=class_weights)
    session = session_of(plan.network, prepared, recipe)
    if limit is not None:
        session.limit(limit - (time.monotonic() - began), 0, least=LEAST_SHARE * limit)
    network = session.run()
    return FittedModel(model_of(network, prepared, material.classes, recipe), session.state.history)


def fit_classical(
    name: str, material: Material, settings: Settings, budget: Budget, lesson: Lesson | None = None
) -> tuple[Fitted, ClassicalModel]:
    """Fit one classical model.

    Args:
        name: of the model.
        material: what it learns from.
        settings: seed, threads and metric.
        budget: bounds of its work.
        lesson: of the same material, where several models share what was computed for it.

    Returns:
        How it was fitted, and the model.
    """
    fitted = fit_baseline(
        name,
        lesson or lesson_of(material),
        seed=settings.seed,
        threads=choose_threads(settings),
        metric=settings.metric,
        budget=budget,
    )
    return fitted, classical_model_of(fitted, material)


def lesson_of(material: Material) -> Lesson:
    """What a classical model learns from.

    Args:
        material: images, feature vectors or texts with their labels.

    Returns:
        The lesson.
    """
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

    Under a time limit the baselines may take three tenths of it, going by what they took on two cores on
    Fashion-MNIST, twice as much for each larger image in colour, or for each byte of the bundled mails.

    Args:
        settings: for the time limit.
        material: for the amount of it.
        seconds: that a run set aside for them; default: three tenths of the limit.

    Returns:
        The whole budget, or a share of it.
    """
    limit = parse_duration(settings.time_limit)
    if limit is None:
        return Budget()
    granted = SHARE_OF_LIMIT * limit if seconds is None else max(seconds, _LEAST_GRANTED)
    share = granted / max(_LEAST_SECONDS, _expected(material, choose_threads(settings)))
    return Budget() if share >= 1 else Budget.shrunk(share, len(material.train))


def _expected(material: Material, threads: int) -> float:
    """Seconds that all baselines together may take."""
    inputs, train = material.inputs, material.train
    if isinstance(inputs, Texts):
        return _SECONDS_A_BYTE * float((inputs.offsets[train + 1] - inputs.offsets[train]).sum())
    size = math.sqrt(math.prod(inputs.shape[1:]) / _FULL_VALUES)
    cores = _FULL_CORES / min(_FULL_CORES, threads)
    return _FULL_SECONDS * min(1.0, len(train) / _FULL_EXAMPLES) * cores * min(_LARGEST, max(1.0, size))
