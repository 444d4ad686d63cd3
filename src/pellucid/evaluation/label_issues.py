r"""Labels that are likely wrong, found by models that did not learn from them.

A label is either right, and then as probable as the judge says, or wrong, and then any of the other classes:

$$P(y \mid x) = (1 - \varepsilon)\, q_y + \varepsilon\, \frac{1 - q_y}{K - 1}, \qquad
q = \mathrm{softmax}\!\left(\tfrac{\ln p}{T}\right)$$

The share $\varepsilon$ of wrong labels and the temperature $T$ of the judge are fitted together, as the
likeliest pair; Bayes' rule then gives the probability that a single label is wrong.

Source: the noise is that of Angluin and Laird 1988, "Learning From Noisy Examples", Machine Learning 2; the
temperature that of Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64
from scipy.optimize import minimize_scalar

# Fewer examples do not distinguish a share of wrong labels from an overconfident judge.
_LEAST = 100
# Of the way from one answer for all to agreement with every label. Weaker judges are wrong in ways that look
# like wrong labels: on digits under noise they called up to 19 % of the labels wrong where 3 % were.
_SKILL = 0.6
# Twice the gain in log likelihood that 1 % of equally many trials without wrong labels reach. A share cannot
# be below 0, so half of the trials gain nothing and the other half like chi-squared.
_EVIDENCE = 5.41
# Standard deviation of the logarithm of the temperature, as far as is known before any example is seen.
_SPREAD = 0.5
# Probability of being wrong from which on a label is listed; of those below one half most were flipped.
_LEAST_LISTED = 0.4
_TEMPERATURES = np.exp(np.linspace(-1.4, 1.4, 15))
_MOST_WRONG = 0.5
_SMALLEST = 1e-12


class LabelError(NamedTuple):
    """An example whose label is likely wrong."""

    position: int  # its row in what was given
    suggested: int  # class index it likely belongs to
    probability: float  # of the suggested class, by the judge at its temperature
    probability_of_label: float  # of the label it has, likewise
    probability_wrong: float  # that the label is wrong


class LabelJudgement(NamedTuple):
    """What a judge found in labels."""

    found: list[LabelError]  # labels that are wrong with a probability of at least 0.4, the likeliest first
    examined: int  # labels that were examined
    agreed: int  # labels that the judge predicts too
    is_able: bool  # whether it agrees with enough of the labels, and there are enough; else none is listed
    share: float  # of all labels that are wrong, as far as they follow no pattern; 0 if not significant

    @property
    def accuracy(self) -> float:
        """Share of the labels that the judge predicts too; 0 without one."""
        return self.agreed / self.examined if self.examined else 0.0


class _ShareAtTemperature(NamedTuple):
    """Likeliest share of wrong labels at a temperature, with the logarithm of its likelihood."""

    likelihood: float
    temperature: float
    share: float


def judge_label_issues(
    labels: Int64[np.ndarray, " examples"],
    out_of_sample_probabilities: Float64[np.ndarray, "examples classes"],
) -> LabelJudgement:
    """Find labels that are likely wrong, by a probability of at least 0.4, the likeliest first.

    None is listed with fewer than 100 examples, by a judge that is not six tenths of the way from one answer
    for all to agreement with every label, or where the share of wrong labels could be 0 (likelihood-ratio
    test at the level of 1 %).

    Probabilities are by a model that was not trained on the example; they need not be calibrated.
    """
    probabilities = out_of_sample_probabilities
    agreed = int((probabilities.argmax(axis=1) == labels).sum())
    # A judge must agree with many more labels than the largest class as one answer does.
    largest = int(np.bincount(labels).max(initial=0))
    is_able = len(labels) >= _LEAST and agreed - largest > _SKILL * (len(labels) - largest)
    nothing = LabelJudgement([], len(labels), agreed, is_able, 0.0)
    if not is_able:
        return nothing
    logarithms = np.log(np.maximum(probabilities, _SMALLEST))
    likeliest, spotless = (_likeliest(logarithms, labels, most) for most in (_MOST_WRONG, 0.0))
    if 2 * (likeliest.likelihood - spotless.likelihood) < _EVIDENCE:
        return nothing
    found = _listed(_at(logarithms, likeliest.temperature), labels, likeliest.share)
    return nothing._replace(found=found, share=likeliest.share)


def _at(logarithms: np.ndarray, temperature: float) -> Float64[np.ndarray, "examples classes"]:
    """Probabilities of the judge at a temperature."""
    scaled = logarithms / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    found: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return found


def _likeliest(logarithms: np.ndarray, labels: np.ndarray, most: float) -> _ShareAtTemperature:
    """Likeliest temperature and share of wrong labels, which is at most `most`.

    Without wrong labels and with some there may be two peaks, so a grid of temperatures comes first.
    """
    step = _TEMPERATURES[1] / _TEMPERATURES[0]
    grid = [_fit(logarithms, labels, each, most) for each in _TEMPERATURES.tolist()]
    peak = max(grid, key=lambda each: each.likelihood)
    finer = minimize_scalar(
        lambda logarithm: -_fit(logarithms, labels, np.exp(logarithm), most).likelihood,
        bounds=(np.log(peak.temperature / step), np.log(peak.temperature * step)),
        method="bounded",
        options={"xatol": 1e-3},
    )
    return max(peak, _fit(logarithms, labels, float(np.exp(finer.x)), most), key=lambda each: each.likelihood)


def _fit(logarithms: np.ndarray, labels: np.ndarray, temperature: float, most: float) -> _ShareAtTemperature:
    """Likeliest share of wrong labels at a temperature; the likelihood is concave in it."""
    right = np.maximum(_at(logarithms, temperature)[np.arange(len(labels)), labels], _SMALLEST)
    wrong = (1 - right) / (logarithms.shape[1] - 1)
    prior = np.log(temperature) ** 2 / (2 * _SPREAD**2)

    def likelihood(share: float) -> float:
        return float(np.log((1 - share) * right + share * wrong).sum() - prior)

    share = 0.0
    if most:
        bounds, options = (0, most), {"xatol": 1e-6}
        found = minimize_scalar(
            lambda each: -likelihood(each), bounds=bounds, method="bounded", options=options
        )
        share = float(found.x)
    return _ShareAtTemperature(likelihood(share), temperature, share)


def _listed(right: np.ndarray, labels: np.ndarray, share: float) -> list[LabelError]:
    """Labels that are likely wrong, by Bayes' rule, the likeliest first."""
    rows = np.arange(len(labels))
    of_label = right[rows, labels]
    wrong = share * (1 - of_label) / (right.shape[1] - 1)
    is_wrong = wrong / np.maximum(wrong + (1 - share) * of_label, _SMALLEST)
    others = right.copy()
    others[rows, labels] = 0.0
    suggested = others.argmax(axis=1)
    found = np.flatnonzero(is_wrong > _LEAST_LISTED)
    order = found[np.argsort(-is_wrong[found], kind="stable")]
    return [
        LabelError(
            int(i), int(suggested[i]), float(others[i, suggested[i]]), float(of_label[i]), float(is_wrong[i])
        )
        for i in order
    ]
