"""Parquet and Arrow files as the worker process reads them, in blocks sized in bytes.

Nothing in these files is foreseen: the process has so much memory and time, and a batch of rows that takes
more is read again with fewer rows. What takes more than that for one row is refused.
"""

import bisect
import contextlib
import itertools
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from pellucid.data.data_files import is_image_start
from pellucid.data.tables.table import is_binary, names_in_schema, require_different, struct_of_image
from pellucid.data.tables.text_files import naming_unreadable, open_binary
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import (
    BLOCK_BYTES,
    CELLS,
    COLUMNS,
    MEMORY,
    ROWS_ANYWAY,
    ROWS_BYTES,
    ROWS_PER_BYTE,
    unpacked_limit,
    unpacks_to_more,
)
from pellucid.safety.files import open_regular

# An answer to the parent: plain values, and bytes that go with them.
Reply = tuple[dict[str, Any], bytes]

_BUFFER = 1 << 20
_IMAGE_BYTES = 8 << 20  # of a batch
_IMAGE_ROWS = 1024  # of a batch
_FEWER = 64  # times fewer rows, where a batch takes more memory than there is
_PLAIN = {str, int, float, bool, type(None)}


def prepare(job: str) -> None:
    """Import what a job needs, before the memory is limited."""
    if job == "workbooks":
        with contextlib.suppress(ImportError):
            import openpyxl  # noqa: F401
        return
    import pyarrow as pa
    from pyarrow import parquet  # noqa: F401

    pa.set_memory_pool(pa.system_memory_pool())  # the others reserve a gigabyte
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


_opened: dict[int, Any] = {}


def answer(asked: Mapping[str, Any]) -> Reply | None:
    """Answer what the parent asks of a file, which is opened first if it is not.

    Raises: `DataError` if it is damaged; `MemoryError` if it takes more than it may.
    """
    number = asked["number"]
    if asked["ask"] == "close":
        if (file := _opened.pop(number, None)) is not None:
            file.close()
        return None
    if number not in _opened:
        reader: Any
        if asked["form"] == "xlsx":
            from pellucid.data.tables.workbooks import Workbook

            reader = Workbook
        else:
            reader = {"parquet": ParquetFile, "arrow": ArrowFile}[asked["form"]]
        _opened[number] = reader(Path(os.fsdecode(asked["path"].encode("latin-1"))), asked["place"])
    file = _opened[number]
    if asked["ask"] == "facts":
        return file.facts(), b""
    if asked["ask"] == "block":
        return _block_message(file.block(asked["names"], asked["rows"], asked["unread"], asked["row"])), b""
    if asked["ask"] == "paths":
        return {"paths": file.paths(asked["leaf"], asked["row"])}, b""
    reply: Reply = file.images(asked["leaf"], asked["row"], asked["most"])
    return reply


def too_large() -> str:
    """Reason of what takes more memory than it may."""
    return Sentence(
        "takes more than {value:,.0f} MB of memory to be read; write the table again in "
        "groups of 100 rows, or {remedy}",
        MEMORY.value() / 1000000.0,
        MEMORY.remedy,
    )


def _block_message(block: tuple[Mapping[str, Sequence[Any]], Sequence[int]] | None) -> dict[str, Any]:
    """A block as plain values; none at the end."""
    if block is None:
        return {"end": True}
    columns, numbers = block
    are_all = isinstance(numbers, range)
    cells = [
        [name, list(values) if set(map(type, values)) <= _PLAIN else list(map(_plain, values))]
        for name, values in columns.items()
    ]
    rows = [numbers.start, numbers.stop] if isinstance(numbers, range) else list(numbers)
    return {"are_all": are_all, "rows": rows, "columns": cells}


def _plain(value: Any) -> Any:
    """A cell as JSON has it: a pair of its kind and a text where JSON has no such kind."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, bytes):
        return ["bytes", value.decode("latin-1")]
    if isinstance(value, timedelta):
        return ["seconds", str(value // timedelta(microseconds=1))]
    if isinstance(value, Decimal):
        return ["decimal", str(value)]
    for kind, name in ((datetime, "datetime"), (date, "date"), (time, "time")):
        if isinstance(value, kind):
            return [name, value.isoformat()]
    if isinstance(value, list):
        # Several labels of one example; lists of anything else are not read.
        return ["list", json.dumps(value)] if {*map(type, value)} <= {str, int, bool} else []
    return str(value)


def _is_read(kind: Any) -> bool:
    """Detect the Arrow type of single values, or of lists of texts and whole numbers, which may be labels."""
    import pyarrow as pa

    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = kind.value_type
        return bool(
            pa.types.is_string(inner) or pa.types.is_large_string(inner) or pa.types.is_integer(inner)
        )
    return not pa.types.is_nested(kind)


class ColumnarFile:
    """A Parquet or Arrow file that is open, packed with gzip or not.

    `place` is its name as the user gave it. Subclasses read the schema, batches of rows, and what is known
    of images.
    """

    form = ""
    rows: int | None = None  # as the file claims

    def __init__(self, path: Path, place: str) -> None:
        self._place, self._path = place, path
        with naming_unreadable(place):
            self._size = path.stat().st_size
            is_packed = path.name.lower().endswith(".gz")
            with (open_binary if is_packed else open_regular)(path) as file:
                self._packed = file.read() if is_packed else None
        self._left = self._most = unpacked_limit(self._size)
        self._blocks: tuple[Any, int, Iterator[tuple[dict[str, Any], range]]] = (None, 0, iter(()))
        self._values: dict[str, tuple[int, Iterator[Any]]] = {}
        with self._naming_damage():
            self.schema, self._groups = self._open()
            if len(self.schema.names) > COLUMNS:
                raise DataError(
                    "{place}: {names:,} columns are more than {COLUMNS:,}; leave some out",
                    place,
                    len(self.schema.names),
                    COLUMNS,
                )
            require_different(self.schema.names, place)

    def close(self) -> None:
        """Give everything back."""

    def _open(self) -> tuple[Any, list[int]]:
        """Schema, and the rows at which groups begin, the last of them behind the end."""
        raise NotImplementedError

    def batches(self, names: Sequence[str], row: int, size: int) -> Iterator[Any]:
        """Batches of some columns, by their paths, from a row on, of at most so many rows.

        Without columns they only count the rows.
        """
        raise NotImplementedError

    def _images(self) -> dict[str, str]:
        """Columns that may hold images by name, and the paths of their bytes."""
        raise NotImplementedError

    def _fitting_rows(self, leaves: Sequence[str], row: int, size: int) -> int:
        """Rows from one on that take so many bytes, as far as the file shows; one at least."""
        del leaves, row
        return size

    def _group_end(self, row: int) -> int:
        """Row behind the group of a row."""
        raise NotImplementedError

    def _content(self) -> Any:
        """The bytes of the file, for Arrow."""
        import pyarrow as pa

        return pa.OSFile(os.fsencode(self._path)) if self._packed is None else pa.BufferReader(self._packed)

    def _require_rows(self, rows: int) -> None:
        most = ROWS_ANYWAY + ROWS_PER_BYTE * self._size
        if not 0 <= rows <= most:
            raise DataError(
                "{place}: claims {rows:,} rows in {size:,} bytes, over the limit of {most:,}; "
                "use an undamaged copy",
                self._place,
                rows,
                self._size,
                most,
            )

    def facts(self) -> dict[str, Any]:
        """Columns of images, names of integer labels, and how many rows there are, as the file claims."""
        images = {}
        with self._naming_damage():
            for name, leaf in self._images().items():
                if not struct_of_image(self.schema.field(name).type):
                    values = itertools.islice(self._cells(leaf, 0), _IMAGE_ROWS)
                    first = next((value for value in values if value is not None), None)
                    if not isinstance(first, bytes) or not is_image_start(first[:16]):
                        continue
                images[name] = leaf
            self._require_images(images)
        classes = {name: list(names) for name, names in names_in_schema(self.schema).items()}
        return {"images": images, "classes": classes, "rows": self.rows}

    def _require_images(self, images: Mapping[str, str]) -> None:
        """Refuse images that unpack to more than they may, where the file shows it."""

    def block(
        self, names: Sequence[str] | None, rows: int, unread: Collection[str], row: int
    ) -> tuple[dict[str, Any], range] | None:
        """Columns of at most so many rows from a row on; of structures and `unread` empty lists.

        Of texts that are long there are fewer rows. `None` at the end.
        """
        key = (names, unread)
        before, position, blocks = self._blocks
        if before != key or position != row:
            self._left = self._most
            blocks = self._read(self.schema.names if names is None else names, rows, unread, row)
        with self._naming_damage():
            found = next(blocks, None)
        self._blocks = (key, row + (0 if found is None else len(found[1])), blocks)
        return found

    def _read(
        self, names: Sequence[str], rows: int, unread: Collection[str], row: int
    ) -> Iterator[tuple[dict[str, Any], range]]:

        plain = [name for name in names if name not in unread and _is_read(self.schema.field(name).type)]
        size = min(rows, self._fitting_rows(plain, row, BLOCK_BYTES), max(1, CELLS // max(1, len(names))))
        while True:
            try:
                for batch in self.batches(plain, row, size):
                    count, used = batch.num_rows, self._left
                    found = {name: self._to_values(batch.column(name), row) for name in plain}
                    step = max(1, count * BLOCK_BYTES // max(BLOCK_BYTES, used - self._left))
                    for start in range(0, count, step):
                        few = min(step, count - start)
                        part = {name: values[start : start + few] for name, values in found.items()}
                        columns = {name: part.get(name, [[]] * few) for name in names}
                        yield columns, range(row + 1, row + few + 1)
                        row += few
                return
            except MemoryError:
                if size == 1:
                    raise
                size = max(1, size // _FEWER)

    def _to_values(self, column: Any, row: int) -> list[Any]:
        """Values of a column; where Python cannot hold one, such as a date beyond 9999, a text about it."""
        import pyarrow as pa

        def value(scalar: Any) -> object:
            try:
                return scalar.as_py()
            except (ValueError, OverflowError):
                return Sentence("{type} out of range", scalar.type)

        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        self._left -= column.nbytes
        if self._left < 0:
            raise DataError("{place}: {most}", self._place, unpacks_to_more(self._most))
        try:
            values: list[Any] = column.to_pylist()
        except (ValueError, OverflowError):
            values = list(map(value, column))
        if column.nbytes > ROWS_BYTES:
            for number, cell in enumerate(values, start=row + 1):
                if isinstance(cell, (str, bytes)) and len(cell) > ROWS_BYTES:
                    raise DataError(
                        "{place}: row {number} holds more than {ROWS_BYTES} MB; cut its texts",
                        self._place,
                        number,
                        ROWS_BYTES >> 20,
                    )
        return values

    def _cells(self, leaf: str, row: int) -> Iterator[Any]:
        """Values of one column of bytes or texts from a row on, in batches of some megabytes."""
        size = min(_IMAGE_ROWS, self._fitting_rows([leaf], row, _IMAGE_BYTES))
        while True:
            try:
                for batch in self.batches([leaf], row, size):
                    for value in _innermost(batch.column(0)):
                        yield value.as_py()
                        row += 1
                return
            except MemoryError:
                if size == 1:
                    raise
                size = max(1, size // _FEWER)

    def _from(self, leaf: str, row: int) -> Iterator[Any]:
        """Values from a row on, of which going on costs little, and going back a group of rows."""
        position, values = self._values.pop(leaf, (row + 1, iter(())))
        if not position <= row < self._group_end(position):
            return self._cells(leaf, row)
        return itertools.islice(values, row - position, None)

    def images(self, leaf: str, row: int, most: int) -> Reply:
        """Bytes of images from a row on, at most so many, and their lengths; 0 for a row without one.

        Where the next cannot be read, the reason, and the row from which on others may be.
        """
        found: list[bytes] = []
        size = 0
        values = self._from(leaf, row)
        try:
            for value in itertools.islice(values, most):
                found.append(value or b"")
                size += len(found[-1])
                if size > _IMAGE_BYTES:
                    break
            self._values[leaf] = (row + len(found), values)
        except _damages() as error:
            if not found:
                is_large = isinstance(error, MemoryError)
                reason = too_large() if is_large else Sentence("cannot be read ({error})", _short(error))
                return {"reason": reason, "until": max(row + 1, self._group_end(row))}, b""
        return {"lengths": list(map(len, found))}, b"".join(found)

    def paths(self, leaf: str, row: int) -> list[str | None]:
        """Names of files that accompany the bytes at a path, from a row on; none where the form has none."""
        del leaf, row
        return []

    @contextlib.contextmanager
    def _naming_damage(self) -> Iterator[None]:
        """Turn what Arrow raises on damaged bytes into one plain reason."""
        try:
            yield
        except (DataError, MemoryError):
            raise
        except _damages() as error:
            raise DataError(
                "{place}: not a readable {form} file ({error}); use an undamaged copy",
                self._place,
                self.form,
                _short(error),
            ) from error


class ParquetFile(ColumnarFile):
    """A Parquet file, whose groups of rows are read one after the other."""

    form = "Parquet"

    def _open(self) -> tuple[Any, list[int]]:
        from pyarrow import parquet

        self._footer = parquet.read_metadata(self._content())
        self.rows = self._footer.num_rows
        self._require_rows(self._footer.num_rows)
        counts = [self._footer.row_group(group).num_rows for group in range(self._footer.num_row_groups)]
        leaves = [self._footer.schema.column(number).path for number in range(self._footer.num_columns)]
        self._leaves = {leaf: number for number, leaf in enumerate(leaves)}
        return self._footer.schema.to_arrow_schema(), list(itertools.accumulate(counts, initial=0))

    def batches(self, names: Sequence[str], row: int, size: int) -> Iterator[Any]:
        """As `ColumnarFile.batches`."""
        import pyarrow as pa
        from pyarrow import parquet

        if not names:
            for start in range(row, self._footer.num_rows, size):
                count = min(size, self._footer.num_rows - start)
                yield pa.RecordBatch.from_arrays([pa.nulls(count)], [""])
            return
        group = max(0, bisect.bisect_right(self._groups, row) - 1)
        passed = row - self._groups[group]
        stored = parquet.ParquetFile(self._content(), buffer_size=_BUFFER)
        groups = range(group, len(self._groups) - 1)
        for batch in stored.iter_batches(size, row_groups=groups, columns=list(names), use_threads=False):
            if passed < batch.num_rows:
                yield batch.slice(passed)
            passed = max(0, passed - batch.num_rows)

    def _images(self) -> dict[str, str]:
        found = {}
        for field in self.schema:
            leaf = f"{field.name}.bytes" if struct_of_image(field.type) else field.name
            if leaf in self._leaves and (leaf != field.name or is_binary(field.type)):
                found[field.name] = leaf
        return found

    def _require_images(self, images: Mapping[str, str]) -> None:
        for leaf in images.values():
            if sum(self._unpacked(leaf, group) for group in range(len(self._groups) - 1)) > self._most:
                raise DataError("{place}: {most}", self._place, unpacks_to_more(self._most))

    def _unpacked(self, leaf: str, group: int) -> int:
        """Bytes of a column in a group of rows, as the footer claims."""
        if leaf not in self._leaves:  # the elements of a list
            leaf = next(each for each in self._leaves if each.startswith(f"{leaf}."))
        size: int = self._footer.row_group(group).column(self._leaves[leaf]).total_uncompressed_size
        return size

    def _fitting_rows(self, leaves: Sequence[str], row: int, size: int) -> int:
        group = bisect.bisect_right(self._groups, row) - 1
        if not 0 <= group < len(self._groups) - 1:
            return size
        rows = self._groups[group + 1] - self._groups[group]
        return max(1, size * rows // max(1, sum(self._unpacked(leaf, group) for leaf in leaves)))

    def _group_end(self, row: int) -> int:
        at = bisect.bisect_right(self._groups, row)
        return self._groups[at] if at < len(self._groups) else row + 1

    def paths(self, leaf: str, row: int) -> list[str | None]:
        """Names of the files that images were, in the structures of their bytes, from a row on."""
        column, _, is_nested = leaf.rpartition(".")
        names = f"{column}.path"
        if not is_nested or names not in self._leaves:
            return []
        with self._naming_damage():
            values = self._from(names, row)
            found = [value if isinstance(value, str) else None for value in itertools.islice(values, 10_000)]
        self._values[names] = (row + len(found), values)
        return found


class ArrowFile(ColumnarFile):
    """An Arrow stream, as `save_to_disk` of Hugging Face's `datasets` leaves it, or a file with a footer.

    Such a file is what Feather is in its second version. One batch is in memory.
    """

    form = "Arrow"

    def _open(self) -> tuple[Any, list[int]]:
        return self._reader().schema, [0]

    def _reader(self) -> Any:
        """Reads batches: a stream goes from one to the next, a file with a footer knows where each begins."""
        import pyarrow as pa

        with self._content() as file:
            has_footer = file.read(6) == b"ARROW1"
        return (pa.ipc.open_file if has_footer else pa.ipc.open_stream)(self._content())

    def _batches(self) -> Iterator[Any]:
        reader = self._reader()
        if hasattr(reader, "get_batch"):
            return map(reader.get_batch, range(reader.num_record_batches))
        return iter(reader)

    def batches(self, names: Sequence[str], row: int, size: int) -> Iterator[Any]:
        """As `ColumnarFile.batches`; offsets and texts are checked before any value is read."""
        passed, rows = row, 0
        for batch in self._batches():
            self._require_rows(rows := rows + batch.num_rows)
            for name in names:
                batch.column(name).validate(full=True)
            chosen = batch.select(list(names)) if names else batch
            for start in range(min(passed, batch.num_rows), batch.num_rows, size):
                yield chosen.slice(start, size)
            passed = max(0, passed - batch.num_rows)

    def _group_end(self, row: int) -> int:
        return 1 << 62  # there are no groups: reading goes on to any later row

    def _images(self) -> dict[str, str]:
        images = (field for field in self.schema if struct_of_image(field.type) or is_binary(field.type))
        return {field.name: field.name for field in images}


def _damages() -> tuple[type[Exception], ...]:
    """What Arrow raises of damaged bytes, and of those that take too much."""
    import pyarrow as pa

    return (pa.ArrowException, OSError, ValueError, LookupError, ArithmeticError, MemoryError)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _innermost(column: Any) -> Any:
    """The bytes or texts themselves, where they are in structures."""
    import pyarrow as pa

    while pa.types.is_struct(column.type):
        at = max(0, column.type.get_field_index("bytes"))
        column = column.flatten()[at]
    return column
