"""Folders of files whose names hold the labels, such as `cat.123.jpg`, by a pattern that the user gives.

`{label}` stands for the class, as long a part of the name as fits, `*` for any characters and `?` for one. A
pattern with a group `(?P<label>...)` is a regular expression. One with a slash is held against the path in
the folder, any other against the name alone; capitals and small letters count as the same.
"""

import dataclasses
import os
import re
from pathlib import Path

from pellucid.data.archives.stored import contents
from pellucid.data.labels.texts import is_encodable
from pellucid.data.listing import SPLIT_OF_NAME, TRAIN, UNDECIDED, Listing
from pellucid.data.reading.text_values import TextTaker
from pellucid.data.tables.encodings import require_known
from pellucid.data.tables.file_kinds import IMAGE_KIND, TEXT_KIND, FileKind, files_of, source_of
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError
from pellucid.settings import Settings
from pellucid.settings.parsing import parse_name_pattern

_COUNTED = re.compile(r"(?P<label>.*?[^\W\d_])(?P<sign>[._ -]*)\d[^/]*(?P<ending>\.\w+)", re.DOTALL)


def read_named_files(folder: Path, place: str, settings: Settings, *, are_texts: bool) -> Listing:
    """List the images or texts of a folder and its sub-folders, each with the label in its name.

    Sub-folders that are named as splits are splits, where one of them is for training.

    Raises: `DataError` if there is no such file, a name does not fit the pattern, or a label is no text.
    """
    kind = TEXT_KIND if are_texts else IMAGE_KIND
    if are_texts:
        require_known(settings.encoding, place)
    paths, others = files_of(folder, kind)
    if not paths:
        raise DataError(f"{place}: no {kind.what} in this folder; choose another DATA")
    names = [os.path.relpath(path, folder) for path in paths]
    warnings = [f"{place}: labels from names by the pattern {quoted(str(settings.label_from_name))}"]
    if others:
        warnings.append(f"{place}: {count_of(len(others), 'file')} left out, {kind.no_such}")
    listing = Listing(
        place=place,
        form="folder",
        sources=[source_of(path) for path in paths],
        labels=_labels(names, place, str(settings.label_from_name), kind),
        splits=_splits(names, place, kind),
        groups=[""] * len(paths),
        paths=paths,
        warnings=tuple(warnings),
    )
    return _as_texts(listing, settings) if are_texts else listing


def _as_texts(listing: Listing, settings: Settings) -> Listing:
    """The texts of the files of a listing."""
    taker = TextTaker()
    for content in contents(listing.paths or ()):
        taker.take_file(content, settings.encoding)
    said = taker.encoding_warnings(listing.place) if settings.encoding is None else ()
    return dataclasses.replace(
        listing,
        paths=None,
        texts=taker.finish(),
        problems=taker.problems(listing.sources),
        warnings=(*listing.warnings, *said),
    )


def _labels(names: list[str], place: str, asked: str, kind: FileKind) -> list[str]:
    """The label in each name.

    Raises: `DataError` naming the first names that do not fit.
    """
    pattern = parse_name_pattern(asked)
    held_against = names if "/" in asked else list(map(os.path.basename, names))
    found = [pattern.fullmatch(name) for name in held_against]
    wrong = [name for name, one in zip(names, found, strict=True) if one is None or not one["label"]]
    if wrong:
        raise DataError(
            f"{place}: {count_of(len(wrong), kind.noun)} of {len(names):,} whose name does not fit "
            f"--label-from-name {quoted(asked)}: {some(list(map(quoted, wrong)))}; change the pattern, or "
            "rename or move them"
        )
    labels = [one["label"] for one in found if one is not None]
    strange = [label for label in labels if not is_encodable(label) or label.isspace()]
    if strange:
        raise DataError(f"{place}: the label {quoted(strange[0])} in a name is no text; rename the file")
    return labels


def _splits(names: list[str], place: str, kind: FileKind) -> list[str]:
    """The split of each file, by the folder that it lies in.

    Raises: `DataError` if files lie beside the folders of splits.
    """
    first = [name.partition(os.sep)[0] if os.sep in name else "" for name in names]
    splits = [SPLIT_OF_NAME.get(folder.lower(), UNDECIDED) for folder in first]
    if TRAIN not in splits:
        return [UNDECIDED] * len(names)
    beside = [name for name, split in zip(names, splits, strict=True) if split == UNDECIDED]
    if beside:
        raise DataError(
            f"{place}: {count_of(len(beside), kind.noun)} beside the split folders: "
            f"{some(list(map(quoted, beside)))}; move them into train, val or test, or elsewhere"
        )
    return splits


def suggested_pattern(names: list[str]) -> str:
    """A pattern that fits all names, where few labels stand before numbers; empty where none does."""
    found = [_COUNTED.fullmatch(name) for name in names]
    if not names or None in found:
        return ""
    fitting = [one for one in found if one is not None]
    labels = {one["label"].lower() for one in fitting}
    signs = {one["sign"] for one in fitting}
    if not 2 <= len(labels) <= len(names) // 2 or len(signs) > 1 or signs == {""}:
        return ""
    endings = {one["ending"].lower() for one in fitting}
    return f"{{label}}{signs.pop()}*{endings.pop() if len(endings) == 1 else ''}"
