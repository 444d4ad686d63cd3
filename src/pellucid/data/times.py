"""Times of a table's column, read strictly: what can be read in two ways is refused.

Read are, in one column all of one kind,

- ISO 8601: `2024-03-01`, `2024-03`, `2024-03-01 14:05`, `2024-03-01T14:05:09.5+02:00`, also with `/`
  between year, month and day, and `20240301`; years alone, `2024`;
- seconds since 1970 (9 or 10 digits, with a fraction or not), milliseconds (12 or 13 digits);
- day, month and year as `1.3.2024`; with slashes (`3/14/2024`) only where some value shows which of the two
  is the month, and none speaks against it;
- `1 March 2024`, `Mar 1, 2024`, and the dates of mails, `Fri, 1 Mar 2024 14:05:09 +0100`.

Times with a zone are compared as such, and never mixed with times without one.
"""

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from email.utils import parsedate_to_datetime

import numpy as np
from jaxtyping import Float64

from pellucid.data.labels import MOST_ROWS
from pellucid.data.wording import quoted, some
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence

_CLOCK = r"(?:[ T,]+(\d{1,2}:\d\d(?::\d\d(?:\.\d{1,9})?)?))?"
_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?\s?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE]\+?\d+)?", re.ASCII)
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})" + _CLOCK, re.ASCII)
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})" + _CLOCK, re.ASCII)
_WORDS = ("%d %B %Y", "%d %b %Y", "%B %d %Y", "%b %d %Y", "%d-%b-%Y")
_SECONDS = (1e8, 1e10)  # since 1970: years 1973 to 2286
_MILLISECONDS = (1e11, 1e13)  # since 1970: years 1973 to 2286

# Kind of a time, and its seconds since 1970.
Read = tuple[str, float]


def read_times(
    values: Sequence[object], place: str, source: Callable[[int], str]
) -> Float64[np.ndarray, " values"]:
    """Seconds since 1970 of every value, by the forms above; `source`, such as `row 7`, is for messages.

    Raises: `DataError` if a value is no time, can be read in two ways, or is of another kind than the others;
    with the rows.
    """
    plain = [value.item() if isinstance(value, np.generic) else value for value in values]
    texts = [value.strip() if isinstance(value, str) else value for value in plain]
    day_first = _order_of_slashes(texts, place, source)
    read = [_read(value, day_first) for value in texts]
    wrong = [index for index, each in enumerate(read) if each is None]
    if wrong:
        named = some(
            [Sentence("{plain} at {index}", _quoted_time(plain[index]), source(index)) for index in wrong],
            MOST_ROWS,
        )
        raise DataError(
            "{place}: no time: {named}; write times as 2024-03-01 or 2024-03-01T14:05, or leave these out",
            place,
            named,
        )
    found = [each for each in read if each is not None]
    kinds = {kind: index for index, (kind, _) in reversed(list(enumerate(found)))}
    if len(kinds) > 1:
        (one, first), (other, second), *_ = sorted(kinds.items(), key=lambda each: each[1])
        raise DataError(
            "{place}: times of two kinds, {one} ({plain} at {first}) and "
            "{other} ({plain2} at {second}); write all in one way",
            place,
            one,
            _quoted_time(plain[first]),
            source(first),
            other,
            _quoted_time(plain[second]),
            source(second),
        )
    return np.array([seconds for _, seconds in found], np.float64)


def _quoted_time(value: object) -> str:
    return quoted("" if value is None else str(value))


def _order_of_slashes(values: Sequence[object], place: str, source: Callable[[int], str]) -> bool | None:
    """Whether the day is before the month in `3/4/2024`; `None` where no value is of that form."""
    shown: dict[bool, int] = {}
    doubtful = None
    for index, value in enumerate(values):
        match = _SLASHED.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            continue
        first, second = int(match[1]), int(match[2])
        if first > 12 or second > 12:
            shown.setdefault(first > 12, index)
        elif doubtful is None and first != second:
            doubtful = index
    if len(shown) == 2:
        day, month = shown[True], shown[False]
        raise DataError(
            "{place}: the day stands first in {values} at {day} and the month in "
            "{values2} at {month}; write dates as 2024-03-01",
            place,
            _quoted_time(values[day]),
            source(day),
            _quoted_time(values[month]),
            source(month),
        )
    if not shown and doubtful is not None:
        raise DataError(
            "{place}: {values} at {doubtful} can be read in two ways, and "
            "no other date tells which number is the month; write dates as 2024-03-01",
            place,
            _quoted_time(values[doubtful]),
            source(doubtful),
        )
    return next(iter(shown), True)


def _read(value: object, day_first: bool | None) -> Read | None:
    """Kind and seconds of one value; `None` where it is no time."""
    try:
        if isinstance(value, datetime):
            return _moment(value)
        if isinstance(value, date):
            return _moment(datetime.combine(value, time()))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return None if not math.isfinite(value) else _number(f"{value:.6f}".rstrip("0").rstrip("."))
        if not isinstance(value, str) or not value:
            return None
        return _number(value) if _NUMBER.fullmatch(value) else _text(value, day_first)
    except (ValueError, OverflowError, TypeError):
        return None


def _moment(moment: datetime) -> Read:
    if moment.tzinfo is None:
        return "times without a zone", moment.replace(tzinfo=UTC).timestamp()
    return "times with a zone", moment.timestamp()


def _number(text: str) -> Read | None:
    """Read digits alone: a year, a day, or seconds or milliseconds since 1970."""
    if text.isdigit() and len(text) == 4 and 1000 <= int(text) < 3000:
        return _moment(datetime(int(text), 1, 1))
    if text.isdigit() and len(text) == 8 and 1000 <= int(text[:4]) < 3000:
        return _moment(datetime.strptime(text, "%Y%m%d"))
    number = float(text)
    if _SECONDS[0] <= number < _SECONDS[1]:
        return "seconds since 1970", number
    if _MILLISECONDS[0] <= number < _MILLISECONDS[1]:
        return "milliseconds since 1970", number / 1000
    return None


def _text(text: str, day_first: bool | None) -> Read | None:
    """Read a date in one of the forms with marks or words."""
    iso = re.sub(r"^(\d{4})/(\d\d)/(\d\d)", r"\1-\2-\3", text)
    if _ISO.fullmatch(iso):
        return _moment(datetime.fromisoformat(re.sub(r"\s(Z|[+-]\d\d:?\d\d)$", r"\1", iso)))
    if re.fullmatch(r"\d{4}-\d\d", iso):
        return _moment(datetime.strptime(iso, "%Y-%m"))
    for form, is_day_first in ((_DOTTED, True), (_SLASHED, day_first)):
        match = form.fullmatch(text)
        if match is not None:
            day, month = (match[1], match[2]) if is_day_first else (match[2], match[1])
            clock = match[4] or "00:00"
            clock = clock if clock[2] == ":" else f"0{clock}"  # an hour of two digits
            at = time.fromisoformat(clock)
            return _moment(datetime.combine(date(int(match[3]), int(month), int(day)), at))
    plain = " ".join(text.replace(",", " ").split())
    for written in _WORDS:
        try:
            return _moment(datetime.strptime(plain, written))
        except ValueError:
            continue  # not written like this; the next form may fit
    has_clock = re.search(r"\b\d{4}\b.*\d\d:\d\d", text)
    return _moment(parsedate_to_datetime(text)) if has_clock else None
