"""Data sets in several files: tables by split and shard, and WebDataset archives.

Splits and shards of tables, as Hugging Face keeps them, show in the names of files:

    data/train-00000-of-00002.parquet    data/test-00000-of-00001.parquet
    default/train/0000.parquet           validation.csv

The columns are chosen in the first table to train on, and are the same in all others. A table without the
column of labels, or with -1 for each of them, holds nothing to train on or to be scored by: it is left out
with a warning.

WebDataset shards are `.tar` archives in which files of one key, the path up to the first dot of the name,
are one example:

    000001.jpg  000001.cls        an image and its class
    000002.png  000002.json       an image and an object, in which one key is the label
    000003.txt  000003.cls        a text and its class

Source: the WebDataset format, https://github.com/webdataset/webdataset.
"""

import dataclasses
import itertools
import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from pellucid.data.data_files import TEXT_KIND, Stored, contents, ends_like_image
from pellucid.data.listing import SPLIT_OF_NAME, TRAIN, UNDECIDED, Listing
from pellucid.data.sources.labelled_tables import RowReader, joined, list_table
from pellucid.data.sources.values import packed_column, read_texts, with_marked_columns
from pellucid.data.tables.columns import LABEL_NAMES, choose_columns
from pellucid.data.tables.table import Block, Table, table_of_batches
from pellucid.data.trees import Folder
from pellucid.data.wording import count_of, quoted, some_quoted
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence, join
from pellucid.safety.strict import parse_line
from pellucid.settings import Settings


class Shard(NamedTuple):
    """One table of several."""

    name: str  # its path in the folder of all
    split: str  # or `UNDECIDED`
    open: Callable[[], Table]
    folder: Path  # what paths in it count from


def split_of_path(name: str) -> str:
    """The split that a path names, its last part first; `UNDECIDED` where none does."""
    for part in reversed(PurePath(name).parts):
        found = {SPLIT_OF_NAME[word] for word in words_of(part) if word in SPLIT_OF_NAME}
        if len(found) == 1:
            return found.pop()
    return UNDECIDED


def words_of(name: str) -> list[str]:
    """Words in the name of a file or folder, in small letters."""
    return re.split(r"[^a-z]+", name.lower())


def is_submission(name: str) -> bool:
    """True of the table of a contest that shows how answers are submitted: its labels are none."""
    return "submission" in PurePath(name).stem.lower()


def require_one_set(names: Sequence[str], place: str) -> None:
    """Refuse several data sets in one folder: joined they would make no sense.

    Raises: `DataError` naming them.
    """
    sets = {
        "/".join(
            part
            for part in PurePath(name).parts[:-1]
            if part.lower() != "data" and SPLIT_OF_NAME.keys().isdisjoint(words_of(part))
        )
        for name in names
    }
    if len(sets) > 1:
        listed = some_quoted(name or "." for name in sorted(sets))
        raise DataError("{place}: holds several data sets, {listed}; give the folder of one", place, listed)


def require_all_named(names: Sequence[str], splits: Sequence[str], place: str, files: str) -> None:
    """Refuse files, `tables` or `archives`, of which some name a split and others do not.

    Raises: `DataError` naming them.
    """
    free = [name for name, split in zip(names, splits, strict=True) if not split]
    if free and len(free) < len(names):
        raise DataError(
            "{place}: {free} beside {files} of splits; name train, validation or "
            "test in the name of the file, or move it elsewhere",
            place,
            some_quoted(free),
            files,
        )


def by_split(splits: Iterable[str]) -> str:
    """Number of files of each split, for the end of a sentence."""
    counts = Counter(split or "no split" for split in splits)
    numbers = join(", ", [Sentence("{number:,} of {name}", number, name) for name, number in counts.items()])
    return Sentence("{numbers}, by the names of the files", numbers)


def read_shards(shards: Sequence[Shard], place: str, settings: Settings) -> Listing:
    """Read several tables as one data set.

    Raises: `DataError` if one cannot be read, or only some of them name a split.
    """
    require_all_named([shard.name for shard in shards], [shard.split for shard in shards], place, "tables")
    ordered = sorted(shards, key=lambda shard: shard.split not in (TRAIN, UNDECIDED))
    # The columns of the first table are those of all.
    first = ordered[0].open()
    columns = choose_columns(first, ordered[0].folder, with_marked_columns(first, settings))
    chosen = dataclasses.replace(
        settings,
        input_column=columns.input.name,
        label_column=columns.label,
        task="image" if packed_column(first, settings) else settings.task,
    )
    label = quoted(columns.label)
    parts, empty = [], []
    for shard in ordered:
        table = first if shard is ordered[0] else shard.open()
        name = columns.label_parts[0]
        if not any(value is not None for value in table.head.columns.get(name, ())):
            later = shard.open().read([name]) if name in table.names else ()
            if all(value is None for block in later for value in block.columns[name]):
                empty.append(shard.name)
                continue
        parts.append(list_table(table, shard.folder, chosen).in_split(shard.split))
    if not parts:
        raise DataError("{place}: no table has labels in column {label}; name another", place, label)
    # Which columns were chosen is the same in all parts, and reported once.
    sentence = parts[0].warnings[-1].removeprefix(f"{parts[0].place}: ")
    warnings = [
        warning
        for part in parts
        for warning in part.warnings
        if warning != Sentence("{place}: {sentence}", part.place, sentence)
    ]
    if len(parts) > 1 or parts[0].splits[0]:
        sentence += Sentence(
            "; {parts} ({by_split})",
            count_of(len(parts), "table"),
            by_split(part.splits[0] for part in parts),
        )
    warnings.append(Sentence("{place}: {sentence}", place, sentence))
    if empty:
        warnings.append(
            Sentence(
                "{place}: {empty} left out, having no labels in column {label}",
                place,
                some_quoted(empty),
                label,
            )
        )
    return dataclasses.replace(joined(parts), place=place, form="tables", warnings=tuple(warnings))


_CLASS = "cls"
_OBJECT = "json"
_TEXT = "txt"
_LABELS = (_CLASS, _OBJECT, _TEXT)
_KEY = "__key__"
TAKEN = "read as WebDataset"  # marks the warning about what of a WebDataset was taken
_ROWS = 1000
_MOST_LABEL_BYTES = 1 << 20


class Samples(NamedTuple):
    """Examples of one shard."""

    place: str
    # of each example, by key, in the order of the shard; by what follows the key, in small letters
    files: dict[str, dict[str, Stored]]
    input: str  # what follows the key of the image or text


def samples_of(folder: Folder) -> Samples | None:
    """Group the files of an archive into examples; `None` where it is no WebDataset.

    It is one where most images, or texts, have a label of the same key: as `.cls`, or as `.json` or `.txt`
    where all lie in one folder.
    """
    grouped: dict[str, dict[str, Stored]] = {}
    stored = [file for file, _ in folder.walk(TEXT_KIND) if isinstance(file, Stored)]
    for file in sorted(stored, key=lambda each: each.position):
        path = str(file)
        name, _, ending = posixpath.basename(path).partition(".")
        grouped.setdefault(posixpath.join(posixpath.dirname(path), name), {})[ending.lower()] = file
    inputs = Counter(
        ending for files in grouped.values() for ending in files if ends_like_image(f"key.{ending}")
    )
    chosen = inputs.most_common(1)[0][0] if inputs else _TEXT
    with_input = [files for files in grouped.values() if chosen in files]
    is_flat = len({posixpath.dirname(key) for key in grouped}) == 1
    labels = [_CLASS] if chosen == _TEXT or not is_flat else _LABELS
    labelled = sum(any(label in files for label in labels) for files in with_input)
    if not with_input or 2 * labelled <= len(with_input):
        return None
    examples = {key: files for key, files in grouped.items() if chosen in files or set(labels) & set(files)}
    return Samples(str(folder), examples, chosen)


def list_samples(samples: Samples, settings: Settings) -> Listing:
    """List the examples of one shard.

    The column of labels is `cls`, `txt` or a key of the objects; by default `cls`, a usual key, or `txt`.

    Raises: `DataError` if an example has no input, or a label cannot be read or chosen.
    """
    missing = [key for key, files in samples.files.items() if samples.input not in files]
    if missing:
        raise DataError(
            "{place}: {missing} without a .{input} file, such as {missing2}; pack it again",
            samples.place,
            count_of(len(missing), "example"),
            samples.input,
            quoted(missing[0]),
        )
    table = _table(samples)
    label = settings.label_column or _usual_label(table)
    asked = dataclasses.replace(settings, input_column=_KEY, label_column=label, task="image")
    rows, _ = RowReader(table, choose_columns(table, Path(), asked)).all()
    inputs = [files[samples.input] for files in samples.files.values()]
    where = (
        Sentence(".{label} files", label)
        if label in (_CLASS, _TEXT)
        else Sentence("key {label} of .{OBJECT} files", quoted(label), _OBJECT)
    )
    nouns = "texts" if samples.input == _TEXT else "images"
    sentence = Sentence(
        "{nouns} from .{input} files, labels from {where} (--label-column names another)",
        nouns,
        samples.input,
        where,
    )
    listing = dataclasses.replace(
        rows,
        form="webdataset",
        sources=[str(file) for file in inputs],
        paths=inputs,
        warnings=(Sentence("{place}: {TAKEN}, {sentence}", samples.place, TAKEN, sentence),),
    )
    return read_texts(listing, settings.encoding)[0] if samples.input == _TEXT else listing


def _usual_label(table: Table) -> str:
    usual = [name for one in LABEL_NAMES for name in table.names if name.lower() == one]
    others = [name for name in table.names if name != _KEY]
    known = [name for name in (_CLASS, *usual, _TEXT) if name in table.names]
    if not known and len(others) != 1:
        raise DataError("{place}: which key holds the labels? Name one with --label-column", table.place)
    return (known or others)[0]


def _table(samples: Samples) -> Table:
    """The labels of a shard as a table."""
    batches = _batches(samples)
    first = next(batches)
    names = list(dict.fromkeys(name for row in first[1] for name in row))

    def block_of(batch: tuple[range, list[dict[str, object]]], chosen: Sequence[str]) -> Block:
        numbers, rows = batch
        return Block({name: [row.get(name) for row in rows] for name in chosen}, numbers)

    return table_of_batches(samples.place, names, itertools.chain([first], batches), block_of)


def _batches(samples: Samples) -> Iterator[tuple[range, list[dict[str, object]]]]:
    """Rows of labels, some at a time, and their numbers: what is in the other files of each example."""
    wanted = [
        (key, ending, file)
        for key, files in samples.files.items()
        for ending, file in files.items()
        if ending in _LABELS and ending != samples.input
    ]
    wanted.sort(key=lambda each: each[2].position)
    found = zip(wanted, contents(file for _, _, file in wanted), strict=True)
    rows = ((key, _row(pairs)) for key, pairs in itertools.groupby(found, key=lambda pair: pair[0][0]))
    labelled = next(rows, None)
    block: list[dict[str, object]] = []
    for number, key in enumerate(samples.files, start=1):
        row: dict[str, object] = {_KEY: key}
        if labelled is not None and labelled[0] == key:
            row |= labelled[1]
            labelled = next(rows, None)
        block.append(row)
        if len(block) == _ROWS or number == len(samples.files):
            yield range(number - len(block) + 1, number + 1), block
            block = []


def _row(pairs: Iterator[tuple[tuple[str, str, Stored], Path | bytes | DataError]]) -> dict[str, object]:
    """Contents of the files of one example."""
    row: dict[str, object] = {}
    for (_, ending, file), content in pairs:
        if isinstance(content, DataError):
            raise DataError("{file}: {content}", file, content) from content
        assert isinstance(content, bytes)
        if len(content) > _MOST_LABEL_BYTES:
            raise DataError("{file}: {content:,} bytes are no label; leave it out", file, len(content))
        try:
            text = content.decode().strip()
            value = parse_line(text) if ending == _OBJECT else text
        except ValueError as error:
            raise DataError("{file}: cannot be read ({error}); fix it", file, error) from error
        row |= value if isinstance(value, dict) else {ending: value}
    return row
