"""Classical models of texts: linear models of sparse features, and their set-ups, the best first."""

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Condition
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from jaxtyping import Bool, Float64, Int8, Int64

from pellucid.classical.linear_fitting import (
    FEW,
    PARTS,
    class_shares,
    mean_number,
    moments,
    scale_out_of_sample,
)
from pellucid.classical.one_against_rest import (
    calibrated_out_of_sample,
    cell_weights,
    constant_shares,
    has_both,
    label_shares,
    log_odds,
)
from pellucid.classical.predictors import Linear, Predictor, Rows
from pellucid.classical.text_features import READINGS
from pellucid.classical.training_set import Baseline, Budget, Fit, Pace, TrainingSet, Trial, Work
from pellucid.language.sentence import Sentence
from pellucid.targets.several import States

# Linear models of sparse features: for each class one against all others, and for numbers.
#
# A column of weights minimises $\tfrac12 \lVert w \rVert^2 + \tfrac12 b^2 + C \sum_i \ell(t_i (x_i w + b))$
# with $t_i = 1$ for the class and $-1$ for the others, $\ell(m) = \max(0, 1 - m)^2$ for a support vector
# machine and $\ell(m) = \ln(1 + e^{-m})$ for logistic regression.
#
# Where features are weighed by label, each is first multiplied by
# $g_j = \tfrac12 + \tfrac12 |r_j| / \overline{|r|}$: a feature that says much about the label costs less
# weight. $r_j$ is the logarithm of the share of feature $j$ in the class over that in the others; for numbers
# it is the mean label of the texts that hold the feature, in standard deviations from the mean of all. The
# factors are folded into the weights, so that they cost nothing afterwards.
#
# Of several labels each is such a class, on the texts of which it is known; its scores become probabilities
# as `one_against_rest` says. Of classes $\mathrm{softmax}(s z)$ of the scores $z$ are the probabilities. The
# number $s$ is fitted on training examples that a model of the same set-up did not learn from.
#
# Where features outnumber the texts, the dual problem is solved by coordinate descent, else the problem
# itself by the trust-region Newton method, which draws nothing by chance.
#
# Source: Wang and Manning, "Baselines and Bigrams" (2012), whose log-count ratios and interpolation these
# are; Hsieh et al., "A Dual Coordinate Descent Method for Large-scale Linear SVM" (2008);
# Lin, Weng and Keerthi, "Trust Region Newton Method for Large-Scale Logistic Regression" (2008);
# Rifkin and Klautau, "In Defense of One-Vs-All Classification" (2004).

SVM = "svm"
LOGISTIC = "logistic-regression"
RIDGE = "ridge"

_TOLERANCE = 1e-2
_SMOOTHED = 0.1  # added to counts, whose logarithm is then finite
_INSENSITIVE = 0.1


class _Turns:
    """A lock for what needs the whole of something, shared by all that only must not disturb it."""

    def __init__(self) -> None:
        self._free, self._shares = Condition(), 0

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold all of it."""
        with self._free:
            self._free.wait_for(lambda: self._shares == 0)
            yield

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold a share of it."""
        with self._free:
            self._shares += 1
        try:
            yield
        finally:
            with self._free:
                self._shares -= 1
                self._free.notify_all()


# Coordinate descent, for the dual problem, draws its order from one generator of the whole process, which
# every problem seeds anew, also the primal ones, which draw nothing. So those that draw are solved alone:
# otherwise they would give other weights each time.
_DRAWING = _Turns()


class TextSetup(NamedTuple):
    """Hyper-parameters of a linear model of texts.

    `model` is `svm`, `logistic-regression` or `ridge`; `strength` is $C$, of the errors against the size of
    the weights, of `ridge` the penalty; features may be weighed by class, or by number (`by_label`).
    """

    model: str
    strength: float
    by_label: bool = False


class _ClassWeights(NamedTuple):
    """Weights and biases, one column for each class that was there."""

    weights: Float64[np.ndarray, "d columns"]
    bias: Float64[np.ndarray, " columns"]

    def scores(self, rows: scipy.sparse.csr_array) -> Float64[np.ndarray, "n columns"]:
        """Scores of texts, by columns that may have been solved without them."""
        scores: np.ndarray = rows.astype(np.float64) @ self.weights
        scores += self.bias
        return scores


def for_classes(
    features: scipy.sparse.csr_array, labels: Int64[np.ndarray, " n"], work: Work, setup: TextSetup
) -> Predictor:
    """Train a linear model of classes on rows in random order; shares of classes where nothing differs."""
    present = np.unique(labels)
    if len(present) == 1 or features.nnz == 0:
        return class_shares(labels, work)
    known, parts = work.scale, []
    if work.deadline is not None and not work.for_comparison:
        is_known = known is not None and known.value is not None
        solved = 1 if is_known else 1 + (PARTS if len(labels) <= FEW else 1)
        work = work._replace(pace=Pace(solved * (len(present) - (len(present) == 2)), work.deadline))

    def decide(held: Int64[np.ndarray, " held"]) -> Float64[np.ndarray, "held classes"]:
        others = np.delete(np.arange(len(labels)), held)
        parts.append(_columns(features[others], labels[others], present, work.of(others), setup))
        return parts[-1].scores(features[held])

    scale = None if known is None else known.value
    if scale is None:
        scale = scale_out_of_sample(
            np.searchsorted(present, labels), decide, once=work.for_comparison, weights=work.weights
        )
        if known is not None and (len(labels) > FEW or not work.for_comparison):
            known.value = scale
    if work.for_comparison and parts:
        found = parts[-1]
    else:
        found = _columns(features, labels, present, work, setup)
    return Linear(
        outputs=work.classes,
        number=False,
        weights=found.weights * scale,
        bias=found.bias * scale,
        classes=present.astype(np.int32),
    )


def for_labels(
    features: scipy.sparse.csr_array, labels: Int8[np.ndarray, "n labels"], work: Work, setup: TextSetup
) -> Predictor:
    """Train a linear model of several labels; their shares where nothing differs."""
    if features.nnz == 0 or not has_both(labels).any():
        return constant_shares(labels, work)
    parts = []

    def decide(held: Int64[np.ndarray, " held"]) -> Float64[np.ndarray, "held labels"]:
        others = np.delete(np.arange(len(labels)), held)
        parts.append(_label_columns(features[others], labels[others], work.of(others), setup))
        return parts[-1].scores(features[held])

    slopes, intercepts = calibrated_out_of_sample(labels, decide, work)
    found = parts[-1] if work.for_comparison else _label_columns(features, labels, work, setup)
    learnt = np.isfinite(found.bias)
    return Linear(
        outputs=work.classes,
        number=False,
        weights=found.weights * slopes,
        bias=np.where(learnt, found.bias * slopes + intercepts, log_odds(label_shares(labels, work.weights))),
        classes=np.arange(labels.shape[1], dtype=np.int32),
        exclusive=False,
    )


def _label_columns(
    features: scipy.sparse.csr_array, labels: Int8[np.ndarray, "n labels"], work: Work, setup: TextSetup
) -> _ClassWeights:
    """Solve one problem for each label; the bias of one that cannot be learnt is no number."""
    rows, weights, states = features.astype(np.float64), None, States.of(labels)
    if work.weights is not None or work.class_weights is not None:
        weights = cell_weights(labels, work)
    columns = _ClassWeights(np.zeros((features.shape[1], labels.shape[1])), np.full(labels.shape[1], np.nan))

    def solve(label: int) -> None:
        """Solve the problem of one label on the texts of which it is known."""
        known = np.flatnonzero(states.known[:, label])
        own = work._replace(weights=None if weights is None else weights[known, label])
        some = rows if len(known) == len(labels) else rows[known]
        column = _column(some, states.present[known, label], own, setup)
        columns.weights[:, label], columns.bias[label] = column

    with ThreadPoolExecutor(work.threads) as pool:
        list(pool.map(solve, np.flatnonzero(has_both(labels)).tolist()))
    return columns


def for_numbers(
    features: scipy.sparse.csr_array, labels: Float64[np.ndarray, " n"], work: Work, setup: TextSetup
) -> Predictor:
    """Train a linear model of numbers; a constant where nothing differs."""
    middle, deviation = moments(labels, work.weights)
    if features.nnz == 0 or deviation == 0:
        return mean_number(labels, work)
    rows, numbers = features.astype(np.float64), (labels - middle) / deviation
    factor = np.ones(rows.shape[1])
    if setup.by_label:
        counted = np.ones(len(numbers)) if work.weights is None else work.weights
        factor = _between(np.abs((numbers * counted) @ rows) / (counted @ rows + _SMOOTHED))
    model = _solved(setup, work, rows, factor, numbers)
    return Linear(
        outputs=1,
        number=True,
        weights=(model.coef_.ravel() * factor).reshape(-1, 1) * deviation,
        bias=np.atleast_1d(model.intercept_).astype(np.float64) * deviation + middle,
        classes=np.zeros(1, np.int32),
    )


def _columns(
    features: scipy.sparse.csr_array,
    labels: Int64[np.ndarray, " n"],
    present: Int64[np.ndarray, " columns"],
    work: Work,
    setup: TextSetup,
) -> _ClassWeights:
    """Solve one problem for each class, several at a time; of two classes one problem is enough."""
    rows = features.astype(np.float64)
    columns = _ClassWeights(np.zeros((features.shape[1], len(present))), np.zeros(len(present)))

    def solve(place: int) -> None:
        """Solve the problem of one class and put its weights and bias into their column."""
        columns.weights[:, place], columns.bias[place] = _column(rows, labels == present[place], work, setup)

    with ThreadPoolExecutor(work.threads) as pool:
        list(pool.map(solve, range(int(len(present) == 2), len(present))))
    return columns


def _column(
    rows: scipy.sparse.csr_array, is_class: Bool[np.ndarray, " n"], work: Work, setup: TextSetup
) -> tuple[Float64[np.ndarray, " d"], float]:
    """Weights and bias of one class against all others."""
    work.require_time()
    factor = np.ones(rows.shape[1])
    if setup.by_label:
        weights = 1 if work.weights is None else work.weights
        inside, outside = (side * weights @ rows + _SMOOTHED for side in (is_class, ~is_class))
        factor = _between(np.abs(np.log(inside / inside.sum()) - np.log(outside / outside.sum())))
    model = _solved(setup, work, rows, factor, is_class)
    if work.pace is not None:
        work.pace.piece_done()
    return model.coef_[0] * factor, float(model.intercept_[0])


def _solved(
    setup: TextSetup,
    work: Work,
    rows: scipy.sparse.csr_array,
    factor: Float64[np.ndarray, " d"],
    labels: Bool[np.ndarray, " n"] | Float64[np.ndarray, " n"],
) -> Any:
    """Model of one class, or of numbers, fitted to features multiplied by their factors."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.svm import LinearSVC, LinearSVR

    steps: dict[str, Any] = {"max_iter": work.budget.iterations}
    # The dual problem, of as many numbers as there are texts, where it is the smaller one.
    liblinear = {"C": setup.strength, "tol": _TOLERANCE, "random_state": 0}
    liblinear |= {"dual": bool(rows.shape[0] < rows.shape[1]), **steps}
    model: Any
    if setup.model == RIDGE:
        model = Ridge(alpha=setup.strength, solver="sparse_cg", **steps)
    elif setup.model == LOGISTIC:
        model = LogisticRegression(solver="liblinear", **liblinear)
    elif labels.dtype == bool:
        model = LinearSVC(**liblinear)
    else:
        model = LinearSVR(epsilon=_INSENSITIVE, loss="squared_epsilon_insensitive", **liblinear)
    weighed = scipy.sparse.csr_array(
        (rows.data * factor[rows.indices], rows.indices, rows.indptr), rows.shape
    )
    if setup.model == RIDGE:
        return model.fit(weighed, labels, sample_weight=work.weights)
    with _DRAWING.alone() if model.dual else _DRAWING.shared():
        return model.fit(weighed, labels, sample_weight=work.weights)


def _between(ratio: Float64[np.ndarray, " d"]) -> Float64[np.ndarray, " d"]:
    """Half a factor that is the same for all features, and half one in proportion to what they say."""
    middle = ratio.mean()
    factor: Float64[np.ndarray, " d"] = 0.5 + 0.5 * ratio / middle if middle > 0 else np.ones(len(ratio))
    return factor


# N-grams that a forest sees: those that say most about the labels.
BEST_FEATURES = 2_000

# One tree in so many grows of texts, each from at most so many of them: a forest takes longer than both
# linear models and is behind them on every set of texts that we know. Half the trees cost it about half a
# point of accuracy, and comparing its set-ups gained nothing.
TREES_LEFT_OUT = 2
_GROWN = 8_000

# Set-ups are compared on texts of a sixteenth of the products that a model may learn from: of 20 classes and
# 1,500 bytes about 5,000 texts.
_SCREENED_PART = 16
_LEAST_SCREENED = 1_000  # texts

_WITHOUT_SPACES = "characters"
# C = 2 for words and parts of words, each of them scaled to a length of 1 / sqrt(2), is C = 1 where both
# have a length of 1. Figures: `benchmarks/text_setups.py --beside`.
MACHINES = (
    ("union", TextSetup(SVM, 1.0, by_label=True)),
    ("union", TextSetup(SVM, 0.3, by_label=True)),
    ("union", TextSetup(SVM, 2.0)),
    ("pairs", TextSetup(SVM, 1.0, by_label=True)),
    ("words", TextSetup(SVM, 1.0, by_label=True)),
    (_WITHOUT_SPACES, TextSetup(SVM, 0.3, by_label=True)),
    (_WITHOUT_SPACES, TextSetup(SVM, 1.0, by_label=True)),
)
LOGISTICS = (
    ("union", TextSetup(LOGISTIC, 10.0, by_label=True)),
    ("union", TextSetup(LOGISTIC, 30.0, by_label=True)),
    ("union", TextSetup(LOGISTIC, 50.0)),
    ("pairs", TextSetup(LOGISTIC, 30.0, by_label=True)),
    ("words", TextSetup(LOGISTIC, 30.0, by_label=True)),
    (_WITHOUT_SPACES, TextSetup(LOGISTIC, 10.0, by_label=True)),
    (_WITHOUT_SPACES, TextSetup(LOGISTIC, 30.0, by_label=True)),
)
RIDGES = (
    ("union", TextSetup(RIDGE, 0.7, by_label=True)),
    ("union", TextSetup(RIDGE, 0.5)),
    ("pairs", TextSetup(RIDGE, 1.0, by_label=True)),
    ("words", TextSetup(RIDGE, 1.0, by_label=True)),
    (_WITHOUT_SPACES, TextSetup(RIDGE, 1.0, by_label=True)),
    (_WITHOUT_SPACES, TextSetup(RIDGE, 1.0)),
    (_WITHOUT_SPACES, TextSetup(RIDGE, 0.3)),
)
NUMBER_MACHINES = (
    ("union", TextSetup(SVM, 1.0, by_label=True)),
    ("union", TextSetup(SVM, 1.0)),
    ("pairs", TextSetup(SVM, 0.5, by_label=True)),
    ("words", TextSetup(SVM, 0.5, by_label=True)),
    (_WITHOUT_SPACES, TextSetup(SVM, 0.5, by_label=True)),
    (_WITHOUT_SPACES, TextSetup(SVM, 1.0)),
    (_WITHOUT_SPACES, TextSetup(SVM, 0.3)),
)


def linear_of_texts(
    setups: tuple[tuple[str, TextSetup], ...],
    learn: Fit,
    weighed_by: str,
    strength: float = 1.0,
) -> Baseline:
    """Set-ups of a linear model, those whose reading fits the texts, by the order of readings.

    `weighed_by` says what features may be weighed by, for people; `strength` multiplies that of each set-up.
    """

    def trials(training_set: TrainingSet, budget: Budget) -> list[Trial]:
        """Set-ups for one training set, each with as many texts as the budget affords."""
        kinds = training_set.feature_kinds
        fitting = [each for each in setups if each[0] in kinds]
        products = max(1, training_set.classes) * training_set.words
        most = max(1, int(budget.products / products))
        screened = max(_LEAST_SCREENED, int(budget.products / _SCREENED_PART / products))
        found = []
        for reading, setup in sorted(fitting, key=lambda each: kinds.index(each[0])):
            setup = setup._replace(strength=strength * setup.strength)
            name = "penalty" if setup.model == RIDGE else "C"
            by = Sentence(", weighed by {weighed_by}", weighed_by) if setup.by_label else ""
            words = f"{READINGS[reading].title}{by}, {name} = {setup.strength:g}"
            found.append(Trial(reading, words, partial(learn, setup=setup), most, screened=screened))
        return found

    return trials


def forest_of_texts(grow: Fit, leaves: tuple[int, ...]) -> Baseline:
    """Set-ups of a forest, one for each least number of examples in a leaf."""

    def learn(features: Rows, labels: np.ndarray, work: Work, least: int) -> Predictor:
        """Train a forest of fewer trees, and those of fewer texts, than one of images."""
        budget = work.budget
        trees, grown = -(-budget.trees // TREES_LEFT_OUT), min(budget.grown, _GROWN)
        smaller = dataclasses.replace(budget, trees=trees, grown=grown)
        return grow(features, labels, work._replace(budget=smaller), least)

    def trials(training_set: TrainingSet, budget: Budget) -> list[Trial]:
        """Set-ups for one training set, of single words where these are read."""
        reading = "words" if "words" in training_set.feature_kinds else training_set.feature_kinds[0]
        return [
            Trial(
                reading,
                Sentence(
                    "{title}, the {BEST_FEATURES:,} that say most, leaves of at least {least}",
                    READINGS[reading].title,
                    BEST_FEATURES,
                    least,
                ),
                partial(learn, least=least),
                best=BEST_FEATURES,
                is_slow=True,
            )
            for least in leaves
        ]

    return trials


# Linear models of the same n-grams, none simpler than another; the machine usually serves texts best.
LINEAR_OF_TEXTS = ("svm", "logistic-regression", "ridge")
