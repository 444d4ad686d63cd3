"""Answers about blocks of inputs, and their rows in a CSV, JSONL or Parquet file."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np

from pellucid.answering.decisions import Decisions
from pellucid.answering.incoming import Block
from pellucid.bundle.held_out import Answers
from pellucid.data.tables.csv_tables import as_csv, columns_beside, written
from pellucid.errors import NotFiniteError, UsageError
from pellucid.files import writing

_FIXED_COLUMNS = ("input", "label", "probability", "error", "novelty")
_ROWS_PER_GROUP = 4096

PARQUET = ".parquet"
_FORMS = (".csv", ".jsonl", PARQUET)


class Answer(NamedTuple):
    """Prediction for one input.

    Attributes:
        input: its name.
        label: the most probable class, or the number predicted; `None` where the input could not
            be read.
        probability: of that class; `None` for numbers.
        error: why the input could not be read or answered; empty when fine.
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


Write = Callable[[Sequence[Answer]], object]
# Name of each column to what it holds, `str`, `float`, `bool`, or a list of one of these.
Columns = dict[str, Any]


def check_ending(out: Path | None) -> None:
    """Refuse a file whose ending names no form that can be written; `None` is standard output.

    Raises: `UsageError` if the ending is another.
    """
    if out is not None and out.suffix.lower() not in _FORMS:
        raise UsageError(f"--out: {out} does not end in {', '.join(_FORMS)}; choose one of these endings")


def columns_of(classes: Sequence[str], decided: Columns | None = None, label: type = str) -> Columns:
    """The columns of answers, and what each holds.

    `classes` are names of further columns, one for each of an answer's probabilities; `decided` are further
    columns before those. A Parquet file says in the column's type what a `label` is.
    """
    more = decided or {}
    columns: Columns = dict.fromkeys(column_names(classes, list(more)), float)
    return columns | {"input": str, "label": label, "error": str, **more}


@contextlib.contextmanager
def answers_to(out: Path | None, columns: Columns) -> Iterator[Write]:
    """Open the destination of answers.

    Args:
        out: file to replace through the save protocol, its form told by its ending; `None` writes
            CSV to standard output.
        columns: as `columns_of` tells them.

    Yields:
        A function that writes some answers.

    Raises:
        UsageError: the ending names no form that can be written.
        StorageError: the file cannot be written; a former one is then intact.
    """
    check_ending(out)
    if out is None:
        with _lines(sys.stdout.buffer, columns, ".csv") as write:
            yield write
        sys.stdout.buffer.flush()
        return
    form = out.suffix.lower()
    with writing(out) as draft, (_parquet if form == PARQUET else _lines)(draft, columns, form) as write:
        yield write


def column_names(classes: Sequence[str], decided: Sequence[str] = ()) -> list[str]:
    """Name the columns: `input`, `label`, `probability`, `error`, `novelty`, decisions, then classes.

    A class named like a column before it becomes `class NAME`.
    """
    return columns_beside((*_FIXED_COLUMNS, *decided), classes)


def _row(answer: Answer) -> tuple[Any, ...]:
    r"""The cells of an answer; a file name that is no Unicode shows its bytes as `\xe9`."""
    fixed = (written(answer.input), answer.label, answer.probability, answer.error, answer.novelty)
    return (*fixed, *answer.decided, *answer.probabilities)


def beginning(columns: Columns, form: str) -> bytes:
    """Lines before the first row in a file of lines: the names of the columns in CSV."""
    return as_csv([list(columns)]) if form == ".csv" else b""


def as_lines(answers: Sequence[Answer], columns: Columns, form: str) -> bytes:
    """Rows of answers in a form that is made of lines: `.csv`, or JSON objects for any other."""
    rows = [_row(answer) for answer in answers]
    if form == ".csv":
        return as_csv(rows)
    documents = (dict(zip(columns, row, strict=True)) for row in rows)
    return "".join(
        json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n" for document in documents
    ).encode()


@contextlib.contextmanager
def _lines(file: _Sink, columns: Columns, form: str) -> Iterator[Write]:
    """CSV or JSONL, in UTF-8."""
    file.write(beginning(columns, form))
    yield lambda answers: file.write(as_lines(answers, columns, form))


@contextlib.contextmanager
def _parquet(file: _Sink, columns: Columns, form: str = PARQUET) -> Iterator[Write]:
    """Parquet, some thousand rows a group."""
    del form
    with _parquet_rows(file, columns) as write:
        yield lambda answers: write([_row(answer) for answer in answers])


def parquet_from(lines: Iterable[bytes], columns: Columns, file: _Sink) -> None:
    """Write the rows of a JSONL file, some at a time, as Parquet."""
    with _parquet_rows(file, columns) as write:
        for line in lines:
            write([tuple(json.loads(line).values())])


@contextlib.contextmanager
def _parquet_rows(file: _Sink, columns: Columns) -> Iterator[Callable[[Sequence[tuple[Any, ...]]], None]]:
    """A Parquet file that takes rows."""
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

        def flush(rows: Sequence[tuple[Any, ...]]) -> None:
            cells = zip(*rows, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(cells, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))

        def write(rows: Sequence[tuple[Any, ...]]) -> None:
            waiting.extend(rows)
            while len(waiting) >= _ROWS_PER_GROUP:
                flush(waiting[:_ROWS_PER_GROUP])
                del waiting[:_ROWS_PER_GROUP]

        yield write
        if waiting:
            flush(waiting)


# Answers about a block of inputs, of which those that a model has no finite answer to get their reason.

REASON = "what the model computes for it is not a finite number; train the model again"

_PLACES = 6

Said = TypeVar("Said", covariant=True)


@runtime_checkable
class Answering(Protocol[Said]):
    """A model, or an exported one, as far as its answers go."""

    def answer(self, inputs: np.ndarray | Sequence[str], /) -> Said:
        """Answer about inputs as `Block.inputs` holds them."""
        ...


def answered(model: Answering[Said], block: Block) -> tuple[Said, Block]:
    """Answers about the usable inputs of a block, and the block as it then is.

    An input whose answer is not finite is no longer usable: it has its reason among the errors. The others
    are asked about again, without it.
    """
    while True:
        try:
            return model.answer(block.inputs), block
        except NotFiniteError as error:
            block = _without(block, error.places)


class Rows(NamedTuple):
    """Rows of a block of inputs.

    Attributes:
        rows: one for each input, in order.
        answers: of the model about those that it could answer.
        abstained: how many of these are not answered.
    """

    rows: list[Answer]
    answers: Answers
    abstained: int


def rows_of(decisions: Decisions[Any], block: Block) -> Rows:
    """Let a model answer about a block of inputs, decide, and make a row for each."""
    model, with_probabilities = decisions.model, decisions.wishes.probabilities
    answers, block = answered(model, block)
    decided = decisions.decide(*answers)
    novelty = repeat(None) if answers.novelty is None else iter(answers.novelty.round(_PLACES).tolist())
    usable = zip(answers.said.tolist(), decided.answers.tolist(), novelty, decided.cells(), strict=False)
    nothing = (None,) * (len(model.classes) if with_probabilities else 0)
    unknown = (None,) * len(decisions.columns)
    rows = []
    for name, error in zip(block.names, block.errors, strict=True):
        if error:
            rows.append(Answer(name, None, None, error, None, nothing, unknown))
            continue
        said, best, foreign, cells = next(usable)
        label, probability = (model.classes[best], said[best]) if model.classes else (said, None)
        shown = tuple(said) if with_probabilities else ()
        rows.append(Answer(name, label, probability, "", foreign, shown, cells))
    return Rows(rows, answers, 0 if decided.abstained is None else int(decided.abstained.sum()))


def _without(block: Block, places: Sequence[int]) -> Block:
    """A block in which usable inputs, by their places among these, are so no longer."""
    usable = [index for index, error in enumerate(block.errors) if not error]
    errors = list(block.errors)
    for place in places:
        errors[usable[place]] = REASON
    kept = sorted(set(range(len(usable))) - set(places))
    inputs = block.inputs
    rest = inputs[kept] if isinstance(inputs, np.ndarray) else [inputs[place] for place in kept]
    return block._replace(inputs=rest, errors=errors)
