"""Texts as numbers: tokens, n-grams and TF-IDF, fitted on training texts and saved as JSON.

Names are loaded on first use: who only has texts answered does not wait for what fits an encoder.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_HOMES = {
    "ENCODERS": "kinds",
    "PADDING": "tokens.ragged",
    "UNKNOWN": "tokens.ragged",
    "Coverage": "coverage",
    "Encoder": "encoder",
    "Fitting": "choosing",
    "NgramEncoder": "ngrams.encoder",
    "TokenEncoder": "tokens.tokenizing",
    "Tokens": "tokens.ragged",
    "WordPieceEncoder": "tokens.word_pieces",
    "fit_ngrams": "choosing",
    "fit_tokens": "choosing",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its room on first use, and keep it.

    Raises: `AttributeError` if the name is not public.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
