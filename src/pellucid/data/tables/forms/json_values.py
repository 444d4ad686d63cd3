"""Values of a JSON document one by one, of which only the one that is read is in memory."""

import re
from collections.abc import Iterator

from pellucid.errors import DataError

# A text, in which nothing else counts; the beginning of one that goes on; or what parts values.
_MARK = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{},]', re.DOTALL)

_FILLED = re.compile(r"[^ \t\r\n]")


class JsonValues:
    """Goes through the values of a document by its brackets; whether each is JSON, its parser says."""

    def __init__(self, pieces: Iterator[str], place: str) -> None:
        self._pieces = pieces
        self._place = place
        self._text = ""
        self._at = 0

    def next_sign(self) -> str:
        """The next character that is not blank, which stays; empty at the end."""
        while True:
            found = _FILLED.search(self._text, self._at)
            if found is not None:
                self._at = found.start()
                return found[0]
            self._at = len(self._text)
            if not self._more():
                return ""

    def skip(self) -> None:
        """Go past the sign that `next_sign` told."""
        self._at += 1

    def take(self, most: int, what: str) -> str:
        """The next value as it is written, of at most so many characters.

        `what` names it for messages, such as `row 7`.

        Raises: `DataError` if it is longer, or the document ends inside it.
        """
        at, depth = self._at, 0
        while True:
            for found in _MARK.finditer(self._text, at):
                mark = found[0]
                if mark == '"':
                    at = found.start()
                    break
                at = found.end()
                depth += (mark in "[{") - (mark in "]}")
                if depth < 0 or (depth == 0 and mark == ","):
                    return self._taken(found.start())
                if depth == 0:
                    return self._taken(at)
            else:
                at = len(self._text)
            if len(self._text) - self._at > most:
                raise DataError(f"{self._place}: {what} holds more than {most:,} characters; cut its texts")
            dropped = self._at
            if not self._more():
                if depth == 0 and at == len(self._text):
                    return self._taken(at)
                raise DataError(f"{self._place}: the file ends inside {what}; use an undamaged copy")
            at -= dropped

    def _taken(self, end: int) -> str:
        text = self._text[self._at : end]
        self._at = end
        return text

    def _more(self) -> bool:
        """Read a piece on, and drop what was passed."""
        piece = next(self._pieces, "")
        if piece:
            self._text = self._text[self._at :] + piece
            self._at = 0
        return bool(piece)
