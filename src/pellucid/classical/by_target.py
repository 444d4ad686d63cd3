"""How classical models are fitted to each target: their set-ups, and how these are weighed and compared."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float64, Int8, Int64

from pellucid.arithmetic.metrics import label_log_loss_terms, log_loss_terms
from pellucid.classical.forests import forest_of_classes, forest_of_labels, forest_of_numbers
from pellucid.classical.image_features import FEATURES
from pellucid.classical.kernel_machines import (
    MOST_SHARED,
    Setup,
    machine_of_classes,
    machine_of_labels,
    machine_of_numbers,
)
from pellucid.classical.linear_fitting import class_shares, logistic, mean_number, ridge
from pellucid.classical.one_against_rest import constant_shares, logistic_of_labels
from pellucid.classical.predictors import Predictor, Rows
from pellucid.classical.text_baselines import (
    LOGISTICS,
    MACHINES,
    NUMBER_MACHINES,
    RIDGES,
    for_classes,
    for_labels,
    for_numbers,
    forest_of_texts,
    linear_of_texts,
)
from pellucid.classical.text_features import NOTHING, Merits, about_classes, about_labels, about_numbers
from pellucid.classical.training_set import Baseline, Budget, Configuration, Fit, TrainingSet, Trial, Work
from pellucid.input_kinds import TEXTS
from pellucid.language.sentence import Sentence
from pellucid.targets import CLASSIFICATION, MULTILABEL, ORDERED, REGRESSION, Target
from pellucid.targets.ordered import of_questions, questions

# Part of the log loss by which a set-up may be worse and count as good.
_NEGLIGIBLE = 0.02

# Labels for which machines learn from all examples that may share a kernel; the cost grows with the square of
# these.
_FULL_LABELS = 50
_LEAST_OF_LABELS = 1_000  # examples for a machine of however many labels
# One machine of a label takes as long as so many of pairs of classes.
_PAIRS_OF_A_LABEL = 6

# Part of the strength with which classes are learnt that serves several labels of texts best: most have few
# texts, and the next larger ones cost log loss and twice the time.
_OF_LABELS = 0.3


# From set-ups, labels and the answers of each set-up to the number of the one to take.
_Settle = Callable[[Sequence[Configuration], Any, Sequence[np.ndarray]], int]


@dataclass(frozen=True)
class Fits:
    """How classical models learn one target."""

    baselines: Mapping[str, Baseline]  # of images and feature vectors, the simplest first
    text_baselines: Mapping[str, Baseline]  # likewise
    on_network: tuple[str, ...]  # of them those that stand on a network's last hidden layer
    merits: Merits  # how much each feature says about the labels
    # conditions of learning from examples with these labels, the weights of classes applied
    weighing: Callable[[Work, Any], Work]
    settle: _Settle  # chooses a set-up of texts by more than its score, where that is not the log loss
    # problems that a linear model of texts solves, and machines of two classes each, for so many classes
    columns: Callable[[int], int]
    pairs: Callable[[int], int] = lambda classes: 0
    metric: str | None = None  # by which set-ups are compared without a metric; `None` for the usual one


def trials_of(*setups: tuple[str, Callable[[Rows, Any, Work], Predictor]]) -> Baseline:
    """Set-ups of a model, in words for people, each with every kind of features."""

    def trials(training_set: TrainingSet, budget: Budget) -> list[Trial]:
        return [
            Trial(
                features,
                Sentence("{title}, {words}", FEATURES[features].title, words)
                if features in FEATURES
                else words,
                learner,
            )
            for words, learner in setups
            for features in training_set.feature_kinds
        ]

    return trials


def dummy(constant: Callable[[Any, Work], Predictor]) -> Baseline:
    """One set-up, which sees nothing of the inputs; texts are not even counted for it."""

    def learn(features: Rows, labels: np.ndarray, work: Work) -> Predictor:
        return constant(labels, work)

    def trials(training_set: TrainingSet, budget: Budget) -> list[Trial]:
        are_texts = training_set.input_kind is TEXTS
        features = NOTHING if are_texts else training_set.feature_kinds[-1]
        return [Trial(features, "the training labels alone", learn, is_blind=True)]

    return trials


def _linear(word: str, fit: Fit, *strengths: float) -> Baseline:
    return trials_of(*((f"{word} = {each:g}", partial(fit, strength=each)) for each in strengths))


def _machines(fit: Fit, *setups: Setup) -> Baseline:
    return trials_of(
        *((f"C = {each.strength:g}, width = {each.width:g}", partial(fit, setup=each)) for each in setups)
    )


def _forest(fit: Fit) -> Baseline:
    return trials_of(
        *((Sentence("leaves of at least {each}", each), partial(fit, least=each)) for each in (1, 2))
    )


# `benchmarks/baselines.py` names the set-ups that Fashion-MNIST takes.
_STRENGTHS = (0.01, 0.1, 0.001)
_PENALTIES = (0.01, 0.1, 1.0)
_SETUPS = (Setup(1.0, 5.0), Setup(2.0, 4.0), Setup(0.3, 5.0))
_NUMBER_SETUPS = (Setup(0.7, 3.0), Setup(0.7, 1.0), Setup(0.2, 10.0))


def _pairs(classes: int) -> int:
    return classes * (classes - 1) // 2


def _pairwise(training_set: TrainingSet, budget: Budget) -> list[Trial]:
    """Machines of all pairs of classes: fewer set-ups the more pairs there are."""
    trials = _machines(machine_of_classes, *_SETUPS)(training_set, budget)
    return trials[: max(1, budget.pairs // max(1, _pairs(training_set.classes)))]


def _one_for_each_label(training_set: TrainingSet, budget: Budget) -> list[Trial]:
    """A machine of all examples for each label: fewer examples and set-ups the more labels there are."""
    most = int(min(MOST_SHARED, budget.supported) * min(1.0, math.sqrt(_FULL_LABELS / training_set.classes)))
    most = max(_LEAST_OF_LABELS, most)
    trials = _machines(machine_of_labels, *_SETUPS)(training_set, budget)
    trials = [each._replace(most=most, screened=most // 2) for each in trials]
    return trials[: max(1, budget.pairs // (_PAIRS_OF_A_LABEL * training_set.classes))]


def _one_of_all(training_set: TrainingSet, budget: Budget) -> list[Trial]:
    """One machine of all examples."""
    trials = _machines(machine_of_numbers, *_NUMBER_SETUPS)(training_set, budget)
    return [each._replace(most=budget.supported) for each in trials]


def _as_given(work: Work, labels: Any) -> Work:
    return work


def _weighing_classes(work: Work, labels: Int64[np.ndarray, " n"]) -> Work:
    """Conditions in which each example weighs by its class too."""
    if work.class_weights is None:
        return work
    own = np.array(work.class_weights)[labels]
    return work._replace(weights=own if work.weights is None else own * work.weights)


def _by_losses(terms: Callable[[Any, Any], np.ndarray]) -> _Settle:
    """Choice by the log loss of each example, of which `terms` are made from labels and answers."""

    def settle(configurations: Sequence[Configuration], labels: Any, answers: Sequence[np.ndarray]) -> int:
        return settled(configurations, np.stack([terms(labels, each) for each in answers]))

    return settle


def _by_error(configurations: Sequence[Configuration], labels: Any, answers: Sequence[np.ndarray]) -> int:
    return as_good(configurations)


def as_good(configurations: Sequence[Configuration]) -> int:
    """The first of the set-ups of numbers, which usually serves best, whose error is as small."""
    largest = (1 + _NEGLIGIBLE / 2) * -max(each.score for each in configurations)  # its square is the loss
    return next(number for number, each in enumerate(configurations) if -each.score <= largest)


def settled(configurations: Sequence[Configuration], losses: Float64[np.ndarray, "trials examples"]) -> int:
    r"""The first of the set-ups whose log loss is as good as the smallest.

    Set-ups of texts differ by less than chance does on a few hundred examples. Those within one standard
    error $\sqrt{p (1 - p) / n}$ of the best by the metric count as alike; the log loss, to which every
    example contributes by degrees, distinguishes them with much less noise. Of these the first is taken,
    which usually serves best, whose mean log loss exceeds the smallest by a practically negligible part.
    """
    count = losses.shape[1]
    best = max(each.score for each in configurations)
    error = np.sqrt(max(0.0, best * (1 - best)) / count)
    alike = [number for number, each in enumerate(configurations) if each.score >= best - error]
    means = losses.mean(axis=1)
    return next(number for number in alike if means[number] <= (1 + _NEGLIGIBLE) * means[alike].min())


# Ordered classes are learnt as several labels: of each class but the last whether a higher one is right.


def _asked(labels: Int64[np.ndarray, " n"], work: Work) -> tuple[Int8[np.ndarray, "n questions"], Work]:
    """Questions about classes as labels, and the conditions of learning these; weights are of examples."""
    return questions(labels, work.classes), work._replace(classes=work.classes - 1, class_weights=None)


def _question_shares(labels: Int64[np.ndarray, " n"], work: Work) -> Predictor:
    return constant_shares(*_asked(labels, work))


def _asking(fit: Fit) -> Fit:
    """A fit of ordered classes from one of several labels."""

    def learn(features: Rows, labels: np.ndarray, work: Work, *setup: Any, **named: Any) -> Predictor:
        return fit(features, *_asked(labels, work), *setup, **named)

    return learn


def _one_for_each_question(training_set: TrainingSet, budget: Budget) -> list[Trial]:
    """Machines as of several labels, which learn whether a class is a higher one."""
    trials = _one_for_each_label(training_set, budget)
    return [each._replace(learn=_asking(each.learn)) for each in trials]


FITS: dict[Target, Fits] = {
    CLASSIFICATION: Fits(
        baselines={
            "majority": dummy(class_shares),
            "logistic-regression": _linear("C", logistic, *_STRENGTHS),
            "svm": _pairwise,
            "random-forest": _forest(forest_of_classes),
        },
        text_baselines={
            "majority": dummy(class_shares),
            "svm": linear_of_texts(MACHINES, for_classes, "class"),
            "logistic-regression": linear_of_texts(LOGISTICS, for_classes, "class"),
            "random-forest": forest_of_texts(forest_of_classes, leaves=(1,)),
        },
        on_network=("logistic-regression", "svm"),
        merits=about_classes,
        weighing=_weighing_classes,
        settle=_by_losses(log_loss_terms),
        columns=lambda classes: 1 if classes <= 2 else classes,
        pairs=_pairs,
    ),
    MULTILABEL: Fits(
        baselines={
            "majority": dummy(constant_shares),
            "logistic-regression": _linear("C", logistic_of_labels, *_STRENGTHS),
            "svm": _one_for_each_label,
            "random-forest": _forest(forest_of_labels),
        },
        text_baselines={
            "majority": dummy(constant_shares),
            "svm": linear_of_texts(MACHINES, for_labels, "label", _OF_LABELS),
            "logistic-regression": linear_of_texts(LOGISTICS, for_labels, "label", _OF_LABELS),
            "random-forest": forest_of_texts(forest_of_labels, leaves=(1,)),
        },
        on_network=("logistic-regression", "svm"),
        merits=about_labels,
        weighing=_as_given,  # each label has weights of its own
        settle=_by_losses(label_log_loss_terms),
        columns=lambda labels: labels,
        metric="log-loss",  # it needs no thresholds
    ),
    ORDERED: Fits(
        baselines={
            "majority": dummy(_question_shares),
            "logistic-regression": _linear("C", _asking(logistic_of_labels), *_STRENGTHS),
            "svm": _one_for_each_question,
            "random-forest": _forest(_asking(forest_of_labels)),
        },
        text_baselines={
            "majority": dummy(_question_shares),
            "svm": linear_of_texts(MACHINES, _asking(for_labels), "label"),
            "logistic-regression": linear_of_texts(LOGISTICS, _asking(for_labels), "label"),
            "random-forest": forest_of_texts(_asking(forest_of_labels), leaves=(1,)),
        },
        on_network=("logistic-regression", "svm"),
        merits=about_classes,
        weighing=_weighing_classes,
        settle=_by_losses(lambda labels, outputs: log_loss_terms(labels, of_questions(outputs))),
        columns=lambda classes: classes - 1,
    ),
    REGRESSION: Fits(
        baselines={
            "mean": dummy(mean_number),
            "ridge": _linear("penalty", ridge, *_PENALTIES),
            "svm": _one_of_all,
            "random-forest": _forest(forest_of_numbers),
        },
        text_baselines={
            "mean": dummy(mean_number),
            "svm": linear_of_texts(NUMBER_MACHINES, for_numbers, "number"),
            "ridge": linear_of_texts(RIDGES, for_numbers, "number"),
            "random-forest": forest_of_texts(forest_of_numbers, leaves=(1, 2)),
        },
        on_network=("ridge", "svm"),
        merits=about_numbers,
        weighing=_as_given,
        settle=_by_error,
        columns=lambda classes: 1,
    ),
}
