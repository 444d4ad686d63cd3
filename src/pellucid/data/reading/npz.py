"""`.npz` files with `x_train`, `y_train` and perhaps `x_test`, `y_test`.

Nothing is unpickled, and what a header claims is compared with the size of its file in the archive
before anything is allocated. Pixels are read only when they are asked for.
"""

import functools
import math
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from pellucid.data.images.preprocessing import with_channel_axis
from pellucid.data.labels.texts import label_texts
from pellucid.data.listing import TEST, TRAIN, VALIDATION, Listing
from pellucid.data.reading.arrays import DEFLATE_RATIO, checked_pixels, require_equal
from pellucid.data.wording import quoted
from pellucid.errors import DataError

_PARTS = {"train": TRAIN, "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION, "test": TEST}
_BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError)


class _Member(NamedTuple):
    """One array of the archive, as its header describes it."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]


def read_npz(path: Path, place: str) -> Listing:
    """List the images of an `.npz` file.

    `x_val`, `y_val` (or `x_validation`, `y_validation`) are read too.

    Raises: `DataError` if an array is missing, damaged, holds Python objects or fits its partner badly.
    """
    try:
        members = _members(path, place)
        parts = [part for part in _PARTS if f"x_{part}" in members]
        if "train" not in parts:
            found = ", ".join(map(quoted, members)) or "nothing"
            raise DataError(f"{place}: has no x_train; it holds {found}")
        _require_agreement(parts, members, place)
        labels = {part: _labels(path, place, part, members) for part in parts}
    except _BROKEN as error:
        raise DataError(f"{place}: damaged or unreadable ({error}); copy it again") from error
    rows = [(part, row) for part in parts for row in range(1, len(labels[part]) + 1)]
    return Listing(
        place=place,
        form="npz",
        sources=[f"{place}:x_{part}:{row}" for part, row in rows],
        labels=[text for part in parts for text in labels[part]],
        splits=[_PARTS[part] for part, _ in rows],
        groups=[""] * len(rows),
        load_pixels=functools.partial(_load_pixels, path, tuple(parts)),
        array_files=(path,),
    )


def _members(path: Path, place: str) -> dict[str, _Member]:
    """Name to description of every array in the archive.

    Raises: `DataError` if one is no array, holds Python objects, or has a header that its size belies.
    """
    with zipfile.ZipFile(path) as archive:
        return {
            info.filename.removesuffix(".npy"): _member(archive, info, place) for info in archive.infolist()
        }


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: str) -> _Member:
    """Header of one array, compared with the size of its file inside the archive.

    Raises: `DataError` as `_members` does.
    """
    name = quoted(info.filename)
    with archive.open(info) as file:
        try:
            version = np.lib.format.read_magic(file)
            is_short = version == (1, 0)
            read = np.lib.format.read_array_header_1_0 if is_short else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
        except ValueError as error:
            raise DataError(f"{place}: {name} is not an array ({error})") from error
        offset = file.tell()
    if dtype.hasobject:
        raise DataError(f"{place}: {name} holds Python objects, which may run code; refused")
    claimed = offset + math.prod(shape) * dtype.itemsize
    if claimed != info.file_size or info.file_size > max(info.compress_size, 1) * DEFLATE_RATIO:
        raise DataError(
            f"{place}: the header of {name} claims {claimed:,} bytes, but {info.file_size:,} are there, "
            f"packed into {info.compress_size:,}; copy it again"
        )
    return _Member(tuple(shape), dtype)


def _require_agreement(parts: list[str], members: dict[str, _Member], place: str) -> None:
    """Check that every part holds images, all of one size.

    Raises: `DataError` if one does not.
    """
    for part in parts:
        member = members[f"x_{part}"]
        checked_pixels(np.broadcast_to(np.zeros((), member.dtype), member.shape), f"{place}:x_{part}")
        own, first = member.shape[1:], members["x_train"].shape[1:]
        if own != first:
            raise DataError(f"{place}: x_train holds images of {first}, x_{part} of {own}; they must agree")


def _labels(path: Path, place: str, part: str, members: dict[str, _Member]) -> list[str]:
    """Class names of one part.

    Raises: `DataError` if they are missing, or not one for each image.
    """
    name = f"y_{part}"
    if name not in members:
        raise DataError(f"{place}: x_{part} has no labels; {name} is missing")
    labels = _load(path, name)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(f"{place}: {name} has the shape {labels.shape}; give one label for each image")
    require_equal(members[f"x_{part}"].shape[0], len(labels), f"labels in {name}", place)
    if labels.dtype.kind == "S":
        values = [value.decode(errors="surrogateescape") for value in labels.tolist()]
    else:
        values = labels.tolist()
    return label_texts(values, place, lambda index: f"{name} row {index + 1}")


def _load(path: Path, name: str) -> np.ndarray:
    with np.load(path, allow_pickle=False) as archive:
        return cast(np.ndarray, archive[name])


def _load_pixels(path: Path, parts: tuple[str, ...]) -> np.ndarray:
    """Read the images of all parts.

    Raises: `DataError` if the file is damaged.
    """
    try:
        pixels = [with_channel_axis(_load(path, f"x_{part}")) for part in parts]
    except (*_BROKEN, ValueError) as error:
        raise DataError(f"{path}: damaged ({error}); copy it again") from error
    return pixels[0] if len(pixels) == 1 else np.concatenate(pixels)
