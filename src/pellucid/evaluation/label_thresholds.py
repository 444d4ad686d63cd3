r"""Thresholds of several labels: the probability from which on each label is answered, for the largest F1.

A threshold that is best on a label's few examples is rarely best on others. So it is a mean, on the scale of
log odds $\ln \frac{t}{1 - t}$, of three that err in different ways:

- the label's own, of the largest $F_1$ on the examples: right in the end, but blurred by chance;
- the common one, of the largest micro-$F_1$ over all cells: hardly blurred, but the same for all labels;
- half the $F_1$ that the probabilities themselves promise, $t = F^* / 2$ with
  $F^* = \max_t 2 \sum_{p \ge t} p \, / \left( \sum p + |\{p \ge t\}| \right)$: right where they are
  calibrated, and it needs no labels.

With $n$ present examples the label's own has the weight $n / (n + 30)$; the others share the rest equally.

Source: Lipton, Elkan and Naryanaswamy 2014, "Optimal Thresholding of Classifiers to Maximize F1 Measure".
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int8

from pellucid.arithmetic.draws import Purpose, generator

# Present examples with which a label's own threshold weighs as much as the others: `label_thresholds.py` of the
# benchmarks.
_AS_MANY = 30.0
LOWEST, HIGHEST = 0.02, 0.98
_PARTS = 5


class _Best(NamedTuple):
    """The threshold of the largest F1, midway between two probabilities, and that F1."""

    threshold: float
    f1: float


def _best(
    present: Float64[np.ndarray, " cells"], probabilities: Float64[np.ndarray, " cells"]
) -> _Best | None:
    """Best threshold, where `present` is 1, 0 or a probability for each cell; `None` with nothing to find."""
    total = float(present.sum())
    if total == 0:
        return None
    order = np.argsort(-probabilities, kind="stable")
    descending = np.append(probabilities[order], 0.0)
    f1 = 2 * present[order].cumsum() / (total + np.arange(1, len(order) + 1))
    place = int(np.where(descending[1:] < descending[:-1], f1, 0.0).argmax())
    return _Best(float(descending[place] + descending[place + 1]) / 2, float(f1[place]))


def _log_odds(threshold: float) -> float:
    bounded = min(max(threshold, LOWEST), HIGHEST)
    return float(np.log(bounded / (1 - bounded)))


def fit_thresholds(
    labels: Int8[np.ndarray, "examples labels"], probabilities: Float64[np.ndarray, "examples labels"]
) -> Float64[np.ndarray, " labels"]:
    """Probability, 0.02 to 0.98 in four decimals, from which on each label is answered.

    Labels are of the validation split, probabilities of a model that did not learn from them. One half for a
    label about which nothing is known.
    """
    known, present = labels >= 0, (labels == 1).astype(np.float64)
    common = _best(present[known], probabilities[known])
    found = np.full(labels.shape[1], 0.5)
    for label, mine in enumerate(known.T):
        of_mine = probabilities[mine, label]
        promised = _best(of_mine, of_mine)
        priors = [0.5] if common is None else [common.threshold]
        if promised is not None:
            priors.append(promised.f1 / 2)
        log_odds = float(np.mean([_log_odds(each) for each in priors]))
        own = _best(present[mine, label], of_mine)
        if own is not None:
            count = float(present[mine, label].sum())
            weight = count / (count + _AS_MANY)
            log_odds = weight * _log_odds(own.threshold) + (1 - weight) * log_odds
        found[label] = 1 / (1 + np.exp(-log_odds))
    return np.asarray(np.round(np.clip(found, LOWEST, HIGHEST), 4))


def cross_fitted_decisions(
    labels: Int8[np.ndarray, "examples labels"],
    probabilities: Float64[np.ndarray, "examples labels"],
    seed: int = 0,
) -> Int8[np.ndarray, "examples labels"]:
    """Decisions by thresholds that no example took part in choosing for itself.

    Each of five parts, drawn by chance, is decided by the thresholds that fit the other four. Scores of these
    decisions are fair, which those of thresholds on the very examples that chose them are not.
    """
    part = generator(seed, Purpose.THRESHOLDS).permutation(len(labels)) % _PARTS
    found = np.zeros(labels.shape, np.int8)
    for mine in (part == number for number in range(_PARTS)):
        found[mine] = probabilities[mine] >= fit_thresholds(labels[~mine], probabilities[~mine])
    return found
