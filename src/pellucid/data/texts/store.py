"""Any number of texts in one flat array, so that a million of them cost no more than their bytes."""

import array
from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
from jaxtyping import Int64, UInt8

from pellucid.data.tables.spool import Spool

_FLUSHED = 1 << 20


class Texts(Sequence[str]):
    """Texts one after the other as UTF-8, each found by where it starts.

    Attributes:
        content: the bytes of all texts, in memory or memory-mapped.
        offsets: where each text starts, and where the last one ends.

    Args:
        content: see the attribute.
        offsets: see the attribute.
    """

    content: UInt8[np.ndarray, " bytes"]
    offsets: Int64[np.ndarray, " starts"]

    def __init__(self, content: UInt8[np.ndarray, " bytes"], offsets: Int64[np.ndarray, " starts"]) -> None:
        self.content = content
        self.offsets = offsets

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Texts":
        """Store texts that are in memory, any that UTF-8 can write."""
        writer = TextWriter()
        for text in texts:
            writer.append(text)
        return writer.finish()

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, which: int) -> str: ...

    @overload
    def __getitem__(self, which: slice | np.ndarray) -> list[str]: ...

    def __getitem__(self, which: int | slice | np.ndarray) -> str | list[str]:
        """One text by its position, or a list of them by a slice or an array of positions."""
        if isinstance(which, (int, np.integer)):
            return self._text(range(len(self))[which])
        if isinstance(which, slice):
            return [self._text(index) for index in range(len(self))[which]]
        return [self._text(index) for index in np.arange(len(self))[which].tolist()]

    def __iter__(self) -> Iterator[str]:
        return map(self._text, range(len(self)))

    def bytes_of(self, index: int) -> bytes:
        """One text as UTF-8, by its position from 0."""
        start, end = self.offsets[index], self.offsets[index + 1]
        return self.content[start:end].tobytes()

    def _text(self, index: int) -> str:
        return self.bytes_of(index).decode()


class TextWriter:
    """Takes texts one by one; from 64 MB on they go into an unnamed file that ends with the process."""

    def __init__(self) -> None:
        self._ends = array.array("q", [0])
        self._pending = bytearray()
        self._spool = Spool()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, text: str) -> None:
        """Add a text, any that UTF-8 can write."""
        content = text.encode()
        self._pending += content
        self._ends.append(self._ends[-1] + len(content))
        if len(self._pending) >= _FLUSHED:
            self._flush()

    def extend(self, texts: Texts) -> None:
        """Add every text of a store."""
        self._flush()
        for start in range(0, len(texts.content), _FLUSHED):
            self._spool.write(texts.content[start : start + _FLUSHED].tobytes())
        self._ends.frombytes((texts.offsets[1:] + self._ends[-1]).tobytes())

    def finish(self) -> Texts:
        """Close the store: all texts, in order."""
        self._flush()
        return Texts(self._spool.finish(np.dtype(np.uint8)), np.array(self._ends, np.int64))

    def _flush(self) -> None:
        self._spool.write(self._pending)
        self._pending.clear()
