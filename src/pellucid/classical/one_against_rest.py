r"""Several labels learnt one against the rest: logistic regression of all at once, calibrated decisions.

Every label $l$ is a problem of its own, on the examples of which it is known: $w_{il}$ is 0 where the state
of label $l$ of example $i$ is unknown. A label of which only one state is known gets a constant.

Logistic regression minimises
$C \sum_{il} w_{il} \ln (1 + e^{-t_{il} z_{il}}) + \tfrac12 \lVert W \rVert^2$ with $t_{il} = \pm 1$: the
problems share their matrix products and their line search, and have the same minimum as one by one.

Decision values $f$ of other machines become probabilities $1 / (1 + e^{-(a f + b)})$; slope and intercept are
fitted, for each label with enough examples, to decisions about examples that the machine did not learn from.

Source: Platt, "Probabilistic Outputs for Support Vector Machines" (1999); Lin, Lin and Weng, "A Note on
Platt's Probabilistic Outputs for Support Vector Machines" (2007), whose Newton steps these are.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int8, Int64

from pellucid.arithmetic.probabilities import sigmoid
from pellucid.classical.linear_fitting import FEW, folded, scaling, standardise
from pellucid.classical.predictors import Constant, Predictor
from pellucid.classical.training_set import Work
from pellucid.targets.several import States

_TOLERANCE = 1e-3
# Labels whose problems share their products: enough for fast ones, few enough for several threads.
_TOGETHER = 16

# Examples held out at most, and parts into which few of them are divided, for the calibration.
_HELD = 2_000
_PARTS = 5
# Examples with a label, and without it, from which on the label has a calibration of its own.
_LEAST_OF_BOTH = 50
_NEWTON_STEPS = 50
_HALVINGS = 20  # of one step, until the loss falls
_SMALLEST = 1e-10  # deviation, curvature and gain that count as none, to the size of what they are part of
_LEAST_COUNT = 1e-6  # summed weights that shares are divided by at least


def constant_shares(labels: Int8[np.ndarray, "n labels"], work: Work) -> Constant:
    """Constant model that answers with the share of each label."""
    return Constant(number=False, answer=label_shares(labels, work.weights), exclusive=False)


def label_shares(
    labels: Int8[np.ndarray, "n labels"], weights: Float64[np.ndarray, " n"] | None = None
) -> Float64[np.ndarray, " labels"]:
    r"""Share of the known examples that have each label, never 0 or 1.

    A label of which only one state is known has $(k + m) / (n + 1)$, where $k$ of $n$ known examples have it
    and $m$ is the share of all labels: as if one more example were of the common kind.
    """
    states = States.of(labels)
    known = states.known * (np.ones(len(labels)) if weights is None else weights)[:, np.newaxis]
    present, count = (known * states.present).sum(axis=0), known.sum(axis=0)
    mean = (present.sum() + 1) / (count.sum() + 2)
    shares: np.ndarray = np.where(
        has_both(labels), present / np.maximum(count, _LEAST_COUNT), (present + mean) / (count + 1)
    )
    return shares


def has_both(labels: Int8[np.ndarray, "n labels"]) -> Bool[np.ndarray, " labels"]:
    """Whether both states of a label are known of some examples, so that there is something to learn."""
    present, known = States.of(labels)
    found: np.ndarray = present.any(axis=0) & (known & ~present).any(axis=0)
    return found


def cell_weights(labels: Int8[np.ndarray, "n labels"], work: Work) -> Float64[np.ndarray, "n labels"]:
    """Weight of every label of every example in the loss, 0 where it is unknown."""
    present, known = States.of(labels)
    weights: np.ndarray = known.astype(np.float64)
    if work.weights is not None:
        weights *= work.weights[:, np.newaxis]
    if work.class_weights is not None:
        weights *= np.where(present, np.array(work.class_weights), 1.0)
    return weights


def log_odds(shares: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """The inverse of the sigmoid."""
    return np.asarray(np.log(shares) - np.log1p(-shares))


def logistic_of_labels(
    features: Float32[np.ndarray, "n d"], labels: Int8[np.ndarray, "n labels"], work: Work, strength: float
) -> Predictor:
    """Train logistic regression of several labels, as `logistic` of classes."""
    learnt = np.flatnonzero(has_both(labels))
    if len(learnt) == 0:
        return constant_shares(labels, work)
    centre, scale = scaling(features, work.one_unit)
    rows, cells = standardise(features, centre, scale), cell_weights(labels, work).astype(np.float32)
    weights = np.zeros((features.shape[1], labels.shape[1]))
    bias = log_odds(label_shares(labels, work.weights))
    present = States.of(labels).present

    def solve(some: Int64[np.ndarray, " some"]) -> None:
        """Put weights and biases of some labels into their columns."""
        found = _solved(rows, present[:, some], cells[:, some], bias[some], work, strength)
        weights[:, some], bias[some] = found[:-1], found[-1]

    with ThreadPoolExecutor(work.threads) as pool:
        list(pool.map(solve, [learnt[at : at + _TOGETHER] for at in range(0, len(learnt), _TOGETHER)]))
    return folded(weights, bias, centre, scale, work.classes, np.arange(labels.shape[1]), exclusive=False)


def _solved(
    rows: Float32[np.ndarray, "n d"],
    is_present: Bool[np.ndarray, "n labels"],
    cells: Float32[np.ndarray, "n labels"],
    start: Float64[np.ndarray, " labels"],
    work: Work,
    strength: float,
) -> Float64[np.ndarray, "d+1 labels"]:
    """Weights and, in the last row, biases of least loss, by L-BFGS."""
    from scipy.optimize import minimize

    shape, penalty = (rows.shape[1] + 1, is_present.shape[1]), 1 / (strength * len(rows))
    signs = np.where(is_present, np.float32(-1), np.float32(1))

    def loss(flat: Float64[np.ndarray, " values"]) -> tuple[float, Float64[np.ndarray, " values"]]:
        """Mean loss with its gradient."""
        work.require_time()
        own = flat.reshape(shape)
        margins = signs * (rows @ own[:-1].astype(np.float32) + own[-1].astype(np.float32))
        slopes = signs * cells * sigmoid(margins)
        gradient = penalty * own
        gradient[:-1] += rows.T @ slopes / len(rows)
        gradient[-1] = slopes.sum(axis=0, dtype=np.float64) / len(rows)
        total = (cells * np.logaddexp(np.float32(0), margins)).sum(dtype=np.float64) / len(rows)
        return total + penalty / 2 * float((own[:-1] ** 2).sum()), gradient.ravel()

    begin = np.zeros(shape)
    begin[-1] = start
    options = {"maxiter": work.budget.iterations, "gtol": _TOLERANCE, "ftol": 64 * np.finfo(float).eps}
    found: np.ndarray = minimize(loss, begin.ravel(), jac=True, method="L-BFGS-B", options=options).x
    return found.reshape(shape)


class Calibration(NamedTuple):
    """Slope and intercept, for each label, from decision values to log odds."""

    slopes: Float64[np.ndarray, " labels"]
    intercepts: Float64[np.ndarray, " labels"]


def calibrated_out_of_sample(
    labels: Int8[np.ndarray, "n labels"],
    decide: Callable[[Int64[np.ndarray, " held"]], Float64[np.ndarray, "held labels"]],
    work: Work,
) -> Calibration:
    """Calibration of a machine of these examples, in random order, from decisions about some held out.

    `decide` learns without those it is asked about; it gives no number for a label that it could not learn.
    Of many examples one fifth is held out, of few each once; but a single part where machines are compared.
    Labels with fewer than 50 present or absent ones among them share one calibration.
    """
    count = len(labels)
    parts = [np.arange(count)[number::_PARTS] for number in range(min(_PARTS, count))]
    if count > FEW:
        parts = [np.arange(count - min(_HELD, count // _PARTS), count)]
    parts = parts[:1] if work.for_comparison else parts
    held = np.concatenate(parts)
    decisions = np.concatenate([decide(part) for part in parts])
    states, weights = States.of(labels[held]), cell_weights(labels[held], work.of(held))
    is_scored = states.known & np.isfinite(decisions)
    present, known = (is_scored & states.present).sum(axis=0), is_scored.sum(axis=0)
    is_common = np.minimum(present, known - present) >= _LEAST_OF_BOTH
    found = Calibration(np.ones(labels.shape[1]), np.zeros(labels.shape[1]))

    def fit(columns: Bool[np.ndarray, " labels"]) -> None:
        """Fit one calibration for some labels together."""
        row, column = np.nonzero(is_scored & columns)
        if len(row):
            own = platt(states.present[row, column], decisions[row, column], weights[row, column])
            found.slopes[columns], found.intercepts[columns] = own

    rare = ~is_common
    fit(rare)
    for label in np.flatnonzero(is_common):
        fit(np.arange(labels.shape[1]) == label)
    return found


def platt(
    is_present: Bool[np.ndarray, " n"],
    decisions: Float64[np.ndarray, " n"],
    weights: Float64[np.ndarray, " n"] | None = None,
) -> tuple[float, float]:
    r"""Slope $a$, 0 or more, and intercept $b$ of least log loss of $1 / (1 + e^{-(a f + b)})$.

    What is aimed at is $(n_1 + 1) / (n_1 + 2)$ for the $n_1$ present ones and $1 / (n_0 + 2)$ for the $n_0$
    others, so that a few examples without an error do not call for certainty. The slope is 0 where larger
    decision values do not go with presence.
    """
    weights = np.ones(len(decisions)) if weights is None else weights
    hits, misses = weights[is_present].sum(), weights[~is_present].sum()
    aim = np.where(is_present, (hits + 1) / (hits + 2), 1 / (misses + 2))
    middle, spread = decisions.mean(), decisions.std()
    share = np.average(aim, weights=weights, keepdims=True)
    constant_only = 0.0, float(log_odds(share)[0])
    if spread <= _SMALLEST * max(1.0, abs(middle)):
        return constant_only
    columns = np.stack([(decisions - middle) / spread, np.ones(len(decisions))], axis=1)

    def loss(at: Float64[np.ndarray, "2"]) -> float:
        scores = columns @ at
        return float(weights @ (np.logaddexp(0, scores) - aim * scores))

    found = np.array(constant_only)
    value = loss(found)
    for _ in range(_NEWTON_STEPS):
        answers = sigmoid(columns @ found)
        gradient = columns.T @ (weights * (answers - aim))
        curved = columns * (weights * answers * (1 - answers))[:, np.newaxis]
        step = np.linalg.solve(columns.T @ curved + _SMALLEST * np.eye(2), gradient)
        for _ in range(_HALVINGS):
            if loss(found - step) <= value:
                break
            step = step / 2
        else:
            break
        found, before = found - step, value
        value = loss(found)
        if before - value <= _SMALLEST * max(1.0, value):
            break
    if found[0] <= 0:
        return constant_only
    return float(found[0] / spread), float(found[1] - found[0] * middle / spread)
