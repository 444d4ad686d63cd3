"""Answers about blocks of inputs, and their rows in a CSV, JSONL or Parquet file."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from pellucid.answering.decisions import Decisions
from pellucid.answering.incoming import AnsweringModel, Block
from pellucid.bundle.held_out import Answers
from pellucid.data.tables.csv_tables import as_csv, columns_beside, written
from pellucid.errors import NotFiniteError, UsageError
from pellucid.safety.files import writing

_FIXED_COLUMNS = ("input", "label", "probability", "error", "novelty")
_ROWS_PER_GROUP = 4096
_PLACES = 6
# Models compute in single precision, which has about so many significant digits; further ones are noise.
_DIGITS = 7

PARQUET = ".parquet"
_FORMS = (".csv", ".jsonl", PARQUET)

# The error of an input about which a model computes no finite number.
REASON = "what the model computes for it is not a finite number; train the model again"


class Answer(NamedTuple):
    """Prediction for one input."""

    input: str
    # the class, labels joined by `;`, or the number predicted; `None` where the input could not be read
    label: str | float | None
    probability: float | None  # that the label is right, or all labels are; `None` for numbers
    error: str  # why the input could not be read or answered; empty when fine
    novelty: float | None = None  # 0 to 1, share of validation examples less foreign; `None` if not known
    probabilities: tuple[float | None, ...] = ()  # of every class where they were asked for
    decided: tuple[Any, ...] = ()  # cells of further columns, in their order, such as `abstained` and `set`

    def cells(self) -> tuple[Any, ...]:
        r"""Cells of its row; a file name that is no Unicode shows its bytes as `\xe9`."""
        fixed = (written(self.input), self.label, self.probability, self.error, self.novelty)
        return (*fixed, *self.decided, *self.probabilities)


@runtime_checkable
class _Bytes(Protocol):
    """Destination of rows."""

    def write(self, content: bytes, /) -> int:
        """Add bytes."""


# Name of each column to what it holds, `str`, `float`, `bool`, or a list of one of these.
Columns = dict[str, Any]


def check_ending(out: Path | None) -> None:
    """Refuse a file whose ending names no form that can be written; `None` is standard output.

    Raises: `UsageError` if the ending is another.
    """
    if out is not None and out.suffix.lower() not in _FORMS:
        raise UsageError(
            "--out: {out} does not end in {FORMS}; choose one of these endings", out, ", ".join(_FORMS)
        )


def columns_of(classes: Sequence[str], decided: Columns | None = None, label: type = str) -> Columns:
    """Columns of answers, and what each holds: fixed ones, those `decided`, then one for each of `classes`.

    A class named like a column before it becomes `class NAME`. A Parquet file states in the column's type
    what a `label` is.
    """
    more = decided or {}
    names = columns_beside((*_FIXED_COLUMNS, *more), classes)
    return dict.fromkeys(names, float) | {"input": str, "label": label, "error": str, **more}


@contextlib.contextmanager
def answers_to(out: Path | None, columns: Columns) -> Iterator[Callable[[Sequence[Answer]], object]]:
    """Open the destination of answers: a function that writes some.

    `out` is replaced through the save protocol, its form given by its ending; `None` writes CSV to standard
    output.

    Raises: `UsageError` if the ending names no form that can be written; `StorageError` if the file cannot be
    written, and a former one is then intact.
    """
    check_ending(out)
    form = ".csv" if out is None else out.suffix.lower()
    with contextlib.nullcontext(sys.stdout.buffer) if out is None else writing(out) as file:
        if form == PARQUET:
            with _parquet_rows(file, columns) as write:
                yield lambda answers: write([answer.cells() for answer in answers])
        else:
            file.write(beginning(columns, form))
            yield lambda answers: file.write(as_lines(answers, columns, form))
    if out is None:
        sys.stdout.buffer.flush()


def beginning(columns: Columns, form: str) -> bytes:
    """Lines before the first row in a file of lines: the names of the columns in CSV."""
    return as_csv([list(columns)]) if form == ".csv" else b""


def as_lines(answers: Sequence[Answer], columns: Columns, form: str) -> bytes:
    """Rows of answers in a form that is made of lines: `.csv`, or JSON objects for any other."""
    rows = [answer.cells() for answer in answers]
    if form == ".csv":
        return as_csv(rows)
    documents = (dict(zip(columns, row, strict=True)) for row in rows)
    return "".join(
        json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n" for document in documents
    ).encode()


def parquet_from(lines: Iterable[bytes], columns: Columns, file: _Bytes) -> None:
    """Write the rows of a JSONL file, some at a time, as Parquet."""
    with _parquet_rows(file, columns) as write:
        for line in lines:
            write([tuple(json.loads(line).values())])


def parquet_joined(parts: Sequence[Path], file: _Bytes) -> None:
    """Write the rows of Parquet files of answers, in order and in the groups that one file would have."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = parquet.read_schema(parts[0])
    waiting = schema.empty_table()
    with parquet.ParquetWriter(file, schema) as writer:

        def flush(count: int) -> pa.Table:
            (batch,) = waiting.slice(0, count).combine_chunks().to_batches()
            writer.write_batch(batch)
            return waiting.slice(count)

        for part in parts:
            with parquet.ParquetFile(part) as opened:
                for batch in opened.iter_batches(_ROWS_PER_GROUP):
                    waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
                    if len(waiting) >= _ROWS_PER_GROUP:
                        waiting = flush(_ROWS_PER_GROUP)
        if len(waiting):
            flush(len(waiting))


@contextlib.contextmanager
def _parquet_rows(file: _Bytes, columns: Columns) -> Iterator[Callable[[Sequence[tuple[Any, ...]]], None]]:
    """A Parquet file that takes rows, some thousand a group."""
    import pyarrow as pa
    from pyarrow import parquet

    types = {
        str: pa.string(),
        float: pa.float64(),
        bool: pa.bool_(),
        list[str]: pa.list_(pa.string()),
        list[float]: pa.list_(pa.float64()),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    waiting: list[tuple[Any, ...]] = []
    with parquet.ParquetWriter(file, schema) as writer:

        def flush(count: int) -> None:
            cells = zip(*waiting[:count], strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(cells, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            del waiting[:count]

        def write(rows: Sequence[tuple[Any, ...]]) -> None:
            waiting.extend(rows)
            while len(waiting) >= _ROWS_PER_GROUP:
                flush(_ROWS_PER_GROUP)

        yield write
        if waiting:
            flush(len(waiting))


def answered(model: AnsweringModel, block: Block) -> tuple[Answers, Block]:
    """Answers about the usable inputs of a block, and the block as it then is.

    An input whose answer is not finite is no longer usable: it has its reason among the errors. The others
    are asked about again, without it.
    """
    while True:
        try:
            return model.answer(block.inputs), block
        except NotFiniteError as error:
            inputs, errors = block.inputs, list(block.errors)
            usable = [index for index, reason in enumerate(errors) if not reason]
            for place in error.places:
                errors[usable[place]] = REASON
            kept = sorted(set(range(len(usable))) - set(error.places))
            rest = inputs[kept] if isinstance(inputs, np.ndarray) else [inputs[place] for place in kept]
            block = block._replace(inputs=rest, errors=errors)


class Rows(NamedTuple):
    """Rows of a block of inputs."""

    rows: list[Answer]  # one for each input, in order
    answers: Answers  # of the model about those that it could answer
    abstained: int  # how many of these are not answered


def rows_of(decisions: Decisions, block: Block) -> Rows:
    """Let a model answer about a block of inputs, decide, and make a row for each.

    Decisions are made from probabilities as they were computed; rows have seven digits of them.
    """
    model, with_probabilities = decisions.model, decisions.options.probabilities
    answers, block = answered(model, block)
    decided = decisions.decide(*answers)
    novelty = repeat(None) if answers.novelty is None else iter(answers.novelty.round(_PLACES).tolist())
    labels: list[Any] = decided.answers.tolist()
    sure: Sequence[float | None] = [None] * len(labels)
    if model.classes:
        labels = model.target.texts(decided.answers, model.classes)
        sure = _readable(model.target.probability(answers.said, decided.answers))
    shown: Iterable[tuple[float, ...]] = repeat(())
    if with_probabilities:
        shown = zip(*map(_readable, answers.said.T), strict=True)
    usable = zip(labels, sure, novelty, decided.cells(), shown, strict=False)
    nothing = (None,) * (len(model.classes) if with_probabilities else 0)
    unknown = (None,) * len(decisions.columns)
    rows = []
    for name, error in zip(block.names, block.errors, strict=True):
        if error:
            rows.append(Answer(name, None, None, error, None, nothing, unknown))
            continue
        label, probability, foreign, cells, output = next(usable)
        rows.append(Answer(name, label, probability, "", foreign, output, cells))
    return Rows(rows, answers, 0 if decided.abstained is None else int(decided.abstained.sum()))


def _readable(probabilities: np.ndarray) -> Sequence[float]:
    """Probabilities with as many significant digits as they are computed with."""
    return [float(f"{each:.{_DIGITS}g}") for each in probabilities.tolist()]
