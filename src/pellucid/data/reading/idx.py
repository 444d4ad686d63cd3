"""MNIST-style IDX files, packed with gzip or not.

No file is trusted: what its header claims is compared with the file's own size before anything is
allocated. Pixels are read only when they are asked for, so that a second run, which finds them in
the cache, does not unpack them again.
"""

import functools
import gzip
import io
import math
import os
import posixpath
import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from pellucid.budgets import UNPACKED, unpacked_limit
from pellucid.data.archives.stored import File, Stored
from pellucid.data.listing import TEST, TRAIN, Listing
from pellucid.data.reading.arrays import DEFLATE_RATIO, require_equal
from pellucid.data.tables.trees import Folder, PackedFolder, files_in
from pellucid.errors import DataError
from pellucid.regular import Unpacking, open_regular

_IMAGES_NAME = re.compile(r"(train|t10k|test)[-_]images[-.]idx3-ubyte(\.gz)?")
_LABELS_NAME = re.compile(r"(train|t10k|test)[-_]labels[-.]idx1-ubyte(\.gz)?")
_PARTS = ("train", "t10k", "test")
_UNSIGNED_BYTE = 8
_BROKEN = (OSError, EOFError, zlib.error)


def is_idx_folder(folder: Folder) -> bool:
    """Tell a folder of MNIST-style IDX files, named like `train-images-idx3-ubyte`, `.gz` or not."""
    return any(_IMAGES_NAME.fullmatch(name) for name in _files(folder))


def read_idx_folder(folder: Folder, place: str, classes: Sequence[str] | None = None) -> Listing:
    """List a folder of `train-*` and `t10k-*` IDX files, packed with gzip or not.

    `t10k` is the test split. `classes` names the labels 0, 1, 2 ...; by default they are the digits
    themselves.

    Raises: `DataError` if a file is missing, damaged, or fits its partner badly.
    """
    images = _by_part(folder, _IMAGES_NAME)
    labels = _by_part(folder, _LABELS_NAME)
    if "train" not in images:
        raise DataError(f"{place}: has no train-images-idx3-ubyte; put it there, packed with gzip or not")
    rows: list[tuple[str, str, str]] = []
    files: list[_IdxFile] = []
    for part in sorted(images, key=_PARTS.index):
        if part not in labels:
            raise DataError(
                f"{place}: {_name(images[part])} has no labels; {part}-labels-idx1-ubyte is missing"
            )
        file = _idx_file(images[part], 3)
        names = _class_names(_read(_idx_file(labels[part], 1)), classes, labels[part])
        require_equal(file.shape[0], len(names), "labels", str(file.path))
        if files and file.shape[1:] != files[0].shape[1:]:
            raise DataError(
                f"{place}: images of {_name(files[0].path)} are {_words(files[0].shape[1:])}, "
                f"those of {_name(file.path)} {_words(file.shape[1:])}; they must agree"
            )
        files.append(file)
        split = TRAIN if part == "train" else TEST
        prefix = f"{place}/{_name(file.path)}"
        rows += [(f"{prefix}:{row}", name, split) for row, name in enumerate(names, start=1)]
    if not rows:
        raise DataError(f"{place}: the IDX files hold no images")
    return Listing(
        place=place,
        form="idx",
        sources=[source for source, _, _ in rows],
        labels=[name for _, name, _ in rows],
        splits=[split for _, _, split in rows],
        groups=[""] * len(rows),
        load_pixels=functools.partial(_load_pixels, tuple(files)),
        array_files=tuple(dict.fromkeys(_on_disk(file.path) for file in files)),
    )


class _IdxFile(NamedTuple):
    """An IDX file whose header fits the size of the file."""

    path: File
    shape: tuple[int, ...]
    offset: int


def _name(file: File) -> str:
    return posixpath.basename(str(file)) if isinstance(file, Stored) else file.name


def _on_disk(file: File) -> Path:
    """The file of the disk that decides whether pixels are the same as before."""
    if isinstance(file, Path):
        return file
    assert file.container.path is not None
    return file.container.path


def _files(folder: Folder) -> dict[str, File]:
    """Files in a folder by name, in the order of code points.

    Raises: `DataError` if the folder cannot be read.
    """
    if isinstance(folder, PackedFolder):
        return files_in(folder)
    try:
        return {name: folder / name for name in sorted(os.listdir(folder))}
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({(error.strerror or str(error)).lower()})") from error


def _by_part(folder: Folder, pattern: re.Pattern[str]) -> dict[str, File]:
    """Files of one kind by part; an unpacked file comes before its `.gz`."""
    found: dict[str, File] = {}
    for name, file in _files(folder).items():
        match = pattern.fullmatch(name)
        if match:
            found.setdefault(match[1], file)
    return found


def _open(path: File) -> io.BufferedIOBase:
    if isinstance(path, Stored):
        content = io.BytesIO(_content(path))
        return cast(io.BufferedIOBase, gzip.GzipFile(fileobj=content) if _is_packed(path) else content)
    file = open_regular(path)
    return cast(io.BufferedIOBase, Unpacking(file) if _is_packed(path) else file)


def _content(file: Stored) -> bytes:
    """Bytes of a file in an archive, which is as large as an array in memory at most.

    Raises: `DataError` naming it if it cannot be read.
    """
    try:
        return file.content()
    except DataError as error:
        raise DataError(f"{file}: {error}") from error


def _is_packed(path: File) -> bool:
    return str(path).endswith(".gz")


def _size(path: File) -> int:
    return len(_content(path)) if isinstance(path, Stored) else path.stat().st_size


def _idx_file(path: File, dimensions: int) -> _IdxFile:
    """Read a header and compare its claim with the size of the file.

    Raises: `DataError` if it is no IDX file of bytes, or its size belies it.
    """
    length = 4 + 4 * dimensions
    try:
        with _open(path) as file:
            head = file.read(length)
        size = _size(path)
    except _BROKEN as error:
        raise DataError(f"{path}: damaged or unreadable ({error}); copy it again") from error
    if len(head) < length or head[:2] != b"\0\0":
        raise DataError(f"{path}: not an IDX file; it starts with {head[:4].hex(' ') or 'nothing'}")
    if (head[2], head[3]) != (_UNSIGNED_BYTE, dimensions):
        raise DataError(
            f"{path}: an IDX file of type {head[2]:#04x} with {head[3]} dimensions; "
            f"bytes (type 0x08) with {dimensions} are expected"
        )
    shape = struct.unpack(f">{dimensions}I", head[4:])
    claimed = length + math.prod(shape)
    is_packed = _is_packed(path)
    if claimed > size * DEFLATE_RATIO if is_packed else claimed != size:
        raise DataError(
            f"{path}: the header claims {_words(shape)} bytes, but the file has {size:,}; copy it again"
        )
    limit = unpacked_limit(size)
    if is_packed and claimed > limit:
        raise DataError(f"{path}: unpacks to more than {limit / 1e6:,.0f} MB; {UNPACKED.remedy}")
    if 0 in shape[1:]:
        raise DataError(f"{path}: the header claims images of {_words(shape[1:])} pixels")
    return _IdxFile(path, shape, length)


def _read(source: _IdxFile) -> np.ndarray:
    """Read the values of an IDX file.

    Raises: `DataError` if the file holds fewer or more values than its header claims.
    """
    expected = math.prod(source.shape)
    try:
        with _open(source.path) as file:
            file.read(source.offset)
            content = file.read(expected)
            is_longer = bool(file.read(1))
    except _BROKEN as error:
        raise DataError(f"{source.path}: damaged or cut short ({error}); copy it again") from error
    if len(content) != expected or is_longer:
        found = "more" if is_longer else f"{len(content):,}"
        raise DataError(
            f"{source.path}: the header claims {expected:,} values, the file holds {found}; copy it again"
        )
    return np.frombuffer(content, np.uint8).reshape(source.shape)


def _load_pixels(files: tuple[_IdxFile, ...]) -> np.ndarray:
    parts = [_read(file)[..., None] for file in files]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _class_names(values: np.ndarray, classes: Sequence[str] | None, path: File) -> list[str]:
    """Names of numeric labels.

    Raises: `DataError` if a label has no name.
    """
    if classes is None:
        return [str(value) for value in values.tolist()]
    if len(values) and values.max() >= len(classes):
        raise DataError(f"{path}: label {values.max()} has no class name; there are {len(classes)} names")
    return [classes[value] for value in values.tolist()]


def _words(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
