"""Texts and labels line by line in two files, and files that name the classes of tables.

    train_text.txt   train_labels.txt   test_text.txt   test_labels.txt   mapping.txt
    train.csv        test.csv           categories.json

Line i of `train_labels.txt` is the label of line i of `train_text.txt`. Where labels are numbers,
`mapping.txt` (`0`, a tab, `negative`) or `categories.json` (an array, or an object from number to name or
the other way round) names the classes.
"""

import dataclasses
import itertools
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pellucid.data.data_files import File
from pellucid.data.labels import is_encodable
from pellucid.data.listing import Listing
from pellucid.data.tables.json_tables import open_objects
from pellucid.data.tables.table import Table
from pellucid.data.tables.text_files import TextFile, count_lines, decode_text, text_file
from pellucid.data.trees import Folder, place_of
from pellucid.data.wording import count_of, quoted, some_quoted
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.safety.files import read_regular
from pellucid.safety.strict import parse_line
from pellucid.settings import Settings

_NAME = re.compile(r"(?P<start>|.*[_.-])(?P<what>texts?|labels?)\.txt", re.IGNORECASE | re.DOTALL)
_MAPPING = "mapping.txt"
# Files that name the classes of the tables in their folder, where they hold names at all.
CLASS_NAMES = ("categories.json", "classes.json", "class_names.json", "label_names.json")
_MOST_BYTES = 1 << 20


def are_lines(name: str) -> bool:
    """Detect a file of a pair, or one that accompanies pairs, by its name."""
    base = posixpath.basename(name)
    return base.lower() == _MAPPING or _NAME.fullmatch(base) is not None


class Pair(NamedTuple):
    """Two files that belong together, line by line."""

    texts: File
    labels: File


class Pairs(NamedTuple):
    """Pairs of files in a folder."""

    found: dict[str, Pair]  # by the path of the texts in the folder
    unlabelled: dict[str, File]  # texts without labels, by their paths
    names: File | None  # the file that names the classes, if there is one


def pairs_in(folder: Folder) -> Pairs:
    """Pairs of files in a folder and, where there are none, in the folders in it.

    Raises: `DataError` if some labels have no texts.
    """
    own = _pairs_of(folder, "")
    if own.found:
        return own
    below = [each for name, inner in folder.folders.items() if (each := _pairs_of(inner, f"{name}/")).found]
    return Pairs(
        {name: pair for each in below for name, pair in each.found.items()},
        {name: file for each in below for name, file in each.unlabelled.items()},
        below[0].names if below else None,
    )


def _pairs_of(folder: Folder, above: str) -> Pairs:
    """Pairs among the files of one folder, `above` being its path."""
    files = folder.files
    kinds: dict[str, dict[str, str]] = {"text": {}, "label": {}}
    for name in files:
        match = _NAME.fullmatch(name)
        if match is not None:
            kinds[match["what"].lower().rstrip("s")][match["start"].lower()] = name
    texts, labels = kinds["text"], kinds["label"]
    found = {
        above + name: Pair(folder.file(name), folder.file(labels[key]))
        for key, name in texts.items()
        if key in labels
    }
    alone = [name for key, name in labels.items() if key not in texts]
    if found and alone:
        raise DataError(
            "{folder}: {alone} without the texts, which are expected in "
            "{alone2}; put them there, or move the labels elsewhere",
            folder,
            some_quoted(alone),
            quoted(re.sub("labels?", "text", alone[0])),
        )
    names = next((folder.file(name) for name in files if name.lower() == _MAPPING), None)
    unlabelled = {above + name: folder.file(name) for key, name in texts.items() if key not in labels}
    return Pairs(found, unlabelled, names)


def open_pair(pair: Pair, paths: list[Path], encoding: str | None) -> Table:
    """Begin to read two files as a table of the columns `text` and `label`."""
    texts, labels = (
        text_file(path, place_of(file), encoding) for path, file in zip(paths, pair, strict=True)
    )
    return _with_texts(open_objects(_rows(texts, labels), texts.place), (*texts.warnings, *labels.warnings))


def open_texts(path: Path, file: File, encoding: str | None) -> Table:
    """Begin to read a file as a table of the column `text`; blank lines at its end count for nothing."""
    texts = text_file(path, place_of(file), encoding)

    def rows() -> Iterator[tuple[int, dict[str, str]]]:
        blank: list[tuple[int, dict[str, str]]] = []
        for number, line in enumerate(_lines_of(texts), start=1):
            blank.append((number, {"text": line}))
            if line.strip():
                yield from blank
                blank.clear()

    return _with_texts(open_objects(rows(), texts.place), texts.warnings)


def _with_texts(table: Table, warnings: tuple[str, ...]) -> Table:
    if not table.head.numbers:
        raise DataError("{place}: holds no texts; give one on each line", table.place)
    return dataclasses.replace(table, warnings=warnings)


def _lines_of(file: TextFile) -> Iterator[str]:
    with file.lines("\n", count_lines) as lines:
        for line in lines:
            yield line.rstrip("\r\n")


def _rows(texts: TextFile, labels: TextFile) -> Iterator[tuple[int, dict[str, str]]]:
    """Texts with their labels, counted from 1; lines at the end that are blank in both count for nothing."""
    lines, others = _lines_of(texts), _lines_of(labels)
    blank = 0
    for number, (text, label) in enumerate(itertools.zip_longest(lines, others), start=1):
        if not (text or "").strip() and not (label or "").strip():
            blank = blank or number
            continue
        if not blank and (text is None or label is None):
            counts = [number - (each is None) for each in (text, label)]
            counts[text is None] += sum(1 for _ in (others if text is None else lines))
            raise DataError(
                "{place}: {counts}, but {counts2} in "
                "{place2}; line i of one is the label of line i of the other, so give both as many",
                labels.place,
                count_of(counts[1], "line"),
                count_of(counts[0], "line"),
                texts.place,
            )
        if blank or text is None or label is None or not label.strip():
            at = blank or number
            raise DataError(
                "{place}: line {at:,} is empty; give the label of line {at2:,} of {place2}, or "
                "take the line out of both",
                labels.place,
                at,
                at,
                texts.place,
            )
        yield number, {"text": text, "label": label.strip()}


# Names of classes in a file of their own.


def is_class_names(file: File) -> bool:
    """True of a file that names the classes of the tables in its folder: by its own name and its content."""
    return posixpath.basename(place_of(file)).lower() in CLASS_NAMES and bool(_read_names(file))


def with_class_names(listing: Listing, file: File, settings: Settings) -> Listing:
    """Name the classes of a listing whose labels are the numbers that a file has names for.

    Where none of its labels is such a number the file is not about it.

    Raises: `DataError` if the file cannot be read.
    """
    labels = set(listing.labels)
    names = {} if settings.target == "number" else _read_names(file)
    if labels.isdisjoint(names):
        return listing
    unnamed = sorted(labels - names.keys())
    name = quoted(posixpath.basename(place_of(file)))
    if unnamed:
        return listing.with_warnings(
            Sentence(
                "{place}: {name} has names for {names} and none for label {unnamed}, so it is not used",
                listing.place,
                name,
                count_of(len(names), "number"),
                some_quoted(unnamed),
            )
        )
    named = dataclasses.replace(listing, labels=[names[label] for label in listing.labels])
    return named.with_warnings(Sentence("{place}: classes named by {name}", listing.place, name))


def _read_names(file: File) -> dict[str, str]:
    """Names of classes by number; none where the file holds anything else."""
    try:
        content = read_regular(file, _MOST_BYTES) if isinstance(file, Path) else file.content()
        text = decode_text(content[: _MOST_BYTES + 1], None).text
    except (OSError, DataError) as error:
        raise DataError(
            "{file}: cannot be read ({error}); fix or remove it", place_of(file), error
        ) from error
    if len(content) > _MOST_BYTES:
        return {}
    if place_of(file).lower().endswith(".json"):
        pairs = _pairs_in_json(text)
    else:  # lines such as `0`, a tab, `negative`; what follows a second tab is left
        parts = [line.split("\t") for line in text.splitlines() if line.strip()]
        pairs = [(each[0].strip(), each[1] if len(each) > 1 else None) for each in parts]
    names = {
        str(number): name.strip() for number, name in pairs if isinstance(name, str) and is_encodable(name)
    }
    are_numbers = all(re.fullmatch(r"0|[1-9]\d{0,8}", number) for number in names)
    are_different = len(set(names.values())) == len(names) == len(pairs)
    return names if are_numbers and are_different and all(names.values()) else {}


def _pairs_in_json(text: str) -> list[tuple[object, object]]:
    """Numbers and names of an array of names, or an object in either direction."""
    try:
        document = parse_line(text)
    except ValueError:
        return []
    if isinstance(document, list):
        return list(enumerate(document))
    if not isinstance(document, dict):
        return []
    if all(type(value) is int for value in document.values()):
        return [(number, name) for name, number in document.items()]
    return list(document.items())
