"""Classical baselines of a network, in two dicts, and the one way to train any of them."""

import importlib
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from pellucid.classical.forests import Forest, forest
from pellucid.classical.image_features import FEATURES
from pellucid.classical.kernel_machines import Kernel, Setup, machine
from pellucid.classical.linear_fitting import logistic, ridge
from pellucid.classical.predictors import Constant, Linear, Predictor, Rows
from pellucid.classical.search import Trial, Work, search
from pellucid.classical.text_baselines import TEXT_BASELINES, TEXT_NUMBER_BASELINES, dummy
from pellucid.classical.training_set import Budget, Fitted, Setting, TrainingSet
from pellucid.settings import metric_of
from pellucid.tasks import CLASSIFICATION, IMAGES, REGRESSION, TEXTS, InputKind, Target

Learner = Callable[[Rows, np.ndarray, Work], Predictor]
Number = TypeVar("Number", int, float)

# From a lesson and a budget to a model's set-ups, the one that usually serves best first.
Baseline = Callable[[TrainingSet, Budget], list[Trial]]


def _named(features: str, words: str) -> str:
    """Words for people, with the features where there is a choice of them."""
    return f"{FEATURES[features].title}, {words}" if features in FEATURES else words


def _linear(lesson: TrainingSet, budget: Budget) -> list[Trial]:
    return _each(lesson, (0.01, 0.1, 0.001), "C = {:g}", lambda value: partial(logistic, strength=value))


def _ridge(lesson: TrainingSet, budget: Budget) -> list[Trial]:
    return _each(lesson, (0.01, 0.1, 1.0), "penalty = {:g}", lambda value: partial(ridge, strength=value))


_MACHINES = {
    CLASSIFICATION: (Setup(1.0, 5.0), Setup(2.0, 4.0), Setup(0.3, 5.0)),
    REGRESSION: (Setup(0.7, 3.0), Setup(0.7, 1.0), Setup(0.2, 10.0)),
}


def _machine(lesson: TrainingSet, budget: Budget) -> list[Trial]:
    most = budget.supported if lesson.target is REGRESSION else None  # one problem of all examples
    trials = [
        Trial(
            features,
            _named(features, f"C = {setup.strength:g}, width = {setup.width:g}"),
            partial(machine, setup=setup),
            most,
        )
        for setup in _MACHINES[lesson.target]
        for features in lesson.feature_kinds
    ]
    pairs = lesson.classes * (lesson.classes - 1) // 2
    return trials[: max(1, budget.pairs // max(1, pairs))]


def _forest(lesson: TrainingSet, budget: Budget) -> list[Trial]:
    return _each(lesson, (1, 2), "leaves of at least {}", lambda least: partial(forest, least=least))


def _each(
    lesson: TrainingSet, values: Iterable[Number], words: str, learner: Callable[[Number], Learner]
) -> list[Trial]:
    """Every value with every kind of features."""
    return [
        Trial(features, _named(features, words.format(value)), learner(value))
        for value in values
        for features in lesson.feature_kinds
    ]


BASELINES: dict[str, Baseline] = {
    "majority": dummy,
    "logistic-regression": _linear,
    "svm": _machine,
    "random-forest": _forest,
}
NUMBER_BASELINES: dict[str, Baseline] = {
    "mean": dummy,
    "ridge": _ridge,
    "svm": _machine,
    "random-forest": _forest,
}
ON_NETWORK = ("logistic-regression", "svm")
NUMBER_ON_NETWORK = ("ridge", "svm")

_OF_IMAGES = {CLASSIFICATION: BASELINES, REGRESSION: NUMBER_BASELINES}
_OF_TEXTS = {CLASSIFICATION: TEXT_BASELINES, REGRESSION: TEXT_NUMBER_BASELINES}


def baselines_for(target: Target, input_kind: InputKind = IMAGES) -> Mapping[str, Baseline]:
    """The baselines of a target and a kind of input, the simplest first."""
    return (_OF_TEXTS if input_kind is TEXTS else _OF_IMAGES)[target]


_LEARNERS = {
    "svm": ("sklearn.svm", "sklearn.decomposition"),
    "random-forest": ("sklearn.ensemble",),
    "logistic-regression": ("sklearn.linear_model",),
    "ridge": ("sklearn.linear_model",),
}


def load_learner(name: str) -> None:
    """Import what trains a model, so that the import does not count as the time of its training."""
    for module in _LEARNERS.get(name, ()):
        importlib.import_module(module)


def fit_baseline(
    name: str,
    lesson: TrainingSet,
    *,
    seed: int,
    threads: int,
    metric: str | None = None,
    budget: Budget | None = None,
    setup: Setting | None = None,
    scale: float | None = None,
    class_weights: tuple[float, ...] | None = None,
    deadline: float | None = None,
) -> Fitted:
    """Train one classical model on the training split, its set-up chosen on the validation split.

    Without a validation split, part of the training examples is set aside for the choice. The result follows
    from lesson, seed, threads and budget (by default the standard one); but after a deadline, a reading of
    `time.monotonic`, a forest grows no further tree. Features computed for one baseline serve the next.

    `name` is a key in `BASELINES`, or in `NUMBER_BASELINES` for a lesson of numbers, which go by the root
    mean squared error whatever the `metric`. `setup` is the set-up to train; where there is no such one, or
    none is given, all are compared. `scale` is that of a linear model's decision values, from an earlier
    training at this set-up; `class_weights` are of each class in the loss.

    Raises: `OverdueError` if the deadline was over before the model was trained, `ValueError` if there is no
    such model for such labels, or no such metric.
    """
    from sklearn.exceptions import ConvergenceWarning

    baselines = baselines_for(lesson.target, lesson.input_kind)
    if name not in baselines:
        raise ValueError(f"model: {name!r} is not one of {', '.join(baselines)}")
    metric_of(metric)
    began = time.perf_counter()
    is_one_unit = lesson.input_kind is IMAGES
    budget = budget or Budget()
    work = Work(
        lesson.classes, seed, threads, budget, is_one_unit, class_weights=class_weights, deadline=deadline
    )
    # One thread for each matrix product: several wait for each other, and where the processor is
    # shared they wait a hundred times longer than they work. Configurations, pairs and trees run beside
    # each other instead.
    with warnings.catch_warnings(), threadpool_limits(1):
        # Steps are bounded by the budget; a solver that would go on is no fault of the user's.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%")
        setups = baselines[name](lesson, work.budget)
        found = search([each for each in setups if each[:2] == setup] or setups, lesson, work, metric, scale)
    counted = found.table.counted
    return Fitted(
        name=name,
        predictor=found.predictor,
        features=lesson.feature_name(found.features),
        configurations=found.configurations,
        train_examples=found.examples,
        seconds=time.perf_counter() - began,
        setup=found.setup,
        scale=found.scale,
        budget=budget,
        tfidf=None if counted is None or not found.predictor.inputs else counted.tfidf,
    )


# All kinds of trained classical models in one dict.

# Every kind by its name, as saved models have it.
PREDICTORS: dict[str, type[Predictor]] = {each.kind: each for each in (Constant, Linear, Kernel, Forest)}
