"""Texts as numbers: tokens, n-grams and TF-IDF, fitted on training texts and saved as JSON.

Names are loaded on first use: who only has texts answered does not wait for what fits an encoder.
"""

from typing import TYPE_CHECKING

from pellucid.first_use import on_first_use

if TYPE_CHECKING:
    from pellucid.encoding.choosing import Fitting, fit_ngrams, fit_tokens
    from pellucid.encoding.coverage import Coverage
    from pellucid.encoding.encoder import Encoder
    from pellucid.encoding.kinds import ENCODERS
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

__getattr__ = on_first_use(
    __name__,
    {
        "ENCODERS": "pellucid.encoding.kinds",
        "PADDING": "pellucid.encoding.tokens.ragged",
        "UNKNOWN": "pellucid.encoding.tokens.ragged",
        "Coverage": "pellucid.encoding.coverage",
        "Encoder": "pellucid.encoding.encoder",
        "Fitting": "pellucid.encoding.choosing",
        "NgramEncoder": "pellucid.encoding.ngrams.encoder",
        "TokenEncoder": "pellucid.encoding.tokens.tokenizing",
        "Tokens": "pellucid.encoding.tokens.ragged",
        "WordPieceEncoder": "pellucid.encoding.tokens.word_pieces",
        "fit_ngrams": "pellucid.encoding.choosing",
        "fit_tokens": "pellucid.encoding.choosing",
    },
)
