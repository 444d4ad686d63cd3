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
from pellucid.targets import Labels

# Present examples with which a label's own threshold weighs as much as the others. On new examples F1 of
# labels that 1 % and that 30 % have, macro-F1 and micro-F1, where 200 examples (or 1,000) chose and the
# probabilities are off as those of trained models are, by `benchmarks/label_thresholds.py`:
#
#     one half          0.176  0.741  0.452  0.676  (0.172  0.744  0.452  0.677)
#     own               0.221  0.756  0.488  0.665  (0.277  0.763  0.519  0.694)
#     common            0.229  0.754  0.490  0.689  (0.232  0.757  0.494  0.693)
#     this mean         0.284  0.760  0.518  0.694  (0.293  0.763  0.526  0.699)
#     best of each      0.334  0.768  0.544  0.703  (0.335  0.768  0.545  0.704)
_AS_MANY = 30.0
LOWEST = 0.02  # probability
HIGHEST = 0.98  # probability
_STEPS = 10_000
_PARTS = 5


class _Best(NamedTuple):
    """The threshold of the largest F1, midway between two probabilities, and that F1."""

    threshold: float
    f1: float


def _best_of(
    present: Float64[np.ndarray, " cells"], probabilities: Float64[np.ndarray, " cells"]
) -> _Best | None:
    """Best threshold, where `present` is 1, 0 or a probability for each cell; `None` with nothing to find."""
    total = float(present.sum())
    if total == 0:
        return None
    # Sums at each step of a threshold's last decimal, from the largest probability down.
    steps = _STEPS - np.floor(probabilities * _STEPS).astype(np.int64)
    cells = np.bincount(steps, minlength=_STEPS + 1)
    hits = np.bincount(steps, present, _STEPS + 1).cumsum()
    f1 = np.where(cells > 0, 2 * hits / (total + cells.cumsum()), 0.0)
    place = int(f1.argmax())
    lower = np.flatnonzero(cells[place + 1 :])
    following = place + 1 + int(lower[0]) if len(lower) else _STEPS + 1
    return _Best(1 - (place + following - 1) / 2 / _STEPS, float(f1[place]))


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
    common = _best_of(present[known], probabilities[known])
    found = np.full(labels.shape[1], 0.5)
    for label, mine in enumerate(known.T):
        stated, given = probabilities[mine, label], present[mine, label]
        priors = [0.5 if common is None else common.threshold]
        promised, own = _best_of(stated, stated), _best_of(given, stated)
        if promised is not None:
            priors.append(promised.f1 / 2)
        log_odds = float(np.mean([_log_odds(each) for each in priors]))
        if own is not None:
            examples = float(given.sum())
            weight = examples / (examples + _AS_MANY)
            log_odds = weight * _log_odds(own.threshold) + (1 - weight) * log_odds
        found[label] = 1 / (1 + np.exp(-log_odds))
    return np.asarray(np.round(np.clip(found, LOWEST, HIGHEST), 4))


def cross_fitted_decisions(
    labels: Labels, probabilities: Float64[np.ndarray, "examples labels"], seed: int = 0
) -> Int8[np.ndarray, "examples labels"]:
    """Decisions by thresholds that no example took part in choosing for itself.

    Each of five parts, drawn by chance, is decided by the thresholds that fit the other four. Scores of these
    decisions are fair, which those of thresholds on the very examples that chose them are not.
    """
    part = generator(seed, Purpose.THRESHOLDS).permutation(len(labels)) % _PARTS
    found = np.zeros(labels.values.shape, np.int8)
    for mine in (part == number for number in range(_PARTS)):
        found[mine] = probabilities[mine] >= fit_thresholds(labels.values[~mine], probabilities[~mine])
    return found
