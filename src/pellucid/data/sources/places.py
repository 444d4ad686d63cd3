"""Places that people name: their forms, and how each form is opened.

Places are files, folders (sub-folders included), patterns, tables, archives, `.npz` and `.npy` files, IDX
folders, samples, the name of one example of several, such as `FILE:ROW`, and `-`, which is standard input.
What lies in them is listed while it is asked for, so that memory does not grow with the number of rows;
arrays, samples and the names of a single folder are held as a whole.
"""

import dataclasses
import functools
import glob
import itertools
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from io import BufferedIOBase
from pathlib import Path

from pellucid.data.data_files import IMAGE_KIND, TEXT_KIND
from pellucid.data.listing import Listing
from pellucid.data.sources.arrays import is_idx_folder, read_idx, read_npy, read_npz
from pellucid.data.sources.folders import list_archive, list_folder, stream_archive, stream_folder
from pellucid.data.sources.pipe import STANDARD_INPUT, read_once, stream_pipe
from pellucid.data.sources.samples import PREFIX, read_sample
from pellucid.data.sources.source import Cell, Row, Source, Stream, read_whole, stamp_of, stream_of_streams
from pellucid.data.sources.table import list_of_table, stream_table
from pellucid.data.tables.table_files import has_labelled_lines, is_table
from pellucid.data.tables.text_files import require_known
from pellucid.data.trees import DiskFolder, is_archive, likely_path
from pellucid.errors import DataError, UsageError
from pellucid.input_kinds import TEXTS, InputKind
from pellucid.settings import Settings

_MOST_REPEATED = 60  # characters of a typed text that a message repeats

# Every form that labelled data may have, for messages.
KNOWN_FORMS = (
    "a folder of class folders, a table (.csv .tsv .tab .json .jsonl .parquet .arrow .feather .xlsx, lines "
    "of fastText, a .txt in which every line is a class, a tab and a text), a folder of such tables, a .zip "
    "or .tar of any of them, a folder of IDX files, an .npz file, "
    "sample:fashion or sample:spam"
)


class Form(Enum):
    """A form of data; `SOURCES` has an entry for each."""

    SAMPLE = "sample"
    IDX = "folder of IDX files"
    FOLDER = "folder"
    ARCHIVE = "archive"
    NPZ = ".npz file"
    NPY = ".npy file"
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
    if path.suffix.lower() in (".npz", ".npy"):
        return Form.NPZ if path.suffix.lower() == ".npz" else Form.NPY
    if is_archive(path):
        return Form.ARCHIVE
    return Form.TABLE if is_table(path) or has_labelled_lines(path) else Form.FILE


def _refuse(place: str, settings: Settings) -> Listing:
    """Refuse a file that has no labels."""
    if place.lower().endswith(("text.txt", "labels.txt")):
        raise DataError(
            "{place}: texts and their labels are read from two files; give the folder of both", place
        )
    raise DataError("{place}: not a form of DATA; give {KNOWN_FORMS}", place, KNOWN_FORMS)


def _stream_file(place: str, settings: Settings) -> Stream:
    """A single image, or a file that holds one text."""
    path = Path(place)
    return _stream_of([Row(place, path, stamp=stamp_of(path))], 1)


def _stream_of(rows: Iterable[Row], count: int, warnings: Sequence[str] = ()) -> Stream:
    """So many rows that cost nothing until they are decoded."""
    return Stream(lambda start: itertools.islice(rows, start, None), lambda: count, list(warnings))


def _list_pattern(place: str, settings: Settings) -> Listing:
    """The archives or tables that a pattern names, as shards of one data set."""
    from pellucid.data.sources.folder_contents import read_shards_at  # labels, which a stream does without

    paths = files_named(place)
    if not (all(map(is_archive, paths)) or all(map(is_table, paths))):
        raise DataError(
            "{place}: names files that are neither all archives nor all tables; name one folder", place
        )
    return read_shards_at(paths, place, settings)


def _stream_pattern(place: str, settings: Settings) -> Stream:
    """All that a pattern names, matches of a glob by the order of paths."""
    found: list[str] = []
    for name in dict.fromkeys(_expanded(place)):
        matches = sorted(glob.glob(name, recursive=True), key=lambda each: Path(each).parts)
        found += [name] if os.path.lexists(name) else matches
    if not found:
        raise DataError("{place}: nothing matches this pattern; choose another INPUT", place)
    return stream_of_streams([stream_at(each, settings) for each in found])


# How each form of data is read, to be trained on and to be answered.
SOURCES: dict[Form, Source] = {
    Form.SAMPLE: read_whole(read_sample, (IMAGE_KIND, TEXT_KIND)),
    Form.IDX: read_whole(read_idx),
    Form.FOLDER: Source(list_folder, stream_folder),
    Form.ARCHIVE: Source(list_archive, stream_archive),
    Form.NPZ: read_whole(read_npz),
    Form.NPY: read_whole(read_npy),
    Form.TABLE: Source(list_of_table, stream_table),
    Form.PATTERN: Source(_list_pattern, _stream_pattern),
    Form.FILE: Source(_refuse, _stream_file),
}


def stream_at(place: str, settings: Settings) -> Stream:
    """The rows at a place, which are counted once at most."""
    stream = SOURCES[form_of(place)].stream(place, settings)
    return dataclasses.replace(stream, count=functools.cache(stream.count))


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


# INPUT, what a model is to label.


def open_places(
    places: Sequence[str],
    settings: Settings,
    input_kind: InputKind,
    stdin: BufferedIOBase | None = None,
    typed: Sequence[str] = (),
) -> Stream:
    """Open every place that holds images or texts; no input is read yet.

    `settings` have the column and the encoding of tables. Places keep their order, files of a folder and
    matches of a glob follow the code points of their paths, rows and files of an archive their own order.
    Without `stdin` the place `-` is a file of that name. Texts that were `typed` come last.

    Raises: `DataError` if a place does not exist, holds nothing of the kind, or cannot be read.
    """
    settings = dataclasses.replace(settings, task=input_kind.task)
    if input_kind is TEXTS:
        for place in places:
            require_known(settings.encoding, place)
    if stdin is not None and places.count(STANDARD_INPUT) > 1:
        raise DataError("-: standard input can be read only once; name it once")
    opened = []
    for place in places:
        if stdin is not None and place == STANDARD_INPUT:
            opened.append(stream_pipe(stdin, settings))
        elif (whole := _whole_of(place)) is not None:
            opened.append(_one_of(whole, place, settings))
        else:
            _require_there(place, settings)
            opened.append(stream_at(place, settings))
    if typed:
        texts = (Row(f"text:{number}", Cell(text), stamp=text) for number, text in enumerate(typed, start=1))
        opened.append(_stream_of(texts, len(typed)))
    return stream_of_streams(opened)


def _require_there(place: str, settings: Settings) -> None:
    """Refuse a place that is not there, and words of a text in the place of a name."""
    require_local(place)
    form = form_of(place)
    # Words of a text rather than the name of a file, which seldom has a space and mostly an ending.
    are_words = " " in place.strip() or not (Path(place).suffix or os.sep in place)
    is_text = are_words and settings.task == TEXTS.task
    if os.path.lexists(place) or form is Form.SAMPLE:
        return
    if form is Form.PATTERN and not (is_text and not glob.glob(place, recursive=True)):
        return
    if is_text:
        text = shlex.quote(place) if len(place) <= _MOST_REPEATED else "'...'"
        raise DataError(
            "{place}: no such file or folder; for a text itself give --text {text}, or "
            "echo {text2} | pellucid predict RUN -",
            place,
            text,
            text,
        )
    raise _missing(place)


def _missing(place: str) -> DataError:
    return DataError("{place}: no such file or folder{meant}", place, likely_path(place))


def require_existing(place: str) -> None:
    """Refuse DATA that is not there, which costs nothing and so may come before anything else.

    Raises: `DataError` if it is missing or on a network.
    """
    require_local(place)
    if form_of(place) not in (Form.SAMPLE, Form.PATTERN) and not os.path.exists(place):
        raise read_once() if place == STANDARD_INPUT else _missing(place)


def _whole_of(place: str) -> str | None:
    """Table, arrays, sample or archive of which the place names one example; `None` of anything else."""
    if os.path.lexists(place):
        return None
    before = place
    while ":" in before:
        before = before.rpartition(":")[0]
        if before.startswith(PREFIX):
            return before.split("/")[0]
        if os.path.isfile(before):
            folder = Path(before).parent
            return str(folder) if is_idx_folder(DiskFolder(folder)) else before
    return next((str(each) for each in Path(place).parents if is_archive(each) and each.is_file()), None)


def _one_of(whole: str, place: str, settings: Settings) -> Stream:
    """The one example that has this name in a table, arrays, a sample or an archive."""
    stream = stream_at(whole, settings)
    first = ""
    for row in stream:
        if row.name == place:
            return _stream_of([row], 1, stream.warnings)
        first = first or row.name
    raise DataError(
        "{place}: {whole} has no such example; the first is {value}", place, whole, first or "missing"
    )
