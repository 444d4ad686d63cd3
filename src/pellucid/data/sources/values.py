"""Values as inputs: texts of any kind and bytes of files, paths that rows name, images in cells."""

import dataclasses
import math
import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pellucid.data.data_files import contents, is_image_start, unreadable
from pellucid.data.labels import MOST_ROWS, is_encodable
from pellucid.data.listing import Listing, Problem
from pellucid.data.raw_texts import Texts, TextWriter
from pellucid.data.tables.table import Joined, Table
from pellucid.data.tables.text_files import decode_text
from pellucid.data.wording import count_of, quoted, some, some_quoted, with_article
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.progress import counted
from pellucid.safety.budgets import MEMORY, NAMED
from pellucid.safety.files import read_regular
from pellucid.settings import Settings

_TIMES = 4  # a character takes up to four times the memory of its byte
BLANK = "holds no text"
_KINDS = {bool: "a truth value", dict: "an object", list: "a list"}
_UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp")


def text_or_reason(value: object) -> tuple[str, str]:
    """Take a value of a table or a list as a text, or give the reason why it is none.

    Numbers count as the text they are written with. A value is none where it is blank, of another kind, or
    holds half of a pair of surrogates, which no file of texts can hold.
    """
    if isinstance(value, Joined):
        return _joined(value)
    if isinstance(value, bytes):
        return _from_bytes(value, None)[:2]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value):
        value = str(value)
    if not isinstance(value, str):
        is_missing = value is None or isinstance(value, float)
        kind = _KINDS.get(type(value), Sentence("a {name}", type(value).__name__))
        return "", BLANK if is_missing else Sentence("is {kind} and no text", kind)
    if is_blank(value):
        return "", BLANK
    if not is_encodable(value):
        at = next(index for index, character in enumerate(value) if "\ud800" <= character <= "\udfff")
        return "", Sentence(
            "holds a lone surrogate (\\u{ord:04x}, character {at}), which is no text", ord(value[at]), at + 1
        )
    return value, ""


def _joined(row: Joined) -> tuple[str, str]:
    """Join the texts of a row, each on a line behind the name of its column; what is blank is left out."""
    parts = []
    for name, value in zip(*row, strict=True):
        text, reason = text_or_reason(value)
        if reason and reason != BLANK:
            return "", Sentence("{reason} in column {name}", reason, quoted(name))
        if text:
            parts.append(Sentence("{name}: {text}", name, text))
    return "\n".join(parts), "" if parts else BLANK


def is_blank(text: str) -> bool:
    """True of a blank text: nothing at all, spaces, or invisible characters."""
    return not text[:1].isalnum() and all(unicodedata.category(character) in _UNSEEN for character in text)


def read_text(source: Path | bytes, encoding: str | None) -> tuple[str, str, str]:
    """Read a file, or its content, that holds one text.

    The text with every line end as a line feed, the reason why there is none, and the encoding, by default a
    detected one.
    """
    if isinstance(source, Path):
        if os.path.exists(source) and not os.path.isfile(source):
            return "", "is no file of bytes", ""
        try:
            source = read_regular(source, MEMORY.value() // _TIMES)
        except OSError as error:
            return "", unreadable(error), ""
    text, reason, used = _from_bytes(source, encoding)
    return text.replace("\r\n", "\n").replace("\r", "\n"), reason, used


def _from_bytes(content: bytes, encoding: str | None) -> tuple[str, str, str]:
    try:
        text, used = decode_text(content, encoding)
    except DataError as error:
        return "", "is an image and no text" if is_image_start(content[:16]) else str(error), ""
    return (*text_or_reason(text), used)


class TextTaker:
    """Collects texts one after the other, with what is wrong with some of them."""

    def __init__(self) -> None:
        self._writer = TextWriter()
        self._reasons: dict[int, str] = {}

    def take(self, value: object) -> None:
        """Add a value of a table or a list; one that is no text leaves an empty text and a reason."""
        self.add(*text_or_reason(value))

    def add(self, text: str, reason: str) -> None:
        """Add a text, or the reason why there is none."""
        if reason:
            self._reasons[len(self._writer)] = reason
        self._writer.append(text)

    def finish(self, sources: Sequence[str]) -> tuple[Texts, tuple[Problem, ...]]:
        """All texts, in order, and those that cannot be used."""
        problems = tuple(Problem(index, sources[index], reason) for index, reason in self._reasons.items())
        return self._writer.finish(), problems


def read_texts(listing: Listing, encoding: str | None) -> tuple[Listing, list[str]]:
    """The texts in the files of a listing, in place of the files.

    Also warnings that name the files in each encoding but UTF-8, where it was detected.
    """
    taker, encodings = TextTaker(), Counter[str]()
    paths = listing.paths or ()
    for content in counted(contents(paths), "reading texts", len(paths)):
        if isinstance(content, DataError):
            taker.add("", str(content))
        else:
            text, reason, used = read_text(content, encoding)
            taker.add(text, reason)
            encodings[used] += 1
    texts, problems = taker.finish(listing.sources)
    detected = sorted(encodings.items()) if encoding is None else []
    warnings: list[str] = [
        Sentence("{place}: {number} read as {upper}", listing.place, count_of(number, "file"), name.upper())
        for name, number in detected
        if name not in ("", "utf-8")
    ]
    return dataclasses.replace(listing, paths=None, texts=texts, problems=problems), warnings


# Files that rows name.

# What is wrong with a path.
NO_PATH = "no path"
OUTSIDE = "outside"
MISSING = "missing"


class PathFinder:
    """Finds files that rows name: relative paths must stay inside a folder, links followed; others need not.

    Each parent folder is resolved once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._real_folder = os.path.join(os.path.realpath(folder), "")
        self._is_inside: dict[str, bool] = {}

    def find(self, value: object) -> tuple[Path, str]:
        """The path that a value names, and `NO_PATH`, `OUTSIDE` or `MISSING`; empty where a file is there."""
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            return Path(), NO_PATH
        path = os.path.join(self._folder, value)
        if not os.path.isabs(value) and not self._stays_inside(path):
            return Path(path), OUTSIDE
        return Path(path), "" if os.path.isfile(path) else MISSING

    def _stays_inside(self, path: str) -> bool:
        def is_below(real: str) -> bool:
            return os.path.join(real, "").startswith(self._real_folder)

        parent = os.path.dirname(path)
        if parent not in self._is_inside:
            self._is_inside[parent] = is_below(os.path.realpath(parent))
        is_plain_name = os.path.basename(path) not in ("", ".", "..")
        if self._is_inside[parent] and is_plain_name and not os.path.islink(path):
            return True
        return is_below(os.path.realpath(path))


def paths_of(
    values: Sequence[object], sources: Sequence[str], folder: Path, *, column: str, noun: str, may_miss: bool
) -> list[Path]:
    """Find the files that a column names.

    `noun` is what the files hold, `image` or `text`; `sources` name each row, such as `table.csv:7`;
    `may_miss` leaves a missing file for later to report.

    Raises: `DataError` if a value is no path, leaves the table's folder, or names no file.
    """
    place = sources[0].rpartition(":")[0]
    finder = PathFinder(folder)
    paths: list[Path] = []
    wrong: dict[str, list[str]] = {OUTSIDE: [], MISSING: []}
    for value, source in zip(values, sources, strict=True):
        row = Sentence("row {rpartition}", source.rpartition(":")[2])
        path, problem = finder.find(value)
        if problem == NO_PATH or not is_encodable(str(value)):
            raise DataError(
                "{place}: {row} has no path of {noun} in column {column}; fill it in or remove the row",
                place,
                row,
                with_article(noun),
                quoted(column),
            )
        paths.append(path)
        if problem:
            wrong[problem].append(
                row if problem == OUTSIDE else Sentence("{row} ({str})", row, quoted(str(value)))
            )
    if wrong[OUTSIDE]:
        raise DataError(
            "{place}: the path leaves the table's folder at {wrong}; "
            "move the {noun}s beside the table or give absolute paths",
            place,
            some(wrong[OUTSIDE], MOST_ROWS),
            noun,
        )
    if wrong[MISSING] and not may_miss:
        raise DataError(
            "{place}: no such {noun} at {wrong}; fix the paths or leave them out with --skip-bad",
            place,
            noun,
            some(wrong[MISSING], MOST_ROWS),
        )
    return paths


# Flags that change a choice of columns, for the end of a sentence about it.
FLAGS = "--input-column and --label-column name others"


def packed_column(table: Table, settings: Settings) -> str | None:
    """The column whose cells hold the images; `None` where there is none, or another is asked for.

    Raises: `DataError` if there are several.
    """
    if settings.task == "text" or not table.images:
        return None
    if settings.input_column is not None:
        return settings.input_column if settings.input_column in table.images else None
    if len(table.images) > 1:
        raise DataError(
            "{place}: which column of images, {images}? Name one with --input-column",
            table.place,
            some_quoted(table.images, NAMED),
        )
    return next(iter(table.images))


def with_marked_columns(table: Table, settings: Settings) -> Settings:
    """Settings that ask for the columns of images, and of labels with names, which the file itself marks.

    Only where there is one of them, and the settings ask for no other.

    Raises: `DataError` as `packed_column`.
    """
    named = [name for name in table.classes if name in table.names]
    if settings.label_column is None and len(named) == 1:
        settings = dataclasses.replace(settings, label_column=named[0])
    packed = packed_column(table, settings)
    return settings if packed is None else dataclasses.replace(settings, input_column=packed, task="image")
