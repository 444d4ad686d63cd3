"""Rows of a table: labels, splits and groups beside the inputs."""

from collections.abc import Iterator, Sequence

import numpy as np

from pellucid.data.labels.sources import source_codes
from pellucid.data.labels.texts import MOST_ROWS, group_text, label_texts
from pellucid.data.labels.times import read_times
from pellucid.data.listing import SPLIT_OF_NAME, UNDECIDED, Listing
from pellucid.data.tables.columns import Columns
from pellucid.data.tables.forms.table import Table
from pellucid.data.tables.row_names import RowNames
from pellucid.data.wording import quoted, some
from pellucid.errors import DataError

_SPLIT_OF_VALUE = {**SPLIT_OF_NAME, "": UNDECIDED}


class RowReader:
    """Takes the rows of a table block by block; the inputs go through, the rest stays.

    Equal texts are kept once, so that a million labels cost no more than a million places.
    """

    def __init__(self, table: Table, columns: Columns) -> None:
        self._table = table
        self._columns = columns
        self._numbers: list[np.ndarray] = []
        self._labels: list[object] = []
        self._splits: list[str] = []
        self._groups: list[str] = []
        self._sources: dict[str, list[np.ndarray]] = {name: [] for name in columns.sources}
        self._times: list[object] = []
        self._slices: list[str] = []
        self._kept: dict[str, str] = {}
        self._wrong: list[tuple[int, str]] = []

    def inputs(self) -> Iterator[Sequence[object]]:
        """Go through the table once: values of the input column, some rows at a time."""
        columns = self._columns
        for block in self._table.read(columns.names):
            self._numbers.append(np.array(block.numbers, np.int64))
            self._labels += map(self._once, block.columns[columns.label])
            if columns.split is not None:
                self._splits += self._splits_of(block.columns[columns.split], block.numbers)
            if columns.group is not None:
                self._groups += map(self._group_of, block.columns[columns.group])
            for name, codes in self._sources.items():
                codes.append(source_codes(block.columns[name]))
            if columns.time is not None:
                self._times += block.columns[columns.time]
            if columns.slice is not None:
                self._slices += map(self._group_of, block.columns[columns.slice])
            yield columns.inputs(block.columns)

    def listing(self) -> Listing:
        """All that was read beside the inputs, as a listing that still lacks them.

        Raises: `DataError` if a label is none, or a value of the split column names no split.
        """
        numbers = np.concatenate(self._numbers)
        labels = label_texts(self._labels, self._table.place, lambda index: f"row {numbers[index]}")
        if self._wrong:
            raise DataError(
                f"{self._table.place}: column {quoted(str(self._columns.split))} holds "
                f"{quoted(self._wrong[0][1])} at "
                f"{some([f'row {number}' for number, _ in self._wrong], MOST_ROWS)}; "
                "a split is train, validation (or val) or test"
            )
        count = len(numbers)
        return Listing(
            place=self._table.place,
            form="table",
            sources=RowNames(self._table.place, numbers),
            labels=labels,
            splits=self._splits if self._columns.split is not None else [UNDECIDED] * count,
            groups=self._groups if self._columns.group is not None else [""] * count,
            columns_of_sources={name: np.concatenate(codes) for name, codes in self._sources.items()},
            times=self._read_times(numbers),
            slices=self._slices if self._columns.slice is not None else None,
        )

    def _read_times(self, numbers: np.ndarray) -> np.ndarray | None:
        """Times of all rows; `None` without a column of them."""
        name = self._columns.time
        if name is None:
            return None
        place = f"{self._table.place}: column {quoted(name)}"
        return read_times(self._times, place, lambda index: f"row {numbers[index]}")

    def _once(self, value: object) -> object:
        return self._kept.setdefault(value, value) if type(value) is str else value

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
