"""Arrays of images in files, MNIST-style IDX and `.npz`: what they claim is checked before it is believed."""

import contextlib
import functools
import io
import math
import os
import posixpath
import re
import struct
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple, cast

import numpy as np
from jaxtyping import Shaped

from pellucid.budgets import NAMED, UNPACKED, unpacked_limit
from pellucid.data.data_files import File, Stored
from pellucid.data.images.preprocessing import with_channel_axis
from pellucid.data.labels import label_texts
from pellucid.data.listing import TEST, TRAIN, VALIDATION, Listing
from pellucid.data.trees import Folder, PackedFolder, files_in
from pellucid.data.wording import quoted, some
from pellucid.errors import DataError
from pellucid.files import Unpacking, open_regular


def require_equal(inputs: int, others: int, name: str, place: str) -> None:
    """Refuse columns of different length.

    `name` is what the other column holds, in the plural.

    Raises: `DataError` with both lengths.
    """
    if inputs != others:
        raise DataError(f"{place}: {inputs:,} images but {others:,} {name}; there must be one for each")


def checked_pixels(
    pixels: Shaped[np.ndarray, "..."], place: str
) -> Shaped[np.ndarray, "n height width channels"]:
    """Check the shape of images, and that there are any, and give them a channel axis.

    Raises: `DataError` if there are none, or the shape is wrong.
    """
    try:
        pixels = with_channel_axis(pixels)
    except DataError as error:
        raise DataError(f"{place}: {error}") from error
    if len(pixels) == 0:
        raise DataError(f"{place}: holds no images")
    return pixels


# MNIST-style IDX files, packed with gzip or not. Pixels are read only when they are asked for, so that a
# second run, which finds them in the cache, does not unpack them again.

_IMAGES_NAME = re.compile(r"(train|t10k|test)[-_]images[-.]idx3-ubyte(\.gz)?")
_LABELS_NAME = re.compile(r"(train|t10k|test)[-_]labels[-.]idx1-ubyte(\.gz)?")
_IDX_PARTS = ("train", "t10k", "test")
_UNSIGNED_BYTE = 8


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
    for part in sorted(images, key=_IDX_PARTS.index):
        if part not in labels:
            raise DataError(
                f"{place}: {_name(images[part])} has no labels; {part}-labels-idx1-ubyte is missing"
            )
        file = _idx_file(images[part], 3)
        names = _class_names(_read_idx(_idx_file(labels[part], 1)), classes, labels[part])
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
        load_pixels=functools.partial(_load_idx_pixels, tuple(files)),
        array_files=tuple(dict.fromkeys(_on_disk(file.path) for file in files)),
    )


class _IdxFile(NamedTuple):
    """An IDX file whose header fits the size of the file."""

    path: File
    shape: tuple[int, ...]


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


@contextlib.contextmanager
def _opened(path: File) -> Iterator[tuple[IO[bytes], int]]:
    """The bytes of a file of the disk or in an archive, unpacked, and its size as it is stored.

    Raises: `DataError` if it cannot be read, or turns out to be damaged meanwhile.
    """
    try:
        with contextlib.ExitStack() as stack:
            if isinstance(path, Stored):
                stored = path.content()
                file, size = cast(BinaryIO, io.BytesIO(stored)), len(stored)
            else:
                file, size = open_regular(path), path.stat().st_size
            file = stack.enter_context(file)
            if str(path).endswith(".gz"):
                file = stack.enter_context(cast(BinaryIO, Unpacking(file)))
            yield file, size
    except (OSError, EOFError, zlib.error, DataError) as error:
        reason = str(error)
        if reason.startswith(f"{path}: "):
            raise
        raise DataError(f"{path}: damaged or unreadable ({reason}); copy it again") from error


def _idx_file(path: File, dimensions: int) -> _IdxFile:
    """Read a header and compare its claim with the size of the file.

    Raises: `DataError` if it is no IDX file of bytes, or its size belies it.
    """
    length = 4 + 4 * dimensions
    with _opened(path) as (file, size):
        head = file.read(length)
    if len(head) < length or head[:4] != bytes((0, 0, _UNSIGNED_BYTE, dimensions)):
        raise DataError(
            f"{path}: not an IDX file of bytes with {dimensions} dimensions; it starts with "
            f"{head[:4].hex(' ') or 'nothing'}"
        )
    shape = struct.unpack(f">{dimensions}I", head[4:])
    claimed, limit = length + math.prod(shape), unpacked_limit(size)
    if not str(path).endswith(".gz") and claimed != size:
        raise DataError(
            f"{path}: the header claims {_words(shape)} bytes, but the file has {size:,}; copy it again"
        )
    if claimed > limit:
        raise DataError(f"{path}: unpacks to more than {limit / 1e6:,.0f} MB; {UNPACKED.remedy}")
    if 0 in shape[1:]:
        raise DataError(f"{path}: the header claims images of {_words(shape[1:])} pixels")
    return _IdxFile(path, shape)


def _read_idx(source: _IdxFile) -> np.ndarray:
    """Read the values of an IDX file.

    Raises: `DataError` if the file holds fewer or more values than its header claims.
    """
    expected = math.prod(source.shape)
    with _opened(source.path) as (file, _):
        file.read(4 + 4 * len(source.shape))
        content = file.read(expected)
        is_longer = bool(file.read(1))
    if len(content) != expected or is_longer:
        found = "more" if is_longer else f"{len(content):,}"
        raise DataError(
            f"{source.path}: the header claims {expected:,} values, the file holds {found}; copy it again"
        )
    return np.frombuffer(content, np.uint8).reshape(source.shape)


def _load_idx_pixels(files: tuple[_IdxFile, ...]) -> np.ndarray:
    parts = [_read_idx(file)[..., None] for file in files]
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


# `.npz` files with `x_train`, `y_train` and perhaps `x_test`, `y_test`.
#
# Nothing is unpickled, and what a header claims is compared with the size of its file in the archive
# before anything is allocated. Pixels are read only when they are asked for.

_SPLIT_OF_PART = {
    "train": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
}
_MOST_MEMBERS, _MOST_SIDES = 1_000, 8
_NPZ_ERRORS = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, ValueError)


class _Member(NamedTuple):
    """One array of the archive, as its header describes it."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]


def read_npz(path: Path, place: str) -> Listing:
    """List the images of an `.npz` file.

    `x_val`, `y_val` (or `x_validation`, `y_validation`) are read too.

    Raises: `DataError` if an array is missing, damaged, holds Python objects or fits its partner badly.
    """
    with _naming_npz(place):
        members = _members(path, place)
        parts = [part for part in _SPLIT_OF_PART if f"x_{part}" in members]
        if "train" not in parts:
            found = some([quoted(name) for name in members], NAMED) or "nothing"
            raise DataError(f"{place}: has no x_train; it holds {found}")
        _require_agreement(parts, members, place)
        labels = {part: _npz_labels(path, place, part, members) for part in parts}
    rows = [(part, row) for part in parts for row in range(1, len(labels[part]) + 1)]
    return Listing(
        place=place,
        form="npz",
        sources=[f"{place}:x_{part}:{row}" for part, row in rows],
        labels=[text for part in parts for text in labels[part]],
        splits=[_SPLIT_OF_PART[part] for part, _ in rows],
        groups=[""] * len(rows),
        load_pixels=functools.partial(_load_npz_pixels, path, tuple(parts)),
        array_files=(path,),
    )


@contextlib.contextmanager
def _naming_npz(place: str) -> Iterator[None]:
    """Turn what a damaged archive raises into one reason.

    Of a header that cannot be read NumPy would advise to run what stands there.
    """
    try:
        yield
    except DataError:
        raise
    except _NPZ_ERRORS as error:
        reason = "a header that cannot be read" if isinstance(error, ValueError) else str(error)
        raise DataError(f"{place}: damaged or unreadable ({reason}); copy it again") from error


def _members(path: Path, place: str) -> dict[str, _Member]:
    """Name to description of every array in the archive.

    Raises: `DataError` if there are many, two of one name, more bytes than an archive of its size unpacks to,
    or one that is no array.
    """
    with open_regular(path) as file, zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if len(infos) > _MOST_MEMBERS:
            raise DataError(f"{place}: holds {len(infos):,} arrays, over the limit of {_MOST_MEMBERS:,}")
        repeated = [name for name, count in Counter(info.filename for info in infos).items() if count > 1]
        if repeated:
            raise DataError(f"{place}: holds {quoted(min(repeated))} twice; leave one out")
        limit = unpacked_limit(path.stat().st_size)
        if sum(info.file_size for info in infos) > limit:
            raise DataError(f"{place}: unpacks to more than {limit / 1e6:,.0f} MB; {UNPACKED.remedy}")
        return {info.filename.removesuffix(".npy"): _member(archive, info, place) for info in infos}


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: str) -> _Member:
    """Header of one array, compared with the size of its file inside the archive.

    Raises: `DataError` if it is no array, holds Python objects, or has a header that its size belies.
    """
    name = quoted(info.filename)
    try:
        opened = archive.open(info)
    except UnicodeDecodeError as error:  # of its name, which stands there once more
        raise DataError(f"{place}: {name} has two names; use an undamaged copy") from error
    with opened as file:
        try:
            is_short = np.lib.format.read_magic(file) == (1, 0)
            read = np.lib.format.read_array_header_1_0 if is_short else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, MemoryError):
            raise
        except Exception as error:  # NumPy evaluates the header as Python's literals, which raises anything
            reason = " ".join(str(error).split())[:200]
            raise DataError(f"{place}: {name} is not an array ({reason})") from error
        offset = file.tell()
    if not all(type(side) is int and 0 <= side < 1 << 40 for side in shape) or len(shape) > _MOST_SIDES:
        raise DataError(f"{place}: {name} is not an array (of the shape {str(shape)[:80]})")
    if dtype.hasobject:
        raise DataError(f"{place}: {name} holds Python objects, which may run code; refused")
    claimed = offset + math.prod(shape) * dtype.itemsize
    if claimed != info.file_size:
        raise DataError(
            f"{place}: the header of {name} claims {claimed:,} bytes, but {info.file_size:,} are there; "
            "copy it again"
        )
    return _Member(tuple(shape), dtype)


def _require_agreement(parts: list[str], members: dict[str, _Member], place: str) -> None:
    """Check that every part holds images, all of one size.

    Raises: `DataError` if one does not.
    """
    for part in parts:
        member = members[f"x_{part}"]
        if member.dtype.kind not in "buif":
            raise DataError(f"{place}: x_{part} holds {str(member.dtype)[:40]} and no images; give numbers")
        checked_pixels(np.broadcast_to(np.zeros((), member.dtype), member.shape), f"{place}:x_{part}")
        own, first = member.shape[1:], members["x_train"].shape[1:]
        if own != first:
            raise DataError(f"{place}: x_train holds images of {first}, x_{part} of {own}; they must agree")


def _npz_labels(path: Path, place: str, part: str, members: dict[str, _Member]) -> list[str]:
    """Class names of one part.

    Raises: `DataError` if they are missing, or not one for each image.
    """
    name = f"y_{part}"
    if name not in members:
        raise DataError(f"{place}: x_{part} has no labels; {name} is missing")
    if members[name].dtype.kind not in "buifSU":
        raise DataError(f"{place}: {name} holds {str(members[name].dtype)[:40]}; give texts or numbers")
    labels = _load(path, name)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(f"{place}: {name} has the shape {labels.shape}; give one label for each image")
    require_equal(members[f"x_{part}"].shape[0], len(labels), f"labels in {name}", place)
    _require_unicode(labels, name, place)
    if labels.dtype.kind == "S":
        values = [value.decode(errors="surrogateescape") for value in labels.tolist()]
    else:
        values = labels.tolist()
    return label_texts(values, place, lambda index: f"{name} row {index + 1}")


def _require_unicode(labels: np.ndarray, name: str, place: str) -> None:
    """Refuse texts with numbers that stand for no character, on which Python's own texts break.

    Raises: `DataError` with the row.
    """
    if labels.dtype.kind != "U" or not labels.dtype.itemsize:
        return
    codes = np.ascontiguousarray(labels).view(np.uint32)
    codes = codes if labels.dtype.isnative else codes.byteswap()
    wrong = np.flatnonzero((codes.reshape(len(labels), -1) > sys.maxunicode).any(axis=1))
    if len(wrong):
        raise DataError(f"{place}: the label at {name} row {wrong[0] + 1} is no text; fix it")


def _load(path: Path, name: str) -> np.ndarray:
    with open_regular(path) as file, np.load(file, allow_pickle=False) as archive:
        return cast(np.ndarray, archive[name])


def _load_npz_pixels(path: Path, parts: tuple[str, ...]) -> np.ndarray:
    with _naming_npz(str(path)):
        pixels = [with_channel_axis(_load(path, f"x_{part}")) for part in parts]
    return pixels[0] if len(pixels) == 1 else np.concatenate(pixels)
