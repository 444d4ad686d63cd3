"""Files of tables in every form, Orange's and fastText's among them, read as a stream where they can be.

Rows are named as people see them: in CSV, TSV and workbooks the header counts, as in a spreadsheet; in JSONL
and fastText a row is a line; in Parquet and arrays of JSON the first row is 1.
"""

import dataclasses
import itertools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pellucid.data.data_files import DAMAGED, ends_like_image
from pellucid.data.tables.columnar_files import ImageCells, open_columns
from pellucid.data.tables.columns import numbered_columns
from pellucid.data.tables.csv_tables import OF_LABELLING, CsvBatch, open_csv, unguarded, why_no_header
from pellucid.data.tables.dialects import USUAL, Asked, remembered
from pellucid.data.tables.json_tables import filled_lines, open_json, open_json_lines, open_objects
from pellucid.data.tables.table import (
    ROWS_FIRST,
    ROWS_LATER,
    Block,
    Table,
    require_different,
    table_of_batches,
    with_names,
)
from pellucid.data.tables.text_files import TextFile, detected_encoding, open_binary, text_file
from pellucid.data.tables.workbooks import open_workbook
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import rows_limit
from pellucid.settings import Settings

# Endings of tables; each but the last may be followed by `.gz`.
TABLE_SUFFIXES = (
    ".csv",
    ".tsv",
    ".tab",
    ".json",
    ".jsonl",
    ".ndjson",
    ".parquet",
    ".arrow",
    ".feather",
    ".xlsx",
)

# Tables that are not read, and in what form they are.
_OTHERS = {
    ".xls": "save it as .xlsx or .csv",
    ".xlsb": "save it as .xlsx or .csv",
    ".ods": "save it as .xlsx or .csv",
}


def is_table(path: Path) -> bool:
    """Detect a table by its ending, `.gz` added or not, or by the first label of lines of fastText."""
    form = _form(path)
    return form in TABLE_SUFFIXES or form in _OTHERS or _is_fasttext(path)


def _form(path: Path) -> str:
    return os.path.splitext(path.name.lower().removesuffix(".gz"))[1]


def open_table(path: Path, place: str, settings: Settings | None = None) -> Table:
    """Begin to read a table of at least one row.

    What the settings say of encoding, delimiter and quote is of forms of text; by default it is detected.

    Raises: `DataError` if the file cannot be read, its first rows are damaged, it holds no rows, or two
    columns share a name.
    """
    form = _form(path)
    if form in _OTHERS:
        raise DataError(
            "{place}: tables that end in {form} are not read; {OTHERS}", place, form, _OTHERS[form]
        )
    if form in _BINARY:
        table = _BINARY[form](path, place)
    else:
        file = text_file(path, place, None if settings is None else settings.encoding)
        table = _TEXTS.get(form, _open_fasttext)(file, settings)
        table = dataclasses.replace(table, warnings=(*file.warnings, *table.warnings))
    if not table.head.numbers:
        raise DataError("{place}: the table has no rows; give some below the header", place)
    return dataclasses.replace(table, most_rows=rows_limit(path.stat().st_size))


def _open_separated(
    file: TextFile, settings: Settings | None, usual: str = USUAL, asked: Asked | None = None
) -> Table:
    """Read values between delimiters; by default one of the usual ones, whichever fits."""
    header, batches, warnings, dialect = open_csv(file, asked or Asked.by(settings, usual))
    first = next(batches)
    reason = why_no_header(header, first.rows, file.path.parent)
    if reason is not None:
        first = CsvBatch([header, *first.rows], [1, *first.numbers])
        warnings = (
            *warnings,
            Sentence("{place}: the first row {reason}, so the table has no header", file.place, reason),
        )
        header = numbered_columns(len(header))
    elif header.count("") > 1:
        header = [name or column for name, column in zip(header, numbered_columns(len(header)), strict=True)]
    table = _below_header(file.place, header, itertools.chain([first], batches), warnings)
    return dataclasses.replace(table, dialect=remembered(settings, dialect))


def _below_header(
    place: str, header: Sequence[str], batches: Iterator[CsvBatch], warnings: tuple[str, ...]
) -> Table:
    require_different(header, place)
    places = {name: at for at, name in enumerate(header)}
    is_guarded = {*OF_LABELLING} <= places.keys()

    def block_of(batch: CsvBatch, names: Sequence[str]) -> Block:
        chosen = [(name, places[name]) for name in names]
        columns = {name: [row[at] for row in batch.rows] for name, at in chosen}
        if is_guarded:
            columns = {name: list(map(unguarded, values)) for name, values in columns.items()}
        return Block(columns, batch.numbers)

    return table_of_batches(place, header, batches, block_of, warnings)


def _open_columns(path: Path, place: str, form: str) -> Table:
    """Read a Parquet or Arrow file, block by block; images in its cells are left where they are."""
    with open_columns(path, place, form) as columns:
        facts = columns.facts()
        images, classes = facts["images"], facts["classes"]
        head = next(with_names(columns.blocks(None, ROWS_FIRST, images), classes, place), Block({}, range(0)))

    def read(names: Sequence[str], start: int = 0) -> Iterator[Block]:
        with open_columns(path, place, form) as columns:
            yield from with_names(columns.blocks(names, ROWS_LATER, images, start), classes, place)

    cells = {name: ImageCells(path, place, form, leaf) for name, leaf in images.items()}
    return Table(place, head, read, images=cells, classes=classes, rows=facts.get("rows"), seek=read)


# Orange's `.tab` files: a header of three rows (names, types, roles), or of one whose names begin with flags
# such as `C#` and `m#`.
#
# Source: https://orange3.readthedocs.io/projects/orange-data-mining-library/en/latest/reference/data.io.html

_TYPES = frozenset(("", *"c continuous numeric n d discrete categorical s string text t time basket".split()))
_ROLES = frozenset(("class", "c", "meta", "m", "ignore", "i", "weight", "w"))
_FLAGGED = re.compile(r"([cimw]?[CDNST]?|[CDNST][cimw])#(.*)", re.DOTALL)
_IS_TEXT = "include=True"  # of Orange's add-on for texts
_UNKNOWN = ("?", "~", ".")


def _open_tab(file: TextFile, settings: Settings | None) -> Table:
    """Read values between tabs, below a header as Orange writes it or a plain one."""
    header, batches, warnings, dialect = open_csv(file, Asked.by(settings, "\t"))
    first = next(batches)
    orange = _orange_header(header, first.rows[:2])
    if orange is None:
        return _open_separated(file, settings, "\t")
    names, roles, texts, rows_of_header = orange
    classes = [name for name, role in zip(names, roles, strict=True) if role == "c"]
    kept = [name for name, role in zip(names, roles, strict=True) if role not in ("i", "w")]
    marked = {"input": texts, "label": classes}

    def filled(batch: CsvBatch) -> CsvBatch:
        """Rows that are not blank; Orange writes a blank one below its header."""
        at = [index for index, row in enumerate(batch.rows) if any(row)]
        return CsvBatch([batch.rows[index] for index in at], [batch.numbers[index] for index in at])

    first = CsvBatch(first.rows[rows_of_header:], first.numbers[rows_of_header:])
    warning = Sentence("{place}: read with the header of Orange", file.place)
    table = _below_header(
        file.place, names, map(filled, itertools.chain([first], batches)), (*warnings, warning)
    )

    def known(columns: dict[str, Any]) -> dict[str, Any]:
        """Columns in which a class that is not known is empty instead of a question mark."""
        if len(classes) == 1 and classes[0] in columns:
            values = columns[classes[0]]
            columns[classes[0]] = ["" if value.strip() in _UNKNOWN else value for value in values]
        return columns

    def read(names: Sequence[str]) -> Iterator[Block]:
        return (Block(known(dict(block.columns)), block.numbers) for block in table.read(names))

    head = Block(known({name: table.head.columns[name] for name in kept}), table.head.numbers)
    only = {role: found[0] for role, found in marked.items() if len(found) == 1}
    kept_for_later = remembered(settings, dialect)
    return dataclasses.replace(table, head=head, read=read, marked=only, dialect=kept_for_later)


def _orange_header(
    header: Sequence[str], rows: Sequence[Sequence[str]]
) -> tuple[list[str], list[str], list[str], int] | None:
    """Names, their roles by one letter, names of texts, and how many rows below the first belong to it.

    `None` where the first row is a plain header.
    """

    def role_in(words: Sequence[str]) -> str:
        """The role that decides among words or letters; empty where there is none."""
        return next((word[0] for word in words if word in ("class", "c", "ignore", "i", "weight", "w")), "")

    if len(rows) >= 2:
        # A type may be the list of a column's values; roles have attributes such as key=value.
        are_types = all(cell.strip().lower() in _TYPES or len(cell.split()) > 1 for cell in rows[0])
        words = [cell.split() for cell in rows[1]]
        if are_types and all(word.lower() in _ROLES or "=" in word[1:] for cell in words for word in cell):
            texts = [name for name, cell in zip(header, words, strict=True) if _IS_TEXT in cell]
            return list(header), [role_in([word.lower() for word in cell]) for cell in words], texts, 2
    flagged = [_FLAGGED.fullmatch(cell) for cell in header]
    if not any(flagged):
        return None
    names = [cell if found is None else found[2] for cell, found in zip(header, flagged, strict=True)]
    # A small letter is a role, a capital one a type: `C#` is a continuous column, `cD#` a discrete class.
    return names, ["" if found is None else role_in(found[1]) for found in flagged], [], 0


# Lines as fastText trains on them: `__label__positive some text`, one example on each.
#
# Source: https://fasttext.cc/docs/en/supervised-tutorial.html

_MARK = "__label__"


def _is_fasttext(path: Path) -> bool:
    """Detect a file of such lines by its first characters, whatever its name."""
    if ends_like_image(path.name) or not os.path.isfile(path):
        return False
    try:
        with open_binary(path) as file:
            start = file.read(64)
    except (*DAMAGED, DataError):
        return False
    return start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_MARK.encode())


def _open_fasttext(file: TextFile, settings: Settings | None) -> Table:
    """Begin to read such lines; one without a label has an empty one."""
    rows = ((number, _text_and_labels(line.strip())) for number, line in filled_lines(file))
    warning = Sentence("{place}: read as lines of fastText, {MARK}CLASS before each text", file.place, _MARK)
    table = open_objects(rows, file.place)
    return dataclasses.replace(table, warnings=(warning,), marked={"input": "text", "label": "label"})


def _text_and_labels(line: str) -> dict[str, object]:
    """Text and label of a line, or several labels; they may be anywhere between spaces, as for fastText."""
    labels = [word.removeprefix(_MARK) for word in line.split() if word.startswith(_MARK)]
    text = line
    for label in labels:
        before, _, after = text.partition(_MARK + label)
        text = f"{before}{after.lstrip()}".strip()
    return {"text": text, "label": labels if len(labels) > 1 else next(iter(labels), None)}


# Lines of a text, a tab and its class, or the other way round, in a text file: as many published sets of
# sentences are. A text file is a table only where this is certain.

_ENDINGS_OF_LINES = ("", ".txt")
_HEAD = 1 << 18
_FEWEST_LINES = 4
_LONGEST_CLASS = 60  # characters
_WORD = re.compile(r"[^\W\d_]{2}")


def has_labelled_lines(path: Path) -> bool:
    """Detect a text file whose first lines have as many tabs, a column of few classes and one of texts."""
    if _form(path) not in _ENDINGS_OF_LINES or not os.path.isfile(path):
        return False
    try:
        with open_binary(path) as file:
            head = file.read(_HEAD)
    except (*DAMAGED, DataError):
        return False
    encoding = detected_encoding(head)
    if b"\t" not in head or (encoding == "utf-8" and b"\0" in head):
        return False
    text = head.decode(encoding, errors="replace").removeprefix("\ufeff")
    lines = re.split("\r\n|\n|\r", text)[: -1 if len(head) == _HEAD else None]  # the last one is cut
    rows = [line.split("\t") for line in lines if line]
    if len(rows) < _FEWEST_LINES or len(set(map(len, rows))) > 1 or "\0" in text:
        return False
    columns = [[cell.strip() for cell in column] for column in zip(*rows, strict=True)]
    return any(map(_are_classes, columns)) and any(map(_are_texts, columns))


def _are_classes(cells: Sequence[str]) -> bool:
    """Few different values, all of them short and none empty."""
    return 2 * len(set(cells)) <= len(cells) and all(0 < len(cell) <= _LONGEST_CLASS for cell in cells)


def _are_texts(cells: Sequence[str]) -> bool:
    """Mostly different values, and words rather than numbers."""
    words = sum(bool(_WORD.search(cell)) for cell in cells)
    return 2 * len(set(cells)) > len(cells) and 2 * words > len(cells)


def _open_lines(file: TextFile, settings: Settings | None) -> Table:
    """Read values between tabs, in which quotes are plain characters; or lines of fastText."""
    if not has_labelled_lines(file.path):
        return _open_fasttext(file, settings)
    asked = Asked.by(settings, "\t")
    return _open_separated(file, settings, "\t", asked if asked.quote else asked._replace(quote=""))


_TEXTS: dict[str, Callable[[TextFile, Settings | None], Table]] = {
    ".csv": _open_separated,
    ".tsv": partial(_open_separated, usual="\t"),
    ".tab": _open_tab,
    **dict.fromkeys(_ENDINGS_OF_LINES, _open_lines),
    ".json": lambda file, settings: open_json(file),
    ".jsonl": lambda file, settings: open_json_lines(file),
    ".ndjson": lambda file, settings: open_json_lines(file),
}
_BINARY: dict[str, Callable[[Path, str], Table]] = {
    ".parquet": partial(_open_columns, form="parquet"),
    ".arrow": partial(_open_columns, form="arrow"),
    ".feather": partial(_open_columns, form="arrow"),
    ".xlsx": open_workbook,
}
