"""`.npz` files with `x_train`, `y_train` and perhaps `x_test`, `y_test`.

Nothing is unpickled, and what a header claims is compared with the size of its file in the archive
before anything is allocated. Pixels are read only when they are asked for.
"""

import functools
import math
import sys
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from pellucid.budgets import NAMED, UNPACKED, unpacked_limit
from pellucid.data.images.preprocessing import with_channel_axis
from pellucid.data.labels.texts import label_texts
from pellucid.data.listing import TEST, TRAIN, VALIDATION, Listing
from pellucid.data.reading.arrays import DEFLATE_RATIO, checked_pixels, require_equal
from pellucid.data.wording import quoted, some
from pellucid.errors import DataError
from pellucid.regular import open_regular

_PARTS = {"train": TRAIN, "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION, "test": TEST}
_MOST_MEMBERS, _MOST_SIDES = 1_000, 8
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
            found = some([quoted(name) for name in members], NAMED) or "nothing"
            raise DataError(f"{place}: has no x_train; it holds {found}")
        _require_agreement(parts, members, place)
        labels = {part: _labels(path, place, part, members) for part in parts}
    except DataError:
        raise
    except (*_BROKEN, ValueError) as error:
        raise DataError(f"{place}: damaged or unreadable ({_reason(error)}); copy it again") from error
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


def _reason(error: Exception) -> str:
    """A reason for people; of a header that cannot be read, NumPy would advise to run what stands there."""
    return "a header that cannot be read" if isinstance(error, ValueError) else str(error)


def _members(path: Path, place: str) -> dict[str, _Member]:
    """Name to description of every array in the archive.

    Raises: `DataError` if one is no array, holds Python objects, or has a header that its size belies.
    """
    with open_regular(path) as file, zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        _require_honest(infos, path.stat().st_size, place)
        return {info.filename.removesuffix(".npy"): _member(archive, info, place) for info in infos}


def _require_honest(infos: list[zipfile.ZipInfo], size: int, place: str) -> None:
    """Refuse an archive with many members, two of one name, or more bytes than one of its size unpacks to.

    Raises: `DataError` with what there is too much of.
    """
    if len(infos) > _MOST_MEMBERS:
        raise DataError(f"{place}: holds {len(infos):,} arrays, over the limit of {_MOST_MEMBERS:,}")
    repeated = [name for name, count in Counter(info.filename for info in infos).items() if count > 1]
    if repeated:
        raise DataError(f"{place}: holds {quoted(min(repeated))} twice; leave one out")
    limit = unpacked_limit(size)
    if sum(info.file_size for info in infos) > limit:
        raise DataError(f"{place}: unpacks to more than {limit / 1e6:,.0f} MB; {UNPACKED.remedy}")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: str) -> _Member:
    """Header of one array, compared with the size of its file inside the archive.

    Raises: `DataError` as `_members` does.
    """
    name = quoted(info.filename)
    try:
        opened = archive.open(info)
    except UnicodeDecodeError as error:  # of its name, which stands there once more
        raise DataError(f"{place}: {name} has two names; use an undamaged copy") from error
    with opened as file:
        try:
            version = np.lib.format.read_magic(file)
            is_short = version == (1, 0)
            read = np.lib.format.read_array_header_1_0 if is_short else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
        except (*_BROKEN, MemoryError):
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
        if member.dtype.kind not in "buif":
            raise DataError(f"{place}: x_{part} holds {str(member.dtype)[:40]} and no images; give numbers")
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


def _load_pixels(path: Path, parts: tuple[str, ...]) -> np.ndarray:
    """Read the images of all parts.

    Raises: `DataError` if the file is damaged.
    """
    try:
        pixels = [with_channel_axis(_load(path, f"x_{part}")) for part in parts]
    except (*_BROKEN, ValueError) as error:
        raise DataError(f"{path}: damaged ({_reason(error)}); copy it again") from error
    return pixels[0] if len(pixels) == 1 else np.concatenate(pixels)
