"""INPUT, what a model is to label: each place is opened, and its inputs follow one by one.

Places are files, folders (sub-folders included), globs, tables, archives, `.npz` files, IDX folders, samples,
the name of one example of several, such as `FILE:ROW`, and `-`, which is standard input. What lies in them is
listed while it is asked for, so that memory does not grow with the number of inputs; arrays, samples and the
names of a single folder are held as a whole. Nothing stops at one bad input: what cannot be read carries its
reason along.
"""

import dataclasses
import functools
import glob
import itertools
import os
import posixpath
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pellucid.data.data_files import (
    DAMAGED,
    IMAGE_KIND,
    TEXT_KIND,
    File,
    FileKind,
    Stored,
    contents,
    is_clutter,
    is_image_start,
)
from pellucid.data.reading.array_files import is_idx_folder
from pellucid.data.reading.forms import PREFIX, Form, form_of, require_local
from pellucid.data.reading.input_values import MISSING, NO_PATH, OUTSIDE, PathFinder, packed_column
from pellucid.data.tables.columns import IMAGES, TEXT_FILES, ChosenInput, choose_input
from pellucid.data.tables.table import Table, inputs_of
from pellucid.data.tables.table_files import is_table, open_table
from pellucid.data.tables.text_files import decode_text, require_known
from pellucid.data.trees import DiskFolder, is_archive, likely_path, members_of
from pellucid.data.wording import count_of, with_article
from pellucid.errors import DataError
from pellucid.input_kinds import TEXTS, InputKind
from pellucid.language.sentence import Sentence
from pellucid.settings import Settings

STANDARD_INPUT = "-"
_NAME = "stdin"  # a spreadsheet would take a dash for a formula
_MOST_LINE = 16 << 20
_MOST_IMAGE = 256 << 20
_PIECE = 1 << 16
_MOST_REPEATED = 60  # characters of a typed text that a message repeats


class Cell(NamedTuple):
    """A value of a table, a list or a pipe that is itself the text."""

    value: object  # of any kind; no other value than a text, a number or bytes is one


class Input(NamedTuple):
    """One image or text to label."""

    name: str  # the given path, joined with the relative path in a folder or archive; `file:row` in a table
    # the file, its content where it was packed or piped, the pixels of an array, or a cell
    source: Path | bytes | np.ndarray | Cell
    error: str = ""  # why there is nothing to read; empty where there may be
    stamp: str = ""  # of a file its size and time, by which a change is noticed; empty where it has none


class Opened(NamedTuple):
    """Inputs of one or more places, in the order given."""

    # the inputs behind the first so many, which are passed over without being read where the form permits it;
    # to be gone through once, and from 0 where `how_many` gives `None`
    inputs_from: Callable[[int], Iterator[Input]]
    how_many: Callable[[], int | None]  # by going through names alone; `None` where only reading shows
    warnings: list[str]  # sentences for the user that refuse nothing; complete once all inputs have passed

    @property
    def inputs(self) -> Iterator[Input]:
        """All inputs, to be gone through once."""
        return self.inputs_from(0)


class _Asked(NamedTuple):
    """How places are to be read."""

    kind: FileKind  # the files that are wanted
    settings: Settings  # column and encoding of tables

    @property
    def is_of_texts(self) -> bool:
        """Texts are wanted, not images."""
        return self.kind is TEXT_KIND


def open_places(
    places: Sequence[str],
    settings: Settings,
    input_kind: InputKind,
    stdin: BufferedIOBase | None = None,
    typed: Sequence[str] = (),
) -> Opened:
    """Open every place that holds images or texts; no input is read yet.

    `settings` have the column and the encoding of tables. Places keep their order, files of a folder and
    matches of a glob follow the code points of their paths, rows and files of an archive their own order.
    Without `stdin` the place `-` is a file of that name. Texts that were `typed` come last.

    Raises: `DataError` if a place does not exist, holds nothing of the kind, or cannot be read.
    """
    asked = _Asked(TEXT_KIND if input_kind is TEXTS else IMAGE_KIND, settings)
    if asked.is_of_texts:
        for place in places:
            require_known(settings.encoding, place)
    if stdin is not None and places.count(STANDARD_INPUT) > 1:
        raise DataError("-: standard input can be read only once; name it once")
    opened = []
    found = [each for given in places for each in _existing(given, asked, stdin)]
    for place in found:
        if stdin is not None and place == STANDARD_INPUT:
            piped = _piped_texts(stdin, settings.encoding) if asked.is_of_texts else _piped_images(stdin)
            opened.append(Opened(_passing_over(piped), lambda: None, []))
        else:
            whole = _whole_of(place)
            each = _OPENERS[form_of(place)](place, asked) if whole is None else _one_of(whole, place, asked)
            opened.append(each._replace(how_many=functools.cache(each.how_many)))
    if typed:
        texts = (
            Input(f"text:{number}", Cell(text), stamp=text) for number, text in enumerate(typed, start=1)
        )
        opened.append(Opened(_passing_over(texts), lambda: len(typed), []))
    return opened[0] if len(opened) == 1 else _joined(opened)


def _passing_over(inputs: Iterable[Input]) -> Callable[[int], Iterator[Input]]:
    """As `Opened.inputs_from`, of inputs that cost nothing until they are decoded."""
    return lambda start: itertools.islice(inputs, start, None)


def _existing(place: str, asked: _Asked, stdin: BufferedIOBase | None) -> list[str]:
    """A place itself, or what a glob matches."""
    require_local(place)
    is_piped = stdin is not None and place == STANDARD_INPUT
    if is_piped or form_of(place) is Form.SAMPLE or os.path.lexists(place) or _whole_of(place) is not None:
        return [place]
    # Words of a text rather than the name of a file, which seldom has a space and mostly an ending.
    if asked.is_of_texts and (" " in place.strip() or not (Path(place).suffix or os.sep in place)):
        text = shlex.quote(place) if len(place) <= _MOST_REPEATED else "'...'"
        raise DataError(
            "{place}: no such file or folder; for a text itself give --text {text}, or "
            "echo {text2} | pellucid predict RUN -",
            place,
            text,
            text,
        )
    if not any(sign in place for sign in "*?["):
        meant = likely_path(place)
        raise DataError("{place}: no such file or folder{meant}", place, meant)
    found = sorted(glob.glob(place, recursive=True), key=lambda name: Path(name).parts)
    if not found:
        raise DataError("{place}: nothing matches this pattern; choose another INPUT", place)
    return found


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


def _one_of(whole: str, place: str, asked: _Asked) -> Opened:
    """The one example that has this name in a table, arrays, a sample or an archive."""
    opened = _OPENERS[form_of(whole)](whole, asked)
    first = None
    for each in opened.inputs:
        if each.name == place:
            return Opened(_passing_over([each]), lambda: 1, opened.warnings)
        first = first or each.name
    raise DataError(
        "{place}: {whole} has no such example; the first is {value}", place, whole, first or "missing"
    )


def _joined(opened: Sequence[Opened]) -> Opened:
    """Several places as one."""
    warnings: list[str] = []

    def inputs_from(start: int) -> Iterator[Input]:
        """Inputs of all places; of one that lies before the start as a whole only the number is asked."""
        for each in opened:
            number = each.how_many() if start else None
            if number is None or start < number:
                yield from each.inputs_from(start)
                warnings.extend(each.warnings)
            start = max(0, start - (number or 0))

    def count() -> int | None:
        """All inputs together, where that of each place is known."""
        total = 0
        for each in opened:
            number = each.how_many()
            if number is None:
                return None
            total += number
        return total

    return Opened(inputs_from, count, warnings)


def _stamp_of(path: Path) -> str:
    """Size and time of change of a file; empty where there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return ""
    return f"{status.st_size}:{status.st_mtime_ns}"


def _file(place: str, asked: _Asked) -> Opened:
    """A single image, or a file that holds one text."""
    path = Path(place)
    return Opened(
        lambda start: itertools.islice([Input(place, path, stamp=_stamp_of(path))], start, None),
        lambda: 1,
        [],
    )


def _listed(place: str, asked: _Asked) -> Opened:
    """The rows of IDX and npz files, or the examples of a bundled sample."""
    is_sample = form_of(place) is Form.SAMPLE
    if asked.is_of_texts and not is_sample:
        raise DataError("{place}: holds images; give texts to a model of texts", place)
    from pellucid.data.reading.dispatch import read_data  # all readers, which a file does without

    listing = read_data(place, asked.settings)
    if asked.is_of_texts:
        if listing.texts is None:
            raise DataError("{place}: holds images; give texts to a model of texts", place)
        texts = (Input(name, Cell(text)) for name, text in zip(listing.sources, listing.texts, strict=True))
        return Opened(_passing_over(texts), lambda: len(listing), [])
    if listing.load_pixels is None:
        raise DataError("{place}: holds texts; give images to a model of images", place)
    images = itertools.starmap(Input, zip(listing.sources, listing.load_pixels(), strict=True))
    return Opened(_passing_over(images), lambda: len(listing), list(listing.warnings))


def _folder(place: str, asked: _Asked) -> Opened:
    """The files of a folder and its sub-folders; where there is none of the kind, the rows of its tables."""
    folder, kind = Path(place), asked.kind
    walked = DiskFolder(folder, is_kept=False).walk(kind)
    tables: list[str] = []
    first: list[tuple[File, bool]] = []
    others = 0
    for path, is_one in walked:
        if is_one:
            first = [(path, is_one)]
            break
        others += 1
        tables += [str(path)] if is_table(Path(str(path))) else []
    if not first:
        if not tables:
            raise DataError("{place}: no {what} in this folder; choose another INPUT", place, kind.what)
        return _joined([_table(table, asked) for table in tables])
    warnings: list[str] = []
    before = "" if str(folder) == "." else os.path.join(folder, "")

    def inputs_from(start: int) -> Iterator[Input]:
        """Files of the kind, and a warning of the others at the end."""
        left_out, number = others, 0
        for path, is_one in itertools.chain(first, walked):
            number += is_one
            if is_one and number > start:
                # By hand: `relative_to` would take as long as a small image does to be decoded.
                name = os.path.join(place, str(path).removeprefix(before))
                assert isinstance(path, Path)
                yield Input(name, path, stamp=_stamp_of(path))
            left_out += not is_one
        if left_out:
            warnings.append(
                Sentence(
                    "{place}: {left_out} left out, {no_such}", place, count_of(left_out, "file"), kind.no_such
                )
            )

    def count() -> int:
        return sum(is_one for _, is_one in DiskFolder(folder, is_kept=False).walk(kind))

    return Opened(inputs_from, count, warnings)


def _archive(place: str, asked: _Asked) -> Opened:
    """The files in an archive, in its own order."""
    path, kind = Path(place), asked.kind
    warnings: list[str] = []
    try:
        first = next(_packed_files(path, place, kind, [], 0), None)
    except DataError as error:
        raise DataError("{place}: {error}", place, error) from error
    if first is None:
        raise DataError("{place}: no {what} in this archive; choose another INPUT", place, kind.what)

    def count() -> int | None:
        """Files of the kind, none of them read; `None` where all would have to be unpacked for it."""
        if path.name.lower().endswith("gz"):
            return None
        return sum(1 for _ in _packed_files(path, place, kind, [], None))

    return Opened(lambda start: _packed_files(path, place, kind, warnings, start), count, warnings)


def _is_clutter(name: str) -> bool:
    return any(is_clutter(part) for part in name.split("/") if part not in ("", ".", ".."))


def _packed_files(
    path: Path, place: str, kind: FileKind, warnings: list[str], start: int | None
) -> Iterator[Input]:
    """Go through the files of a kind in an archive; clutter is passed over, others are counted in a warning.

    Where the archive itself turns out to be damaged after the first of them, one more input named like the
    archive reports it. The first `start` files are passed over; with `None` all come, but without content.
    """
    others, passed = 0, 0
    stamp = _stamp_of(path)
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
                yield Input(name, content, reason, stamp)
            passed, others = passed + is_one, others + (not is_one)
    except DataError as error:
        if not passed:
            raise
        yield Input(
            place, b"", Sentence("damaged after {passed}: {error}", count_of(passed, kind.noun), error), stamp
        )
    if others:
        warnings.append(
            Sentence("{place}: {others} left out, {no_such}", place, count_of(others, "file"), kind.no_such)
        )


def _table(place: str, asked: _Asked) -> Opened:
    """The images or texts that a table's rows hold or name; labels are not needed."""
    path, settings = Path(place), asked.settings
    table = open_table(path, place, settings)
    packed = None if asked.is_of_texts else packed_column(table, settings)
    if packed is not None:
        chosen = ChosenInput(IMAGES, packed, (packed,))
        # Another column has the numbers of the rows.
        names: Sequence[str] = [next((name for name in table.names if name != packed), packed)]
        inputs_from = functools.partial(_packed_cells, table, packed, names)
    else:
        task = "text" if asked.is_of_texts else "image"
        chosen = choose_input(table, path.parent, dataclasses.replace(settings, task=task))
        names, inputs_from = chosen.parts, functools.partial(_cells, table, chosen, asked.kind)

    def count() -> int:
        if table.rows is not None:
            return table.rows
        blocks = open_table(path, place, settings).read(names)
        return sum(len(block.numbers) for block in blocks)

    return Opened(
        inputs_from, count, [*table.warnings, Sentence("{place}: {clause}", place, chosen.clause())]
    )


def _packed_cells(table: Table, column: str, others: Sequence[str], start: int) -> Iterator[Input]:
    """The images in the cells of a column, read one by one; other columns give the numbers of the rows."""
    stamp, container = _stamp_of(Path(table.place)), table.images[column]
    rows = (number for block in table.read_from(others, start) for number in block.numbers)
    numbers, cells = itertools.tee(rows)
    for found, number in zip(contents(Stored(container, row - 1) for row in cells), numbers, strict=True):
        content, reason = (b"", str(found)) if isinstance(found, DataError) else (found, "")
        yield Input(f"{table.place}:{number}", content, reason, stamp)


def _cells(table: Table, chosen: ChosenInput, kind: FileKind, start: int) -> Iterator[Input]:
    """The texts in a column or in several that are joined, or the files that a column names."""
    stamp, finder = _stamp_of(Path(table.place)), PathFinder(Path(table.place).parent)
    for block in table.read_from(chosen.parts, start):
        for number, value in zip(block.numbers, inputs_of(block.columns, chosen.parts), strict=True):
            name = f"{table.place}:{number}"
            if chosen.holds not in (IMAGES, TEXT_FILES):
                yield Input(name, Cell(value), stamp=stamp)
                continue
            path, problem = finder.find(value)
            reason = {
                NO_PATH: Sentence("no path of {noun} in this row", with_article(kind.noun)),
                OUTSIDE: "the path leaves the table's folder; give an absolute path",
                MISSING: Sentence("no such file ({value})", value),
            }.get(problem, "")
            yield Input(name, path, reason, "" if problem in (NO_PATH, OUTSIDE) else _stamp_of(path))


_OPENERS: dict[Form, Callable[[str, _Asked], Opened]] = {
    Form.SAMPLE: _listed,
    Form.IDX: _listed,
    Form.FOLDER: _folder,
    Form.ARCHIVE: _archive,
    Form.NPZ: _listed,
    Form.TABLE: _table,
    Form.PATTERN: _file,
    Form.FILE: _file,
}


# Standard input holds, for models of texts, a text a line; for models of images one image, or paths of
# images, one on a line, or between zero bytes as `find -print0` writes them.


def _piped_texts(stdin: BufferedIOBase, encoding: str | None) -> Iterator[Input]:
    for number, line in enumerate(_lines(stdin, b"", b"\n"), start=1):
        name = f"{_NAME}:{number}"
        if len(line) > _MOST_LINE:
            yield Input(name, Cell(""), Sentence("a line of more than {MOST_LINE} MB", _MOST_LINE >> 20))
            continue
        try:
            text, _ = decode_text(line.removesuffix(b"\r"), encoding or "utf-8")
        except DataError as error:
            yield Input(name, Cell(""), str(error))
            continue
        yield Input(name, Cell(text), stamp=text)


def _piped_images(stdin: BufferedIOBase) -> Iterator[Input]:
    start = stdin.read(_PIECE)
    if is_image_start(start[:16]):
        content = start + stdin.read(_MOST_IMAGE - len(start) + 1)
        is_large = len(content) > _MOST_IMAGE
        yield Input(
            _NAME,
            content,
            Sentence("an image of more than {MOST_IMAGE} MB", _MOST_IMAGE >> 20) if is_large else "",
        )
        return
    separator = b"\0" if b"\0" in start else b"\n"
    for line in _lines(stdin, start, separator):
        raw = line.removesuffix(b"\r") if separator == b"\n" else line
        if len(raw) > _MOST_LINE:
            yield Input(_NAME, Path(), "a path that is no path: too long")
        elif raw:
            path = Path(os.fsdecode(raw))
            yield Input(os.fsdecode(raw), path, stamp=_stamp_of(path))


def _lines(stdin: BufferedIOBase, start: bytes, separator: bytes) -> Iterator[bytes]:
    """Lines without what ends them; of one that is far too long only the beginning."""
    rest, is_passing = b"", False
    for piece in itertools.chain([start] if start else [], iter(lambda: stdin.read1(_PIECE), b"")):
        first, *others = piece.split(separator)
        if not is_passing:
            rest += first
        for line in others:
            yield rest
            rest, is_passing = line, False
        if len(rest) > _MOST_LINE:
            is_passing = True
    if rest:
        yield rest
