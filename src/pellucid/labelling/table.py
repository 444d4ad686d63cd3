"""The table of labels: one row for each answer, on the disk before the next question is asked.

Rows are appended by a single write and synced. A row that was cut short by a kill is completed or cut off
when the table is opened again, and only that one. Undo replaces the table by the save protocol. What was
skipped is kept beside it in `TABLE.skipped.jsonl`, since a row without a label is none to learn from.

Somebody may have the table open in an editor. Where it is not as it was left, nothing is written, and answers
of this session that it lacks are saved beside it, in `TABLE.kept.csv`.

Columns: `image`, a path that is relative to the table's folder where it lies below it, or `id` and `text`;
`label`, several joined by semicolons; `split`, `test` for the audit and `train` for all others, as `pellucid
train` reads it; then `policy`, `seconds`, `at` and `by`, which training leaves alone.
"""

import contextlib
import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pellucid.data.tables.csv_tables import OF_LABELLING, guarded, unguarded, whole_lines
from pellucid.data.wording import count_of, quoted, some_quoted
from pellucid.errors import ChangedFileError, DataError, UsageError
from pellucid.labelling.selection import AUDIT, POLICIES, RANDOM
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import LINE_BYTES, MEMORY
from pellucid.safety.files import OwnFile, read_regular, write_file
from pellucid.safety.strict import parse_line
from pellucid.targets import SEPARATOR

_BESIDE = OF_LABELLING
_ENDINGS = (".csv", ".jsonl")


class Row(NamedTuple):
    """One answer, as a row of the table has it."""

    key: str  # path of the image as the table has it, or id of the text
    text: str  # the text itself; empty for images
    labels: tuple[str, ...]
    policy: str
    seconds: float  # from the example's appearance to the answer
    at: str  # time of the answer, by ISO 8601 with its zone
    by: str  # who gave it, where they said so


def require_ending(path: Path) -> None:
    """Refuse a table of another form.

    Raises: `UsageError` naming the forms.
    """
    if path.suffix.lower() not in _ENDINGS:
        raise UsageError(
            "--out: {path}: a table of labels ends in {ENDINGS}; give such a name",
            path,
            " or ".join(_ENDINGS),
        )


class LabelTable:
    """A table that is open for labels; the caller has locked it."""

    def __init__(self, path: Path, *, holds_texts: bool) -> None:
        self.path = path
        self._file = OwnFile(path)
        self._beside = OwnFile(path.with_name(f"{path.name}.skipped.jsonl"))
        self._given: set[bytes] = set()  # lines of this session
        self._is_csv = path.suffix.lower() == ".csv"
        self._inputs = ("id", "text") if holds_texts else ("image",)
        self._columns: tuple[str, ...] = (*self._inputs, *_BESIDE)
        self.rows: list[Row] = []
        self._lines: list[bytes] = []  # of each row, as it is in the table
        self.skipped: set[str] = set()
        limit = csv.field_size_limit(LINE_BYTES)
        try:
            self._open()
        finally:
            csv.field_size_limit(limit)

    def append(self, row: Row) -> None:
        """Add an answer, which is on the disk when this returns.

        Raises: `ChangedFileError` if somebody else has changed the table; `StorageError` if the disk is full
        or refuses; the table is then as it was.
        """
        line = self._line(row)
        self._require_own()
        self._file.append(line)
        self.rows.append(row)
        self._lines.append(line)
        self._given.add(line)

    def take_back(self, key: str) -> Row | None:
        """Remove the last answer about an example, and return it; `None` where there is none.

        Raises: `StorageError` as for `append`.
        """
        place = next((at for at in reversed(range(len(self.rows))) if self.rows[at].key == key), None)
        if place is None:
            return None
        lines = [*self._lines[:place], *self._lines[place + 1 :]]
        self._require_own()
        self._file.replace(b"".join([self._header, *lines]))
        self._given.discard(self._lines[place])
        self._lines = lines
        return self.rows.pop(place)

    def skip(self, key: str, at: str, by: str, *, is_taken_back: bool = False) -> None:
        """Note that nobody is to be asked about an example, or that somebody is after all.

        Raises: `StorageError` as for `append`.
        """
        self._beside.append(
            _json_line({"asked_again" if is_taken_back else "skipped": key, "at": at, "by": by})
        )
        (self.skipped.discard if is_taken_back else self.skipped.add)(key)

    def _require_own(self) -> None:
        """Refuse to write where somebody else has changed the table, once nothing given here can be lost.

        Raises: `ChangedFileError` with what to do.
        """
        try:
            self._file.require_same()
        except ChangedFileError as error:
            kept = self._keep() if self.path.is_file() else ""
            raise ChangedFileError(
                Sentence("{error}; {kept}", error, kept) if kept else str(error)
            ) from error

    def _keep(self) -> str:
        """Save answers of this session that the table now lacks; a clause about them, if there are any."""
        there = self._answers_there()
        lacking = [
            line
            for row, line in zip(self.rows, self._lines, strict=True)
            if line in self._given and (row.key, row.labels) not in there
        ]
        if not lacking:
            return ""
        beside = self.path.with_name(f"{self.path.name}.kept{self.path.suffix}")
        write_file(beside, b"".join([self._header, *lacking]))
        return Sentence(
            "{lacking} of this session that it lacks, saved in {name}",
            count_of(len(lacking), "answer"),
            beside.name,
        )

    def _answers_there(self) -> set[tuple[str, tuple[str, ...]]]:
        """Examples and their labels in the table as somebody else has left it, as far as it can be read."""
        found: set[tuple[str, tuple[str, ...]]] = set()
        with contextlib.suppress(DataError, csv.Error):
            lines, rest = whole_lines(_read(self.path), self._is_csv)
            columns = _columns_of(lines.pop(0)) if self._is_csv and lines else self._columns
            for line in (*lines, rest):
                with contextlib.suppress(DataError):
                    row = self._row(line, columns)
                    found.add((row.key, row.labels))
        return found

    def _open(self) -> None:
        """Read the rows that are there, or begin the table.

        Raises: `DataError` if what is there is no table of labels; it is left as it is.
        """
        content = _read(self._file)
        lines, rest = whole_lines(content, self._is_csv)
        self._header = lines.pop(0) if self._is_csv and lines else b""
        if self._header:
            self._columns = _columns_of(self._header)
            missing = [name for name in (self._inputs[-1], "label") if name not in self._columns]
            if missing:
                raise self._refusal(Sentence("no column {missing}", some_quoted(missing)))
        elif self._is_csv:
            if rest:
                raise self._refusal("its first line has no end")
            self._header = _csv_line(self._columns)
        lines = [line for line in lines if line.strip()]
        self.rows = [self._row(line) for line in lines]
        if rest.strip():
            # A row that a kill cut short; one that has everything but its end is whole.
            with contextlib.suppress(DataError):
                self.rows.append(self._row(rest + b"\n"))
                lines.append(rest + b"\n")
        self._lines = lines
        if rest or not content:
            self._file.replace(b"".join([self._header, *lines]))
        for line in _read(self._beside).split(b"\n"):
            # A line that was cut short is passed over.
            with contextlib.suppress(ValueError):
                found = parse_line(line.decode()) if line else {}
                if isinstance(found, dict):
                    self.skipped.discard(str(found.get("asked_again", "")))
                    self.skipped |= {str(found["skipped"])} if "skipped" in found else set()

    def _refusal(self, reason: str) -> DataError:
        return DataError(
            "{path}: no table of labels of these examples ({reason}); give --out another name",
            self.path,
            reason,
        )

    def _row(self, line: bytes, columns: Sequence[str] = ()) -> Row:
        """Row of a line; columns, by default those of the table, may have any order and others beside them.

        Raises: `DataError` if it is none.
        """
        try:
            found: Any = line.decode("utf-8-sig")
            if self._is_csv:
                values = next(csv.reader(io.StringIO(found, newline=""), strict=True))
                found = dict(zip(columns or self._columns, map(unguarded, values), strict=True))
            else:
                found = parse_line(found)
            given = {name: str(found.get(name) or "") for name in (*self._inputs, *_BESIDE)}
            seconds = float(given["seconds"] or 0)
        except (ValueError, AttributeError, csv.Error, StopIteration) as error:
            raise self._refusal(
                Sentence("{strip} is no row: {error}", quoted(line.decode(errors="replace").strip()), error)
            ) from error
        if not given[self._inputs[-1]]:
            raise self._refusal(Sentence("a row without {inputs}", quoted(self._inputs[-1])))
        policy = given["policy"] if given["policy"] in POLICIES else ""
        policy = policy or (AUDIT if given["split"] == "test" else RANDOM)
        labels = tuple(sorted({part.strip() for part in given["label"].split(SEPARATOR) if part.strip()}))
        return Row(
            given[self._inputs[0]], given.get("text", ""), labels, policy, seconds, given["at"], given["by"]
        )

    def _line(self, row: Row) -> bytes:
        inputs = (row.key, row.text)[: len(self._inputs)]
        split = "test" if row.policy == AUDIT else "train"
        beside = (SEPARATOR.join(row.labels), split, row.policy, round(row.seconds, 2), row.at, row.by)
        values = dict(zip((*self._inputs, *_BESIDE), (*inputs, *beside), strict=True))
        if self._is_csv:
            cells = (values.get(name, "") for name in self._columns)
            return _csv_line([guarded(each) if isinstance(each, str) else each for each in cells])
        return _json_line(values)


def _csv_line(values: Any) -> bytes:
    file = io.StringIO(newline="")
    # The characters of this line end are the ones that get quotes.
    csv.writer(file, lineterminator="\r\n").writerow(values)
    return file.getvalue().encode().removesuffix(b"\r\n") + b"\n"


def _json_line(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def _columns_of(header: bytes) -> tuple[str, ...]:
    return tuple(next(csv.reader([header.decode("utf-8-sig", "replace")]), ()))


def _read(place: Path | OwnFile) -> bytes:
    """The content of a file; of one that is written here nothing where it is not there yet."""
    path = place if isinstance(place, Path) else place.path
    try:
        return read_regular(place, MEMORY.value()) if isinstance(place, Path) else place.read(MEMORY.value())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError("{path}: cannot be read: {reason}; give --out another name", path, reason) from error
