"""One model from examples, whichever kind it is: a network, or a classical model alone."""

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

from pellucid.bundle import ClassicalModel, FeatureModel, ImageModel, Model
from pellucid.classical import NUMBER_RIVALS, RIVALS, Budget, Fitted, Lesson, fit_rival
from pellucid.data import Preprocessing
from pellucid.errors import UsageError
from pellucid.pipeline.plan import make_plan
from pellucid.settings import CLASSICAL, ROWS, Settings, parse_duration
from pellucid.training import Examples, Session
from pellucid.training.determinism import choose_threads

_STEER_BOTH = frozenset({"image_size", "model", "time_limit", "metric", "seed", "threads"})
_TRUE_OF_CLASSICAL = {"augment": False, "class_weight": "none", "device": "cpu"}
"""Settings of networks, and the values that say what a classical model does anyway."""

_NETWORK_SETTINGS = (
    frozenset(
        row.name
        for row in ROWS
        if row.group in ("network", "training") or row.name in ("precision", "device")
    )
    - _STEER_BOTH
)

_FULL_SECONDS, _FULL_EXAMPLES, _LEAST_SECONDS = 150.0, 55_000, 6.0
_SHARE_OF_LIMIT = 0.3


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
    examples: Examples,
    classes: tuple[str, ...],
    preprocessing: Preprocessing | None,
    *,
    class_weights: tuple[float, ...] | None = None,
    began: float | None = None,
) -> FittedModel:
    """Fit the model that the settings name, and nothing beside it.

    Args:
        settings: what the user asked for.
        examples: pictures or feature vectors with their labels; the validation split may be empty.
        classes: names of the classes; none for numbers.
        preprocessing: how the pictures were fitted; `None` for feature vectors.
        class_weights: weights in the loss in the order of `classes`, in place of those by rule.
        began: reading of `time.monotonic` from which a time limit counts; default: now.

    Returns:
        The model and how it came about.

    Raises:
        UsageError: a setting contradicts the data, the model or another setting.
        DivergedError: the loss stopped being finite.
    """
    require_fitting_model(settings, is_numbers=examples.is_numbers)
    if settings.model in CLASSICAL:
        budget = budget_within(settings, len(examples.train))
        lesson = lesson_of(examples)
        return FittedModel(
            fit_classical(settings.model, lesson, settings, classes, preprocessing, budget)[1], []
        )
    began = time.monotonic() if began is None else began
    plan = make_plan(settings, examples)
    recipe = plan.recipe
    if class_weights is not None:
        recipe = dataclasses.replace(recipe, class_weights=class_weights)
    session = Session.start(plan.network, examples, recipe)
    limit = parse_duration(settings.time_limit)
    if limit is not None:
        session.limit(limit - (time.monotonic() - began), scored_after=0)
    network = session.run()
    model = (
        FeatureModel(network, classes)
        if preprocessing is None
        else ImageModel(network, preprocessing, classes, mirror=recipe.augmentation.mirror)
    )
    return FittedModel(model, session.state.history)


def fit_classical(
    name: str,
    lesson: Lesson,
    settings: Settings,
    classes: tuple[str, ...],
    preprocessing: Preprocessing | None,
    budget: Budget,
) -> tuple[Fitted, ClassicalModel]:
    """Fit one classical model.

    Args:
        name: of the model.
        lesson: what it learns from.
        settings: seed, threads and metric.
        classes: names of the classes; none for numbers.
        preprocessing: how the pictures were fitted; `None` for feature vectors.
        budget: bounds of its work.

    Returns:
        How it was fitted, and the model.
    """
    fitted = fit_rival(
        name,
        lesson,
        seed=settings.seed,
        threads=choose_threads(settings),
        metric=settings.metric,
        budget=budget,
    )
    return fitted, ClassicalModel(fitted.predictor, fitted.features, classes, preprocessing=preprocessing)


def lesson_of(examples: Examples) -> Lesson:
    """What a classical model learns from.

    Args:
        examples: pictures or feature vectors with their labels.

    Returns:
        The lesson.
    """
    return Lesson(
        inputs=examples.inputs,
        labels=examples.labels,
        train=examples.train,
        validation=examples.validation,
        classes=examples.classes,
        kind="pictures" if examples.inputs.ndim == 4 else "values",
    )


def budget_within(settings: Settings, examples: int) -> Budget:
    """The rivals' budget: counts that follow from the settings and the data, never from the clock.

    Under a time limit the rivals may take three tenths of it, going by what they took on
    Fashion-MNIST on two cores.

    Args:
        settings: for the time limit.
        examples: training examples.

    Returns:
        The whole budget, or a share of it.
    """
    limit = parse_duration(settings.time_limit)
    if limit is None:
        return Budget()
    expected = max(_LEAST_SECONDS, _FULL_SECONDS * min(1.0, examples / _FULL_EXAMPLES))
    share = _SHARE_OF_LIMIT * limit / expected
    return Budget() if share >= 1 else Budget.shrunk(share)


def require_fitting_model(settings: Settings, *, is_numbers: bool) -> None:
    """Refuse a model that cannot learn such labels, and settings that a classical model has no use for.

    Args:
        settings: what the user asked for.
        is_numbers: whether numbers are predicted, not classes.

    Raises:
        UsageError: naming what fits.
    """
    if settings.model not in CLASSICAL:
        return
    fitting = NUMBER_RIVALS if is_numbers else RIVALS
    if settings.model not in fitting:
        wanted, other = ("numbers", "classes") if is_numbers else ("classes", "numbers")
        raise UsageError(
            f"--model: {settings.model} predicts {other}, and these labels are {wanted}; "
            f"choose auto, a network or one of {', '.join(fitting)}"
        )
    idle = [row.flag for row in ROWS if _is_idle(row.name, getattr(settings, row.name), row.default)]
    if idle:
        raise UsageError(
            f"{', '.join(idle)}: {'steers' if len(idle) == 1 else 'steer'} networks only, and --model is "
            f"{settings.model}; leave {'it' if len(idle) == 1 else 'them'} out"
        )


def _is_idle(name: str, value: Any, default: Any) -> bool:
    """Whether a setting was given that would change nothing."""
    if name not in _NETWORK_SETTINGS or value == default:
        return False
    return name not in _TRUE_OF_CLASSICAL or value != _TRUE_OF_CLASSICAL[name]
