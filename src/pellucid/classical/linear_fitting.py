"""Linear models fitted: logistic and ridge regression, discriminant analysis, calibrated scales."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int64
from threadpoolctl import threadpool_limits

from pellucid.arithmetic import softmax
from pellucid.classical.predictors import Constant, Linear, Predictor
from pellucid.classical.training_set import Work

_BLOCK_VALUES = 1 << 21
_SMALLEST = 1e-6


def scaling(
    features: Float32[np.ndarray, "n d"], one_unit: bool
) -> tuple[Float32[np.ndarray, " d"], Float32[np.ndarray, " d"]]:
    """Mean of each feature, and the factor that brings the mean variance to one.

    Features of `one_unit`, as pixels are, keep their proportions; others are each brought to variance one.
    A feature that does not change, but for rounding, gets the factor 0: it has nothing to say.
    """
    rows = max(1, _BLOCK_VALUES // features.shape[1])
    starts = range(0, len(features), rows)
    nothing = np.zeros(features.shape[1])
    blocks = [features[at : at + rows] for at in starts]
    mean = sum((each.sum(axis=0, dtype=np.float64) for each in blocks), nothing) / len(features)
    square = sum((((each - mean) ** 2).sum(axis=0) for each in blocks), nothing) / len(features)
    deviation = np.sqrt(square)
    changes = deviation > _SMALLEST * np.maximum(np.abs(mean), np.finfo(np.float32).tiny)
    if one_unit and changes.any():
        deviation[:] = np.sqrt(square[changes].mean())
    scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=changes)
    return mean.astype(np.float32), scale.astype(np.float32)


def standardise(
    features: Float32[np.ndarray, "n d"], mean: Float32[np.ndarray, " d"], scale: Float32[np.ndarray, " d"]
) -> Float32[np.ndarray, "n d"]:
    """Features less their mean, times their scale; new rows."""
    shifted: np.ndarray = features - mean
    shifted *= scale
    return shifted


# Logistic regression for classes and ridge regression for numbers, on standardised features.
#
# Logistic regression minimises $C \sum_i -\ln p_{i y_i} + \tfrac12 \lVert W \rVert^2$ with
# scikit-learn's L-BFGS; ridge minimises $\sum_i (x_i w + b - y_i)^2 + \alpha \lVert w \rVert^2$ in closed
# form. The standardisation is then folded into weights and bias.

_TOLERANCE = 1e-3


def class_shares(labels: Int64[np.ndarray, " n"], work: Work) -> Constant:
    """Constant model that answers with the shares of the classes."""
    counts = np.bincount(labels, work.weights, minlength=work.classes)
    return Constant(number=False, answer=counts / counts.sum())


def mean_number(labels: Float64[np.ndarray, " n"], work: Work) -> Constant:
    """Constant model that answers with the mean."""
    return Constant(number=True, answer=np.array([np.average(labels, weights=work.weights)]))


def moments(
    labels: Float64[np.ndarray, " n"], weights: Float64[np.ndarray, " n"] | None
) -> tuple[float, float]:
    """Mean and standard deviation of numbers at their weights."""
    if weights is None:
        return float(labels.mean()), float(labels.std())
    middle = float(np.average(labels, weights=weights))
    return middle, float(np.sqrt(np.average((labels - middle) ** 2, weights=weights)))


def logistic(
    features: Float32[np.ndarray, "n d"], labels: Int64[np.ndarray, " n"], work: Work, strength: float
) -> Predictor:
    """Train logistic regression; where only one class is there, the predictor gives its shares.

    `work` is asked for classes and the number of steps; `strength` is $C$, of the loss against the size of
    the weights.
    """
    from sklearn.linear_model import LogisticRegression

    present = np.unique(labels)
    if len(present) == 1:
        return class_shares(labels, work)
    centre, scale = scaling(features, work.one_unit)
    model = LogisticRegression(C=strength, max_iter=work.budget.iterations, tol=_TOLERANCE)
    model.fit(standardise(features, centre, scale), labels, work.weights)
    weights, bias = model.coef_.T.astype(np.float64), model.intercept_.astype(np.float64)
    if len(present) == 2:  # one row speaks for both
        weights, bias = np.hstack([np.zeros_like(weights), weights]), np.concatenate([[0.0], bias])
    return folded(weights, bias, centre, scale, work.classes, present)


def ridge(
    features: Float32[np.ndarray, "n d"], labels: Float64[np.ndarray, " n"], work: Work, strength: float
) -> Predictor:
    r"""Train ridge regression; `strength` is $\alpha / n$, of weight size against the mean loss."""
    from sklearn.linear_model import Ridge

    centre, scale = scaling(features, work.one_unit)
    middle, spread = moments(labels, work.weights)
    spread = spread or 1.0
    total = len(labels) if work.weights is None else float(work.weights.sum())
    model = Ridge(alpha=strength * total, solver="cholesky")
    rows = standardise(features, centre, scale).astype(np.float64)
    model.fit(rows, (labels - middle) / spread, work.weights)
    weights = model.coef_.reshape(-1, 1) * spread
    bias = np.array([model.intercept_ * spread + middle])
    return folded(weights, bias, centre, scale, 0, np.zeros(1, np.int64))


def folded(
    weights: Float64[np.ndarray, "d columns"],
    bias: Float64[np.ndarray, " columns"],
    centre: Float32[np.ndarray, " d"],
    scale: Float32[np.ndarray, " d"],
    classes: int,
    present: Int64[np.ndarray, " columns"],
    exclusive: bool = True,
) -> Linear:
    """Linear model of the features as they are, without standardisation."""
    weights = weights * scale.astype(np.float64)[:, np.newaxis]
    return Linear(
        outputs=classes or 1,
        number=classes == 0,
        weights=weights,
        bias=bias - centre.astype(np.float64) @ weights,
        classes=present.astype(np.int32),
        exclusive=exclusive,
    )


# Scale that makes the softmax of decision values honest probabilities.
#
# A share of each label, $\epsilon = 1 / (n + 2)$, counts for all classes alike, as in Platt's method,
# so that a few examples without an error do not call for certainty. Decision values are of examples that the
# model did not learn from: of few examples each is held out once.
#
# Source: Platt, "Probabilistic Outputs for Support Vector Machines" (1999), section 2.2; Guo et al.,
# "On Calibration of Modern Neural Networks" (2017), section 4.2, whose temperature is one over this scale.

# Examples of which a fifth, held out once, says little about the scale.
FEW = 1_000

_HELD = 1_000  # examples held out at most, where they are held out once
PARTS = 5  # held out one after the other, of few examples
# Logarithm of the scale: where the search begins, and its steps.
_LOG_LOW = -7.0
_LOG_HIGH = 7.0
_STEPS = 60
_GOLDEN = (5**0.5 - 1) / 2


def best_scale(
    labels: Int64[np.ndarray, " n"],
    decisions: Float64[np.ndarray, "n classes"],
    weights: Float64[np.ndarray, " n"] | None = None,
) -> float:
    r"""Scale $s$, about 0.001 to 1,100, of least log loss of $\mathrm{softmax}(s z)$; it is convex in $s$."""
    smooth = 1 / (len(labels) + 2)
    right = (1 - smooth) * decisions[np.arange(len(labels)), labels] + smooth * decisions.mean(axis=1)
    largest = decisions.max(axis=1)

    def loss(logarithm: float) -> float:
        s = np.exp(logarithm)
        partition = np.log(np.exp(s * (decisions - largest[:, np.newaxis])).sum(axis=1))
        losses = partition + s * (largest - right)
        return float(losses.mean() if weights is None else np.average(losses, weights=weights))

    low, high = _LOG_LOW, _LOG_HIGH  # golden-section search
    first, second = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_first, at_second = loss(first), loss(second)
    for _ in range(_STEPS):
        if at_first <= at_second:
            high, second, at_second = second, first, at_first
            first = high - _GOLDEN * (high - low)
            at_first = loss(first)
        else:
            low, first, at_first = first, second, at_second
            second = low + _GOLDEN * (high - low)
            at_second = loss(second)
    return float(np.exp((low + high) / 2))


def parts_held_out(
    labels: Int64[np.ndarray, " n"], *, once: bool = False
) -> list[Int64[np.ndarray, " held"]]:
    """Positions to hold out, one part after the other: five parts of few examples, the last of many.

    With `once` it is one part in any case. Every class keeps an example outside each part: what would leave
    it none is not held out.
    """
    part = np.full(len(labels), -1)
    if len(labels) > FEW:
        first = len(labels) - min(_HELD, len(labels) // PARTS)
        part[first:][np.isin(labels[first:], labels[:first])] = 0
    else:
        for number, each in enumerate(np.unique(labels)):
            members = np.flatnonzero(labels == each)
            if len(members) > 1:
                part[members] = (np.arange(len(members)) + number) % PARTS
    held_out = [held for number in range(PARTS) if len(held := np.flatnonzero(part == number))]
    return held_out[:1] if once else held_out


def scale_out_of_sample(
    labels: Int64[np.ndarray, " n"],
    decide: Callable[[Int64[np.ndarray, " held"]], Float64[np.ndarray, "held classes"]],
    *,
    once: bool = False,
    weights: Float64[np.ndarray, " n"] | None = None,
) -> float:
    """Scale for a model of these examples, by `decide`: decision values of some that a model learnt without.

    With `once` a single part is held out, which serves models that are compared and forgotten. 1 where no
    example can be held out.
    """
    parts = parts_held_out(labels, once=once)
    if not parts:
        return 1.0
    held_out = np.concatenate(parts)
    own = None if weights is None else weights[held_out]
    return best_scale(labels[held_out], np.concatenate([decide(held) for held in parts]), own)


# Linear discriminant analysis that answers about examples it did not learn from, fold by fold.
#
# Every class is normally distributed about its own mean $\mu_k$, with one covariance for all, which is drawn
# towards that of features that are independent and vary alike:
#
# $$z_k = x^\top \Sigma_\rho^{-1} \mu_k - \tfrac12 \mu_k^\top \Sigma_\rho^{-1} \mu_k + \ln \frac{n_k}{n},
# \qquad \Sigma_\rho = (1 - \rho)\, \Sigma + \rho\, \frac{\operatorname{tr} \Sigma}{d}\, I .$$
#
# Means and covariance are sums over many examples, so a few wrong labels hardly move them, and what is left
# without a fold is all sums less that fold's: all folds together cost little more than learning once. Of a
# few shares $\rho$ the one is taken whose answers have the smallest log loss; one scale $s$ of
# $\mathrm{softmax}(s z)$ serves all examples.
#
# Source: Friedman 1989, "Regularized Discriminant Analysis", equation 18; Hastie, Tibshirani and Friedman
# 2009, "The Elements of Statistical Learning", section 4.3.

SHRINKAGES = (0.1, 0.3, 0.6)


class _ClassSums(NamedTuple):
    """Sums over some examples: counts and features of each class, products of each two features."""

    counts: Float64[np.ndarray, " classes"]
    rows: Float64[np.ndarray, "classes d"]
    squares: Float32[np.ndarray, "d d"]


def discriminant_answers(
    features: Float32[np.ndarray, "n d"],
    labels: Int64[np.ndarray, " n"],
    classes: int,
    fold: Int64[np.ndarray, " n"],
) -> Float64[np.ndarray, "n classes"]:
    """Probabilities of the examples of each fold, numbered from 0, by what was learnt from the others."""
    # One thread for each matrix product, so that every number of threads gives the same bytes.
    with threadpool_limits(1):
        centre, scale = scaling(features, one_unit=False)
        scores = _scores(standardise(features, centre, scale), labels, classes, fold)
        answers = [softmax(best_scale(labels, each) * each) for each in scores]
    rows = np.arange(len(labels))
    losses = [-np.log(np.maximum(each[rows, labels], _SMALLEST)).mean() for each in answers]
    return answers[int(np.argmin(losses))]


def _scores(
    rows: Float32[np.ndarray, "n d"], labels: np.ndarray, classes: int, fold: np.ndarray
) -> Float64[np.ndarray, "shrinkages n classes"]:
    """The scores $z$ of every example by what was learnt without its fold."""
    found = np.zeros((len(SHRINKAGES), len(rows), classes))
    parts = [np.flatnonzero(fold == number) for number in range(int(fold.max()) + 1)]
    sums = []
    for part in parts:
        own, of_class = rows[part], np.equal(np.arange(classes)[:, None], labels[part]).astype(np.float32)
        counts = of_class.sum(axis=1, dtype=np.float64)
        sums.append(_ClassSums(counts, (of_class @ own).astype(np.float64), own.T @ own))
    whole = _ClassSums(*(sum(each[1:], start=each[0]) for each in zip(*sums, strict=True)))
    for part, held in zip(parts, sums, strict=True):
        asked, others = (
            rows[part].astype(np.float64),
            (every - own for every, own in zip(whole, held, strict=True)),
        )
        for number, (weights, bias) in enumerate(_learnt(_ClassSums(*others))):
            found[number, part] = asked @ weights + bias
    return found


def _learnt(
    sums: _ClassSums,
) -> list[tuple[Float64[np.ndarray, "d classes"], Float64[np.ndarray, " classes"]]]:
    """Weights and bias of each class, for every shrinkage."""
    from scipy.linalg import cho_factor, cho_solve

    count, (classes, width) = sums.counts.sum(), sums.rows.shape
    means = sums.rows / np.maximum(sums.counts, 1)[:, None]
    within = (sums.squares - (sums.counts[:, None] * means).T @ means) / max(1.0, count - classes)
    alike = max(float(np.trace(within)) / width, _SMALLEST)
    # A class of which nothing was learnt is improbable, not impossible.
    shares = np.log(np.maximum(sums.counts, 0.5) / count)
    found = []
    for shrinkage in SHRINKAGES:
        drawn = (1 - shrinkage) * within
        drawn[np.diag_indices(width)] += shrinkage * alike
        weights = cho_solve(cho_factor(drawn, lower=True, overwrite_a=True), means.T)
        found.append((weights, shares - np.einsum("kd,dk->k", means, weights) / 2))
    return found
