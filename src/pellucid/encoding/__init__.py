"""Texts as numbers: tokens, n-grams and TF-IDF, fitted on training texts and saved as JSON.

Names are loaded on first use: who only has texts answered does not wait for what fits an encoder.
"""

from typing import TYPE_CHECKING

from pellucid.first_use import on_first_use

if TYPE_CHECKING:
    from pellucid.encoding.choosing import fit_ngrams, fit_tokens
    from pellucid.encoding.encoder import UNKNOWN, Encoder, Tokens
    from pellucid.encoding.ngrams import NgramEncoder
    from pellucid.encoding.token_encoders import ENCODERS, TokenEncoder, WordPieceEncoder
    from pellucid.encoding.unigram import UnigramEncoder

__getattr__, __all__ = on_first_use(
    __name__,
    {
        "choosing": "fit_ngrams fit_tokens",
        "encoder": "Encoder UNKNOWN Tokens",
        "ngrams": "NgramEncoder",
        "token_encoders": "ENCODERS TokenEncoder WordPieceEncoder",
        "unigram": "UnigramEncoder",
    },
)
