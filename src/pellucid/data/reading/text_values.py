"""Texts from values of any kind and bytes of files, or the reason why there is none."""

import math
import os
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pellucid.budgets import MEMORY
from pellucid.data.labels.texts import is_encodable
from pellucid.data.listing import Problem
from pellucid.data.tables.choosing.joining import Joined
from pellucid.data.tables.encodings import decode_text
from pellucid.data.tables.signatures import is_image_start
from pellucid.data.texts.store import Texts, TextWriter
from pellucid.data.wording import count_of, quoted
from pellucid.errors import DataError
from pellucid.regular import read_regular

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
        kind = _KINDS.get(type(value), f"a {type(value).__name__}")
        return "", BLANK if is_missing else f"is {kind} and no text"
    if is_blank(value):
        return "", BLANK
    if not is_encodable(value):
        at = next(index for index, character in enumerate(value) if "\ud800" <= character <= "\udfff")
        return "", f"holds a lone surrogate (\\u{ord(value[at]):04x}, character {at + 1}), which is no text"
    return value, ""


def _joined(row: Joined) -> tuple[str, str]:
    """Join the texts of a row, each on a line behind the name of its column; what is blank is left out."""
    parts = []
    for name, value in zip(*row, strict=True):
        text, reason = text_or_reason(value)
        if reason and reason != BLANK:
            return "", f"{reason} in column {quoted(name)}"
        if text:
            parts.append(f"{name}: {text}")
    return "\n".join(parts), "" if parts else BLANK


def is_blank(text: str) -> bool:
    """Tell a blank text: nothing at all, spaces, or invisible characters."""
    if text[:1].isalnum():
        return False
    return all(unicodedata.category(character) in _UNSEEN for character in text)


def read_text_file(path: Path, encoding: str | None) -> tuple[str, str, str]:
    """Read a file that holds one text.

    The text with every line end as a line feed, the reason why there is none, and the encoding, by default a
    detected one.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        return "", "is no file of bytes", ""
    try:
        content = read_regular(path, MEMORY.value() // _TIMES)
    except OSError as error:
        return "", f"cannot be read ({(error.strerror or str(error)).lower()})", ""
    return text_of_content(content, encoding)


def text_of_content(content: bytes, encoding: str | None) -> tuple[str, str, str]:
    """As `read_text_file`, from the bytes of a file."""
    text, reason, used = _from_bytes(content, encoding)
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
        self._encodings: dict[str, int] = {}

    def take_values(self, values: Iterable[object]) -> None:
        """Add values of a table or a list; those that are no text leave an empty text and a reason."""
        for value in values:
            self._add(*text_or_reason(value))

    def take_file(self, file: Path | bytes | DataError, encoding: str | None) -> None:
        """Add the text that a file or its content holds; the encoding is as for `read_text_file`.

        In place of a file that could not be read its error may stand.
        """
        if isinstance(file, DataError):
            self.add_missing(str(file))
            return
        if isinstance(file, bytes):
            text, reason, used = text_of_content(file, encoding)
        else:
            text, reason, used = read_text_file(file, encoding)
        self._add(text, reason)
        if used:
            self._encodings[used] = self._encodings.get(used, 0) + 1

    def add_missing(self, reason: str) -> None:
        """Add a place where there is no text, with the reason why."""
        self._add("", reason)

    def _add(self, text: str, reason: str) -> None:
        if reason:
            self._reasons[len(self._writer)] = reason
        self._writer.append(text)

    def finish(self) -> Texts:
        """Close the store: all texts, in order."""
        return self._writer.finish()

    @property
    def reasons(self) -> dict[int, str]:
        """Reasons why there is no text, by position."""
        return self._reasons

    def problems(self, sources: Sequence[str]) -> tuple[Problem, ...]:
        """Problems as a listing keeps them, one for each text that cannot be used."""
        return tuple(Problem(index, sources[index], reason) for index, reason in self._reasons.items())

    def encoding_warnings(self, place: str) -> tuple[str, ...]:
        """Name the files in each encoding but UTF-8; of use where it was detected."""
        return tuple(
            f"{place}: {count_of(number, 'file')} read as {name.upper()}"
            for name, number in sorted(self._encodings.items())
            if name != "utf-8"
        )
