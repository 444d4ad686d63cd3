"""The one rounding of scores and shares: half up, from the decimal digits that a number is stored with.

0.9215 lies a little below itself in binary, so that format strings make 0.921 of it but 92.2 % of a hundred
times as much. `metrics.json` says 0.9215; what is shown goes by that, as 0.922 and 92.2 %, everywhere.
"""

import math
from decimal import ROUND_HALF_UP, Context, Decimal

_MOST_PLACES = 9
# Python's own context has 28 digits; the largest double has 309 before the point.
_EXACT = Context(prec=400, rounding=ROUND_HALF_UP)


def rounded(value: float, places: int) -> str:
    """A number with so many places after the point, rounded half up, its thousands separated by commas.

    From 1e15 on, where a double has no places, it gets an exponent.
    """
    if not abs(value) < 1e15:
        return f"{value:.3g}"
    digits = _stored(value).quantize(Decimal(1).scaleb(-places), context=_EXACT)
    return f"{_EXACT.add(digits, 0):,f}"


def with_minus(digits: str) -> str:
    """A number, or a range of such, with minus signs as people print them in the place of hyphens."""
    return digits.replace("-", "\u2212")


def decimals(value: float, digits: int = 3) -> int:
    """Places after the point that show a number with so many significant digits.

    A share just below one gets enough of them not to read as one.
    """
    if value == 0 or not math.isfinite(value):
        return digits - 1
    if 0.9 < value < 1:
        places = digits
        while float(rounded(value, places)) == 1 and places < _MOST_PLACES:
            places += 1
        return places
    stored = _stored(value)
    first = stored.quantize(Decimal(1).scaleb(stored.adjusted() - digits + 1), context=_EXACT)
    return max(0, digits - 1 - first.adjusted())


def figure(value: float, digits: int = 3) -> str:
    """A number with three significant digits, such as `0.936`, `12.3` or `1,240`.

    A share just below one never reads as one; what is tiny or huge gets an exponent.
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if not 1e-4 <= abs(value) < 1e9:
        return f"{value:.{digits}g}"
    places = decimals(value, digits)
    if places:
        return rounded(value, places)
    stored = _stored(value)
    whole = stored.quantize(Decimal(1).scaleb(max(0, stored.adjusted() - digits + 1)), context=_EXACT)
    return f"{int(whole):,}"


def figures(first: float, second: float) -> tuple[str, str]:
    """Two numbers that are compared, with three significant digits, or as many more as make them differ."""
    shown = [(figure(first, digits), figure(second, digits)) for digits in range(3, _MOST_PLACES)]
    return next((each for each in shown if each[0] != each[1]), shown[0])


def percent(share: float) -> str:
    """A share as a percentage with the digits that the share itself is shown with, such as `92.2 %`."""
    return f"{per_cent(share, share)} %"


def per_cent(share: float, like: float) -> str:
    """A hundred times a share with as many places as `like` deserves, for the ends of an interval.

    Without the sign; 0 and 1 have no places.
    """
    if not math.isfinite(share):
        return f"{share:g}"
    return rounded(float(_stored(share) * 100), max(0, min(decimals(like) - 2, 4)))


def _stored(value: float) -> Decimal:
    """The shortest decimal number that reads back as this one, which is what JSON holds."""
    return Decimal(repr(float(value)))
