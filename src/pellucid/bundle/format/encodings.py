"""Encodings of texts in a model folder: settings in `model.json`, words beside it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from pellucid.bundle.kinds import Kind
from pellucid.classical import HIDDEN, TF_IDF
from pellucid.encoding import ENCODERS, Encoder, NgramEncoder, WordPieceEncoder
from pellucid.encoding.limits import MOST_BYTES
from pellucid.encoding.ngrams.tfidf import Tfidf
from pellucid.encoding.tokens.tokenizing import BYTE, CHARACTERS, SUB_WORDS, WORDS
from pellucid.strict import OneOf

# Most bytes of a file with a vocabulary.
WORDS_LIMIT = MOST_BYTES

_TOKENIZER, _VOCABULARY = "tokenizer.json", "vocabulary.json"

_TITLES = {
    WORDS: "words",
    SUB_WORDS: "words and parts of words",
    CHARACTERS: "characters",
    BYTE: "bytes",
}


class EncodingPlan(NamedTuple):
    """Settings of an encoder or a TF-IDF, without the words it knows.

    Attributes:
        kind: key in `ENCODERS`, or `tf-idf`.
        settings: what its `to_json` gave; checked by the encoder itself.
    """

    kind: str
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, encoding: Encoder | Tfidf) -> "EncodingPlan":
        """The plan of what a model holds."""
        return cls(TF_IDF if isinstance(encoding, Tfidf) else encoding.kind, encoding.to_json())

    @property
    def file(self) -> str:
        """Name of the file that holds the words."""
        return _VOCABULARY if self.kind == TF_IDF else _TOKENIZER

    @property
    def noun(self) -> str:
        """Pieces of a text, for people."""
        return "n-grams" if self.kind == NgramEncoder.kind else "tokens"

    @property
    def title(self) -> str:
        """Kind of the pieces of a text, for people."""
        stated = self.settings
        if self.kind == WordPieceEncoder.kind:
            return "words and parts of words, known before training"
        if self.kind not in (NgramEncoder.kind, TF_IDF):
            return _TITLES[stated["tokens"]]
        neighbours = f", up to {stated['words']} neighbouring words" if stated["words"] > 1 else ""
        parts = f", {stated['shortest']} to {stated['longest']} characters" if stated["longest"] else ""
        return f"words{neighbours}{parts}"

    @property
    def holds_words(self) -> bool:
        """True where words of the training texts can be read in the file."""
        kinds = (NgramEncoder.kind, WordPieceEncoder.kind)
        return self.kind not in kinds and self.settings.get("tokens") != BYTE

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values: the kind, and every setting beside it."""
        return {"kind": self.kind, **self.settings}

    def encoder(self, content: bytes) -> Encoder:
        """Build the encoder of a text network from the content of its file; nothing is trusted.

        Raises: `ValueError` if settings or content say something impossible.
        """
        return ENCODERS[self.kind].from_parts(dict(self.settings), content)

    def tfidf(self, content: bytes, arrays: Mapping[str, np.ndarray]) -> Tfidf:
        """Build the TF-IDF of a classical model from the content of its file; nothing is trusted.

        `arrays` are those of the weights, in the forms that `Tfidf.expected` names.

        Raises: `ValueError` if settings, content or arrays say something impossible.
        """
        return Tfidf.from_parts(dict(self.settings), content, arrays)


def read_encoding(value: object, kind: Kind, features: str | None) -> EncodingPlan | None:
    """Read `preprocessing` in a model of texts.

    Settings of the plan are still to be checked; `None` where the model looks at no text.

    Raises: `ValueError` if it is no object with a kind, or of a kind that does not fit the model.
    """
    if value is None and features == TF_IDF:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise ValueError(f"preprocessing must be an object with a kind in a model of the kind {kind.name}")
    OneOf(tuple(ENCODERS) if features in (None, HIDDEN) else (TF_IDF,)).read(
        "preprocessing: kind", value["kind"]
    )
    return EncodingPlan(value["kind"], {name: each for name, each in value.items() if name != "kind"})
