"""WebDataset shards: `.tar` archives in which files of one key are one example.

    000001.jpg  000001.cls        an image and its class
    000002.png  000002.json       an image and an object, in which one key is the label
    000003.txt  000003.cls        a text and its class

The key is the path up to the first dot of the name. Source: the WebDataset format,
https://github.com/webdataset/webdataset.
"""

import dataclasses
import itertools
import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pellucid.data.archives.stored import File, Stored, contents
from pellucid.data.listing import Listing
from pellucid.data.reading.rows import RowReader
from pellucid.data.reading.text_values import TextTaker
from pellucid.data.tables.columns import choose_columns
from pellucid.data.tables.file_kinds import TEXT_KIND, ends_like_image
from pellucid.data.tables.forms.table import Block, Table
from pellucid.data.tables.headers import LABEL_NAMES
from pellucid.data.tables.trees import PackedFolder, walk
from pellucid.data.wording import count_of, quoted
from pellucid.errors import DataError
from pellucid.settings import Settings
from pellucid.strict import parse_line

_CLASS, _OBJECT, _TEXT = "cls", "json", "txt"
_LABELS = (_CLASS, _OBJECT, _TEXT)
_KEY = "__key__"
_TAKEN = "read as WebDataset"
_ROWS = 1000
_MOST_LABEL_BYTES = 1 << 20

# Files of one example by what follows the key, in small letters.
Files = dict[str, Stored]


class Samples(NamedTuple):
    """Examples of one shard.

    Attributes:
        place: name of the shard.
        files: of each example, by key, in the order of the shard.
        input: what follows the key of the image or text.
    """

    place: str
    files: dict[str, Files]
    input: str

    @property
    def are_images(self) -> bool:
        """Tell images from texts."""
        return self.input != _TEXT


def samples_of(folder: PackedFolder) -> Samples | None:
    """Group the files of an archive into examples; `None` where it is no WebDataset.

    It is one where most images, or texts, have their label beside them: as `.cls`, or as `.json` or `.txt`
    where all lie in one folder.
    """
    grouped: dict[str, Files] = {}
    files = sorted((file for file, _ in walk(folder, TEXT_KIND) if isinstance(file, Stored)), key=_position)
    for file in files:
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
    return Samples(folder.place, examples, chosen)


def _position(file: Stored) -> int:
    return file.position


def list_samples(samples: Samples, settings: Settings) -> Listing:
    """List the examples of one shard.

    Of `settings` it takes the column of labels: `cls`, `txt` or a key of the objects; by default `cls`, a
    usual key, or `txt`.

    Raises: `DataError` if an example has no input or no label.
    """
    missing = [key for key, files in samples.files.items() if samples.input not in files]
    if missing:
        raise DataError(
            f"{samples.place}: {count_of(len(missing), 'example')} without a .{samples.input} file, such as "
            f"{quoted(missing[0])}; pack it again"
        )
    table = _table(samples)
    label = settings.label_column or _label(table)
    asked = dataclasses.replace(settings, input_column=_KEY, label_column=label, task="image")
    columns = choose_columns(table, Path(), asked)
    reader = RowReader(table, columns)
    for _ in reader.inputs():
        pass
    rows = reader.listing()
    inputs = [files[samples.input] for files in samples.files.values()]
    listing = dataclasses.replace(
        rows,
        form="webdataset",
        sources=[str(file) for file in inputs],
        paths=inputs,
        warnings=(f"{samples.place}: {_TAKEN}, {_sentence(samples, label)}",),
    )
    return listing if samples.are_images else _with_texts(listing, inputs, settings)


def _with_texts(listing: Listing, inputs: Sequence[File], settings: Settings) -> Listing:
    """The same with the texts themselves."""
    taker = TextTaker()
    for content in contents(inputs):
        taker.take_file(content, settings.encoding)
    return dataclasses.replace(
        listing, paths=None, texts=taker.finish(), problems=taker.problems(listing.sources)
    )


def is_about_samples(warning: str) -> bool:
    """Tell the sentence that says what of a WebDataset was taken."""
    return _TAKEN in warning


def _sentence(samples: Samples, label: str) -> str:
    """Name what was taken, for people."""
    where = f".{label} files" if label in (_CLASS, _TEXT) else f"key {quoted(label)} of .{_OBJECT} files"
    nouns = "images" if samples.are_images else "texts"
    return f"{nouns} from .{samples.input} files, labels from {where} (--label-column names another)"


def _label(table: Table) -> str:
    """The usual column of labels.

    Raises: `DataError` if there is none.
    """
    if _CLASS in table.names:
        return _CLASS
    found = [name for usual in LABEL_NAMES for name in table.names if name.lower() == usual]
    if found:
        return found[0]
    others = [name for name in table.names if name not in (_KEY, _TEXT)]
    if _TEXT in table.names or len(others) == 1:
        return _TEXT if _TEXT in table.names else others[0]
    raise DataError(f"{table.place}: which key holds the labels? Name one with --label-column")


def _table(samples: Samples) -> Table:
    """The labels of a shard as a table, read as often as asked for."""
    head = next(_blocks(samples))
    names = list(dict.fromkeys(name for row in head for name in row))

    def block_of(rows: list[dict[str, object]], first: int, chosen: Sequence[str]) -> Block:
        numbers = range(first, first + len(rows))
        return Block({name: [row.get(name) for row in rows] for name in chosen}, numbers)

    def read(chosen: Sequence[str]) -> Iterator[Block]:
        first = 1
        for rows in _blocks(samples):
            yield block_of(rows, first, chosen)
            first += len(rows)

    return Table(samples.place, block_of(head, 1, names), read)


def _blocks(samples: Samples) -> Iterator[list[dict[str, object]]]:
    """Rows of labels: what stands in the files beside each input."""
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
    for key in samples.files:
        row: dict[str, object] = {_KEY: key}
        if labelled is not None and labelled[0] == key:
            row |= labelled[1]
            labelled = next(rows, None)
        block.append(row)
        if len(block) == _ROWS:
            yield block
            block = []
    if block:
        yield block


def _row(
    pairs: Iterator[tuple[tuple[str, str, Stored], Path | bytes | DataError]],
) -> dict[str, object]:
    """Contents of the files of one example.

    Raises: `DataError` if one is damaged.
    """
    row: dict[str, object] = {}
    for (_, ending, file), content in pairs:
        if isinstance(content, DataError):
            raise DataError(f"{file}: {content}") from content
        assert isinstance(content, bytes)
        if len(content) > _MOST_LABEL_BYTES:
            raise DataError(f"{file}: {len(content):,} bytes are no label; leave it out")
        try:
            text = content.decode().strip()
            value = parse_line(text) if ending == _OBJECT else text
        except ValueError as error:
            raise DataError(f"{file}: cannot be read ({error}); fix it") from error
        row |= value if isinstance(value, dict) else {ending: value}
    return row
