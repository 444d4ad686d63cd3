"""Folders and archives as sources: their files one by one or, where these hold no inputs, rows in them."""

import contextlib
import functools
import itertools
import os
import posixpath
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from pellucid.data.data_files import (
    DAMAGED,
    IMAGE_KIND,
    TEXT_KIND,
    File,
    FileKind,
    Stored,
    ends_like_image,
    is_clutter,
    is_note,
)
from pellucid.data.listing import SPLIT_OF_NAME, Listing
from pellucid.data.sources.arrays import is_idx_folder, read_idx_folder
from pellucid.data.sources.line_pairs import are_lines, is_class_names, open_pair, open_texts, pairs_in
from pellucid.data.sources.source import Row, Stream, kind_of, stamp_of, stream_of, stream_of_streams
from pellucid.data.sources.table import stream_of_table
from pellucid.data.tables.table import Table
from pellucid.data.tables.table_files import is_table, open_table
from pellucid.data.trees import (
    DiskFolder,
    Folder,
    enclosed,
    is_archive,
    members_of,
    on_disk,
    open_archive,
    place_of,
)
from pellucid.data.wording import count_of
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.settings import Settings

# What `datasets` keeps for itself with a data set, as are row numbers after a shuffle (`cache-*.arrow`).
_DESCRIPTIONS = frozenset({"dataset_dict.json", "dataset_info.json", "dataset_infos.json", "state.json"})


def list_folder(place: str, settings: Settings) -> Listing:
    """Whatever tools leave in a folder of the disk, with its labels."""
    from pellucid.data.sources.folder_contents import read_disk_folder  # labels, which a stream does without

    return read_disk_folder(DiskFolder(Path(place)), place, settings)


def stream_folder(place: str, settings: Settings) -> Stream:
    """Every file of the kind; where there is none, the rows of arrays, archives or tables."""
    folder, kind = Path(place), kind_of(settings)
    walked = DiskFolder(folder, is_kept=False).walk(kind)
    others, first = 0, next(walked, None)
    while first is not None and not first[1]:
        others, first = others + 1, next(walked, None)
    if first is None or (kind is TEXT_KIND and _may_hold_more(first[0])):
        found = _stream_of_rows(DiskFolder(folder), place, settings)
        if found is not None:
            return found
    if first is None:
        raise DataError("{place}: no {what} in this folder; choose another INPUT", place, kind.what)
    warnings: list[str] = []

    def count() -> int:
        return sum(is_one for _, is_one in DiskFolder(folder, is_kept=False).walk(kind))

    files = itertools.chain([first], walked)
    return Stream(functools.partial(_files, files, others, place, kind, warnings), count, warnings)


def _files(
    files: Iterator[tuple[File, bool]],
    others: int,
    place: str,
    kind: FileKind,
    warnings: list[str],
    start: int,
) -> Iterator[Row]:
    """Files of the kind, and a warning of the others, and of those before them, at the end."""
    number = 0
    before = "" if str(Path(place)) == "." else os.path.join(Path(place), "")
    for path, is_one in files:
        number += is_one
        if is_one and number > start:
            # By hand: `relative_to` would take as long as a small image does to be decoded.
            name = os.path.join(place, str(path).removeprefix(before))
            assert isinstance(path, Path)
            yield Row(name, path, stamp=stamp_of(path))
        others += not is_one
    if others:
        warnings.append(
            Sentence("{place}: {others} left out, {no_such}", place, count_of(others, "file"), kind.no_such)
        )


def archives_alone(folder: DiskFolder) -> list[Path]:
    """Archives in a folder that holds nothing else but files of notes; empty where it does."""
    if folder.folders or any(ends_like_image(name) or is_table(folder.file(name)) for name in folder.files):
        return []
    return [folder.file(name) for name in folder.files if is_archive(Path(name))]


def list_archive(place: str, settings: Settings) -> Listing:
    """Examples of a WebDataset in an archive, or whatever a folder may hold, with their labels."""
    from pellucid.data.sources.folder_contents import read_archive  # labels, which a stream does without

    return read_archive(Path(place), place, settings)


def stream_archive(place: str, settings: Settings) -> Stream:
    """Every file of the kind in an archive, in its own order; else the rows of arrays or tables."""
    path, kind = Path(place), kind_of(settings)
    warnings: list[str] = []
    try:
        first = next(_packed_files(path, place, kind, [], 0), None)
    except DataError as error:
        raise DataError("{place}: {error}", place, error) from error
    if first is None or (kind is TEXT_KIND and _may_hold_more(first.name)):
        found = _stream_of_rows(open_archive(path, place), place, settings)
        if found is not None:
            return found
    if first is None:
        raise DataError("{place}: no {what} in this archive; choose another INPUT", place, kind.what)

    def count() -> int | None:
        """Files of the kind, none of them read; `None` where all would have to be unpacked for it."""
        if path.name.lower().endswith("gz"):
            return None
        return sum(1 for _ in _packed_files(path, place, kind, [], None))

    return Stream(lambda start: _packed_files(path, place, kind, warnings, start), count, warnings)


def _is_clutter(name: str) -> bool:
    return any(is_clutter(part) for part in name.split("/") if part not in ("", ".", ".."))


def _packed_files(
    path: Path, place: str, kind: FileKind, warnings: list[str], start: int | None
) -> Iterator[Row]:
    """Go through the files of a kind in an archive; clutter is passed over, others are counted in a warning.

    Where the archive itself turns out to be damaged after the first of them, one more row named like the
    archive reports it. The first `start` files are passed over; with `None` all come, but without content.
    """
    others, passed = 0, 0
    stamp = stamp_of(path)
    try:
        for member in members_of(path):
            if _is_clutter(member.name):
                continue
            is_one, content, reason = kind.ends(member.name), b"", member.error
            is_read = start is not None and passed >= start
            try:
                if not reason and (is_read or not is_one):
                    beginning = member.start()
                    is_one = is_one or (kind.starts is not None and kind.starts(beginning))
                    content = member.content() if is_one and is_read else b""
            except DataError as error:
                reason = str(error)
            except DAMAGED as error:
                reason = Sentence("damaged in the archive ({lower})", str(error).lower())
            if is_one and (is_read or start is None):
                name = posixpath.join(place, member.name.removeprefix("./").lstrip("/"))
                yield Row(name, content, reason, stamp)
            passed, others = passed + is_one, others + (not is_one)
    except DataError as error:
        if not passed:
            raise
        yield Row(
            place, b"", Sentence("damaged after {passed}: {error}", count_of(passed, kind.noun), error), stamp
        )
    if others:
        warnings.append(
            Sentence("{place}: {others} left out, {no_such}", place, count_of(others, "file"), kind.no_such)
        )


# Rows of what lies in a folder or archive that holds no inputs as files.


def _may_hold_more(file: File | str) -> bool:
    """Whether a text file may be one of many texts, or notes, rather than one: its folder decides."""
    name = posixpath.basename(str(file))
    return are_lines(name) or is_note(name) or is_table(Path(str(file)))


def _stream_of_rows(folder: Folder, place: str, settings: Settings) -> Stream | None:
    """The rows of arrays, archives, texts line by line or tables in a folder; `None` where there are none."""
    inner, _ = enclosed(folder, SPLIT_OF_NAME)
    if is_idx_folder(inner):
        place = str(inner) if isinstance(inner, DiskFolder) else place
        return stream_of(read_idx_folder(inner, place, needs_labels=False), kind_of(settings))
    if isinstance(inner, DiskFolder):
        if archives := archives_alone(inner):
            return stream_of_streams([stream_archive(str(path), settings) for path in archives])
        return _stream_of_tables(inner, Path(), settings)
    if kind_of(settings) is IMAGE_KIND:  # tables in an archive hold none that are found again
        return None
    with _unpacked(inner, settings) as first:
        if first is None:
            return None
    warnings: list[str] = []

    def rows(start: int) -> Iterator[Row]:
        with _unpacked(inner, settings) as stream:
            assert stream is not None
            yield from stream.rows(start)
            warnings.extend(stream.warnings)

    def count() -> int | None:
        with _unpacked(inner, settings) as stream:
            assert stream is not None
            return stream.count()

    return Stream(rows, count, warnings)


@contextlib.contextmanager
def _unpacked(folder: Folder, settings: Settings) -> Iterator[Stream | None]:
    """The rows of tables in an archive, which are on the disk for as long as they are read."""
    with tempfile.TemporaryDirectory(prefix="pellucid-") as temporary:
        yield _stream_of_tables(folder, Path(temporary), settings)


def _stream_of_tables(folder: Folder, temporary: Path, settings: Settings) -> Stream | None:
    """The rows of texts line by line, or else of every table; those of an archive are unpacked."""
    kind = kind_of(settings)
    pairs = pairs_in(folder) if kind is TEXT_KIND else None
    opens: list[tuple[Callable[[], Table], Path]] = []
    numbers = itertools.count()

    def kept(file: File) -> Path:
        return on_disk(file, temporary, next(numbers))

    if pairs is not None and pairs.found:
        for pair in pairs.found.values():
            paths = [kept(file) for file in pair]
            opens.append((functools.partial(open_pair, pair, paths, settings.encoding), paths[0].parent))
        for file in pairs.unlabelled.values():
            path = kept(file)
            opens.append((functools.partial(open_texts, path, file, settings.encoding), path.parent))
    else:
        for file, _ in folder.walk(kind):
            if is_table(Path(str(file))) and not is_description(file) and not is_class_names(file):
                path = kept(file)
                opens.append((functools.partial(open_packed, path, file, settings), path.parent))
    if not opens:
        return None
    return stream_of_streams([stream_of_table(open_it, path, settings) for open_it, path in opens])


def is_description(file: File) -> bool:
    """Detect what `datasets` keeps with a data set, by its name."""
    name = posixpath.basename(str(file))
    return name in _DESCRIPTIONS or (name.startswith("cache-") and name.endswith(".arrow"))


def open_packed(path: Path, file: File, settings: Settings) -> Table:
    """Begin to read a table; one of images in an archive is refused, since they are not found again there."""
    table = open_table(path, place_of(file), settings)
    if table.images and isinstance(file, Stored):
        raise DataError(
            "{file}: a table of images inside an archive; unpack the archive and give the folder", file
        )
    return table
