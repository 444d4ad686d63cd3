"""Kinds of encoders that a saved model can name."""

from pellucid.encoding.encoder import Encoder
from pellucid.encoding.ngrams.encoder import NgramEncoder
from pellucid.encoding.tokens.tokenizing import TokenEncoder
from pellucid.encoding.tokens.word_pieces import WordPieceEncoder

# Every encoder by its kind, as saved models name it.
ENCODERS: dict[str, type[Encoder]] = {
    each.kind: each for each in (TokenEncoder, NgramEncoder, WordPieceEncoder)
}
