"""Encoders of texts as the page's script reads them."""

import base64
from typing import Any

from pellucid.encoding import Encoder, NgramEncoder, TokenEncoder, WordPieceEncoder
from pellucid.encoding.ngrams.term_weights import TermWeights
from pellucid.encoding.tokens.tokenizing import BYTE, SUB_WORDS
from pellucid.export.app.unicode import packed_characters, packed_runs, read_characters


def told_encoder(encoder: Encoder) -> dict[str, Any]:
    """Encoder of a network as an object of JSON, of the form `ToldEncoder` in the script's types."""
    told: dict[str, Any] = {"length": encoder.length}
    if isinstance(encoder, NgramEncoder):
        names = base64.b64encode(encoder.names.astype("<u8").tobytes()).decode("ascii")
        grams = {**encoder.shape._asdict(), "kept": [*encoder.kept], "names": names}
        return {"kind": "n-grams", **told, "characters": packed_characters(), **grams}
    if isinstance(encoder, WordPieceEncoder):
        kinds, listed = read_characters(encoder)
        pieces = {"entries": [*encoder.entries], "read": packed_runs(kinds), "listed": listed}
        return {"kind": "word-pieces", **told, **pieces}
    assert isinstance(encoder, TokenEncoder)  # there is no other
    if encoder.tokens == SUB_WORDS:
        merges = [list(pair) for pair in encoder.merges]
        return {"kind": SUB_WORDS, **told, "characters": packed_characters(True), "merges": merges}
    entries = {"characters": packed_characters(), "entries": [*encoder.entries]}
    return {"kind": encoder.tokens, **told, **({} if encoder.tokens == BYTE else entries)}


def told_terms(terms: TermWeights) -> dict[str, Any]:
    """N-grams of TF-IDF as an object of JSON, of the form `ToldTerms` in the script's types."""
    shape = terms.shape._asdict()
    return {**shape, "characters": packed_characters(), "terms": [list(group) for group in terms.terms]}
