"""Numbers as people read them, and untrusted text made safe to look at."""

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from markupsafe import Markup

from pellucid.arithmetic.rounding import decimals, figure, rounded, with_minus
from pellucid.arithmetic.rounding import percent as plain_percent

NOT_MEASURED = "not measured"
_SPACE = "\u00a0"


@dataclass(frozen=True)
class Score:
    """A measured value with its 95 % interval.

    Attributes:
        value: the estimate.
        low: lower end of the interval.
        high: upper end of the interval.
    """

    value: float
    low: float
    high: float

    @classmethod
    def read(cls, score: Any) -> "Score | None":
        """Take a score from `metrics.json`: an object of `value` and perhaps `low` and `high`, or a number.

        Its ends are its value where no interval was measured; `None` where there is no finite value.
        """
        parts = score if isinstance(score, Mapping) else {"value": score}
        value = finite(parts.get("value"))
        if value is None:
            return None
        low, high = finite(parts.get("low")), finite(parts.get("high"))
        return cls(value, value if low is None else low, value if high is None else high)

    @property
    def has_interval(self) -> bool:
        """True where the interval is wider than a point."""
        return self.low < self.high


def finite(value: Any) -> float | None:
    """Read a number that may be missing.

    The value as a float, or `None` where it is no finite number.
    """
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def significant(value: Any, digits: int = 3) -> str:
    """Show a number with so many significant digits.

    Such as `0.0412`, `12.3` or `1,230`; powers of ten outside 1e-4 to 1e9.
    """
    number = finite(value)
    if number is None:
        return NOT_MEASURED
    if number and not 1e-4 <= abs(number) < 1e9:
        mantissa, exponent = f"{number:.{digits - 1}e}".split("e")
        return f"{with_minus(mantissa)}\u00b710{superscript(int(exponent))}"
    return with_minus(figure(number, digits)) if number else rounded(0.0, digits - 1)


def scored(score: Score | None) -> str:
    """Show a score's value.

    Three significant digits, such as `0.936`.
    """
    return NOT_MEASURED if score is None else with_minus(rounded(score.value, min(decimals(score.value), 5)))


def interval(score: Score | None) -> str:
    """Show a score's interval with as many decimals as its value.

    Such as `[0.931, 0.941]`, or nothing where no interval was measured.
    """
    if score is None or not score.has_interval:
        return ""
    places = min(decimals(score.value), 5)
    return f"[{with_minus(rounded(score.low, places))},{_SPACE}{with_minus(rounded(score.high, places))}]"


def percent(value: Any) -> str:
    """Show a share as a percentage, such as `91.6 %`, `0 %` or `100 %`."""
    number = finite(value)
    return NOT_MEASURED if number is None else plain_percent(number).replace(" ", _SPACE)


def count(value: Any) -> str:
    """Show a whole number exactly, its thousands parted.

    Such as `10,000`.
    """
    number = finite(value)
    return NOT_MEASURED if number is None else with_minus(f"{round(number):,}")


def seconds(value: Any) -> str:
    """Show a duration.

    Such as `12.0 ms`, `41.2 s`, `3 min 17 s` or `1 h 2 min`.
    """
    number = finite(value)
    if number is None:
        return NOT_MEASURED
    if number < 0.1:
        return milliseconds(1000 * number) if number >= 0.001 else f"<{_SPACE}1{_SPACE}ms"
    if number < 100:
        return f"{significant(number)}{_SPACE}s"
    whole = round(number)
    if whole < 3600:
        return f"{whole // 60}{_SPACE}min {whole % 60}{_SPACE}s"
    return f"{whole // 3600}{_SPACE}h {whole % 3600 // 60}{_SPACE}min"


def milliseconds(value: Any) -> str:
    """Show the time that one example takes.

    Such as `0.521 ms` or `3.20 µs`.
    """
    number = finite(value)
    if number is not None and 0 < number < 0.01:
        return _with_unit(1000 * number, "µs")
    return _with_unit(number, "ms")


def size(value: Any) -> str:
    """Show a file's size in decimal units.

    Such as `1.14 MB`.
    """
    number = finite(value)
    if number is None or number < 1000:
        return f"{count(number)}{_SPACE}bytes" if number is not None else NOT_MEASURED
    steps = ("kB", "MB", "GB", "TB")
    step = min(int(math.log10(number) // 3), len(steps))
    return _with_unit(number / 1000**step, steps[step - 1])


def rough(value: Any) -> str:
    """Show a large count with three significant digits and a word.

    Such as `285 thousand` or `1.24 million`.
    """
    number = finite(value)
    if number is None or abs(number) < 10_000:
        return count(number)
    words = ("thousand", "million", "billion", "trillion")
    step = min(int(math.log10(abs(number)) // 3), len(words))
    return _with_unit(number / 1000**step, words[step - 1])


def probability(value: Any) -> str:
    """Show a single probability with three decimals, such as `0.972`, or `< 0.001`."""
    number = finite(value)
    if number is None:
        return NOT_MEASURED
    return f"<{_SPACE}0.001" if 0 < number < 0.001 else rounded(number, 3)


def p_value(value: Any) -> str:
    """Show a p-value, which is never nothing at all however small the computer finds it.

    Three decimals, such as `0.031`, or `< 0.001`.
    """
    number = finite(value)
    return probability(number if number is None else max(number, 1e-9))


def tick(value: float) -> str:
    """Show a round number on an axis."""
    return with_minus(f"{value:.10g}") if value else "0"


def extent(value: Any) -> str:
    """Show the sizes of a shape."""
    if value is None:
        return ""
    sizes = [value] if finite(value) is not None else list(value)
    return f"{_SPACE}\u00d7{_SPACE}".join(count(each) for each in sizes)


def _with_unit(value: Any, unit: str) -> str:
    shown = significant(value)
    return shown if shown == NOT_MEASURED else f"{shown}{_SPACE}{unit}"


def superscript(exponent: int) -> str:
    """Write a whole number as an exponent.

    Such as `⁻⁵`.
    """
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


# Foreign text made safe to look at: every character that hides, turns or breaks is shown by its code.

_LINE_BREAKS = {"\t": "⇥", "\n": "↵", "\r": "␍"}

# Control characters, bidirectional controls, zero-width characters other than the two joiners that
# emoji, Persian and the Indian scripts need, line separators, lone surrogates and non-characters.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)


_JOINERS = "\u200c\u200d\ufe0e\ufe0f"
_SPACIOUS = 8


def visible(value: Any) -> Any:
    """Replace characters that would hide themselves or reorder their neighbours.

    The page's templates pass every value through this function, before escaping. Text gets `↵` for a line
    break and `⟨U+202E⟩` for anything else that is invisible; markup and other values stay as they are.
    """
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _HIDDEN.sub(lambda match: _LINE_BREAKS.get(match[0], f"⟨U+{ord(match[0]):04X}⟩"), value)


def shortened(text: str, length: int = 48) -> str:
    """Cut the middle out of a long text.

    The text itself, or its beginning and end around `…`.
    """
    if len(text) <= length:
        return text
    tail = length // 3
    return text[: length - tail - 1] + "…" + text[-tail:]


class Excerpt(NamedTuple):
    """A text as a page shows it.

    Attributes:
        text: the beginning of the text, runs of space as single spaces; with `…` where more follows.
        characters: of the whole text.
    """

    text: str
    characters: int


def excerpt(text: str, length: int = 400) -> Excerpt:
    """Take the beginning of a text, which may be very long.

    The part to show; hidden characters are still in it, for `visible` to show by their code.
    """
    start = " ".join(text[: _SPACIOUS * length].split())
    if len(start) <= length and len(text) <= _SPACIOUS * length:
        return Excerpt(start, len(text))
    cut = start[: length - 1]
    # A mark or joiner that continues the character before it does not stand alone behind the cut.
    while cut and len(start) > len(cut) and _continues(start[len(cut)]):
        cut = cut[:-1]
    return Excerpt(f"{cut.rstrip()}…", len(text))


def _continues(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) in ("Mn", "Me")
