"""Texts as numbers: tokens, n-grams and TF-IDF, fitted on training texts and saved as JSON.

Names are loaded on first use: who only has texts answered does not wait for what fits an encoder.
"""

from typing import TYPE_CHECKING

from pellucid.first_use import on_first_use

if TYPE_CHECKING:
    from pellucid.encoding.choosing import fit_ngrams, fit_tokens
    from pellucid.encoding.encoder import Encoder
    from pellucid.encoding.kinds import ENCODERS
    from pellucid.encoding.ngrams.encoder import NgramEncoder
    from pellucid.encoding.tokens.ragged import UNKNOWN, Tokens
    from pellucid.encoding.tokens.tokenizing import TokenEncoder
    from pellucid.encoding.tokens.word_pieces import WordPieceEncoder

__getattr__, __all__ = on_first_use(
    __name__,
    {
        "choosing": "fit_ngrams fit_tokens",
        "encoder": "Encoder",
        "kinds": "ENCODERS",
        "ngrams.encoder": "NgramEncoder",
        "tokens.ragged": "UNKNOWN Tokens",
        "tokens.tokenizing": "TokenEncoder",
        "tokens.word_pieces": "WordPieceEncoder",
    },
)
