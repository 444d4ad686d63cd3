"""Standard input: for models of images the paths of images, or one image; for models of texts a text a line.

Paths stand one on a line, or between zero bytes as `find -print0` writes them.
"""

import itertools
import os
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

from pellucid.data.reading.inputs.single import Cell, Input, stamp_of
from pellucid.data.tables.encodings import decode_text
from pellucid.data.tables.signatures import is_image_start
from pellucid.errors import DataError
from pellucid.settings import Settings

_NAME = "stdin"  # a spreadsheet would take a dash for a formula
_MOST_LINE = 16 << 20
_MOST_IMAGE = 256 << 20
_PIECE = 1 << 16


def piped_inputs(stdin: BufferedIOBase, is_of_texts: bool, settings: Settings) -> Iterator[Input]:
    """Go through what standard input names or holds, as it arrives.

    Of `settings` it takes the encoding of texts. An image is named `stdin`, a text `stdin:ROW`, a path as it
    stands.
    """
    if is_of_texts:
        return _texts(stdin, settings.encoding)
    return _images(stdin)


def _texts(stdin: BufferedIOBase, encoding: str | None) -> Iterator[Input]:
    for number, line in enumerate(_lines(stdin, b"", b"\n"), start=1):
        name = f"{_NAME}:{number}"
        if len(line) > _MOST_LINE:
            yield Input(name, Cell(""), f"a line of more than {_MOST_LINE >> 20} MB")
            continue
        try:
            text, _ = decode_text(line.removesuffix(b"\r"), encoding or "utf-8")
        except DataError as error:
            yield Input(name, Cell(""), str(error))
            continue
        yield Input(name, Cell(text), stamp=text)


def _images(stdin: BufferedIOBase) -> Iterator[Input]:
    start = stdin.read(_PIECE)
    if is_image_start(start[:16]):
        content = start + stdin.read(_MOST_IMAGE - len(start) + 1)
        is_large = len(content) > _MOST_IMAGE
        yield Input(_NAME, content, f"an image of more than {_MOST_IMAGE >> 20} MB" if is_large else "")
        return
    separator = b"\0" if b"\0" in start else b"\n"
    for line in _lines(stdin, start, separator):
        raw = line.removesuffix(b"\r") if separator == b"\n" else line
        if not raw:
            continue
        if len(raw) > _MOST_LINE:
            yield Input(_NAME, Path(), "a path that is no path: too long")
            continue
        path = Path(os.fsdecode(raw))
        yield Input(os.fsdecode(raw), path, stamp=stamp_of(path))


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
