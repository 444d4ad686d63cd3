"""Interface of every encoder: from texts to the ids that a text network reads."""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from pellucid.encoding.coverage import Coverage
from pellucid.encoding.ngrams.encoder import NgramEncoder
from pellucid.encoding.tokens.ragged import Tokens
from pellucid.encoding.tokens.tokenizing import TokenEncoder
from pellucid.encoding.tokens.word_pieces import WordPieceEncoder


@runtime_checkable
class Encoder(Protocol):
    """Map from texts to ids; frozen, fitted on training texts alone or belonging to pretrained weights.

    Attributes:
        kind: its key in `ENCODERS`.
    """

    kind: ClassVar[str]

    @property
    def vocabulary(self) -> int:
        """Number of ids, `PADDING` and `UNKNOWN` included."""

    @property
    def length(self) -> int:
        """Most ids of a text; what comes after is not read."""

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Ids of any number of texts, from one to `length` each."""

    def count(self, texts: Sequence[str]) -> Coverage:
        """Coverage of texts: pieces known, and texts cut."""

    def explain(self, text: str) -> list[tuple[str, int]]:
        """Pairs of a piece of the text, as it was written, and its id; as many as `encode` gives ids."""

    def to_json(self) -> dict[str, Any]:
        """Settings, without what `content` holds."""

    def content(self) -> bytes:
        """Vocabulary as JSON in UTF-8, the same bytes for the same training texts."""

    @classmethod
    def from_parts(cls, settings: object, content: bytes) -> "Encoder":
        """Encoder that `to_json` and `content` describe, whoever wrote them.

        Args:
            settings: parsed JSON.
            content: of the file beside it.

        Returns:
            An encoder that gives the same ids.

        Raises:
            ValueError: either is not what an encoder writes, or they do not belong together.
        """


ENCODERS: dict[str, type[Encoder]] = {
    TokenEncoder.kind: TokenEncoder,
    NgramEncoder.kind: NgramEncoder,
    WordPieceEncoder.kind: WordPieceEncoder,
}
"""Every encoder by its kind, as saved models name it."""


def coverage(encoder: Encoder, texts: Sequence[str]) -> Coverage:
    """Coverage of texts by any encoder."""
    return encoder.count(texts)
