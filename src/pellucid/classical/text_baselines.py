"""Set-ups of classical models of texts, the one that usually serves best first."""

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np

from pellucid.classical.budget import Budget
from pellucid.classical.features.rows import Rows
from pellucid.classical.features.texts import NOTHING, READINGS
from pellucid.classical.fitting.regression import constant
from pellucid.classical.fitting.text_models import LOGISTIC, RIDGE, SVM, TextSetup, for_classes, for_numbers
from pellucid.classical.fitting.trees import forest
from pellucid.classical.lesson import Lesson
from pellucid.classical.predictors.predictor import Predictor
from pellucid.classical.search import Trial, Work
from pellucid.tasks import CLASSIFICATION, REGRESSION, TEXTS, Target

# N-grams that a forest sees: those that say most about the labels.
BEST_FEATURES = 2_000

# One tree in so many grows of texts, each from at most so many of them.
#
# A forest takes longer than both linear models and is behind them on every set of texts that we know. Half
# the trees cost it about half a point of accuracy, and comparing its set-ups gained nothing.
TREES_LEFT_OUT, _GROWN = 2, 8_000

# Set-ups are compared on texts of a sixteenth of the products that a model may learn from: of 20 classes and
# 1,500 bytes about 5,000 texts.
_SCREENED_PART, _LEAST_SCREENED = 16, 1_000

_WITHOUT_SPACES = "characters"
# C = 2 beside words and parts of words, each of them scaled to a length of 1 / sqrt(2), is C = 1 where both
# have a length of 1. Figures: docs/benchmarks.md, "Parts of words in every linear model".
_MACHINES = (
    ("union", TextSetup(SVM, 1.0, by_label=True)),
    ("union", TextSetup(SVM, 0.3, by_label=True)),
    ("union", TextSetup(SVM, 2.0)),
    ("pairs", TextSetup(SVM, 1.0, by_label=True)),
    ("words", TextSetup(SVM, 1.0, by_label=True)),
    (_WITHOUT_SPACES, TextSetup(SVM, 0.3, by_label=True)),
    (_WITHOUT_SPACES, TextSetup(SVM, 1.0, by_label=True)),
)
_LOGISTIC = (
    ("union", TextSetup(LOGISTIC, 10.0, by_label=True)),
    ("union", TextSetup(LOGISTIC, 30.0, by_label=True)),
    ("union", TextSetup(LOGISTIC, 50.0)),
    ("pairs", TextSetup(LOGISTIC, 30.0, by_label=True)),
    ("words", TextSetup(LOGISTIC, 30.0, by_label=True)),
    (_WITHOUT_SPACES, TextSetup(LOGISTIC, 10.0, by_label=True)),
    (_WITHOUT_SPACES, TextSetup(LOGISTIC, 30.0, by_label=True)),
)
_RIDGES = (
    ("union", TextSetup(RIDGE, 0.7, by_label=True)),
    ("union", TextSetup(RIDGE, 0.5)),
    ("pairs", TextSetup(RIDGE, 1.0, by_label=True)),
    ("words", TextSetup(RIDGE, 1.0, by_label=True)),
    (_WITHOUT_SPACES, TextSetup(RIDGE, 1.0, by_label=True)),
    (_WITHOUT_SPACES, TextSetup(RIDGE, 1.0)),
    (_WITHOUT_SPACES, TextSetup(RIDGE, 0.3)),
)
_NUMBER_MACHINES = (
    ("union", TextSetup(SVM, 1.0, by_label=True)),
    ("union", TextSetup(SVM, 1.0)),
    ("pairs", TextSetup(SVM, 0.5, by_label=True)),
    ("words", TextSetup(SVM, 0.5, by_label=True)),
    (_WITHOUT_SPACES, TextSetup(SVM, 0.5, by_label=True)),
    (_WITHOUT_SPACES, TextSetup(SVM, 1.0)),
    (_WITHOUT_SPACES, TextSetup(SVM, 0.3)),
)


def dummy(lesson: Lesson, budget: Budget) -> list[Trial]:
    """One set-up, which sees nothing of the inputs; texts are not even counted for it."""

    def learn(features: Rows, labels: np.ndarray, work: Work) -> Predictor:
        return constant(labels, work.classes, work.weights)

    features = NOTHING if lesson.input_kind is TEXTS else lesson.feature_kinds[-1]
    return [Trial(features, "the training labels alone", learn, is_blind=True)]


_LEARNERS = {CLASSIFICATION: for_classes, REGRESSION: for_numbers}


def _linear(setups: tuple[tuple[str, TextSetup], ...]) -> Callable[[Lesson, Budget], list[Trial]]:
    """Set-ups of a linear model, those whose reading fits the texts, by the order of readings."""

    def trials(lesson: Lesson, budget: Budget) -> list[Trial]:
        """Set-ups for one lesson, each with as many texts as the budget affords."""
        learner, kinds = _LEARNERS[lesson.target], lesson.feature_kinds
        fitting = [each for each in setups if each[0] in kinds]
        products = max(1, lesson.classes) * lesson.words
        most = max(1, int(budget.products / products))
        screened = max(_LEAST_SCREENED, int(budget.products / _SCREENED_PART / products))
        return [
            Trial(
                reading,
                _words(reading, setup, lesson.target),
                partial(learner, setup=setup),
                most,
                calibrated=lesson.target.has_probabilities,
                screened=screened,
            )
            for reading, setup in sorted(fitting, key=lambda each: kinds.index(each[0]))
        ]

    return trials


def _words(reading: str, setup: TextSetup, target: Target) -> str:
    """Set-up in words for people."""
    name = "penalty" if setup.model == RIDGE else "C"
    weighed = f", weighed by {'number' if target is REGRESSION else 'class'}" if setup.by_label else ""
    return f"{READINGS[reading].title}{weighed}, {name} = {setup.strength:g}"


def _forest(lesson: Lesson, budget: Budget) -> list[Trial]:
    reading = "words" if "words" in lesson.feature_kinds else lesson.feature_kinds[0]
    return [
        Trial(
            reading,
            f"{READINGS[reading].title}, the {BEST_FEATURES:,} that say most, leaves of at least {least}",
            partial(_small_forest, least=least),
            best=BEST_FEATURES,
            is_slow=True,
        )
        for least in ((1, 2) if lesson.target is REGRESSION else (1,))
    ]


def _small_forest(features: Rows, labels: np.ndarray, work: Work, least: int) -> Predictor:
    """Train a forest of fewer trees, and those of fewer texts, than one of images."""
    budget = work.budget
    trees, grown = -(-budget.trees // TREES_LEFT_OUT), min(budget.grown, _GROWN)
    smaller = dataclasses.replace(budget, trees=trees, grown=grown)
    return forest(features, labels, work._replace(budget=smaller), least)


# Linear models of the same n-grams, none simpler than another; the machine usually serves texts best.
LINEAR_OF_TEXTS = ("svm", "logistic-regression", "ridge")

TEXT_BASELINES: dict[str, Callable[[Lesson, Budget], list[Trial]]] = {
    "majority": dummy,
    "svm": _linear(_MACHINES),
    "logistic-regression": _linear(_LOGISTIC),
    "random-forest": _forest,
}
TEXT_NUMBER_BASELINES: dict[str, Callable[[Lesson, Budget], list[Trial]]] = {
    "mean": dummy,
    "svm": _linear(_NUMBER_MACHINES),
    "ridge": _linear(_RIDGES),
    "random-forest": _forest,
}
