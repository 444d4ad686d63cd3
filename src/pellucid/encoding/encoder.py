"""What every encoder offers: from texts to the ids that a text network reads."""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from pellucid.encoding.coverage import Coverage
from pellucid.encoding.ngrams.encoder import NgramEncoder
from pellucid.encoding.tokens.ragged import Tokens
from pellucid.encoding.tokens.tokenizing import TokenEncoder
from pellucid.encoding.tokens.word_pieces import WordPieceEncoder


@runtime_checkable
class Encoder(Protocol):
    """From texts to ids; frozen, fitted on training texts alone or belonging to pretrained weights.

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
        """The ids of texts, at least one each."""

    def count(self, texts: Sequence[str]) -> Coverage:
        """How much of texts is known, and how many are cut."""

    def explain(self, text: str) -> list[tuple[str, int]]:
        """Each id of a text with the piece of it that it stands for."""

    def to_json(self) -> dict[str, Any]:
        """Its settings, without what `content` holds."""

    def content(self) -> bytes:
        """Its vocabulary as JSON in UTF-8, the same bytes for the same training texts."""

    @classmethod
    def from_parts(cls, settings: object, content: bytes) -> "Encoder":
        """The encoder that `to_json` and `content` describe, whoever wrote them."""


ENCODERS: dict[str, type[Encoder]] = {
    TokenEncoder.kind: TokenEncoder,
    NgramEncoder.kind: NgramEncoder,
    WordPieceEncoder.kind: WordPieceEncoder,
}
"""Every encoder by its kind, as saved models name it."""


def coverage(encoder: Encoder, texts: Sequence[str]) -> Coverage:
    """How much of texts an encoder takes in.

    Args:
        encoder: any.
        texts: any number.

    Returns:
        The counts.
    """
    return encoder.count(texts)
