"""Classical baselines of a network, in two dicts, and the one way to train any of them."""

import importlib
import math
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from pellucid.classical.forests import Forest, forest
from pellucid.classical.image_features import FEATURES
from pellucid.classical.kernel_machines import MOST_SHARED, Kernel, Setup, machine
from pellucid.classical.label_fitting import logistic_of_labels
from pellucid.classical.label_forests import forest_of_labels
from pellucid.classical.linear_fitting import logistic, ridge
from pellucid.classical.predictors import Constant, Linear, Predictor, Rows
from pellucid.classical.search import Trial, Work, search
from pellucid.classical.text_baselines import TEXT_BASELINES, TEXT_NUMBER_BASELINES, dummy
from pellucid.classical.training_set import Budget, Fitted, Setting, TrainingSet
from pellucid.input_kinds import IMAGES, TEXTS, InputKind
from pellucid.settings import metric_of
from pellucid.targets import CLASSIFICATION, MULTILABEL, REGRESSION, Target

Learner = Callable[[Rows, np.ndarray, Work], Predictor]

# From a training set and a budget to a model's set-ups, the one that usually serves best first.
Baseline = Callable[[TrainingSet, Budget], list[Trial]]


def _trials(*setups: tuple[str, Learner]) -> Baseline:
    """Set-ups of a model, in words for people, each with every kind of features."""

    def trials(training_set: TrainingSet, budget: Budget) -> list[Trial]:
        return [
            Trial(
                features, f"{FEATURES[features].title}, {words}" if features in FEATURES else words, learner
            )
            for words, learner in setups
            for features in training_set.feature_kinds
        ]

    return trials


def _logistic(features: Rows, labels: np.ndarray, work: Work, strength: float) -> Predictor:
    """Logistic regression of classes or of several labels."""
    return (logistic_of_labels if labels.ndim == 2 else logistic)(features, labels, work, strength)


def _forest(features: Rows, labels: np.ndarray, work: Work, least: int) -> Predictor:
    """A random forest of classes, of several labels, or of numbers."""
    return (forest_of_labels if labels.ndim == 2 else forest)(features, labels, work, least)


# `benchmarks/baselines.py` names the set-ups that Fashion-MNIST takes.
_LOGISTIC = _trials(*((f"C = {each:g}", partial(_logistic, strength=each)) for each in (0.01, 0.1, 0.001)))
_RIDGE = _trials(*((f"penalty = {each:g}", partial(ridge, strength=each)) for each in (0.01, 0.1, 1.0)))
_FOREST = _trials(*((f"leaves of at least {each}", partial(_forest, least=each)) for each in (1, 2)))
_OF_CLASSES = (Setup(1.0, 5.0), Setup(2.0, 4.0), Setup(0.3, 5.0))
_MACHINES = {
    target: _trials(
        *((f"C = {each.strength:g}, width = {each.width:g}", partial(machine, setup=each)) for each in setups)
    )
    for target, setups in (
        (CLASSIFICATION, _OF_CLASSES),
        (MULTILABEL, _OF_CLASSES),
        (REGRESSION, (Setup(0.7, 3.0), Setup(0.7, 1.0), Setup(0.2, 10.0))),
    )
}


# Labels for which machines learn from all examples that may share a kernel; the cost grows with
# the square of these. One machine of a label takes as long as so many of pairs of classes.
_FULL_LABELS, _LEAST_OF_LABELS, _PAIRS_OF_A_LABEL = 50, 1_000, 6


def _machine(training_set: TrainingSet, budget: Budget) -> list[Trial]:
    trials = _MACHINES[training_set.target](training_set, budget)
    if training_set.target is REGRESSION:  # one problem of all examples
        return [each._replace(most=budget.supported) for each in trials]
    if training_set.target is MULTILABEL:  # one of all examples for each label
        most = int(
            min(MOST_SHARED, budget.supported) * min(1.0, math.sqrt(_FULL_LABELS / training_set.classes))
        )
        most = max(_LEAST_OF_LABELS, most)
        trials = [each._replace(most=most, screened=most // 2) for each in trials]
        return trials[: max(1, budget.pairs // (_PAIRS_OF_A_LABEL * training_set.classes))]
    return trials[: max(1, budget.pairs // max(1, training_set.classes * (training_set.classes - 1) // 2))]


BASELINES: dict[str, Baseline] = {
    "majority": dummy,
    "logistic-regression": _LOGISTIC,
    "svm": _machine,
    "random-forest": _FOREST,
}
NUMBER_BASELINES: dict[str, Baseline] = {
    "mean": dummy,
    "ridge": _RIDGE,
    "svm": _machine,
    "random-forest": _FOREST,
}
ON_NETWORK = ("logistic-regression", "svm")
NUMBER_ON_NETWORK = ("ridge", "svm")

_OF_IMAGES = {CLASSIFICATION: BASELINES, MULTILABEL: BASELINES, REGRESSION: NUMBER_BASELINES}
_OF_TEXTS = {CLASSIFICATION: TEXT_BASELINES, MULTILABEL: TEXT_BASELINES, REGRESSION: TEXT_NUMBER_BASELINES}


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
    training_set: TrainingSet,
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
    from training_set, seed, threads and budget (by default the standard one); but after a deadline, a reading
    of `time.monotonic`, a forest grows no further tree. Features computed for one baseline serve the next.

    `name` is a key in `BASELINES`, or in `NUMBER_BASELINES` for a training_set of numbers, which go by the
    root mean squared error whatever the `metric`. `setup` is the set-up to train; where there is no such one,
    or none is given, all are compared. `scale` is that of a linear model's decision values, from an earlier
    training at this set-up; `class_weights` are of each class in the loss.

    Raises: `OverdueError` if the deadline was over before the model was trained, `ValueError` if there is no
    such model for such labels, or no such metric.
    """
    from sklearn.exceptions import ConvergenceWarning

    baselines = baselines_for(training_set.target, training_set.input_kind)
    if name not in baselines:
        raise ValueError(f"model: {name!r} is not one of {', '.join(baselines)}")
    metric_of(metric)
    began = time.perf_counter()
    is_one_unit = training_set.input_kind is IMAGES
    budget = budget or Budget()
    work = Work(
        training_set.classes,
        seed,
        threads,
        budget,
        is_one_unit,
        class_weights=class_weights,
        deadline=deadline,
    )
    # One thread for each matrix product: several wait for each other, and where the processor is
    # shared they wait a hundred times longer than they work. Configurations, pairs and trees run at
    # the same time instead.
    with warnings.catch_warnings(), threadpool_limits(1):
        # Steps are bounded by the budget; a solver that would go on is no fault of the user's.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%")
        setups = baselines[name](training_set, work.budget)
        found = search(
            [each for each in setups if each[:2] == setup] or setups, training_set, work, metric, scale
        )
    counted = found.table.counted
    return Fitted(
        name=name,
        predictor=found.predictor,
        features=training_set.feature_name(found.features),
        configurations=found.configurations,
        train_examples=found.examples,
        seconds=time.perf_counter() - began,
        setup=found.setup,
        scale=found.scale,
        budget=budget,
        tfidf=None if counted is None or not found.predictor.inputs else counted.tfidf,
    )


# Every kind of trained classical model by its name, as saved models have it.
PREDICTORS: dict[str, type[Predictor]] = {each.kind: each for each in (Constant, Linear, Kernel, Forest)}
