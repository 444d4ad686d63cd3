r"""Linear discriminant analysis that answers about examples it did not learn from, fold by fold.

Every class is normally distributed about its own mean $\mu_k$, with one covariance for all, which is drawn
towards that of features that are independent and vary alike:

$$z_k = x^\top \Sigma_\rho^{-1} \mu_k - \tfrac12 \mu_k^\top \Sigma_\rho^{-1} \mu_k + \ln \frac{n_k}{n}, \qquad
\Sigma_\rho = (1 - \rho)\, \Sigma + \rho\, \frac{\operatorname{tr} \Sigma}{d}\, I .$$

Means and covariance are sums over many examples, so a few wrong labels hardly move them, and what is left
without a fold is all sums less that fold's: all folds together cost little more than learning once. Of a few
shares $\rho$ the one is taken whose answers have the smallest log loss; one scale $s$ of
$\mathrm{softmax}(s z)$ serves all examples (`calibration.py`).

Source: Friedman 1989, "Regularized Discriminant Analysis", equation 18; Hastie, Tibshirani and Friedman 2009,
"The Elements of Statistical Learning", section 4.3.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int64
from threadpoolctl import threadpool_limits

from pellucid.arithmetic import softmax
from pellucid.classical.features.scaling import scaling, standardise
from pellucid.classical.fitting.calibration import best_scale

SHRINKAGES = (0.1, 0.3, 0.6)
_SMALLEST = 1e-6


class _Sums(NamedTuple):
    """Sums over some examples.

    Attributes:
        counts: of each class.
        rows: of the features, for each class.
        squares: of the products of each two features.
    """

    counts: Float64[np.ndarray, " classes"]
    rows: Float64[np.ndarray, "classes d"]
    squares: Float32[np.ndarray, "d d"]

    def without(self, part: "_Sums") -> "_Sums":
        """Sums over the examples that are not in a part."""
        return _Sums(self.counts - part.counts, self.rows - part.rows, self.squares - part.squares)


def discriminant_answers(
    features: Float32[np.ndarray, "n d"],
    labels: Int64[np.ndarray, " n"],
    classes: int,
    fold: Int64[np.ndarray, " n"],
) -> Float64[np.ndarray, "n classes"]:
    """Answer about the examples of each fold by what was learnt from the others.

    Args:
        features: one row for each example.
        labels: class codes.
        classes: how many there are.
        fold: number of the fold of each example, from 0.

    Returns:
        Probabilities.
    """
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
    sums = [_sums(rows[part], labels[part], classes) for part in parts]
    whole = _Sums(*(sum(each[1:], start=each[0]) for each in zip(*sums, strict=True)))
    for part, own in zip(parts, sums, strict=True):
        asked = rows[part].astype(np.float64)
        for number, (weights, bias) in enumerate(_learnt(whole.without(own))):
            found[number, part] = asked @ weights + bias
    return found


def _sums(rows: Float32[np.ndarray, "part d"], labels: np.ndarray, classes: int) -> _Sums:
    of_class = np.equal(np.arange(classes)[:, None], labels).astype(np.float32)
    return _Sums(of_class.sum(axis=1, dtype=np.float64), (of_class @ rows).astype(np.float64), rows.T @ rows)


def _learnt(sums: _Sums) -> list[tuple[Float64[np.ndarray, "d classes"], Float64[np.ndarray, " classes"]]]:
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
