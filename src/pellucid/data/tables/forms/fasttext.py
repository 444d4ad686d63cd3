"""Lines as fastText trains on them: `__label__positive some text`, one example on each.

Source: https://fasttext.cc/docs/en/supervised-tutorial.html
"""

import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pellucid.budgets import BLOCK_BYTES
from pellucid.data.tables.bounded import open_binary
from pellucid.data.tables.csv_rows import ROWS_FIRST, ROWS_LATER
from pellucid.data.tables.encodings import TextFile, count_lines
from pellucid.data.tables.file_kinds import ends_like_image
from pellucid.data.tables.forms.table import Block, Table
from pellucid.data.wording import quoted
from pellucid.errors import DataError

_MARK = "__label__"
_TEXT, _LABEL = "text", "label"
_LOOKED_AT = 64


def is_fasttext(path: Path) -> bool:
    """Tell a file of such lines by its first characters, whatever its name."""
    if ends_like_image(path.name) or not os.path.isfile(path):
        return False
    try:
        with open_binary(path) as file:
            start = file.read(_LOOKED_AT)
    except (OSError, EOFError, zlib.error, DataError):
        return False
    return start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_MARK.encode())


class _Lines(NamedTuple):
    texts: list[str | None]
    labels: list[str | None]
    numbers: list[int]


def open_fasttext(file: TextFile) -> Table:
    """Begin to read such lines; blank ones are passed over, and one without a label has an empty one.

    Raises: `DataError` if one of the first lines has several labels.
    """
    batches = _batches(file)
    first = next(batches, _Lines([], [], []))

    def block_of(batch: _Lines, names: Sequence[str]) -> Block:
        columns: dict[str, Sequence[str | None]] = {_TEXT: batch.texts, _LABEL: batch.labels}
        return Block({name: columns[name] for name in names}, batch.numbers)

    def read(names: Sequence[str]) -> Iterator[Block]:
        yield block_of(first, names)
        for batch in batches:
            yield block_of(batch, names)

    said = f"{file.place}: read as lines of fastText, {_MARK}CLASS before each text"
    marked = {"input": _TEXT, "label": _LABEL}
    return Table(file.place, block_of(first, (_TEXT, _LABEL)), read, (said,), marked)


def _batches(file: TextFile) -> Iterator[_Lines]:
    batch, size, held = _Lines([], [], []), ROWS_FIRST, 0
    with file.lines("\n", count_lines) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            text, label = _parted(line.strip(), f"{file.place}: row {number}")
            batch.texts.append(text)
            batch.labels.append(label)
            batch.numbers.append(number)
            held += len(line)
            if len(batch.numbers) == size or held > BLOCK_BYTES:
                yield batch
                batch, size, held = _Lines([], [], []), ROWS_LATER, 0
    if batch.numbers:
        yield batch


def _parted(line: str, place: str) -> tuple[str, str | None]:
    """Text and label of a line; the label may stand anywhere between spaces, as it may for fastText.

    Raises: `DataError` if there are several labels.
    """
    if _MARK not in line:
        return line, None
    words = line.split()
    labels = [word.removeprefix(_MARK) for word in words if word.startswith(_MARK)]
    if len(labels) > 1:
        raise DataError(
            f"{place} has {len(labels)} labels, {quoted(labels[0])} and {quoted(labels[1])}; a text has one "
            "here: keep one"
        )
    if not labels:
        return line, None
    mark = _MARK + labels[0]
    before, _, after = line.partition(mark)
    return f"{before}{after.lstrip()}".strip(), labels[0]
