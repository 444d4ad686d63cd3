"""Arrays of images in files, MNIST-style IDX, `.npz` and `.npy`: what they claim is checked first.

Pixels are read only when they are asked for, so that a second run, which finds them in the cache, does not
unpack them again.
"""

import contextlib
import functools
import io
import math
import posixpath
import re
import struct
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple, cast

import numpy as np
from jaxtyping import Shaped

from pellucid.data.data_files import DAMAGED, File, Stored
from pellucid.data.images.preprocessing import with_channel_axis
from pellucid.data.labels import label_texts
from pellucid.data.listing import TEST, TRAIN, VALIDATION, Listing
from pellucid.data.trees import DiskFolder, Folder
from pellucid.data.wording import quoted, some_quoted
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import NAMED, unpacked_limit, unpacks_to_more
from pellucid.safety.files import Unpacking, open_regular
from pellucid.targets import unlabelled


def _require_one_each(images: int, labels: int, name: str, place: str) -> None:
    if images != labels:
        raise DataError(
            "{place}: {images:,} images but {labels:,} {name}; there must be one for each",
            place,
            images,
            labels,
            name,
        )


def checked_pixels(
    pixels: Shaped[np.ndarray, "..."], place: str
) -> Shaped[np.ndarray, "n height width channels"]:
    """Check the shape of images, and that there are any, and give them a channel axis.

    Raises: `DataError` if there are none, or the shape is wrong.
    """
    try:
        pixels = with_channel_axis(pixels)
    except DataError as error:
        raise DataError("{place}: {error}", place, error) from error
    if len(pixels) == 0:
        raise DataError("{place}: holds no images", place)
    return pixels


# MNIST-style IDX files, packed with gzip or not.

_NAME = re.compile(r"(train|t10k|test)[-_](?:images[-.]idx3|labels[-.]idx1)-ubyte(?:\.gz)?")
_UNSIGNED_BYTE = 8


def _idx_files(folder: Folder, what: str) -> dict[str, File]:
    """Files of `images` or `labels` by split, in their order; an unpacked file comes before its `.gz`."""
    found: dict[str, File] = {}
    for name in folder.files:
        match = _NAME.fullmatch(name)
        if match and what in name:
            found.setdefault(match[1], folder.file(name))
    return {part: found[part] for part in ("train", "t10k", "test") if part in found}


def is_idx_folder(folder: Folder) -> bool:
    """Detect a folder of MNIST-style IDX files, named like `train-images-idx3-ubyte`, `.gz` or not."""
    return bool(_idx_files(folder, "images"))


def read_idx(place: str, needs_labels: bool) -> Listing:
    """As `read_idx_folder`, of the disk."""
    return read_idx_folder(DiskFolder(Path(place)), place, needs_labels=needs_labels)


def read_idx_folder(
    folder: Folder, place: str, classes: Sequence[str] | None = None, *, needs_labels: bool = True
) -> Listing:
    """List a folder of `train-*` and `t10k-*` IDX files, packed with gzip or not.

    `t10k` is the test split. `classes` names the labels 0, 1, 2 ...; by default they are the digits
    themselves. Labels may be missing where none are needed.

    Raises: `DataError` if a file is missing, damaged, or fits its partner badly.
    """
    images, labels = _idx_files(folder, "images"), _idx_files(folder, "labels")
    if needs_labels and "train" not in images:
        raise DataError(
            "{place}: has no train-images-idx3-ubyte; put it there, packed with gzip or not", place
        )
    rows: list[tuple[str, str, str]] = []
    files: list[_IdxFile] = []
    for part, file in images.items():
        name = posixpath.basename(str(file))
        if needs_labels and part not in labels:
            raise DataError(
                "{place}: {name} has no labels; {part}-labels-idx1-ubyte is missing", place, name, part
            )
        checked = _checked_idx(file, 3)
        texts = [""] * checked.shape[0]
        if part in labels:
            texts = _class_names(_read_idx(_checked_idx(labels[part], 1)), classes, labels[part])
            _require_one_each(checked.shape[0], len(texts), "labels", str(file))
        if files and checked.shape[1:] != files[0].shape[1:]:
            first = posixpath.basename(str(files[0].file))
            raise DataError(
                "{place}: images of {first} are {shape}, those of {name} {shape2}; they must agree",
                place,
                first,
                _words(files[0].shape[1:]),
                name,
                _words(checked.shape[1:]),
            )
        files.append(checked)
        split = TRAIN if part == "train" else TEST
        rows += [(f"{place}/{name}:{row}", text, split) for row, text in enumerate(texts, start=1)]
    if not rows:
        raise DataError("{place}: the IDX files hold no images", place)
    # The files of the disk that decide whether pixels are the same as before.
    on_disk = [file if isinstance(file, Path) else file.container.path for file in images.values()]
    return Listing(
        place=place,
        form="idx",
        sources=[source for source, _, _ in rows],
        labels=[name for _, name, _ in rows],
        splits=[split for _, _, split in rows],
        load_pixels=lambda: _joined([_read_idx(file)[..., None] for file in files]),
        array_files=tuple(dict.fromkeys(path for path in on_disk if path is not None)),
        decided=None if images.keys() <= labels.keys() else unlabelled(len(rows)),
    )


class _IdxFile(NamedTuple):
    """An IDX file whose header fits the size of the file."""

    file: File
    shape: tuple[int, ...]


@contextlib.contextmanager
def _opened(file: File) -> Iterator[tuple[IO[bytes], int]]:
    """The bytes of a file of the disk or in an archive, unpacked, and its size as it is stored."""
    try:
        with contextlib.ExitStack() as stack:
            if isinstance(file, Stored):
                packed = file.content()
                opened, size = cast(BinaryIO, io.BytesIO(packed)), len(packed)
            else:
                opened, size = open_regular(file), file.stat().st_size
            opened = stack.enter_context(opened)
            if str(file).endswith(".gz"):
                opened = stack.enter_context(cast(BinaryIO, Unpacking(opened)))
            yield opened, size
    except (*DAMAGED, DataError) as error:
        if str(error).startswith(f"{file}: "):
            raise
        raise DataError("{file}: damaged or unreadable ({error}); copy it again", file, error) from error


def _checked_idx(file: File, dimensions: int) -> _IdxFile:
    """Read a header and compare its claim with the size of the file."""
    length = 4 + 4 * dimensions
    with _opened(file) as (opened, size):
        head = opened.read(length)
    if len(head) < length or head[:4] != bytes((0, 0, _UNSIGNED_BYTE, dimensions)):
        raise DataError(
            "{file}: not an IDX file of bytes with {dimensions} dimensions; it starts with {value}",
            file,
            dimensions,
            head[:4].hex(" ") or "nothing",
        )
    shape = struct.unpack(f">{dimensions}I", head[4:])
    claimed, limit = length + math.prod(shape), unpacked_limit(size)
    if not str(file).endswith(".gz") and claimed != size:
        raise DataError(
            "{file}: the header claims {shape} bytes, but the file has {size:,}; copy it again",
            file,
            _words(shape),
            size,
        )
    if claimed > limit:
        raise DataError("{file}: {limit}", file, unpacks_to_more(limit))
    if 0 in shape[1:]:
        raise DataError("{file}: the header claims images of {shape} pixels", file, _words(shape[1:]))
    return _IdxFile(file, shape)


def _read_idx(source: _IdxFile) -> np.ndarray:
    """Read the values of an IDX file."""
    expected = math.prod(source.shape)
    with _opened(source.file) as (opened, _):
        opened.read(4 + 4 * len(source.shape))
        content = opened.read(expected)
        is_longer = bool(opened.read(1))
    if len(content) != expected or is_longer:
        found = "more" if is_longer else f"{len(content):,}"
        raise DataError(
            "{file}: the header claims {expected:,} values, the file holds {found}; copy it again",
            source.file,
            expected,
            found,
        )
    return np.frombuffer(content, np.uint8).reshape(source.shape)


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _class_names(values: np.ndarray, classes: Sequence[str] | None, file: File) -> list[str]:
    """Names of numeric labels."""
    if classes is None:
        return [str(value) for value in values.tolist()]
    if len(values) and values.max() >= len(classes):
        raise DataError(
            "{file}: label {max} has no class name; there are {classes} names",
            file,
            values.max(),
            len(classes),
        )
    return [classes[value] for value in values.tolist()]


def _words(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


# `.npz` files with `x_train`, `y_train` and perhaps `x_test`, `y_test`.
#
# Nothing is unpickled, and what a header claims is compared with the size of its file in the archive
# before anything is allocated.

_SPLIT_OF_PART = {
    "train": TRAIN, "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION, "test": TEST,
}  # fmt: skip
_MOST_MEMBERS = 1_000  # arrays of a file
_MOST_SIDES = 8  # axes of an array
_NPZ_ERRORS = (*DAMAGED, zipfile.BadZipFile, RuntimeError, ValueError)


class _Member(NamedTuple):
    """One array of the archive, as its header describes it."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]


def read_npz(place: str, needs_labels: bool) -> Listing:
    """List the images of an `.npz` file.

    `x_val`, `y_val` (or `x_validation`, `y_validation`) are read too. Labels may be missing where none are
    needed, and so may `x_train`.

    Raises: `DataError` if an array is missing, damaged, holds Python objects or fits its partner badly.
    """
    path = Path(place)
    with _naming_npz(place):
        members = _members(path, place)
        parts = [part for part in _SPLIT_OF_PART if f"x_{part}" in members]
        if not parts or (needs_labels and "train" not in parts):
            found = some_quoted(members, NAMED) or "nothing"
            raise DataError("{place}: has no x_train; it holds {found}", place, found)
        for part in parts:
            member = members[f"x_{part}"]
            if member.dtype.kind not in "buif":
                raise DataError(
                    "{place}: x_{part} holds {dtype} and no images; give numbers",
                    place,
                    part,
                    str(member.dtype)[:40],
                )
            checked_pixels(np.broadcast_to(np.zeros((), member.dtype), member.shape), f"{place}:x_{part}")
            own, first = member.shape[1:], members[f"x_{parts[0]}"].shape[1:]
            if own != first:
                raise DataError(
                    "{place}: x_train holds images of {first}, x_{part} of {own}; they must agree",
                    place,
                    first,
                    part,
                    own,
                )
        labels = {
            part: _npz_labels(path, place, part, members)
            for part in parts
            if needs_labels or f"y_{part}" in members
        }
    rows = [(part, row) for part in parts for row in range(1, members[f"x_{part}"].shape[0] + 1)]
    are_labelled = len(labels) == len(parts)
    return Listing(
        place=place,
        form="npz",
        sources=[f"{place}:x_{part}:{row}" for part, row in rows],
        labels=[text for part in parts for text in labels[part]] if are_labelled else [""] * len(rows),
        splits=[_SPLIT_OF_PART[part] for part, _ in rows],
        load_pixels=functools.partial(_load_npz_pixels, path, parts),
        array_files=(path,),
        decided=None if are_labelled else unlabelled(len(rows)),
    )


@contextlib.contextmanager
def _naming_npz(place: str) -> Iterator[None]:
    """Turn what a damaged archive raises into one reason.

    Of a header that cannot be read NumPy would advise to run what is there.
    """
    try:
        yield
    except DataError:
        raise
    except _NPZ_ERRORS as error:
        reason = "a header that cannot be read" if isinstance(error, ValueError) else str(error)
        raise DataError("{place}: damaged or unreadable ({reason}); copy it again", place, reason) from error


def _members(path: Path, place: str) -> dict[str, _Member]:
    """Name to description of every array in the archive."""
    with open_regular(path) as file, zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if len(infos) > _MOST_MEMBERS:
            raise DataError(
                "{place}: holds {infos:,} arrays, over the limit of {MOST_MEMBERS:,}",
                place,
                len(infos),
                _MOST_MEMBERS,
            )
        repeated = [name for name, count in Counter(info.filename for info in infos).items() if count > 1]
        if repeated:
            raise DataError("{place}: holds {repeated} twice; leave one out", place, quoted(min(repeated)))
        limit = unpacked_limit(path.stat().st_size)
        if sum(info.file_size for info in infos) > limit:
            raise DataError("{place}: {limit}", place, unpacks_to_more(limit))
        return {info.filename.removesuffix(".npy"): _member(archive, info, place) for info in infos}


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: str) -> _Member:
    """Header of one array, compared with the size of its file inside the archive."""
    name = quoted(info.filename)
    try:
        opened = archive.open(info)
    except UnicodeDecodeError as error:  # of its name, which is there once more
        raise DataError("{place}: {name} has two names; use an undamaged copy", place, name) from error
    with opened as file:
        return _header(file, info.file_size, info.filename, place)


def _header(opened: Any, size: int, filename: str, place: str) -> _Member:
    """Header of an array at the front of a file, compared with the size of the file."""
    name = quoted(filename)
    try:
        is_short = np.lib.format.read_magic(opened) == (1, 0)
        read = np.lib.format.read_array_header_1_0 if is_short else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(opened)
    except (*DAMAGED, zipfile.BadZipFile, RuntimeError, MemoryError):
        raise
    except Exception as error:  # NumPy evaluates the header as Python's literals, which raises anything
        reason = " ".join(str(error).split())[:200]
        raise DataError("{place}: {name} is not an array ({reason})", place, name, reason) from error
    if not all(type(side) is int and 0 <= side < 1 << 40 for side in shape) or len(shape) > _MOST_SIDES:
        raise DataError(
            "{place}: {name} is not an array (of the shape {shape})", place, name, str(shape)[:80]
        )
    if dtype.hasobject:
        raise DataError("{place}: {name} holds Python objects, which may run code; refused", place, name)
    claimed = opened.tell() + math.prod(shape) * dtype.itemsize
    if claimed != size:
        raise DataError(
            "{place}: the header of {name} claims {claimed:,} bytes, but {file_size:,} are there; "
            "copy it again",
            place,
            name,
            claimed,
            size,
        )
    return _Member(tuple(shape), dtype)


def _npz_labels(path: Path, place: str, part: str, members: dict[str, _Member]) -> list[str]:
    """Class names of one part."""
    name = f"y_{part}"
    if name not in members:
        raise DataError("{place}: x_{part} has no labels; {name} is missing", place, part, name)
    if members[name].dtype.kind not in "buifSU":
        raise DataError(
            "{place}: {name} holds {dtype}; give texts or numbers", place, name, str(members[name].dtype)[:40]
        )
    array = _load(path, name)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(
            "{place}: {name} has the shape {shape}; give one label for each image", place, name, array.shape
        )
    _require_one_each(members[f"x_{part}"].shape[0], len(array), Sentence("labels in {name}", name), place)
    if array.dtype.kind == "U" and array.dtype.itemsize:
        # Numbers beyond the last character break Python's own texts.
        codes = np.ascontiguousarray(array).view(np.uint32)
        codes = codes if array.dtype.isnative else codes.byteswap()
        wrong = np.flatnonzero((codes.reshape(len(array), -1) > sys.maxunicode).any(axis=1))
        if len(wrong):
            raise DataError(
                "{place}: the label at {name} row {wrong} is no text; fix it", place, name, wrong[0] + 1
            )
    values = array.tolist()
    if array.dtype.kind == "S":
        values = [value.decode(errors="surrogateescape") for value in values]
    return label_texts(values, place, lambda index: Sentence("{name} row {index}", name, index + 1))


def _load(path: Path, name: str) -> np.ndarray:
    with open_regular(path) as file, np.load(file, allow_pickle=False) as archive:
        return cast(np.ndarray, archive[name])


def _load_npz_pixels(path: Path, parts: list[str]) -> np.ndarray:
    with _naming_npz(str(path)):
        return _joined([with_channel_axis(_load(path, f"x_{part}")) for part in parts])


# `.npy` files of one array of images, which have no labels.


def read_npy(place: str, needs_labels: bool) -> Listing:
    """List the images of an `.npy` file.

    Raises: `DataError` if labels are needed; if it is damaged, holds Python objects or no images.
    """
    if needs_labels:
        raise DataError(
            "{place}: an array of images has no labels; give an .npz file of x_train and y_train", place
        )
    path = Path(place)
    with _naming_npz(place), open_regular(path) as file:
        member = _header(file, path.stat().st_size, path.name, place)
    if member.dtype.kind not in "buif":
        raise DataError("{place}: holds {dtype} and no images; give numbers", place, str(member.dtype)[:40])
    checked_pixels(np.broadcast_to(np.zeros((), member.dtype), member.shape), place)

    def load() -> np.ndarray:
        with _naming_npz(place), open_regular(path) as file:
            return with_channel_axis(np.load(file, allow_pickle=False))

    count = member.shape[0]
    return Listing(
        place=place,
        form="npy",
        sources=[f"{place}:{row}" for row in range(1, count + 1)],
        labels=[""] * count,
        load_pixels=load,
        array_files=(path,),
        decided=unlabelled(count),
    )
