"""How figures stand in a plain sentence, on a terminal or in JSON.

`reports.numbers` sets those of a page, with real minus signs, powers of ten and units.
"""

import math

from pellucid.evaluation.intervals import Interval


def decimals(value: float, digits: int = 3) -> int:
    """Places after the point that show a value with so many significant digits.

    Args:
        value: the number to be shown.
        digits: significant digits.

    Returns:
        Zero or more places; a share just below one gets enough of them not to read as one.
    """
    if value == 0:
        return digits - 1
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    if 0.9 < value < 1:
        places = digits
        while round(value, places) == 1 and places < 9:
            places += 1
    return places


def figure(value: float) -> str:
    """Write a number with three significant figures.

    Args:
        value: any number.

    Returns:
        Such as `0.936`, `12.3` or `1240`; a share just below one never reads as one.
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) < 1e-4:
        return f"{value:.3g}"
    rounded = value if 0.9 < value < 1 else float(f"{value:.2e}")
    return f"{rounded:.{decimals(rounded)}f}"


def span(interval: Interval, unit: str = "") -> str:
    """Write a value with its interval, all with the same decimals, as many as the width deserves.

    Args:
        interval: the value and its ends.
        unit: a word behind the value, such as `points`.

    Returns:
        Such as `1.9 points [1.1, 2.7]`.
    """
    width, largest = interval.high - interval.low, max(abs(end) for end in interval)
    decimals = 1 - math.floor(math.log10(width / 2)) if width > 0 else 12 if largest > 0 else 0
    if largest > 0:
        decimals = min(decimals, 2 - math.floor(math.log10(largest)))
    decimals = min(max(decimals, 0), 12)
    value, low, high = (f"{round(end, decimals) + 0.0:.{decimals}f}" for end in interval)
    return f"{value}{' ' + unit if unit else ''} [{low}, {high}]"


def points(interval: Interval) -> str:
    """Write a difference of shares in percent points.

    Args:
        interval: from -1 to 1.

    Returns:
        Such as `1.9 points [1.1, 2.7]`.
    """
    return span(Interval(*(100 * end for end in interval)), "points")
