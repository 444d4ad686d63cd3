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
from jaxtyping import Bool, Float64, Int8, Int64
from scipy.optimize import minimize_scalar

from pellucid.arithmetic.probabilities import sigmoid

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


# Cells of several labels. A label that is present is missing in a share $\varepsilon_1$ of the examples, and
# one that is absent is given in a share $\varepsilon_0$: forgotten labels are far more frequent than wrong
# ones, so the two shares differ, $P(y = 1 \mid x) = (1 - \varepsilon_1) \, q + \varepsilon_0 \, (1 - q)$,
# with $q = \sigma(z / T)$ of the judge's logit $z$. All labels that it knows well enough share these three
# numbers.

# Twice the gain in log likelihood that 1 % of trials without wrong cells reach, of which a quarter gain by
# both shares and half by one: 1/2 P(chi-squared of 1 > x) + 1/4 P(chi-squared of 2 > x).
_EVIDENCE_OF_CELLS = 7.29
_LOGIT_STEP = 0.05
_EM_STEPS = 200


class CellError(NamedTuple):
    """A label of an example that is likely wrong: missing where it is absent, or given wrongly."""

    position: int  # row of the example in what was given
    label: int  # which of the labels
    is_present: bool  # whether the example has it now
    probability: float  # of presence, by the judge at its temperature
    probability_wrong: float  # that it should be the other way round


class CellJudgement(NamedTuple):
    """What a judge found in the cells of several labels."""

    found: list[CellError]  # wrong with a probability of at least 0.4, the likeliest first
    examined: int  # known cells
    agreed: int  # of these the ones that the judge decides alike at one half
    able: Bool[np.ndarray, " labels"]  # labels of which it knows enough; of the others no cell is listed
    missing: float  # share of what is present that the labels lack; 0 if nothing is significant
    extra: float  # share of what is absent that they have, likewise

    @property
    def is_able(self) -> bool:
        """Whether it knows enough of any label."""
        return bool(self.able.any())

    @property
    def accuracy(self) -> float:
        """Share of the known cells that the judge decides alike; 0 without one."""
        return self.agreed / self.examined if self.examined else 0.0


class _Noise(NamedTuple):
    """Likeliest shares of wrong cells at a temperature, with the logarithm of their likelihood."""

    likelihood: float
    temperature: float
    missing: float
    extra: float


def judge_cells(
    labels: Int8[np.ndarray, "examples labels"],
    out_of_sample_probabilities: Float64[np.ndarray, "examples labels"],
) -> CellJudgement:
    """Find cells of several labels that are likely wrong, by the rules of `judge_label_issues`.

    A label is judged where it is known in 100 examples and the judge is six tenths of the way from one answer
    for all to agreement with every cell of it.
    """
    known, present = labels >= 0, labels == 1
    agrees = ((out_of_sample_probabilities >= 0.5) == present) & known
    count, agreed = known.sum(axis=0), agrees.sum(axis=0)
    largest = np.maximum(present.sum(axis=0), count - present.sum(axis=0))
    able = np.asarray((count >= _LEAST) & (agreed - largest > _SKILL * (count - largest)))
    nothing = CellJudgement([], int(count.sum()), int(agreed.sum()), able, 0.0, 0.0)
    rows, columns = np.nonzero(known & able)
    if not len(rows):
        return nothing
    stated = np.clip(out_of_sample_probabilities[rows, columns], _SMALLEST, 1 - _SMALLEST)
    logits, given = np.log(stated) - np.log1p(-stated), present[rows, columns]
    steps, of = np.unique(np.round(logits / _LOGIT_STEP), return_inverse=True)
    counts = np.stack([np.bincount(of, each, len(steps)) for each in (~given, given)])
    noisy, spotless = (_likeliest_noise(steps * _LOGIT_STEP, counts, start) for start in (0.05, 0.0))
    if 2 * (noisy.likelihood - spotless.likelihood) < _EVIDENCE_OF_CELLS:
        return nothing
    of_present = sigmoid(logits / noisy.temperature)
    wrong = np.where(given, *_wrong(of_present, noisy.missing, noisy.extra)[::-1])
    listed = np.flatnonzero(wrong > _LEAST_LISTED)
    order = listed[np.argsort(-wrong[listed], kind="stable")]
    found = [
        CellError(int(rows[i]), int(columns[i]), bool(given[i]), float(of_present[i]), float(wrong[i]))
        for i in order
    ]
    return nothing._replace(found=found, missing=noisy.missing, extra=noisy.extra)


def _wrong(
    of_present: Float64[np.ndarray, " cells"], missing: float, extra: float
) -> tuple[Float64[np.ndarray, " cells"], Float64[np.ndarray, " cells"]]:
    """Probability that a cell is wrong by Bayes' rule, if it is absent, and if it is present."""
    lacking, unfounded = missing * of_present, extra * (1 - of_present)
    return (
        lacking / np.maximum(lacking + (1 - extra) * (1 - of_present), _SMALLEST),
        unfounded / np.maximum(unfounded + (1 - missing) * of_present, _SMALLEST),
    )


def _likeliest_noise(
    logits: Float64[np.ndarray, " steps"], counts: Float64[np.ndarray, "2 steps"], start: float
) -> _Noise:
    """Likeliest temperature and shares of wrong cells; none where they start at 0.

    `counts` are of absent and of present cells at each logit.
    """
    step = float(_TEMPERATURES[1] / _TEMPERATURES[0])
    grid = [_fit_noise(logits, counts, each, start) for each in _TEMPERATURES.tolist()]
    peak = max(grid, key=lambda each: each.likelihood)
    finer = minimize_scalar(
        lambda logarithm: -_fit_noise(logits, counts, float(np.exp(logarithm)), start).likelihood,
        bounds=(np.log(peak.temperature / step), np.log(peak.temperature * step)),
        method="bounded",
        options={"xatol": 1e-3},
    )
    best = _fit_noise(logits, counts, float(np.exp(finer.x)), start)
    return max(peak, best, key=lambda each: each.likelihood)


def _fit_noise(
    logits: Float64[np.ndarray, " steps"],
    counts: Float64[np.ndarray, "2 steps"],
    temperature: float,
    start: float,
) -> _Noise:
    """Likeliest shares of wrong cells at a temperature, by expectation and maximisation.

    Source: Dempster, Laird and Rubin 1977, "Maximum Likelihood from Incomplete Data via the EM Algorithm".
    """
    of_present = sigmoid(logits / temperature)
    missing = extra = start
    absent, given = counts
    for _ in range(_EM_STEPS if start else 0):
        if_absent, if_given = _wrong(of_present, missing, extra)
        lacking, unfounded = float(absent @ if_absent), float(given @ if_given)
        truly = lacking + float(given.sum()) - unfounded
        missing = min(_MOST_WRONG, lacking / max(truly, _SMALLEST))
        extra = min(_MOST_WRONG, unfounded / max(float(counts.sum()) - truly, _SMALLEST))
    likely = (1 - missing) * of_present + extra * (1 - of_present)
    unlikely = missing * of_present + (1 - extra) * (1 - of_present)
    likelihood = given @ np.log(np.maximum(likely, _SMALLEST))
    likelihood += absent @ np.log(np.maximum(unlikely, _SMALLEST))
    prior = np.log(temperature) ** 2 / (2 * _SPREAD**2)
    return _Noise(float(likelihood - prior), temperature, missing, extra)
