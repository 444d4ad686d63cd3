"""Forms of DATA and of INPUT, bundled samples and lists of files included."""

import glob
import gzip
import json
import os
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from pellucid.data.listing import Listing
from pellucid.data.raw_texts import TextWriter
from pellucid.data.reading.array_files import is_idx_folder, read_idx_folder
from pellucid.data.tables.table_files import is_table
from pellucid.data.trees import DiskFolder, is_archive
from pellucid.errors import DataError, UsageError

# Braces such as `data/{000..003}.tar`.
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)", re.ASCII)
_SIGNS = "{*?["
MOST_FILES = 100_000


def files_named(place: str) -> list[Path]:
    """Files that a pattern names: those of braces in their order, matches of a glob by their names."""
    names = list(dict.fromkeys(_expanded(place)))
    found: list[Path] = []
    for name in names:
        matches = [Path(name)] if os.path.exists(name) else [Path(each) for each in sorted(glob.glob(name))]
        if not matches:
            raise DataError(f"{place}: no such file {name}; fix the pattern")
        found += matches
    if len(found) > MOST_FILES:
        raise DataError(f"{place}: names more than {MOST_FILES:,} files; give a part of them")
    return list(dict.fromkeys(found))


def _expanded(place: str) -> Iterator[str]:
    """Names with every pair of braces replaced by each of its values."""
    waiting, given = [place], 0
    while waiting:
        name = waiting.pop()
        match = _BRACES.search(name)
        if match is None:
            yield name
            given += 1
        else:
            values = _values(match[1], place)
            waiting += [name[: match.start()] + value + name[match.end() :] for value in reversed(values)]
        if given + len(waiting) > MOST_FILES:
            raise DataError(f"{place}: names more than {MOST_FILES:,} files; give a part of them")


def _values(inside: str, place: str) -> list[str]:
    """Expand a pair of braces: `000..003` counts, `a,b` lists."""
    match = _RANGE.fullmatch(inside)
    if match is None:
        return inside.split(",")
    first, last = (int(number[:18]) for number in match.groups())
    if abs(last - first) >= MOST_FILES:
        raise DataError(f"{place}: names more than {MOST_FILES:,} files; give a part of them")
    numbers = range(first, last + 1) if last >= first else range(first, last - 1, -1)
    return [str(number).zfill(len(match[1])) for number in numbers]


# Names of the labels 0 to 9 of Fashion-MNIST.
FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

# IDX files of the bundled slice; its README says how they were made.
FASHION_FOLDER = Path(__file__).parent.parent / "fashion"

# Table of the bundled mails; the README beside it says how it was made.
SPAM_FILE = Path(__file__).parent.parent / "spam" / "spam.jsonl.gz"

PREFIX = "sample:"


def read_sample(place: str) -> Listing:
    """List a bundled sample.

    `sample:fashion`: 10,000 images of clothes to train on and 2,000 to test, 28 by 28 pixels, grey, ten
    classes of equal size, cut from Fashion-MNIST. `sample:spam`: 2,697 mails to train on and 675 to test,
    subject and body, 27 % of them spam, drawn from the SpamAssassin public corpus.
    """
    if place == "sample:fashion":
        return read_idx_folder(DiskFolder(FASHION_FOLDER), place, FASHION_CLASSES)
    if place == "sample:spam":
        return _read_spam(place)
    raise DataError(f"{place}: no such sample; there are sample:fashion and sample:spam")


def _read_spam(place: str) -> Listing:
    """List the mails. The table is ours, so that nothing about it has to be found out."""
    writer = TextWriter()
    labels, splits = [], []
    with gzip.open(SPAM_FILE, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            writer.append(row["text"])
            labels.append(row["label"])
            splits.append(row["split"])
    return Listing(
        place=place,
        form="table",
        sources=[f"{place}/{SPAM_FILE.name}:{row}" for row in range(1, len(labels) + 1)],
        labels=labels,
        splits=splits,
        texts=writer.finish(),
    )


# Every form that labelled data may have, for messages.
KNOWN_FORMS = (
    "a folder of class folders, a table (.csv .tsv .tab .json .jsonl .parquet .arrow .xlsx, lines of "
    "fastText), a folder of such tables, a .zip or .tar of any of them, a folder of IDX files, an .npz file, "
    "sample:fashion or sample:spam"
)


class Form(Enum):
    """A form of data; who reads data has one entry for each in a table."""

    SAMPLE = "sample"
    IDX = "folder of IDX files"
    FOLDER = "folder"
    ARCHIVE = "archive"
    NPZ = ".npz file"
    TABLE = "table"
    PATTERN = "pattern of files"
    FILE = "single file"


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def require_local(place: str) -> None:
    """Refuse an address on a network, and an empty name, which would stand for the current folder.

    Raises: `DataError` or, of an empty name, `UsageError`, with what to do.
    """
    if not place:
        raise UsageError("'': an empty name; give a folder or a file, or . for the current folder")
    if _SCHEME.match(place):
        raise DataError(f"{place}: Pellucid uses no network; download it and give the file")


def form_of(place: str) -> Form:
    """Form of a place, which need not exist: by folders' content and by names of files."""
    if place.startswith(PREFIX):
        return Form.SAMPLE
    path = Path(place)
    if os.path.isdir(path):
        return Form.IDX if is_idx_folder(DiskFolder(path)) else Form.FOLDER
    if any(sign in place for sign in _SIGNS) and not os.path.lexists(place):
        return Form.PATTERN
    if path.suffix.lower() == ".npz":
        return Form.NPZ
    if is_archive(path):
        return Form.ARCHIVE
    return Form.TABLE if is_table(path) else Form.FILE
