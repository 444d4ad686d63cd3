"""Tables whose rows are JSON objects, one after the other, whatever stands between them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pellucid.budgets import BLOCK_BYTES, CELLS, COLUMNS
from pellucid.data.tables.csv_rows import ROWS_FIRST, ROWS_LATER
from pellucid.data.tables.encodings import TextFile, count_lines
from pellucid.data.tables.forms.table import Block, Table
from pellucid.data.tables.headers import GROUP_NAME, SPLIT_NAME
from pellucid.data.wording import quoted
from pellucid.errors import DataError
from pellucid.strict import parse_line


class _Objects(NamedTuple):
    objects: list[dict[str, object]]
    numbers: list[int]


def open_json_lines(file: TextFile) -> Table:
    """Begin to read one JSON object a line; blank lines are passed over.

    Raises: `DataError` as `open_objects`.
    """
    return open_objects(_lines(file), file.place)


def _lines(file: TextFile) -> Iterator[tuple[int, str]]:
    with file.lines("\n", count_lines) as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, line


def open_objects(rows: Iterable[tuple[int, object]], place: str) -> Table:
    """Begin to read JSON objects, each with its row; a key that is missing from one is an empty value.

    They are as written, or parsed already.

    Raises: `DataError` if one of the first is no JSON object, or they have too many keys.
    """
    batches = _batches(rows, place)
    first = next(batches, _Objects([], []))
    head = list(dict.fromkeys(name for value in first.objects for name in value))
    if len(head) > COLUMNS:
        raise DataError(f"{place}: more than {COLUMNS:,} keys; leave some out")

    def block_of(batch: _Objects, names: Sequence[str]) -> Block:
        return Block({name: [value.get(name) for value in batch.objects] for name in names}, batch.numbers)

    def read(names: Sequence[str]) -> Iterator[Block]:
        yield block_of(first, names)
        for batch in batches:
            _require_no_late_keys(batch, head, place)
            yield block_of(batch, names)

    return Table(place, block_of(first, head), read)


def _batches(rows: Iterable[tuple[int, object]], place: str) -> Iterator[_Objects]:
    """JSON objects with their rows, some at a time.

    A list of values, such as `["some text", "label"]`, has its columns by number.

    Raises: `DataError` if a row is no JSON object, or a list where the first row is none of its length.
    """
    numbered: list[str] | None = None
    batch, size, held, cells = _Objects([], []), ROWS_FIRST, 0, 0
    for number, given in rows:
        try:
            value = parse_line(given) if isinstance(given, str) else given
        except ValueError as error:
            raise DataError(f"{place}: row {number} is not JSON ({error}); fix the row") from error
        if numbered is None:
            count = len(value) if isinstance(value, list) else 0
            numbered = numbered_columns(count) if 1 < count <= COLUMNS else []
        if numbered:
            if not isinstance(value, list) or len(value) != len(numbered):
                raise DataError(
                    f"{place}: row {number} is not a list of {len(numbered)} values, as the first is; fix "
                    "the row"
                )
            value = dict(zip(numbered, value, strict=True))
        if not isinstance(value, dict):
            raise DataError(
                f'{place}: row {number} is not an object such as {{"text": ..., "label": ...}}; fix the row'
            )
        batch.objects.append(value)
        batch.numbers.append(number)
        held += len(given) if isinstance(given, str) else _characters(value)
        cells += len(value)
        if len(batch.numbers) == size or held > BLOCK_BYTES or cells > CELLS:
            yield batch
            batch, size, held, cells = _Objects([], []), ROWS_LATER, 0, 0
    if batch.numbers:
        yield batch


def numbered_columns(count: int) -> list[str]:
    """Names of columns that have none."""
    return [f"column {number}" for number in range(1, count + 1)]


def _characters(value: dict[str, object]) -> int:
    return sum(len(each) for each in value.values() if isinstance(each, str))


def _require_no_late_keys(batch: _Objects, head: Sequence[str], place: str) -> None:
    """Refuse a split or a group that begins only after the rows from which columns were chosen.

    Raises: `DataError` naming the row.
    """
    known = set(head)
    for value, number in zip(batch.objects, batch.numbers, strict=True):
        if known.issuperset(value):
            continue
        for name in value:
            if name not in known and name.lower() in (SPLIT_NAME, GROUP_NAME):
                raise DataError(
                    f"{place}: row {number} is the first with a value of {quoted(name)}; "
                    "give one to the first row too, such as null"
                )
