"""Data sets in several tables, as Hugging Face keeps them: splits and shards are told by the names of files.

    data/train-00000-of-00002.parquet    data/test-00000-of-00001.parquet
    default/train/0000.parquet           validation.csv

The columns are chosen in the first table to train on, and are the same in all others. A table without the
column of labels, or with -1 for each of them, holds nothing to train on or to be scored by: it is left out,
and a warning says so.
"""

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from pellucid.data.archives.stored import File
from pellucid.data.listing import SPLIT_OF_NAME, TRAIN, UNDECIDED, Listing
from pellucid.data.reading.joining import joined
from pellucid.data.reading.labelled_tables import list_table
from pellucid.data.tables.columns import choose_columns
from pellucid.data.tables.forms.table import Table
from pellucid.data.tables.packed import packed_column, with_only_label
from pellucid.data.tables.trees import suffix_of
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError
from pellucid.settings import Settings

_FOLDER_OF_ALL = "data"
_SUBMISSION = "submission"


class Shard(NamedTuple):
    """One table of several.

    Attributes:
        name: its path in the folder of all.
        split: the split it belongs to, or `UNDECIDED`.
        open: begins to read it.
        folder: what paths in it count from.
    """

    name: str
    split: str
    open: Callable[[], Table]
    folder: Path


def split_of_path(name: str) -> str:
    """The split that a path names, its last part first; `UNDECIDED` where none does."""
    for part in reversed(PurePath(name).parts):
        found = {SPLIT_OF_NAME[word] for word in _words(part) if word in SPLIT_OF_NAME}
        if len(found) == 1:
            return found.pop()
    return UNDECIDED


def _words(part: str) -> list[str]:
    return re.split(r"[^a-z]+", part.lower())


def is_submission(name: str) -> bool:
    """Tell the table of a contest that shows how answers are handed in: its labels are none."""
    return _SUBMISSION in PurePath(name).stem.lower()


def on_disk(file: File, temporary: Path, number: int) -> Path:
    """A file of the disk, or the copy of one in an archive under a name of ours.

    Raises: `DataError` if it cannot be unpacked.
    """
    if isinstance(file, Path):
        return file
    ending = "".join(Path(str(file)).suffixes[-2:]) if str(file).endswith(".gz") else suffix_of(file)
    path = temporary / f"{number}{ending}"
    try:
        path.write_bytes(file.content())
    except DataError as error:
        raise DataError(f"{file}: {error}") from error
    return path


def require_one_set(names: Sequence[str], place: str) -> None:
    """Refuse several data sets in one folder: joined they would make no sense.

    Raises: `DataError` naming them.
    """
    sets = {
        "/".join(
            part
            for part in PurePath(name).parts[:-1]
            if part.lower() != _FOLDER_OF_ALL and not any(word in SPLIT_OF_NAME for word in _words(part))
        )
        for name in names
    }
    if len(sets) > 1:
        listed = some([quoted(name or ".") for name in sorted(sets)])
        raise DataError(f"{place}: holds several data sets, {listed}; give the folder of one")


def read_shards(shards: Sequence[Shard], place: str, settings: Settings) -> Listing:
    """Read several tables as one data set.

    Raises: `DataError` if one cannot be used, or some name a split and others do not.
    """
    free = [shard.name for shard in shards if not shard.split]
    if free and len(free) < len(shards):
        raise DataError(
            f"{place}: {some(list(map(quoted, free)))} beside tables of splits; name train, validation or "
            "test in the name of the file, or move it elsewhere"
        )
    ordered = sorted(shards, key=lambda shard: shard.split not in (TRAIN, UNDECIDED))
    first = ordered[0].open()
    chosen = _chosen(first, ordered[0], settings)
    parts, empty = [], []
    for shard in ordered:
        if not _is_labelled(shard, chosen):
            empty.append(shard.name)
            continue
        part = list_table(shard.open(), shard.folder, chosen)
        parts.append(dataclasses.replace(part, splits=[shard.split] * len(part)) if shard.split else part)
    if not parts:
        raise DataError(
            f"{place}: no table has labels in column {quoted(str(chosen.label_column))}; name another"
        )
    listing = joined(parts)
    warnings = _said_once(parts, place)
    if empty:
        warnings.append(
            f"{place}: {some(list(map(quoted, empty)))} left out, having no labels in column "
            f"{quoted(str(chosen.label_column))}"
        )
    return dataclasses.replace(listing, place=place, form="tables", warnings=tuple(warnings))


def _said_once(parts: Sequence[Listing], place: str) -> list[str]:
    """Warnings of all parts; which columns were chosen is the same of each and said once."""
    sentence = parts[0].warnings[-1].removeprefix(f"{parts[0].place}: ")
    others = [
        warning for part in parts for warning in part.warnings if warning != f"{part.place}: {sentence}"
    ]
    counts = Counter(part.splits[0] or "no split" for part in parts)
    if len(parts) == 1 and not parts[0].splits[0]:
        return [*others, f"{place}: {sentence}"]
    files = ", ".join(f"{number:,} of {name}" for name, number in counts.items())
    return [
        *others,
        f"{place}: {sentence}; {count_of(len(parts), 'table')} ({files}, by the names of the files)",
    ]


def _chosen(table: Table, shard: Shard, settings: Settings) -> Settings:
    """Settings that name the columns of the first table."""
    asked = with_only_label(table, settings)
    name = packed_column(table, settings)
    if name is not None:
        asked = dataclasses.replace(asked, input_column=name, task="image")
    columns = choose_columns(table, shard.folder, asked)
    return dataclasses.replace(asked, input_column=columns.input, label_column=columns.label)


def _is_labelled(shard: Shard, settings: Settings) -> bool:
    """Tell a table that has a label in some row."""
    table = shard.open()
    name = settings.label_column
    if name is None or name not in table.names:
        return False
    if any(value is not None for value in table.head.columns[name]):
        return True
    return any(value is not None for block in table.read([name]) for value in block.columns[name])
