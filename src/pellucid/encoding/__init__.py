"""Texts as numbers: tokens, n-grams and TF-IDF, fitted on training texts and saved as JSON."""

from pellucid.encoding.choosing import ENCODERS, Fitting, fit_ngrams, fit_tokens
from pellucid.encoding.coverage import Coverage
from pellucid.encoding.encoder import Encoder
from pellucid.encoding.ngrams.encoder import NgramEncoder
from pellucid.encoding.tokens.ragged import PADDING, UNKNOWN, Tokens
from pellucid.encoding.tokens.tokenizing import TokenEncoder
from pellucid.encoding.tokens.word_pieces import WordPieceEncoder

__all__ = [
    "ENCODERS",
    "PADDING",
    "UNKNOWN",
    "Coverage",
    "Encoder",
    "Fitting",
    "NgramEncoder",
    "TokenEncoder",
    "Tokens",
    "WordPieceEncoder",
    "fit_ngrams",
    "fit_tokens",
]
