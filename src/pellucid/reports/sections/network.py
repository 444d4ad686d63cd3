"""The layers of the recommended network, and how it reads a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.reports.facts import LayerRow, ReportFacts
from pellucid.reports.numbers import finite

# Pieces that the encoders of `metrics.json` split texts into, where their names do not say it.
_ENCODERS = {
    "sub-words": "frequent words and parts of words",
    "bytes": "frequent runs of bytes",
    "n-grams": "words and short runs of words or characters",
}


def build(facts: ReportFacts) -> Mapping[str, Any] | None:
    """List the network's layers.

    Content of `page/network.html`; `None` for a model without layers.
    """
    if not facts.layers:
        return None
    total = sum(int(layer.parameters) for layer in facts.layers)
    return {
        "layers": [(layer, _share(layer, total)) for layer in facts.layers],
        "parameters": total,
        "multiply_adds": sum(int(layer.multiply_adds) for layer in facts.layers),
        "learned": sum(1 for layer in facts.layers if layer.parameters),
        "has_fields": facts.noun != "text" or any(layer.receptive_field for layer in facts.layers),
        "tokens": _tokens(facts),
    }


@dataclass(frozen=True)
class Tokens:
    """Encoding of a text for the network.

    Attributes:
        encoder: what texts are taken apart into, in words.
        vocabulary: different pieces that it knows.
        length: most pieces of a text that it reads; 0 where there is no limit.
        texts: test texts.
        is_bag: whether runs of words are looked up; the counts below are then of single words, and
            what is unknown is passed over.
        pieces: that the test texts fell into.
        unknown: of these, how many the vocabulary does not hold.
        cut: test texts that were longer than the network reads.
        reasons: how the choice was made, in sentences.
    """

    encoder: str
    vocabulary: int
    length: int
    texts: int
    is_bag: bool
    pieces: int
    unknown: int
    cut: int
    reasons: Sequence[str]


def _tokens(facts: ReportFacts) -> Tokens | None:
    """Entry of the encoder of texts in the metrics; `None` for images."""
    found = facts.metrics.get("text")
    if not isinstance(found, Mapping):
        return None
    coverage = found.get("test_coverage") or {}
    encoder = str(found.get("encoder") or "pieces")
    counts = {name: int(finite(coverage.get(name)) or 0) for name in ("texts", "ids", "unknown", "cut")}
    return Tokens(
        encoder=_ENCODERS.get(encoder, encoder),
        vocabulary=int(finite(found.get("vocabulary")) or 0),
        length=int(finite(found.get("length")) or 0),
        texts=counts["texts"],
        is_bag=encoder == "n-grams",
        pieces=counts["ids"],
        unknown=counts["unknown"],
        cut=counts["cut"],
        reasons=[str(reason) for reason in found.get("reasons") or ()],
    )


def _share(layer: LayerRow, total: int) -> float:
    """Share of all parameters that a layer holds, in per cent."""
    return round(100 * int(layer.parameters) / total, 2) if total else 0.0
