"""Shifts: two ways in which inputs may differ from the validation examples, each with a test and a size.

With NumPy alone, so that a server which answers exported models finds them too. `drift.py` has the formulas
and their sources.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from pellucid.arithmetic.probabilities import LEVEL, chi_squared_tail
from pellucid.arithmetic.rounding import percent
from pellucid.language.sentence import Sentence

# Fewer inputs are too few to detect drift.
LEAST_INPUTS = 20

_SIZES = ("slight", "small", "medium", "large")
_DELTAS = (0.147, 0.33, 0.474)  # ends of small, medium and large for Cliff's delta
_HS = (0.2, 0.5, 0.8)  # the same for Cohen's h
_LEAST_EXPECTED = 5  # the distribution of chi-squared fits rarer classes badly


class Shift(NamedTuple):
    """One way in which a set may differ."""

    p_value: float  # adjusted; how often chance alone would give as much
    effect: float  # Cliff's delta or Cohen's h; 0 for no difference
    size: str  # `slight`, `small`, `medium` or `large`, by the effect alone
    words: str  # what differs, with its figures

    @property
    def is_real(self) -> bool:
        """True where chance alone would rarely give as much."""
        return self.p_value <= LEVEL


def by_ranks(superiority: float, counts: tuple[int, int], what: str) -> Shift:
    """Shift, not adjusted, of a chance that would be one half without drift.

    `superiority` is the chance; `counts` are the inputs and the validation examples; `what` has it in words.
    """
    examples, reference = counts
    deviation = math.sqrt((examples + reference + 1) / (12 * examples * reference))
    p_value = math.erfc(abs(superiority - 0.5) / deviation / math.sqrt(2))
    delta = 2 * superiority - 1
    words = Sentence("in {superiority} of pairs {what}, where 50 % is no drift", percent(superiority), what)
    return Shift(p_value, delta, _size(delta, _DELTAS), words)


def of_classes(
    classes: tuple[str, ...], here: Float64[np.ndarray, " classes"], then: Float64[np.ndarray, " classes"]
) -> Shift:
    """Shift, not adjusted, of the counts of answers `here` from those of validation examples `then`."""
    shares = here / here.sum(), then / max(1, then.sum())
    turned = [2 * np.arcsin(np.sqrt(each)) for each in shares]
    most = int(np.abs(turned[0] - turned[1]).argmax())
    effect = float(turned[0][most] - turned[1][most])
    return Shift(
        _chi_squared(np.stack([here, then])),
        effect,
        _size(effect, _HS),
        Sentence(
            "the answer {classes!r} is given for {shares}, where it was {shares2} of the validation examples",
            classes[most],
            percent(shares[0][most]),
            percent(shares[1][most]),
        ),
    )


def _chi_squared(counts: Float64[np.ndarray, "2 classes"]) -> float:
    """P-value of two rows of counts having the same shares."""
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    rare = expected.min(axis=0) < _LEAST_EXPECTED
    counts = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2:
        return 1.0
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    return chi_squared_tail(float(((counts - expected) ** 2 / expected).sum()), counts.shape[1] - 1)


def _size(effect: float, borders: tuple[float, ...]) -> str:
    return _SIZES[sum(abs(effect) >= border for border in borders)]
