"""How figures stand in a sentence."""

import math

from pellucid.evaluation.intervals import Interval


def figure(value: float) -> str:
    """Write a number with three significant figures.

    Args:
        value: any number.

    Returns:
        Such as `0.936`, `12.3` or `1240`.
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = 2 - math.floor(math.log10(abs(value)))
    if decimals > 6:
        return f"{value:.3g}"
    text = f"{round(value, decimals):.{max(0, decimals)}f}"
    return text.removeprefix("-") if float(text) == 0 else text


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


def count(number: int, noun: str) -> str:
    """Write a count with its noun.

    Args:
        number: zero or more.
        noun: in the singular; an `s` makes the plural.

    Returns:
        Such as `1 example` or `10,000 examples`.
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
