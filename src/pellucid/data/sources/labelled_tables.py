"""Tables of labelled images or texts become a listing; listings of several parts are joined into one."""

import array
import bisect
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from pellucid.data.data_files import Stored
from pellucid.data.label_sets import joined_sets, sets_of_columns
from pellucid.data.labels import MOST_ROWS, group_text, label_texts, source_codes
from pellucid.data.listing import SPLIT_OF_NAME, TEST, UNDECIDED, LazyTexts, Listing
from pellucid.data.raw_texts import TextWriter
from pellucid.data.sources.values import (
    FLAGS,
    TextTaker,
    packed_column,
    paths_of,
    read_texts,
    with_marked_columns,
)
from pellucid.data.tables.columns import (
    IMAGES,
    TEXT_FILES,
    ChosenInput,
    Columns,
    choose_columns,
    other_columns,
)
from pellucid.data.tables.table import Table, inputs_of
from pellucid.data.times import read_times
from pellucid.data.wording import quoted, some, visible
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.progress import report
from pellucid.settings import Settings, likely_meant, parse_ignore
from pellucid.settings.rows import IGNORED_COLUMN


def row_names(place: str, numbers: Int64[np.ndarray, " n"]) -> LazyTexts:
    """Names such as `mails.csv:7`, for every row of a table."""
    return LazyTexts(len(numbers), lambda index: f"{place}:{numbers[index]}")


def chained(parts: Sequence[Sequence[str]]) -> LazyTexts:
    """Several sequences as one, none of them copied."""
    starts = list(itertools.accumulate(map(len, parts), initial=0))

    def at(index: int) -> str:
        part = bisect.bisect_right(starts, index) - 1
        return parts[part][index - starts[part]]

    return LazyTexts(starts[-1], at)


_SPLIT_OF_VALUE = {**SPLIT_OF_NAME, "": UNDECIDED}


# Different values of a column that are distinguished; identifiers have more.
_MOST_VALUES = 50_000


class _Codes:
    """Values of a column as codes, -1 where a cell is empty or there are too many different ones."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._codes = array.array("i")

    def add(self, values: Sequence[object]) -> None:
        """Take some rows."""
        for value in values:
            text = group_text(value).strip()
            code = self._known.get(text, -1) if text else -1
            if code < 0 and text and len(self._known) < _MOST_VALUES:
                code = self._known.setdefault(text, len(self._known))
            self._codes.append(code)

    def finish(self) -> tuple[np.ndarray, Sequence[str]]:
        """The code of each row, and the text of each code."""
        return np.array(self._codes, np.int64), list(self._known)


class RowReader:
    """Takes the rows of a table block by block; the inputs go through, the rest stays.

    Equal texts are kept once, so that a million labels cost no more than a million places.
    """

    def __init__(self, table: Table, columns: Columns) -> None:
        self._table = table
        self.columns = columns
        self._numbers: list[np.ndarray] = []
        self._labels: dict[str, list[object]] = {name: [] for name in columns.label_parts}
        self._splits: list[str] = []
        self._groups: list[str] = []
        self._sources: dict[str, list[np.ndarray]] = {name: [] for name in columns.sources}
        self._times: list[object] = []
        self._slices: list[str] = []
        self._others = {name: _Codes() for name in other_columns(table, columns)}
        self._kept: dict[str, str] = {}
        self._wrong: list[tuple[int, str]] = []

    def inputs(self) -> Iterator[Sequence[object]]:
        """Go through the table once: values of the input columns, some rows at a time.

        Raises: `DataError` if there are more rows than memory is granted for.
        """
        columns, rows = self.columns, 0
        self._table.require_rows(self._table.rows or 0)
        for block in self._table.read(list(dict.fromkeys((*columns.names, *self._others)))):
            self._table.require_rows(rows := rows + len(block.numbers))
            report("reading rows", rows, self._table.rows)
            self._numbers.append(np.array(block.numbers, np.int64))
            for name, labels in self._labels.items():
                for label in block.columns[name]:
                    labels.append(self._kept.setdefault(label, label) if type(label) is str else label)
            if columns.split is not None:
                self._splits += self._splits_of(block.columns[columns.split], block.numbers)
            if columns.group is not None:
                self._groups += map(self._group_of, block.columns[columns.group])
            for name, codes in self._sources.items():
                codes.append(source_codes(block.columns[name]))
            for name, others in self._others.items():
                others.add(block.columns[name])
            if columns.time is not None:
                self._times += block.columns[columns.time]
            if columns.slice is not None:
                self._slices += map(self._group_of, block.columns[columns.slice])
            yield inputs_of(block.columns, columns.input.parts)

    def all(self) -> tuple[Listing, list[object]]:
        """Go through the table: a listing that still lacks the inputs, and the values of the input column."""
        values = [value for block in self.inputs() for value in block]
        return self.listing(), values

    def listing(self) -> Listing:
        """All that was read besides the inputs, as a listing that still lacks them."""
        place, columns, numbers = self._table.place, self.columns, np.concatenate(self._numbers)

        def row(index: int) -> str:
            return Sentence("row {numbers}", numbers[index])

        several = sets_of_columns(self._labels, place, row) if len(self._labels) > 1 else None
        if several is None:
            (values,) = self._labels.values()
            labels = label_texts(values, place, row, may_be_empty=True)
        else:
            labels = several.texts()
        if self._wrong:
            raise DataError(
                "{place}: column {split} holds {wrong} at "
                "{some}; "
                "a split is train, validation (or val) or test",
                place,
                quoted(str(columns.split)),
                quoted(self._wrong[0][1]),
                some([Sentence("row {number}", number) for number, _ in self._wrong], MOST_ROWS),
            )
        times = None
        if columns.time is not None:
            times = read_times(
                self._times, Sentence("{place}: column {time}", place, quoted(columns.time)), row
            )
        return Listing(
            place=place,
            form="table",
            sources=row_names(place, numbers),
            labels=labels,
            decided=several,
            has_label_columns=several is not None,
            splits=self._splits,
            groups=self._groups,
            columns_of_sources={name: np.concatenate(codes) for name, codes in self._sources.items()},
            times=times,
            slices=self._slices if columns.slice is not None else None,
            other_columns={name: others.finish() for name, others in self._others.items()},
            dialect=self._table.dialect,
        )

    def _group_of(self, value: object) -> str:
        text = group_text(value)
        return self._kept.setdefault(text, text)

    def _splits_of(self, values: Sequence[object], numbers: Sequence[int]) -> Iterator[str]:
        for value, number in zip(values, numbers, strict=True):
            text = "" if value is None else str(value).strip().lower()
            split = _SPLIT_OF_VALUE.get(text)
            if split is None:
                self._wrong.append((number, text))
            yield split or UNDECIDED


def list_table(table: Table, folder: Path, settings: Settings) -> Listing:
    """List the images or texts of a table; paths in it count from a folder.

    Raises: `DataError` if its columns cannot be chosen, or a row has no label or image.
    """
    columns = choose_columns(table, folder, with_marked_columns(table, settings))
    table, columns = without_ignored(table, columns, settings)
    if (packed := packed_column(table, settings)) is not None:
        # The images are read one by one later: here the labels take their place.
        stand_in = ChosenInput(IMAGES, columns.label, columns.label_parts[:1])
        rows, _ = RowReader(table, dataclasses.replace(columns, input=stand_in)).all()
        return dataclasses.replace(
            rows,
            paths=[Stored(table.images[packed], position) for position in range(len(rows))],
            warnings=(
                *table.warnings,
                Sentence("{place}: {sentence}; {FLAGS}", table.place, columns.sentence(), FLAGS),
            ),
        )
    if columns.input.holds != IMAGES:
        return list_texts_of(table, columns, folder, settings)
    warnings = (*table.warnings, Sentence("{place}: {sentence}", table.place, columns.sentence()))
    return dataclasses.replace(_with_paths(RowReader(table, columns), folder, settings), warnings=warnings)


def without_ignored(table: Table, columns: Columns, settings: Settings) -> tuple[Table, Columns]:
    """Columns whose texts are joined, without those that `--ignore` names; of others a warning of the table.

    Raises: `DataError` if one is not there, or is the only one that holds inputs.
    """
    rules = [rule for rule in parse_ignore(settings.ignore) if rule.startswith(IGNORED_COLUMN)]
    for name in (rule.removeprefix(IGNORED_COLUMN) for rule in rules):
        kept = tuple(part for part in columns.input.parts if part != name)
        if name not in table.names:
            hint = visible(likely_meant(name, table.names))
            raise DataError(
                "{place}: --ignore column:{name} is not there{hint}; name a column, or leave it out",
                table.place,
                name,
                hint,
            )
        if not kept:
            raise DataError(
                "{place}: --ignore column:{name} leaves no inputs; name another with --input-column",
                table.place,
                name,
            )
        if len(kept) == len(columns.input.parts):
            why = Sentence(
                "column {name} is no part of the inputs; --ignore changes nothing there", quoted(name)
            )
            table = dataclasses.replace(
                table, warnings=(*table.warnings, Sentence("{place}: {why}", table.place, why))
            )
        chosen = columns.input._replace(name=",".join(kept), parts=kept)
        columns = dataclasses.replace(columns, input=chosen)
    return table, columns


def list_texts_of(table: Table, columns: Columns, folder: Path, settings: Settings) -> Listing:
    """List the texts of a table.

    Warnings name the columns that were chosen, problems the texts that cannot be used.

    Raises: `DataError` if a row has no label or no path of a text, or one that leaves the table's folder.
    """
    reader, encodings = RowReader(table, columns), list[str]()
    if columns.input.holds == TEXT_FILES:
        rows, encodings = read_texts(_with_paths(reader, folder, settings), settings.encoding)
    else:
        taker = TextTaker()
        for block in reader.inputs():
            for value in block:
                taker.take(value)
        rows = reader.listing()
        texts, problems = taker.finish(rows.sources)
        rows = dataclasses.replace(rows, texts=texts, problems=problems)
    warnings = (*table.warnings, *encodings, Sentence("{place}: {sentence}", table.place, columns.sentence()))
    return dataclasses.replace(rows, joined_columns=columns.joined, warnings=warnings)


def _with_paths(reader: RowReader, folder: Path, settings: Settings) -> Listing:
    """A listing of the files that rows name; missing ones are left for decoding to report and leave out."""
    rows, values = reader.all()
    column, noun = reader.columns.input.name, "image" if reader.columns.input.holds == IMAGES else "text"
    paths = paths_of(values, rows.sources, folder, column=column, noun=noun, may_miss=settings.skip_bad)
    return dataclasses.replace(rows, paths=paths)


def with_test(listing: Listing, test: Listing) -> Listing:
    """Join a second listing as the test split."""
    return dataclasses.replace(joined([listing, test.in_split(TEST)]), times=None)


def joined(parts: Sequence[Listing]) -> Listing:
    """One listing of several, under place and form of the first.

    What not all of them have, such as times, is left out.

    Raises: `DataError` if they hold images and texts, or files and arrays.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    for other in parts[1:]:
        if first.noun != other.noun:
            raise DataError(
                "{place}: holds {noun}s, but {place2} {noun2}s; give both as images or both as texts",
                other.place,
                other.noun,
                first.place,
                first.noun,
            )
        if (first.paths is None) != (other.paths is None):
            raise DataError(
                "{place}: is of the form {form}, but {place2} of the form "
                "{form2}; give both as files or both as arrays",
                other.place,
                other.form,
                first.place,
                first.form,
            )
    writer = TextWriter()
    for part in parts:
        if part.texts is not None:
            writer.extend(part.texts)

    def all_of(columns: Iterable[Sequence[str]]) -> list[str]:
        return list(itertools.chain.from_iterable(columns))

    starts = np.cumsum([0, *map(len, parts)]).tolist()
    loaders = [part.load_pixels for part in parts if part.load_pixels is not None]
    names = [
        name for name in first.columns_of_sources if all(name in part.columns_of_sources for part in parts)
    ]
    others = [name for name in first.other_columns if all(name in part.other_columns for part in parts)]
    times = [part.times for part in parts if part.times is not None]
    sets = [part.decided for part in parts if part.has_label_columns and part.decided is not None]
    slices = [part.slices for part in parts if part.slices is not None]
    return Listing(
        place=first.place,
        form=first.form,
        sources=chained([part.sources for part in parts]),
        labels=all_of(part.labels for part in parts),
        has_label_columns=first.has_label_columns,
        decided=joined_sets(sets, [part.place for part in parts]) if len(sets) == len(parts) else None,
        splits=all_of(part.splits for part in parts),
        groups=all_of(part.groups for part in parts),
        paths=None if first.paths is None else [path for part in parts for path in part.paths or ()],
        load_pixels=functools.partial(_joined_pixels, loaders, parts[-1].place) if loaders else None,
        array_files=tuple(file for part in parts for file in part.array_files),
        warnings=tuple(dict.fromkeys(warning for part in parts for warning in part.warnings)),
        texts=None if first.texts is None else writer.finish(),
        problems=tuple(
            dataclasses.replace(problem, index=problem.index + start)
            for part, start in zip(parts, starts, strict=False)
            for problem in part.problems
        ),
        columns_of_sources={
            name: np.concatenate([part.columns_of_sources[name] for part in parts]) for name in names
        },
        other_columns={name: _joined_codes([part.other_columns[name] for part in parts]) for name in others},
        times=np.concatenate(times) if len(times) == len(parts) else None,
        slices=all_of(slices) if len(slices) == len(parts) else None,
        joined_columns=first.joined_columns,
        dialect=first.dialect,
    )


def _joined_codes(parts: Sequence[tuple[np.ndarray, Sequence[str]]]) -> tuple[np.ndarray, Sequence[str]]:
    """Values of a column of several listings under the same codes."""
    known: dict[str, int] = {}
    found = []
    for codes, names in parts:
        # Behind the last name stands that of empty cells.
        places = np.array([*(known.setdefault(name, len(known)) for name in names), -1], np.int64)
        found.append(places[codes])
    return np.concatenate(found), list(known)


def _joined_pixels(loaders: list[Callable[[], np.ndarray]], place: str) -> np.ndarray:
    """Pixels of all parts, refused where they differ in size."""
    arrays = [load() for load in loaders]
    for other in arrays[1:]:
        if other.shape[1:] != arrays[0].shape[1:]:
            raise DataError(
                "{place}: images of {shape}, but those to train on are {shape2}; bring them to one size",
                place,
                other.shape[1:],
                arrays[0].shape[1:],
            )
    return np.concatenate(arrays)
