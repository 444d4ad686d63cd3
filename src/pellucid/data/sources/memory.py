"""Data sets in memory: of Hugging Face's `datasets`, of PyTorch, or several of them by split.

Neither library is imported here: who hands over a data set has it.
"""

import dataclasses
import functools
import io
import sys
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pellucid.data.data_files import Container, Read, Stored
from pellucid.data.labels import label_texts
from pellucid.data.listing import SPLIT_OF_NAME, Listing
from pellucid.data.sources.labelled_tables import joined, list_table
from pellucid.data.sources.shards import Shard, read_shards
from pellucid.data.sources.source import Stream, kind_of, stream_of, stream_of_streams
from pellucid.data.sources.table import stream_of_table
from pellucid.data.sources.values import TextTaker
from pellucid.data.tables.table import NO_IMAGE, Block, Table, struct_of_image, with_names
from pellucid.data.wording import quoted
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import MEMORY
from pellucid.safety.files import read_regular
from pellucid.settings import Settings

_ROWS = 100  # of a block
_HEAD = 1000  # rows from which columns are chosen
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I")


def is_in_memory(data: object) -> bool:
    """True of a data set of one of the two libraries, or a mapping of splits to such."""
    if isinstance(data, Mapping):  # so are some sparse matrices, which have no truth value
        parts = list(data.items())
        return bool(parts) and all(isinstance(name, str) and is_in_memory(part) for name, part in parts)
    torch_data = sys.modules.get("torch.utils.data")
    is_of_torch = torch_data is not None and isinstance(data, torch_data.Dataset) and hasattr(data, "__len__")
    return is_of_torch or _is_hugging_face(data)


def read_in_memory(data: Any, settings: Settings) -> Listing:
    """List the examples of a data set, or of several by split.

    Raises: `DataError` if there are none, or one is no image or text.
    """
    place = name_of(data)

    def read_one(part: Any, part_place: str) -> Listing:
        if _is_hugging_face(part):
            return list_table(_table(part, part_place), Path(), settings)
        return _list_torch(part, part_place)

    if not isinstance(data, Mapping):
        return read_one(data, place)
    for name in data:
        if str(name).lower() not in SPLIT_OF_NAME:
            raise DataError(
                "{place}: {name} is no split; name them train, validation and test", place, quoted(str(name))
            )
    splits = {name: SPLIT_OF_NAME[str(name).lower()] for name in data}
    if all(map(_is_hugging_face, data.values())):
        shards = [
            Shard(str(name), splits[name], functools.partial(_table, part, f"{place}/{name}"), Path())
            for name, part in data.items()
        ]
        return read_shards(shards, place, settings)
    parts = [read_one(part, f"{place}/{name}").in_split(splits[name]) for name, part in data.items()]
    return dataclasses.replace(joined(parts), place=place)


def stream_in_memory(data: Any, settings: Settings) -> Stream:
    """The images or texts of a data set, or of several one after the other, without their labels.

    Raises: `DataError` if there are none, or they are not of the kind.
    """
    place = name_of(data)
    parts = {f"{place}/{name}": part for name, part in data.items()} if isinstance(data, Mapping) else {}
    return stream_of_streams(
        [
            stream_of_table(functools.partial(_table, part, name), Path(), settings)
            if _is_hugging_face(part)
            else stream_of(_list_torch(part, name), kind_of(settings))
            for name, part in (parts or {place: data}).items()
        ]
    )


def name_of(data: object) -> str:
    """Name of a data set for people: its library and its class."""
    return f"{type(data).__module__.partition('.')[0]}.{type(data).__name__}"


def _is_hugging_face(data: object) -> bool:
    is_theirs = type(data).__module__.partition(".")[0] == "datasets"
    return is_theirs and hasattr(data, "features") and hasattr(data, "__len__")


def _table(data: Any, place: str) -> Table:
    """A data set of Hugging Face as a table of which no image is read."""
    rows = data.with_format("arrow")
    schema = rows[:0].schema
    images = {field.name: _Cells(rows, place, field.name) for field in schema if struct_of_image(field.type)}
    classes = {
        name: list(feature.names)
        for name, feature in data.features.items()
        if getattr(feature, "names", None) is not None
    }

    def blocks(names: Sequence[str], size: int) -> Iterator[tuple[dict[str, list[Any]], range]]:
        wanted = [name for name in names if name not in images]
        chosen = rows.select_columns(wanted) if wanted else rows
        for start in range(0, len(data), size):
            part = chosen[start : start + size]
            count = part.num_rows
            yield (
                {name: part[name].to_pylist() if name in wanted else [[]] * count for name in names},
                range(start + 1, start + count + 1),
            )

    def read(names: Sequence[str]) -> Iterator[Block]:
        return with_names(blocks(names, _ROWS), classes, place)

    if not len(data):
        raise DataError("{place}: holds no rows; give some", place)
    head = next(with_names(blocks(schema.names, _HEAD), classes, place))
    return Table(place, head, read, images=images, classes=classes)


class _Rows(Container):
    """Images by the rows of a data set, counted from 1."""

    def __init__(self, place: str) -> None:
        self._place = place

    def name_of(self, position: int) -> str:
        return f"{self._place}:{position + 1}"


class _Cells(_Rows):
    """Images in one column of a data set, some rows in memory at a time."""

    def __init__(self, rows: Any, place: str, column: str) -> None:
        super().__init__(place)
        self._rows = rows.select_columns([column])
        self._column = column

    @contextmanager
    def opened(self) -> Iterator[Read]:
        first = 0
        cells: list[Any] = []  # of some rows, which are fetched together

        def read(position: int) -> bytes:
            nonlocal first, cells
            if not first <= position < first + len(cells):
                first = position
                cells = self._rows[first : first + _ROWS][self._column].to_pylist()
            cell = cells[position - first] or {}
            if cell.get("bytes"):
                return bytes(cell["bytes"])
            if cell.get("path"):
                return read_regular(cell["path"], MEMORY.value())
            raise DataError(NO_IMAGE)

        yield read


class _Spooled(_Rows):
    """Images that are kept in a temporary file, which goes with them."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self._file = tempfile.TemporaryFile(prefix="pellucid-")
        self._ends = [0]
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, content: bytes) -> None:
        """Keep the bytes of one more image."""
        self._file.write(content)
        self._ends.append(self._ends[-1] + len(content))

    @contextmanager
    def opened(self) -> Iterator[Read]:
        def read(position: int) -> bytes:
            start, end = self._ends[position : position + 2]
            self._file.seek(start)
            return self._file.read(end - start)

        yield read


def _list_torch(data: Any, place: str) -> Listing:
    """List a data set of pairs of an image or a text and its label; each pair is asked for once."""
    taker, spooled, labels = TextTaker(), _Spooled(place), []
    are_texts = False
    for position in range(len(data)):
        item = data[position]
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise DataError(
                "{place}: item {position} is no pair of an image or text and its label; give pairs",
                place,
                position,
            )
        value, label = item
        are_texts = isinstance(value, str)
        if are_texts:
            taker.take(value)
        else:
            spooled.add(_encoded(value, Sentence("{place}: item {position}", place, position)))
        labels.append(label.item() if hasattr(label, "item") else label)
    names = _class_names(data)
    if names and all(type(label) is int and 0 <= label < len(names) for label in labels):
        labels = [names[label] for label in labels]
    sources = [f"{place}:{row}" for row in range(1, len(labels) + 1)]
    if not labels:
        raise DataError("{place}: holds no examples; give some", place)
    if 0 < len(spooled) < len(labels):
        raise DataError("{place}: holds images and texts; give one of them", place)
    listing = Listing(
        place, "data set", sources, label_texts(labels, place, lambda index: Sentence("item {index}", index))
    )
    if are_texts:
        texts, problems = taker.finish(sources)
        return dataclasses.replace(listing, texts=texts, problems=problems)
    return dataclasses.replace(listing, paths=[Stored(spooled, row) for row in range(len(labels))])


def _class_names(data: Any) -> list[str]:
    """Names of the labels 0, 1, 2 ... as torchvision keeps them, also through a `Subset`."""
    for _ in range(10):
        names = getattr(data, "classes", None)
        if isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names):
            return list(names)
        data = getattr(data, "dataset", None)
    return []


def _encoded(value: Any, place: str) -> bytes:
    """An image as the bytes of a lossless file."""
    if not isinstance(value, Image.Image):
        value = _from_array(value, place)
    stored = io.BytesIO()
    if value.mode in _PNG_MODES:
        value.save(stored, "PNG", compress_level=1)
    else:
        value.save(stored, "TIFF")
    return stored.getvalue()


def _from_array(value: Any, place: str) -> Image.Image:
    """An image from a tensor, channels first, or from an array, channels last; floats are from 0 to 1."""
    is_tensor = type(value).__module__.partition(".")[0] == "torch"
    pixels = np.asarray(value)
    if pixels.ndim == 3 and is_tensor:
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    is_image = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if not is_image or pixels.dtype.kind not in "uif" or not pixels.size:
        raise DataError(
            "{place} is no image ({name} of shape {shape}); give one",
            place,
            type(value).__name__,
            pixels.shape,
        )
    if pixels.dtype.kind == "f":
        if not (0 <= pixels.min() and pixels.max() <= 1):
            raise DataError(
                "{place} holds numbers from {min:g} to {max:g}; leave Normalize out, "
                "images are numbers from 0 to 1, or whole numbers to 255",
                place,
                pixels.min(),
                pixels.max(),
            )
        pixels = np.round(pixels * 255).astype(np.uint8)
    elif pixels.dtype != np.uint8:
        if pixels.min() < 0 or pixels.max() > 255:
            raise DataError("{place} holds whole numbers outside of 0 to 255; give them as uint8", place)
        pixels = pixels.astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(pixels))
