"""Output of commands on a terminal: control characters in foreign names are shown, never obeyed.

Names of classes and files, and whatever else comes out of a file, may hold escape sequences that move the
cursor, colour the screen or worse. A file or a pipe gets every byte as it is; a terminal gets codes instead.
"""

import codecs
import contextlib
import io
import shutil
import sys
from collections.abc import Iterator
from typing import Any, TextIO

# Wider lines are not read with ease, however wide the terminal.
_MOST_COLUMNS = 120


class Shown(io.TextIOBase):
    """A terminal, to which only visible characters and line feeds are written.

    Attributes:
        plain: the terminal itself, for programs of ours that draw there.
        buffer: the same for bytes, which are UTF-8.

    Args:
        plain: see the attribute.
    """

    plain: TextIO
    buffer: io.RawIOBase

    def __init__(self, plain: TextIO) -> None:
        self.plain = plain
        self.buffer = _ShownBytes(self)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the terminal."""
        return self.plain.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """Treatment of characters that it cannot show."""
        return self.plain.errors

    def isatty(self) -> bool:
        """True: it stands for a terminal."""
        return True

    def writable(self) -> bool:
        """True: it can always be written to."""
        return True

    def fileno(self) -> int:
        """Descriptor of the terminal."""
        return self.plain.fileno()

    def write(self, text: str, /) -> int:
        """Write a text, invisible characters as their codes."""
        if not (text.isascii() and text.replace("\n", "").isprintable()):
            from pellucid.data.wording import visible

            text = "\n".join(map(visible, text.split("\n")))
        return self.plain.write(text)

    def flush(self) -> None:
        """Bring all to the terminal."""
        self.plain.flush()


class _ShownBytes(io.RawIOBase):
    """Bytes on their way to a terminal; a character may be parted between two writes."""

    def __init__(self, text: Shown) -> None:
        self._text = text
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def writable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int:
        self._text.write(self._decoder.decode(bytes(content)))
        return len(content)

    def flush(self) -> None:
        self._text.flush()


def say(text: str, piped: int | None = None) -> None:
    """Write lines to standard error, on a terminal in its width and never broken within a word.

    `piped` are the columns where it is no terminal; by default lines stay whole there, for programs to read.
    """
    columns = min(_MOST_COLUMNS, shutil.get_terminal_size().columns) if sys.stderr.isatty() else piped
    if columns is not None:
        from pellucid.data.wording import wrapped

        text = "\n".join(part for line in text.split("\n") for part in wrapped(line, columns) or [""])
    sys.stderr.write(f"{text}\n")


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Put `Shown` in the place of standard output and standard error where these are terminals."""
    before = sys.stdout, sys.stderr
    try:
        sys.stdout, sys.stderr = (Shown(each) if each is not None and each.isatty() else each
                                  for each in before)  # fmt: skip
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        sys.stdout, sys.stderr = before
