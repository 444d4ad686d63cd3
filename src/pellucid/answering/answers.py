"""Predictions as rows of a CSV, JSONL or Parquet file, written block by block."""

import contextlib
import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from pellucid.errors import UsageError
from pellucid.files import writing

_FIXED_COLUMNS = ("input", "label", "probability", "error", "novelty")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_ROWS_PER_GROUP = 4096


class Answer(NamedTuple):
    """Prediction for one input.

    Attributes:
        input: its name.
        label: the most probable class, or the number predicted; `None` where the input could not
            be read.
        probability: of that class; `None` for numbers.
        error: why the input could not be read; empty when fine.
        novelty: how unlike the training data it is, 0 to 1: the share of validation examples that look
            less foreign; `None` where the model cannot tell.
        probabilities: of every class where they were asked for.
        decided: cells of the further columns, in their order, such as `abstained` and `set`.
    """

    input: str
    label: str | float | None
    probability: float | None
    error: str
    novelty: float | None = None
    probabilities: tuple[float | None, ...] = ()
    decided: tuple[Any, ...] = ()


@runtime_checkable
class _Sink(Protocol):
    """Destination of rows."""

    def write(self, content: bytes, /) -> int:
        """Add bytes."""
        ...


Write = Callable[[Sequence[Answer]], None]
Columns = dict[str, Any]
"""Name of each column to what it holds, `str`, `float`, `bool`, or a list of one of these."""


def check_ending(out: Path | None) -> None:
    """Refuse a file whose ending names no form that can be written; `None` is standard output.

    Raises: `UsageError` if the ending is another.
    """
    if out is not None and out.suffix.lower() not in _FORMS:
        raise UsageError(f"--out: {out} does not end in {', '.join(_FORMS)}; choose one of these endings")


@contextlib.contextmanager
def answers_to(
    out: Path | None, classes: Sequence[str], decided: Columns | None = None, *, are_numbers: bool = False
) -> Iterator[Write]:
    """Open the destination of answers.

    Args:
        out: file to replace through the save protocol, its form told by its ending; `None` writes
            CSV to standard output.
        classes: names of further columns, one for each of an answer's probabilities.
        decided: further columns, before those of the classes.
        are_numbers: whether labels are numbers; a Parquet file says so in the column's type.

    Yields:
        A function that writes some answers.

    Raises:
        UsageError: the ending names no form that can be written.
        StorageError: the file cannot be written; a former one is then intact.
    """
    check_ending(out)
    more = decided or {}
    columns: Columns = dict.fromkeys(column_names(classes, list(more)), float)
    columns |= {"input": str, "label": float if are_numbers else str, "error": str, **more}
    if out is None:
        with _csv(sys.stdout.buffer, columns) as write:
            yield write
        sys.stdout.buffer.flush()
        return
    with writing(out) as draft, _FORMS[out.suffix.lower()](draft, columns) as write:
        yield write


def column_names(classes: Sequence[str], decided: Sequence[str] = ()) -> list[str]:
    """Name the columns: `input`, `label`, `probability`, `error`, `novelty`, decisions, then classes.

    A class named like a column before it becomes `class NAME`.
    """
    fixed = (*_FIXED_COLUMNS, *decided)
    names = list(fixed)
    for name in classes:
        column = name
        while column in fixed or (column != name and column in classes):
            column = f"class {column}"
        names.append(column)
    return names


def _row(answer: Answer) -> tuple[Any, ...]:
    r"""The cells of an answer; a file name that is no Unicode shows its bytes as `\xe9`."""
    name = answer.input.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    fixed = (name, answer.label, answer.probability, answer.error, answer.novelty)
    return (*fixed, *answer.decided, *answer.probabilities)


@contextlib.contextmanager
def _csv(file: _Sink, columns: Columns) -> Iterator[Write]:
    """CSV in UTF-8; a text that a spreadsheet would take for a formula gets a `'` before it."""

    def write_rows(rows: Sequence[Sequence[Any]]) -> None:
        text = io.StringIO()
        plain = csv.writer(text, lineterminator="\n")
        quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for row in rows:
            cells = [_cell(value) for value in row]
            # Python 3.11 leaves a lone carriage return unquoted; readers would end the line there.
            has_return = any(isinstance(cell, str) and "\r" in cell for cell in cells)
            (quoted if has_return else plain).writerow(cells)
        file.write(text.getvalue().encode())

    write_rows([list(columns)])
    yield lambda answers: write_rows([_row(answer) for answer in answers])


def _cell(value: Any) -> Any:
    if isinstance(value, (bool, list)):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return value


@contextlib.contextmanager
def _jsonl(file: _Sink, columns: Columns) -> Iterator[Write]:
    """One JSON object a line."""

    def write(answers: Sequence[Answer]) -> None:
        for answer in answers:
            document = dict(zip(columns, _row(answer), strict=True))
            file.write((json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n").encode())

    yield write


@contextlib.contextmanager
def _parquet(file: _Sink, columns: Columns) -> Iterator[Write]:
    """Parquet, some thousand rows a group."""
    import pyarrow as pa
    from pyarrow import parquet

    forms = {
        str: pa.string(),
        float: pa.float64(),
        bool: pa.bool_(),
        list[str]: pa.list_(pa.string()),
        list[float]: pa.list_(pa.float64()),
    }
    schema = pa.schema([(name, forms[kind]) for name, kind in columns.items()])
    waiting: list[tuple[Any, ...]] = []
    with parquet.ParquetWriter(file, schema) as writer:

        def flush() -> None:
            cells = zip(*waiting, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(cells, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            waiting.clear()

        def write(answers: Sequence[Answer]) -> None:
            waiting.extend(_row(answer) for answer in answers)
            if len(waiting) >= _ROWS_PER_GROUP:
                flush()

        yield write
        if waiting:
            flush()


_FORMS = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}
