"""What separates the fields of a table and what quotes them: named by the user, or found from the first rows.

Fields between commas, with double quotes around those that need some (RFC 4180), are the usual case, and
semicolons or tabs take the place of commas as often. What cuts the first rows evenly in this way is read
so. Only of other tables single quotes, pipes, and tabs without quotes are tried, and taken where they cut
every row into as many fields. An apostrophe is not a quote: single quotes count only where a field begins
and ends.
"""

import contextlib
import csv
import itertools
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pellucid.data.wording import quoted
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import LINE_BYTES
from pellucid.settings import Settings
from pellucid.settings.rows import parse_delimiter, parse_quote

_FIRST_ROWS = 50  # by which usual separators are compared
_JUDGED_ROWS = 1_000  # which have to be of one length
_SAMPLE_CHARACTERS = 1 << 20
_MOST_JUDGED = 4 * _SAMPLE_CHARACTERS  # the last line of a sample may be longer than all before it
USUAL = ",;\t"
_UNUSUAL = "|"
_DOUBLE = '"'
_SINGLE = "'"
_NONE = ""
_ESCAPED = re.compile(r"\\([\\'])")
_END = "\x00end of table\x00"
_NAMES = {
    **{",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "space"},
    **{_DOUBLE: "double", _SINGLE: "single", _NONE: "none"},
}
_FIELD_LIMIT_LOCK = threading.Lock()


class Dialect(NamedTuple):
    """How a table of separated values is written."""

    delimiter: str = ","
    quote: str = _DOUBLE  # around fields that hold a delimiter; empty where quotes are plain characters
    has_backslashes: bool = False  # whether a quote within a field has a backslash before it

    def reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """The fields of each row of some lines."""
        if self.has_backslashes:
            lines = (_ESCAPED.sub(lambda found: found[1].replace("'", "''"), line) for line in lines)
        if not self.quote:
            return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, quotechar=None)
        # Double quotes are read as leniently as spreadsheets do; single ones may be apostrophes.
        is_strict = self.quote != _DOUBLE
        return csv.reader(lines, delimiter=self.delimiter, quotechar=self.quote, strict=is_strict)

    def __str__(self) -> str:
        """As a command line names it."""
        return Sentence("--delimiter {delimiter} --quote {quote}", shown(self.delimiter), shown(self.quote))


class Sample(NamedTuple):
    """The first lines of a table."""

    lines: list[str]
    is_whole: bool  # whether these are all there are

    @classmethod
    def of(cls, lines: Iterator[str]) -> "Sample":
        """The first million characters in whole lines."""
        sample, size = [], 0
        for line in lines:
            sample.append(line)
            size += len(line)
            if size > _SAMPLE_CHARACTERS:
                return cls(sample, False)
        return cls(sample, True)


@contextlib.contextmanager
def any_field_length() -> Iterator[None]:
    """Lift the limit of Python's csv module (131,072 characters), which holds for the whole process."""
    with _FIELD_LIMIT_LOCK:
        limit = csv.field_size_limit(LINE_BYTES)
        try:
            yield
        finally:
            csv.field_size_limit(limit)


class Asked(NamedTuple):
    """What is known of a dialect before a table is looked at; `None` has to be found."""

    delimiter: str | None = None
    quote: str | None = None
    usual: str = USUAL  # delimiters of this form of table

    @classmethod
    def by(cls, settings: Settings | None, usual: str = USUAL) -> "Asked":
        """What settings name; `usual` are the delimiters of tables of this ending."""
        if settings is None:
            return cls(usual=usual)
        return cls(parse_delimiter(settings.delimiter), parse_quote(settings.quote), usual)

    def dialect_of(self, sample: Sample) -> Dialect:
        """The dialect of a table: what is usual where it fits, else what cuts all its first rows evenly."""
        usual = _evenest(sample, self.delimiter or self.usual, _DOUBLE if self.quote is None else self.quote)
        # One row is never compared, and rows this long would be parsed a dozen times.
        is_judged = len(sample.lines) > 1 and sum(map(len, sample.lines)) < _MOST_JUDGED
        if not is_judged or _is_even(_rows(sample, usual)):
            return usual
        fitting = [
            (-_unquoted(rows), len(rows[0]), dialect)
            for dialect in self._others()
            if _is_even(rows := _rows(sample, dialect)) and _is_certain(sample, dialect, rows, self)
        ]
        return max(fitting, key=lambda each: each[:2])[2] if fitting else usual

    def _others(self) -> Iterator[Dialect]:
        """What else a table may be written in, the more usual first."""
        more = _UNUSUAL if self.usual == USUAL else ""
        delimiters = self.delimiter or self.usual + more
        quotes = (_DOUBLE, _SINGLE, _NONE) if self.quote is None else (self.quote,)
        for quote, delimiter in itertools.product(quotes, delimiters):
            yield Dialect(delimiter, quote)
            if quote == _SINGLE:
                yield Dialect(delimiter, quote, has_backslashes=True)

    def require_fitting(self, sample: Sample, dialect: Dialect, place: str) -> None:
        """Refuse what was named, also by a model, where it finds one column and another dialect several.

        Raises: `DataError` with that one.
        """
        rows = [] if (self.delimiter, self.quote) == (None, None) else _rows(sample, dialect)
        if not rows or any(len(row) > 1 for row in rows):
            return
        other = Asked(usual=self.usual).dialect_of(sample)
        if _is_even(_rows(sample, other)):
            raise DataError(
                "{place}: --delimiter {delimiter}, given or remembered by the model, separates nothing in "
                "the first rows; give {other}, which fits them",
                place,
                shown(dialect.delimiter),
                str(other),
            )


def shown(sign: str) -> str:
    """A delimiter or a quote as a command line names it."""
    return _NAMES.get(sign) or quoted(sign)


def _evenest(sample: Sample, delimiters: str, quote: str) -> Dialect:
    """The delimiter that cuts the first rows into the same number of fields, more than one."""

    def evenness(dialect: Dialect) -> tuple[int, int]:
        """Rows that are as long as the first, and how long; nothing where it has one field."""
        with any_field_length(), contextlib.suppress(csv.Error):
            rows = list(itertools.islice(dialect.reader(sample.lines), _FIRST_ROWS))
            if not sample.is_whole and len(rows) < _FIRST_ROWS:
                rows = rows[:-1] or rows
            lengths = [len(row) for row in rows if row]
            if lengths and lengths[0] >= 2:
                return lengths.count(lengths[0]), lengths[0]
        return 0, 0

    return max((Dialect(delimiter, quote) for delimiter in delimiters), key=evenness)


def _rows(sample: Sample, dialect: Dialect) -> list[list[str]]:
    """The first rows that are not blank; none where they cannot be read, or a quote is left open."""
    rows: list[list[str]] = []
    end = [_END] if sample.is_whole else []
    reader, read = dialect.reader(itertools.chain(sample.lines, end)), 0
    with any_field_length(), contextlib.suppress(csv.Error):
        for row in itertools.islice(reader, _JUDGED_ROWS):
            rows.append(row)
        read = len(rows)
    is_cut = read == _JUDGED_ROWS
    if read < len(rows) or (sample.is_whole and not is_cut and rows[-1:] != [[_END]]):
        return []
    if rows[-1:] == [[_END]]:
        rows.pop()
    elif not is_cut:
        # The last row goes on behind the sample; one that begins before its middle is an open quote.
        last = rows.pop() if rows else []
        if 2 * sum(map(len, last)) > _SAMPLE_CHARACTERS:
            return []
    return [row for row in rows if row]


def _is_even(rows: Sequence[Sequence[str]]) -> bool:
    """Whether all rows have as many fields, and more than one."""
    lengths = set(map(len, rows))
    return len(rows) > 1 and len(lengths) == 1 and lengths.pop() > 1


def _is_certain(sample: Sample, dialect: Dialect, rows: Sequence[Sequence[str]], asked: Asked) -> bool:
    """Whether a dialect that is not usual is more than an accident, unless the user named its quote.

    Single quotes have to keep delimiters or line ends together; without quotes are tables between tabs alone.
    """
    if dialect.quote == asked.quote or dialect.quote == _DOUBLE:
        return True
    if dialect.quote == _NONE:
        return dialect.delimiter == "\t"
    return list(map(len, _rows(sample, Dialect(dialect.delimiter, _NONE)))) != list(map(len, rows))


def _unquoted(rows: Sequence[Sequence[str]]) -> int:
    """Rows in which a field begins or ends with a quote: it should have been taken off."""
    quotes = (_DOUBLE, _SINGLE)
    return sum(any(field.startswith(quotes) or field.endswith(quotes) for field in row) for row in rows)


def still_quoted(rows: Sequence[Sequence[str]], dialect: Dialect) -> str:
    """The quote around every value of a column, which the dialect leaves there; empty where there is none."""
    for quote in (_SINGLE, _DOUBLE):
        for values in zip(*rows, strict=True) if quote != dialect.quote and len(rows) > 1 else ():
            if all(len(value) > 1 and value[0] == quote == value[-1] for value in values):
                return quote
    return ""


# What a model remembers of the tables that it learned from.


def remembered(settings: Settings | None, dialect: Dialect) -> dict[str, str]:
    """What reads tables like this one: what the settings name, and single quotes, named or found."""
    asked = Asked.by(settings)
    quote = _SINGLE if asked.quote is None and dialect.quote == _SINGLE else asked.quote
    found = {"delimiter": asked.delimiter, "quote": quote}
    return {name: sign for name, sign in found.items() if sign is not None}


def dialect_of_file(value: object) -> Mapping[str, str]:
    """What is remembered as a file holds it, trusted in nothing.

    Raises: `ValueError` if it is anything else.
    """
    if not isinstance(value, dict) or not value.keys() <= {"delimiter", "quote"}:
        raise ValueError("dialect: not a delimiter and a quote")
    for key, sign in value.items():
        try:
            {"delimiter": parse_delimiter, "quote": parse_quote}[key](sign if isinstance(sign, str) else "xx")
        except ValueError as error:
            raise ValueError(Sentence("dialect: {key!r} is not one character of a table", key)) from error
    return value
