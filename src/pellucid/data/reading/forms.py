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
from pellucid.data.raw_texts import Texts
from pellucid.data.reading.array_files import is_idx_folder, read_idx_folder
from pellucid.data.tables.table_files import has_labelled_lines, is_table
from pellucid.data.trees import DiskFolder, is_archive
from pellucid.errors import DataError, UsageError

# Braces such as `data/{000..003}.tar`.
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)", re.ASCII)
_MOST_FILES = 100_000


def files_named(place: str) -> list[Path]:
    """Files that a pattern names: those of braces in their order, matches of a glob by their names.

    Raises: `DataError` if one is not there, or they are too many.
    """
    found: list[Path] = []
    for name in dict.fromkeys(_expanded(place)):
        matches = [Path(name)] if os.path.exists(name) else [Path(each) for each in sorted(glob.glob(name))]
        if not matches:
            raise DataError("{place}: no such file {name}; fix the pattern", place, name)
        found += matches
    if len(found) > _MOST_FILES:
        raise _too_many(place)
    return list(dict.fromkeys(found))


def _too_many(place: str) -> DataError:
    return DataError("{place}: names more than {MOST_FILES:,} files; give a part of them", place, _MOST_FILES)


def _expanded(place: str) -> Iterator[str]:
    """Names with every pair of braces replaced by each of its values: `000..003` counts, `a,b` lists."""
    waiting, given = [place], 0
    while waiting:
        name = waiting.pop()
        match = _BRACES.search(name)
        if match is None:
            yield name
            given += 1
        else:
            values = match[1].split(",")
            if counted := _RANGE.fullmatch(match[1]):
                first, last = (int(number[:18]) for number in counted.groups())
                if abs(last - first) >= _MOST_FILES:
                    raise _too_many(place)
                step = 1 if last >= first else -1
                values = [str(number).zfill(len(counted[1])) for number in range(first, last + step, step)]
            waiting += [name[: match.start()] + value + name[match.end() :] for value in reversed(values)]
        if given + len(waiting) > _MOST_FILES:
            raise _too_many(place)


# Names of the labels 0 to 9 of Fashion-MNIST.
FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

# IDX files of the bundled slice; its README describes how they were made.
FASHION_FOLDER = Path(__file__).parent.parent / "fashion"

# Table of the bundled mails; the README in its folder describes how it was made.
SPAM_FILE = Path(__file__).parent.parent / "spam" / "spam.jsonl.gz"

PREFIX = "sample:"


def read_sample(place: str) -> Listing:
    """List a bundled sample.

    `sample:fashion`: 10,000 images of clothes to train on and 2,000 to test, 28 by 28 pixels, grey, ten
    classes of equal size, cut from Fashion-MNIST. `sample:spam`: 2,697 mails to train on and 675 to test,
    subject and body, 27 % of them spam, drawn from the SpamAssassin public corpus.

    Raises: `DataError` if there is no such sample.
    """
    if place == "sample:fashion":
        return read_idx_folder(DiskFolder(FASHION_FOLDER), place, FASHION_CLASSES)
    if place != "sample:spam":
        raise DataError("{place}: no such sample; there are sample:fashion and sample:spam", place)
    # The table is ours, so that nothing about it has to be found out.
    with gzip.open(SPAM_FILE, "rt", encoding="utf-8") as lines:
        rows = list(map(json.loads, lines))
    return Listing(
        place=place,
        form="table",
        sources=[f"{place}/{SPAM_FILE.name}:{row}" for row in range(1, len(rows) + 1)],
        labels=[row["label"] for row in rows],
        splits=[row["split"] for row in rows],
        texts=Texts.of([row["text"] for row in rows]),
    )


# Every form that labelled data may have, for messages.
KNOWN_FORMS = (
    "a folder of class folders, a table (.csv .tsv .tab .json .jsonl .parquet .arrow .xlsx, lines of "
    "fastText, a .txt in which every line is a class, a tab and a text), a folder of such tables, a .zip "
    "or .tar of any of them, a folder of IDX files, an .npz file, "
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
    """Refuse an address on a network, and an empty name, which would mean the current folder.

    Raises: `DataError` or, of an empty name, `UsageError`, with what to do.
    """
    if not place:
        raise UsageError("'': an empty name; give a folder or a file, or . for the current folder")
    if _SCHEME.match(place):
        raise DataError("{place}: Pellucid uses no network; download it and give the file", place)


def form_of(place: str) -> Form:
    """Form of a place, which need not exist: by folders' content and by names of files."""
    if place.startswith(PREFIX):
        return Form.SAMPLE
    path = Path(place)
    if os.path.isdir(path):
        return Form.IDX if is_idx_folder(DiskFolder(path)) else Form.FOLDER
    if any(sign in place for sign in "{*?[") and not os.path.lexists(place):
        return Form.PATTERN
    if path.suffix.lower() == ".npz":
        return Form.NPZ
    if is_archive(path):
        return Form.ARCHIVE
    return Form.TABLE if is_table(path) or has_labelled_lines(path) else Form.FILE
