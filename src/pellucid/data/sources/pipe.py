"""Standard input as a source.

It holds, for models of texts, a text a line; for models of images one image, or paths of images, one on a
line, or between zero bytes as `find -print0` writes them.
"""

import itertools
import os
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

from pellucid.data.data_files import is_image_start
from pellucid.data.sources.source import Cell, Row, Stream, stamp_of
from pellucid.data.tables.text_files import decode_text
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.settings import Settings

STANDARD_INPUT = "-"
_NAME = "stdin"  # a spreadsheet would take a dash for a formula
_MOST_LINE = 16 << 20
_MOST_IMAGE = 256 << 20
_PIECE = 1 << 16


def stream_pipe(stdin: BufferedIOBase, settings: Settings) -> Stream:
    """The images or texts on standard input, which can be read once."""
    are_texts = settings.task == "text"
    rows = _texts(stdin, settings.encoding) if are_texts else _images(stdin)
    return Stream(lambda start: itertools.islice(rows, start, None), lambda: None, [])


def read_once() -> DataError:
    """The refusal to learn from standard input."""
    return DataError(
        "-: standard input can be read only once, and training reads its data again; write it to a file"
    )


def _texts(stdin: BufferedIOBase, encoding: str | None) -> Iterator[Row]:
    for number, line in enumerate(_lines(stdin, b"", b"\n"), start=1):
        name = f"{_NAME}:{number}"
        if len(line) > _MOST_LINE:
            yield Row(name, Cell(""), Sentence("a line of more than {MOST_LINE} MB", _MOST_LINE >> 20))
            continue
        try:
            text, _ = decode_text(line.removesuffix(b"\r"), encoding or "utf-8")
        except DataError as error:
            yield Row(name, Cell(""), str(error))
            continue
        yield Row(name, Cell(text), stamp=text)


def _images(stdin: BufferedIOBase) -> Iterator[Row]:
    start = stdin.read(_PIECE)
    if is_image_start(start[:16]):
        content = start + stdin.read(_MOST_IMAGE - len(start) + 1)
        is_large = len(content) > _MOST_IMAGE
        yield Row(
            _NAME,
            content,
            Sentence("an image of more than {MOST_IMAGE} MB", _MOST_IMAGE >> 20) if is_large else "",
        )
        return
    separator = b"\0" if b"\0" in start else b"\n"
    for line in _lines(stdin, start, separator):
        raw = line.removesuffix(b"\r") if separator == b"\n" else line
        if len(raw) > _MOST_LINE:
            yield Row(_NAME, Path(), "a path that is no path: too long")
        elif raw:
            path = Path(os.fsdecode(raw))
            yield Row(os.fsdecode(raw), path, stamp=stamp_of(path))


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
