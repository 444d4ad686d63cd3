"""Class folders, and split folders that hold class folders.

The order of examples is that of the code points of their paths, whatever the locale and the file
system say. Hidden files and the litter of operating systems are passed over in silence; other
files that are no pictures are left out with a warning that counts them.
"""

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pellucid.data.labels import is_encodable
from pellucid.data.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from pellucid.data.signatures import is_picture_start
from pellucid.data.wording import count_of, quoted, some, visible
from pellucid.errors import DataError

PICTURE_SUFFIXES = frozenset(
    (
        ".apng .avif .bmp .dib .gif .j2k .jfif .jp2 .jpe .jpeg .jpg .mpo .pbm .pgm .png .pnm .ppm "
        ".tif .tiff .webp"
    ).split()
)
"""Endings of files that are taken for pictures without looking into them."""

_LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db", "$recycle.bin", "icon\r"})
_SPLIT_OF_NAME = {"train": TRAIN, "val": VALIDATION, "validation": VALIDATION, "test": TEST}


def is_clutter(name: str) -> bool:
    """Whether a file or folder is hidden or left behind by an operating system.

    Args:
        name: its name without the folder.

    Returns:
        True for `.DS_Store`, `Thumbs.db`, `__MACOSX` and their like.
    """
    return name.startswith(".") or name.lower() in _LITTER


def picture_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Find the pictures in a folder and its sub-folders.

    A file counts as a picture by its ending, or, with another ending, by its first bytes.

    Args:
        folder: where to look; links to folders are followed, once each.

    Returns:
        Pictures in order, and the other files that were passed over (clutter aside).

    Raises:
        DataError: a folder cannot be read.
    """
    found = _Found()
    _walk(folder, found, set())
    return sorted(found.pictures, key=_order), sorted(found.others, key=_order)


@dataclass
class _Found:
    pictures: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)


def _order(path: Path) -> tuple[str, ...]:
    return path.parts


def _walk(folder: Path, found: _Found, seen: set[tuple[int, int]]) -> None:
    for entry in _entries(folder):
        path = folder / entry.name
        if entry.is_dir():
            status = entry.stat()
            identity = (status.st_dev, status.st_ino)
            if identity not in seen:
                _walk(path, found, seen | {identity})
        elif _is_picture(entry):
            found.pictures.append(path)
        else:
            found.others.append(path)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds, clutter aside, in the order of code points.

    Raises DataError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            kept = [entry for entry in entries if not is_clutter(entry.name)]
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({(error.strerror or str(error)).lower()})") from error
    return sorted(kept, key=lambda entry: entry.name)


def _is_picture(entry: os.DirEntry[str]) -> bool:
    """Whether a file is to be decoded; a link that leads nowhere is, so that it is reported."""
    has_ending = os.path.splitext(entry.name)[1].lower() in PICTURE_SUFFIXES
    if not entry.is_file():
        return has_ending and not os.path.exists(entry.path)
    if has_ending:
        return True
    try:
        with open(entry.path, "rb") as file:
            return is_picture_start(file.read(16))
    except OSError:
        return False


def _sub_folders(folder: Path) -> dict[str, Path]:
    return {entry.name: folder / entry.name for entry in _entries(folder) if entry.is_dir()}


def split_folders(folder: Path) -> dict[str, Path]:
    """Sub-folders that stand for splits.

    Args:
        folder: DATA.

    Returns:
        Split to folder; empty when the folder is no folder of splits, that is unless it has
        `train` with sub-folders of its own, and beside it `test`, `val` or `validation`, or
        nothing at all.

    Raises:
        DataError: both `val` and `validation` are there.
    """
    named = {name: path for name, path in _sub_folders(folder).items() if name.lower() in _SPLIT_OF_NAME}
    if not any(name.lower() == TRAIN and _sub_folders(path) for name, path in named.items()):
        return {}
    found: dict[str, Path] = {}
    for name, path in named.items():
        split = _SPLIT_OF_NAME[name.lower()]
        if split in found:
            raise DataError(
                f"{folder}: both {found[split].name}/ and {name}/ stand for the {split} split; keep one"
            )
        found[split] = path
    is_alone = len(_sub_folders(folder)) == 1
    return found if len(found) > 1 or is_alone else {}


def read_folder(folder: Path, place: str) -> Listing:
    """List class folders, or split folders of class folders.

    Args:
        folder: DATA.
        place: how the user named it.

    Returns:
        The listing.

    Raises:
        DataError: no class folder, one without pictures, or text files only.
    """
    splits = split_folders(folder)
    if not splits:
        return _class_folders(folder, place, UNDECIDED)
    parts = [
        _class_folders(splits[split], str(splits[split]), split)
        for split in (TRAIN, VALIDATION, TEST)
        if split in splits
    ]
    extra = sorted(set(_sub_folders(folder)) - {path.name for path in splits.values()})
    warnings = [warning for part in parts for warning in part.warnings]
    if extra:
        warnings.append(
            f"{place}: {some([quoted(name) for name in extra])} beside the split folders left out"
        )
    return Listing(
        place=place,
        form="split folders",
        sources=[source for part in parts for source in part.sources],
        labels=[label for part in parts for label in part.labels],
        splits=[split for part in parts for split in part.splits],
        groups=[""] * sum(map(len, parts)),
        paths=[path for part in parts for path in part.paths or ()],
        warnings=tuple(warnings),
    )


def _class_folders(folder: Path, place: str, split: str) -> Listing:
    """List the pictures of every class folder in one folder.

    Raises DataError: as for `read_folder`.
    """
    classes = _sub_folders(folder)
    if not classes:
        raise DataError(_no_class_folders(folder, place))
    paths: list[Path] = []
    labels: list[str] = []
    empty: list[str] = []
    others: list[Path] = []
    for name, path in classes.items():
        if not is_encodable(name):
            raise DataError(f"{place}: the name of class folder {quoted(name)} is not UTF-8; rename it")
        pictures, passed_over = picture_files(path)
        paths += pictures
        labels += [name] * len(pictures)
        others += passed_over
        if not pictures:
            empty.append(name)
    if not paths and others and all(path.suffix.lower() == ".txt" for path in others):
        raise DataError(
            f"{place}: holds text files only; folders of pictures are read now, texts are not yet"
        )
    if empty:
        raise DataError(
            f"{place}: no picture in class folder {some([quoted(name) for name in empty], 10)}; "
            "put pictures there or remove the folder"
        )
    loose = [folder / entry.name for entry in _entries(folder) if not entry.is_dir()]
    return Listing(
        place=place,
        form="class folders",
        sources=[_source(path) for path in paths],
        labels=labels,
        splits=[split] * len(paths),
        groups=[""] * len(paths),
        paths=paths,
        warnings=_warnings(place, loose, others),
    )


def _source(path: Path) -> str:
    """A path as text that can be written as UTF-8, whatever bytes its name is made of."""
    return str(path).encode(errors="backslashreplace").decode()


def _no_class_folders(folder: Path, place: str) -> str:
    pictures, others = picture_files(folder)
    if pictures:
        number = count_of(len(pictures), "picture")
        return f"{place}: {number} but no class folders; make one sub-folder for each class"
    if others and all(path.suffix.lower() == ".txt" for path in others):
        return f"{place}: holds text files only; folders of pictures are read now, texts are not yet"
    return f"{place}: holds no class folders; make one sub-folder of pictures for each class"


def _warnings(place: str, loose: list[Path], others: list[Path]) -> tuple[str, ...]:
    """Say which files were left out, and how many."""
    warnings = []
    if loose:
        warnings.append(
            f"{place}: {count_of(len(loose), 'file')} outside the class folders left out: "
            + some([quoted(path.name) for path in loose])
        )
    if others:
        kinds = Counter(path.suffix.lower() or "no ending" for path in others)
        counts = ", ".join(f"{count:,} {visible(kind)}" for kind, count in sorted(kinds.items()))
        warnings.append(
            f"{place}: {count_of(len(others), 'file')} left out, being no pictures by their names ({counts})"
        )
    return tuple(warnings)
