"""Differences with intervals in a plain sentence, on a terminal, in JSON or on a page.

`reports.numbers` sets those of the figures of a page, with powers of ten and units.
"""

import math

from pellucid.arithmetic.rounding import rounded, with_minus
from pellucid.evaluation.intervals import Interval


def span(interval: Interval, unit: str = "") -> str:
    """Write a value with its interval, all with the same decimals, as many as the width deserves.

    Such as `1.9 points [1.1, 2.7]`, where `unit` is `points`.
    """
    width, largest = interval.high - interval.low, max(abs(end) for end in interval)
    decimals = 1 - math.floor(math.log10(width / 2)) if width > 0 else 12 if largest > 0 else 0
    if largest > 0:
        decimals = min(decimals, 2 - math.floor(math.log10(largest)))
    decimals = min(max(decimals, 0), 12)
    value, low, high = (with_minus(rounded(end, decimals)) for end in interval)
    return f"{value}{' ' + unit if unit else ''} [{low}, {high}]"


def points(interval: Interval) -> str:
    """Write a difference of shares, -1 to 1, in percent points, such as `1.9 points [1.1, 2.7]`."""
    return span(Interval(*(float(rounded(100 * end, 12)) for end in interval)), "points")
