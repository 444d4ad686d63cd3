r"""Logistic regression for classes and ridge regression for numbers, on standardised features.

Logistic regression minimises $C \sum_i -\ln p_{i y_i} + \tfrac12 \lVert W \rVert^2$ with
scikit-learn's L-BFGS; ridge minimises $\sum_i (x_i w + b - y_i)^2 + \alpha \lVert w \rVert^2$ in closed
form. The standardisation is then folded into weights and bias.
"""

import numpy as np
from jaxtyping import Float32, Float64, Int64

from pellucid.classical.features.scaling import scaling, standardise
from pellucid.classical.predictors.constant import Constant
from pellucid.classical.predictors.linear import Linear
from pellucid.classical.predictors.predictor import Predictor
from pellucid.classical.search import Work

_TOLERANCE = 1e-3


def constant(labels: np.ndarray, classes: int, weights: Float64[np.ndarray, " n"] | None = None) -> Constant:
    """Constant model that answers with the shares of the classes, or with the mean where there are none."""
    if classes:
        counts = np.bincount(labels, weights, minlength=classes)
        return Constant(number=False, answer=counts / counts.sum())
    return Constant(number=True, answer=np.array([np.average(labels, weights=weights)]))


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
        return constant(labels, work.classes, work.weights)
    centre, scale = scaling(features, work.one_unit)
    model = LogisticRegression(C=strength, max_iter=work.budget.iterations, tol=_TOLERANCE)
    model.fit(standardise(features, centre, scale), labels, work.weights)
    weights, bias = model.coef_.T.astype(np.float64), model.intercept_.astype(np.float64)
    if len(present) == 2:  # one row speaks for both
        weights, bias = np.hstack([np.zeros_like(weights), weights]), np.concatenate([[0.0], bias])
    return _folded(weights, bias, centre, scale, work.classes, present)


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
    return _folded(weights, bias, centre, scale, 0, np.zeros(1, np.int64))


def _folded(
    weights: Float64[np.ndarray, "d columns"],
    bias: Float64[np.ndarray, " columns"],
    centre: Float32[np.ndarray, " d"],
    scale: Float32[np.ndarray, " d"],
    classes: int,
    present: Int64[np.ndarray, " columns"],
) -> Linear:
    """Linear model of the features as they are, without standardisation."""
    weights = weights * scale.astype(np.float64)[:, np.newaxis]
    return Linear(
        outputs=classes or 1,
        number=classes == 0,
        weights=weights,
        bias=bias - centre.astype(np.float64) @ weights,
        classes=present.astype(np.int32),
    )
