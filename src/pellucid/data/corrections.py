"""Corrections: labels that people put right, or examples that they leave out, in a table beside the data.

A row is about one example. Columns, of which `input` or `content` and `label` or `action` are needed:

- `input`: path or `file:row` of the example, as `predict` and the ledger name it;
- `label`: the right label: a class, labels joined by `;`, or a number;
- `action`: `label` (the default), `leave-out`, or `right` where somebody confirmed the label;
- `was`: the label that the example had when it was corrected;
- `content`: the example's content in 16 hexadecimal digits behind an `x`, as the ledger has it, by which it
  is found again after a file was renamed or rows were inserted;
- `run`, `model`: the run whose report showed the example, and likewise digits of its model.
"""

import csv
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from pellucid.data.tables.csv_tables import as_csv, unguarded, whole_lines
from pellucid.data.tables.table_files import is_table, open_table
from pellucid.data.wording import count_of, quoted, some, visible
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import MEMORY
from pellucid.safety.files import OwnFile, read_regular
from pellucid.settings.rows import class_name

LABEL = "label"
LEAVE_OUT = "leave-out"
RIGHT = "right"
ACTIONS = (LABEL, LEAVE_OUT, RIGHT)
COLUMNS = ("input", "label", "action", "was", "content", "run", "model")
# Hexadecimal digits that name a content or a model: of a million examples hardly any two share them.
# The letter before them keeps spreadsheets from taking them for a number.
DIGITS = 16
_CONTENT = re.compile(f"x[0-9a-f]{{{DIGITS}}}", re.ASCII)

# Forms in which tables of corrections are written, by the report and here, and what spreadsheets make of
# them.
_GUARDED = re.compile(r"\.(csv|tsv|tab|xlsx)(\.gz)?$", re.IGNORECASE)

_MARK = b"\xef\xbb\xbf"  # that some programs write before UTF-8
_LISTED = 20  # lines of a refusal
_LONGEST = 10_000  # characters of a value


@dataclass(frozen=True)
class Correction:
    """One row of a table of corrections."""

    input: str  # path or `file:row`; empty where the content alone names the example
    label: str = ""  # the right label; empty where the example is left out, or has none of several labels
    action: str = LABEL
    was: str = ""  # the label that was shown; empty where it is not known
    content: str = ""  # of the example, as `content_digits` gives it; empty where it is not known
    run: str = ""  # folder of the run in which it was found
    model: str = ""  # of that run, as `content`
    row: int = 0  # of the table; 0 where it comes from none

    def cells(self) -> list[str]:
        """Its cells in the order of `COLUMNS`."""
        return [getattr(self, name) for name in COLUMNS]


def correction_of(given: Mapping[str, Any], row: int = 0) -> Correction:
    """A correction from its values by column, as they are meant, nothing trusted; others are passed over.

    Raises: `ValueError` with what was found and what is expected.
    """
    values = {name: _text(given.get(name)) for name in COLUMNS}
    too_long = next((name for name, value in values.items() if len(value) > _LONGEST), None)
    if too_long is not None:
        raise ValueError(
            Sentence(
                "{too_long} has {values:,} characters; at most {LONGEST:,} are read",
                too_long,
                len(values[too_long]),
                _LONGEST,
            )
        )
    values["action"] = values["action"].strip().lower() or LABEL
    if values["action"] not in ACTIONS:
        raise ValueError(
            Sentence(
                "action {values}; one of {ACTIONS} is expected", quoted(values["action"]), ", ".join(ACTIONS)
            )
        )
    for name in ("content", "model"):
        values[name] = values[name].strip().lower()
        if values[name] and not _CONTENT.fullmatch(values[name]):
            raise ValueError(
                Sentence(
                    "{name} {values}; x and {DIGITS} hexadecimal digits are expected",
                    name,
                    quoted(values[name]),
                    DIGITS,
                )
            )
    if not values["input"] and not values["content"]:
        raise ValueError("neither input nor content; one of them has to name the example")
    return Correction(**values, row=row)


def _text(value: object) -> str:
    """A cell as text."""
    if value is None or value != value:
        return ""
    return value if isinstance(value, str) else class_name(value)


def content_digits(digests: UInt8[np.ndarray, "n bytes"]) -> list[str]:
    """Contents of examples as tables have them, from their digests."""
    return [f"x{row.tobytes().hex()}" for row in digests[:, : DIGITS // 2]]


class Corrections(NamedTuple):
    """A table of corrections."""

    place: str  # of the table as the user gave it
    rows: Sequence[Correction]

    @property
    def runs(self) -> list[tuple[str, str]]:
        """Folder and model of each run whose report showed an example, the commonest first."""
        counts: dict[tuple[str, str], int] = {}
        for each in self.rows:
            if each.model:
                counts[each.run, each.model] = counts.get((each.run, each.model), 0) + 1
        return sorted(counts, key=lambda key: -counts[key])


def read_corrections(place: str) -> Corrections:
    """Read a table of corrections: CSV, TSV, JSONL, Parquet or another form of a table.

    Raises: `DataError` if it cannot be read, is no such table, or a row is malformed, with the row, what was
    found and what is expected.
    """
    path = Path(place)
    if not path.is_file():
        raise DataError("--corrections {place}: no such file; give a table of corrections", place)
    if not is_table(path):
        raise DataError(
            "--corrections {place}: no table by its name; give one such as corrections.csv", place
        )
    head = as_csv([COLUMNS]).strip()
    if path.stat().st_size <= len(head) + 5 and read_regular(path, 1 << 10).lstrip(_MARK).strip() == head:
        return Corrections(place, [])  # nobody has corrected anything yet
    table = open_table(path, place)
    names = [name for name in COLUMNS if name in table.names]
    if not {"input", "content"} & {*names} or not {"label", "action"} & {*names}:
        raise DataError(
            "{place}: columns {some} found; a table of "
            "corrections has {COLUMNS}, of which input and label are enough",
            place,
            some([quoted(name) for name in table.names], 10),
            ", ".join(COLUMNS),
        )
    rows: list[Correction] = []
    wrong: list[str] = []
    is_guarded = _GUARDED.search(path.name) is not None
    for block in table.read(names):
        for number, *cells in zip(block.numbers, *(block.columns[name] for name in names), strict=True):
            if is_guarded:
                cells = [unguarded(each) if isinstance(each, str) else each for each in cells]
            try:
                rows.append(correction_of(dict(zip(names, cells, strict=True)), number))
            except ValueError as error:
                wrong.append(Sentence("row {number}: {error}", number, error))
        table.require_rows(len(rows))
    if wrong:
        raise malformed_rows(place, wrong)
    return Corrections(place, rows)


def malformed_rows(place: str, lines: Sequence[str]) -> DataError:
    """The refusal of a table with malformed rows, each named with what was found and what is expected."""
    them = "it" if len(lines) == 1 else "them"
    return DataError(
        "{place}: {lines}; fix {them}{lines2}",
        place,
        count_of(len(lines), "malformed correction"),
        them,
        listed_rows(lines),
    )


def listed_rows(lines: Sequence[str]) -> str:
    """Lines of a message below its first, twenty at most."""
    more = [Sentence("and {lines:,} more", len(lines) - _LISTED)] if len(lines) > _LISTED else []
    return "".join(f"\n  {visible(line)}" for line in (*lines[:_LISTED], *more))


# A table that grows while somebody corrects.


class CorrectionsFile:
    """A CSV file of corrections that is open for more; may be used by several threads.

    A row is on the disk when `append` returns. One that a kill cut short is removed when the file is opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._file = OwnFile(path)
        try:
            content = self._file.read(MEMORY.value())
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise DataError("{path}: cannot be read: {reason}; give another file", path, reason) from error
        lines, rest = whole_lines(content, is_csv=True)
        head = as_csv([COLUMNS])
        if lines and lines[0].lstrip(_MARK).rstrip() != head.rstrip():
            raise DataError(
                "{path}: not a table of corrections with the columns {COLUMNS}", path, ", ".join(COLUMNS)
            )
        if _is_row(rest):
            lines.append(rest + b"\n")  # of an editor that leaves the last line without an end
        if rest or not lines:
            self._file.replace(b"".join(lines or [head]))
        self.rows = list(read_corrections(str(path)).rows) if len(lines) > 1 else []
        self._content = [b"".join(lines or [head])]

    def append(self, correction: Correction) -> Correction:
        """Add a correction, and return it with its row.

        Raises: `ChangedFileError` if somebody else has changed the file; `StorageError` if the disk is full
        or refuses; the file is then as it was.
        """
        with self._lock:
            placed = replace(correction, row=len(self.rows) + 2)
            line = correction_line(placed)
            self._file.append(line)
            self.rows.append(placed)
            self._content.append(line)
            return placed

    def content(self) -> bytes:
        """The whole file, as this process knows it; the same bytes until a row is added."""
        with self._lock:
            if len(self._content) > 1:
                self._content = [b"".join(self._content)]
            return self._content[0]


def _is_row(line: bytes) -> bool:
    """Whether a line that has no end is a whole row, and not one that a kill cut short."""
    try:
        cells = next(csv.reader([line.decode()], strict=True), [])
        correction_of(dict(zip(COLUMNS, map(unguarded, cells), strict=True)))
    except (ValueError, csv.Error):
        return False
    return True


def correction_line(correction: Correction) -> bytes:
    """A correction as a line of CSV."""
    return as_csv([correction.cells()])
