"""Base of every encoder: from texts to the ids that a text network reads."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int32, Int64

from pellucid.encoding.coverage import Coverage
from pellucid.encoding.limits import MOST_ENTRIES
from pellucid.encoding.tokens.flat import IdWriter, blocks
from pellucid.encoding.tokens.ragged import UNKNOWN, Tokens


class Encoder:
    """Map from texts to ids; frozen, fitted on training texts alone or belonging to pretrained weights.

    Attributes:
        kind: its key in `ENCODERS`.
        marks: ids that it puts around every text.
        length: most ids of a text, marks included; what comes after is not read.
    """

    kind: ClassVar[str]
    marks: ClassVar[int] = 0
    length: int

    @property
    @abstractmethod
    def vocabulary(self) -> int:
        """Number of ids, `PADDING` and `UNKNOWN` included."""

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Ids of any number of texts, from one to `length` each."""
        writer = IdWriter(self.vocabulary, self.length)
        for block in blocks(texts):
            writer.append(*self._marked(*self._ids(block)))
        return writer.finish()

    def count(self, texts: Sequence[str]) -> Coverage:
        """Coverage of texts: pieces known, and texts cut."""
        return sum(map(self._covered, blocks(texts)), Coverage(0, 0, 0, 0))

    @abstractmethod
    def explain(self, text: str) -> list[tuple[str, int]]:
        """Pairs of a piece of the text, as it was written, and its id; as many as `encode` gives ids."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Settings, without what `content` holds."""

    @abstractmethod
    def content(self) -> bytes:
        """Vocabulary as JSON in UTF-8, the same bytes for the same training texts."""

    @classmethod
    @abstractmethod
    def from_parts(cls, settings: object, content: bytes) -> "Encoder":
        """Encoder that `to_json` and `content` describe, whoever wrote them; it gives the same ids.

        Raises: `ValueError` if either is not what an encoder writes, or they do not belong together.
        """

    @abstractmethod
    def _ids(self, texts: list[str]) -> tuple[Int32[np.ndarray, " ids"], Int64[np.ndarray, " starts"]]:
        """Ids of a block, nothing cut and no marks, and where each text starts in them."""

    def _marked(
        self, ids: Int32[np.ndarray, " ids"], offsets: Int64[np.ndarray, " starts"]
    ) -> tuple[Int32[np.ndarray, " marked"], Int64[np.ndarray, " starts"]]:
        """Ids of a block with the marks around every text, where there are such."""
        return ids, offsets

    def _covered(self, block: list[str]) -> Coverage:
        ids, offsets = self._ids(block)
        cut = int(np.count_nonzero(np.diff(offsets) > self.length - self.marks))
        return Coverage(len(block), len(ids), int(np.count_nonzero(ids == UNKNOWN)), cut)

    def _require_size(self) -> None:
        """Refuse more ids than a vocabulary may hold with a `ValueError`."""
        if self.vocabulary > MOST_ENTRIES:
            raise ValueError(f"vocabulary: {self.vocabulary} ids, where {MOST_ENTRIES} are admitted")
