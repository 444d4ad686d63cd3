"""What a run was made of: its data, its network, and how to repeat it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.reports.facts import ReportFacts
from pellucid.reports.formatting import setting, whole
from pellucid.settings import ROWS

_FINDING_LINES, _FINDING_WIDTH = 20, 6
# Pieces that the encoders of `metrics.json` split texts into, where their names do not say it.
_ENCODERS = {
    "sub-words": "frequent words and parts of words",
    "bytes": "frequent runs of bytes",
    "n-grams": "words and short runs of words or characters",
}
# Settings that do nothing in a run on texts, and those that do nothing in a run that predicts.
_OF_IMAGES = ("image_size", "resize", "pooling", "batch_norm", "augment", "mirror", "augmentation")
_OF_GENERATORS = ("latent", "beta")


def data_section(facts: ReportFacts) -> Mapping[str, Any]:
    """What the model learned from, and what was found wrong with it: content of `page/data.html`."""
    details = facts.check.to_json() if facts.check is not None else {}
    splits = ("train", "validation", "test")
    groups = (facts.metrics.get("data") or {}).get("groups") or {}
    numbers = details.get("numbers") or {}
    spreads = (("all", numbers), *(numbers.get("splits") or {}).items())
    return {
        "counts": {name: facts.data_count(name) for name in (*splits, "skipped")},
        "groups": [f"{whole(groups.get(split)):,}" for split in splits if groups],
        "sentences": facts.check.sentences() if facts.check is not None else [],
        "related": details.get("related") or (),
        "own_splits": bool(details.get("own_splits")),
        "spreads": [(name, spread) for name, spread in spreads if spread],
        "class_counts": [each for each in (details.get("counts") or {}).items() if any(each[1].values())],
        "findings": _findings(details),
    }


def _findings(details: Mapping[str, Any]) -> Sequence[tuple[str, int, Sequence[Sequence[str]]]]:
    """The lists of `Check.to_json` that have a line: title, length, and as much as a page can show."""

    def found(key: str) -> Sequence[Any]:
        return details.get(key) or []

    conflicts = [[f"{each['source']}: {each['label']}" for each in one] for one in found("conflicts")]
    siblings = [(each["rule"].replace("_", " "), *each["examples"]) for each in found("sibling_sets")]
    lists = (
        ("Left out", [(each["source"], each["reason"]) for each in found("skipped_examples")]),
        ("Leaked from the test split", [(each,) for each in found("leaked_examples")]),
        ("Equal content under different labels", conflicts),
        ("Sets of exact copies", found("copies")),
        ("Near duplicates", found("near_copies")),
        ("Sets of siblings", siblings),
        ("Test examples related to a training example", [(each,) for each in found("test_sibling_examples")]),
    )
    return [
        (title, len(lines), [list(line)[:_FINDING_WIDTH] for line in lines[:_FINDING_LINES]])
        for title, lines in lists
        if lines
    ]


def network_section(facts: ReportFacts) -> Mapping[str, Any] | None:
    """The network's layers and how it reads a text: content of `page/network.html`; `None` without layers."""
    if not facts.layers:
        return None
    total = sum(int(layer.parameters) for layer in facts.layers)
    # Share of all parameters that a layer has, in per cent.
    shares = [round(100 * int(layer.parameters) / total, 2) if total else 0.0 for layer in facts.layers]
    return {
        "layers": list(zip(facts.layers, shares, strict=True)),
        "parameters": total,
        "multiply_adds": sum(int(layer.multiply_adds) for layer in facts.layers),
        "learned": sum(1 for layer in facts.layers if layer.parameters),
        "has_fields": facts.noun != "text" or any(layer.receptive_field for layer in facts.layers),
        "tokens": _tokens(facts.metrics.get("text")),
    }


def _tokens(found: Any) -> Mapping[str, Any] | None:
    """The entry `text` of the metrics, how texts are encoded; `None` for images.

    Where runs of words are looked up (`is_bag`), pieces are single words, and unknown ones are passed over.
    """
    if not isinstance(found, Mapping):
        return None
    coverage = found.get("test_coverage") or {}
    encoder = str(found.get("encoder") or "pieces")
    return {
        "encoder": _ENCODERS.get(encoder, encoder),
        "vocabulary": whole(found.get("vocabulary")),
        "length": whole(found.get("length")),
        "is_bag": encoder == "n-grams",
        "texts": whole(coverage.get("texts")),
        "pieces": whole(coverage.get("ids")),
        "unknown": whole(coverage.get("unknown")),
        "cut": whole(coverage.get("cut")),
        "reasons": [str(reason) for reason in found.get("reasons") or ()],
    }


def repetition(facts: ReportFacts) -> Mapping[str, Any]:
    """The command, settings and versions that make the run again: content of `page/repeat.html`."""
    meanings = {row.name: row.meaning for row in ROWS}
    idle = (
        *(_OF_IMAGES if facts.noun == "text" else ()),
        *(_OF_GENERATORS if facts.generated is None else ()),
    )
    return {
        "settings": [
            (name, setting(value), meanings.get(name, ""))
            for name, value in facts.settings.items()
            if name not in idle
        ],
        "versions": sorted(facts.versions.items()),
    }
