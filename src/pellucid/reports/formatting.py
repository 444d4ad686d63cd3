"""Numbers as people read them, and excerpts of untrusted text."""

import math
import unicodedata
from collections.abc import Mapping
from typing import Any, NamedTuple

from pellucid.arithmetic.rounding import decimals, figure, rounded, with_minus
from pellucid.arithmetic.rounding import percent as plain_percent
from pellucid.data.wording import public_text
from pellucid.evaluation import Interval
from pellucid.language.catalogue import CHINESE, language, translated
from pellucid.language.sentence import Sentence

NOT_MEASURED = "not measured"
_SPACE = "\u00a0"


def finite(value: Any) -> float | None:
    """The value as a float; `None` where it is no finite number."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def whole(value: Any) -> int:
    """A count of `metrics.json`; 0 where it is missing."""
    return int(finite(value) or 0)


def read_score(score: Any) -> Interval | None:
    """A score of `metrics.json`: an object of `value` and perhaps `low` and `high`, or a number.

    Its ends are its value where no interval was measured; `None` where there is no finite value.
    """
    parts = score if isinstance(score, Mapping) else {"value": score}
    value, low, high = (finite(parts.get(name)) for name in ("value", "low", "high"))
    if value is None:
        return None
    return Interval(value, value if low is None else low, value if high is None else high)


def significant(value: Any, digits: int = 3) -> str:
    """Such as `0.0412`, `12.3` or `1,230`; powers of ten outside 1e-4 to 1e9."""
    number = finite(value)
    if number is None:
        return NOT_MEASURED
    if number and not 1e-4 <= abs(number) < 1e9:
        mantissa, exponent = f"{number:.{digits - 1}e}".split("e")
        return f"{with_minus(mantissa)}\u00b710{superscript(int(exponent))}"
    return with_minus(figure(number, digits)) if number else rounded(0.0, digits - 1)


def scored(score: Interval | None) -> str:
    """A score's value with three significant digits, such as `0.936`."""
    return NOT_MEASURED if score is None else with_minus(rounded(score.value, min(decimals(score.value), 5)))


def interval(score: Interval | None) -> str:
    """A score's interval with as many decimals as its value, such as `[0.931, 0.941]`; empty without one."""
    if score is None or not score.low < score.high:
        return ""
    places = min(decimals(score.value), 5)
    return f"[{with_minus(rounded(score.low, places))},{_SPACE}{with_minus(rounded(score.high, places))}]"


def percent(value: Any) -> str:
    """A share as a percentage, such as `91.6 %`, `0 %` or `100 %`."""
    number = finite(value)
    return NOT_MEASURED if number is None else plain_percent(number).replace(" ", _SPACE)


def count(value: Any) -> str:
    """A whole number exactly, such as `10,000`."""
    number = finite(value)
    return NOT_MEASURED if number is None else with_minus(f"{round(number):,}")


def seconds(value: Any) -> str:
    """A duration, such as `12.0 ms`, `41.2 s`, `3 min 17 s` or `1 h 2 min`."""
    number = finite(value)
    if number is None:
        return NOT_MEASURED
    if number < 0.1:
        return milliseconds(1000 * number) if number >= 0.001 else f"<{_SPACE}1{_SPACE}ms"
    if number < 100:
        return f"{significant(number)}{_SPACE}s"
    total = round(number)
    if total < 3600:
        return f"{total // 60}{_SPACE}min {total % 60}{_SPACE}s"
    return f"{total // 3600}{_SPACE}h {total % 3600 // 60}{_SPACE}min"


def milliseconds(value: Any) -> str:
    """The time that one example takes, such as `0.521 ms` or `3.20 µs`."""
    number = finite(value)
    if number is not None and 0 < number < 0.01:
        return _with_unit(1000 * number, "µs")
    return _with_unit(number, "ms")


def size(value: Any) -> str:
    """A file's size in decimal units, such as `1.14 MB`."""
    number = finite(value)
    if number is None or number < 1000:
        return f"{count(number)}{_SPACE}bytes" if number is not None else NOT_MEASURED
    return _by_thousands(number, ("kB", "MB", "GB", "TB"))


def rough(value: Any) -> str:
    """A large count with three significant digits and a word, such as `285 thousand` or `1.24 million`."""
    number = finite(value)
    if number is None or abs(number) < 10_000:
        return count(number)
    if language() == CHINESE:  # by ten thousands
        ten_thousands = number / 10_000
        is_large = abs(ten_thousands) >= 10_000
        return _with_unit(ten_thousands / (10_000 if is_large else 1), "\u4ebf" if is_large else "\u4e07")
    return _by_thousands(number, ("thousand", "million", "billion", "trillion"))


def _by_thousands(number: float, units: tuple[str, ...]) -> str:
    step = min(int(math.log10(abs(number)) // 3), len(units))
    return _with_unit(number / 1000**step, units[step - 1])


def _with_unit(value: Any, unit: str) -> str:
    shown = significant(value)
    return shown if shown == NOT_MEASURED else f"{shown}{_SPACE}{unit}"


def probability(value: Any) -> str:
    """A single probability with three decimals, such as `0.972`, or `< 0.001`."""
    number = finite(value)
    if number is None:
        return NOT_MEASURED
    return f"<{_SPACE}0.001" if 0 < number < 0.001 else rounded(number, 3)


def p_value(value: Any) -> str:
    """A p-value with three decimals, which is never zero however small the computer finds it."""
    number = finite(value)
    return probability(number if number is None else max(number, 1e-9))


def tick(value: float) -> str:
    """A round number on an axis."""
    return with_minus(f"{value:.10g}") if value else "0"


def extent(value: Any) -> str:
    """The sizes of a shape, such as `8 x 8`."""
    if value is None:
        return ""
    sizes = [value] if finite(value) is not None else list(value)
    return f"{_SPACE}\u00d7{_SPACE}".join(count(each) for each in sizes)


def superscript(exponent: int) -> str:
    """A whole number as an exponent, such as `⁻⁵`."""
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def text_of(value: Any) -> str:
    """A text of `metrics.json`, which may be a sentence with its values; empty where it is missing."""
    return value if isinstance(value, str) else str(value or "")


def unbroken(sentence: Any) -> str:
    """A sentence in which no line ends between a number and its per cent sign."""
    return str(sentence).replace(" %", f"{_SPACE}%")


def setting(value: Any) -> str:
    """A setting's value as people write it."""
    if value is None:
        return translated("by rule")
    if isinstance(value, bool):
        return translated("yes" if value else "no")
    if isinstance(value, Mapping):
        return ", ".join(Sentence("{name}: {each}", name, setting(each)) for name, each in value.items())
    return public_text(str(value))


# Untrusted text: every character that hides, reorders or breaks is shown by its code.

_JOINERS = "\u200c\u200d\ufe0e\ufe0f"
_SPACIOUS = 8


def shortened(text: str, length: int = 48) -> str:
    """A text of at most so many characters, where it is longer with `…` in place of its middle."""
    if len(text) <= length:
        return text
    tail = length // 3
    return text[: length - tail - 1] + "…" + text[-tail:]


class Excerpt(NamedTuple):
    """The beginning of a text, runs of space as single spaces, and the characters of the whole text."""

    text: str
    characters: int


def excerpt(text: str, length: int = 400) -> Excerpt:
    """Take the beginning of a text, which may be very long, with `…` where more follows.

    Hidden characters are still in it, for `visible` to show by their code.
    """
    start = " ".join(text[: _SPACIOUS * length].split())
    if len(start) <= length and len(text) <= _SPACIOUS * length:
        return Excerpt(start, len(text))
    cut = start[: length - 1]
    # A mark or joiner that continues the character before it is not cut off from it.
    while cut and len(start) > len(cut):
        if start[len(cut)] not in _JOINERS and unicodedata.category(start[len(cut)]) not in ("Mn", "Me"):
            break
        cut = cut[:-1]
    return Excerpt(f"{cut.rstrip()}…", len(text))
