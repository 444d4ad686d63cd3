"""From texts to numbers: tokens, n-grams and TF-IDF, fitted on training texts and saved as JSON."""

from pellucid.encoding.choosing import Fitting, fit_ngrams, fit_tokens
from pellucid.encoding.coverage import Coverage
from pellucid.encoding.encoder import ENCODERS, Encoder, coverage
from pellucid.encoding.ngrams import NgramEncoder
from pellucid.encoding.ragged import PADDING, UNKNOWN, Tokens
from pellucid.encoding.tokenizing import TokenEncoder
from pellucid.encoding.word_pieces import WordPieceEncoder

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
    "coverage",
    "fit_ngrams",
    "fit_tokens",
]
