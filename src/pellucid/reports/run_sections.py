"""What a run was made of: its data, its network, and how to repeat it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.reports.facts import ReportFacts
from pellucid.reports.formatting import finite
from pellucid.settings import ROWS

_FINDING_LINES, _FINDING_WIDTH = 20, 6
_COUNTS = ("train", "validation", "test", "skipped")


def data_section(facts: ReportFacts) -> Mapping[str, Any]:
    """Say what the model learned from, and what was found wrong with it.

    Content of `page/data.html`.
    """
    details = facts.check.to_json() if facts.check is not None else {}
    return {
        "counts": {name: facts.data_count(name) for name in _COUNTS},
        "groups": _groups(facts),
        "sentences": facts.check.sentences() if facts.check is not None else [],
        "related": details.get("related") or (),
        "own_splits": bool(details.get("own_splits")),
        "spreads": _spreads(details),
        "class_counts": [each for each in (details.get("counts") or {}).items() if any(each[1].values())],
        "findings": [finding for finding in _findings(details) if finding.count],
    }


def _groups(facts: ReportFacts) -> Sequence[str]:
    """Groups of each split; nothing where no example belongs with another."""
    found = (facts.metrics.get("data") or {}).get("groups") or {}
    return [f"{int(finite(found.get(part)) or 0):,}" for part in ("train", "validation", "test") if found]


def _spreads(details: Mapping[str, Any]) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """Distribution of the numbers to predict, in all splits together and in each."""
    found = details.get("numbers") or {}
    splits = found.get("splits") or {}
    return [(name, spread) for name, spread in (("all", found), *splits.items()) if spread]


@dataclass(frozen=True)
class Finding:
    """Something found in the data, with the places where it stands.

    Attributes:
        title: what was found.
        count: how often.
        lines: the first few, each the texts that belong together.
    """

    title: str
    count: int
    lines: Sequence[Sequence[str]]


def _findings(details: Mapping[str, Any]) -> Sequence[Finding]:
    """The lists of `Check.to_json`, cut to what a page can show."""

    def finding(title: str, key: str, texts: Callable[[Any], Sequence[str]]) -> Finding:
        found = details.get(key) or []
        return Finding(title, len(found), [texts(each)[:_FINDING_WIDTH] for each in found[:_FINDING_LINES]])

    return (
        finding("Left out", "skipped_examples", lambda each: (each["source"], each["reason"])),
        finding("Leaked from the test split", "leaked_examples", lambda each: (each,)),
        finding(
            "Equal content under different labels",
            "conflicts",
            lambda each: [f"{example['source']}: {example['label']}" for example in each],
        ),
        finding("Sets of exact copies", "copies", list),
        finding("Near duplicates", "near_copies", list),
        finding(
            "Sets of siblings",
            "sibling_sets",
            lambda each: (each["rule"].replace("_", " "), *each["examples"]),
        ),
        finding("Test examples related to a training example", "test_sibling_examples", lambda each: (each,)),
    )


# The layers of the recommended network, and how it reads a text.

# Pieces that the encoders of `metrics.json` split texts into, where their names do not say it.
_ENCODERS = {
    "sub-words": "frequent words and parts of words",
    "bytes": "frequent runs of bytes",
    "n-grams": "words and short runs of words or characters",
}


def network_section(facts: ReportFacts) -> Mapping[str, Any] | None:
    """List the network's layers.

    Content of `page/network.html`; `None` for a model without layers.
    """
    if not facts.layers:
        return None
    total = sum(int(layer.parameters) for layer in facts.layers)
    # Share of all parameters that a layer holds, in per cent.
    return {
        "layers": [
            (layer, (round(100 * int(layer.parameters) / total, 2) if total else 0.0))
            for layer in facts.layers
        ],
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


# Reproduction of the run: settings, versions and command.

# Settings that a run on texts has, but that do nothing there.
_OF_IMAGES = ("image_size", "resize", "pooling", "batch_norm", "augment", "mirror", "augmentation")
# Settings that do nothing in a run that predicts.
_OF_GENERATORS = ("latent", "beta")


def repetition(facts: ReportFacts) -> Mapping[str, Any]:
    """Give the command, settings and versions that make the run again.

    Content of `page/repeat.html`.
    """
    meanings = {row.name: row.meaning for row in ROWS}
    idle = (
        *(_OF_IMAGES if facts.noun == "text" else ()),
        *(_OF_GENERATORS if facts.generated is None else ()),
    )
    rows = [
        (name, _shown(value), meanings.get(name, ""))
        for name, value in facts.settings.items()
        if name not in idle
    ]
    return {
        "command": facts.command,
        "settings": rows,
        "versions": sorted(facts.versions.items()),
        "seed": facts.metrics.get("seed"),
    }


def _shown(value: Any) -> str:
    """A setting's value as people write it."""
    if value is None:
        return "by rule"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {each}" for name, each in value.items())
    return str(value)
