"""What each section of the report says; how it looks stands in the template of the same name."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.reports import confusion
from pellucid.reports.facts import LayerRow, ReportFacts
from pellucid.reports.numbers import Score, finite
from pellucid.reports.pictures import embed
from pellucid.reports.plots import Axes, Plot, Ruler, Series, line_plot, ruler
from pellucid.reports.verdict import TRUSTED, judge
from pellucid.settings import ROWS

_FINDING_LINES, _FINDING_WIDTH = 20, 6


@dataclass(frozen=True)
class ModelRow:
    """A line of the table of models.

    Attributes:
        name: the model.
        is_recommended: whether it is the one to use.
        accuracy: on the test split.
        bar: the accuracy on the table's common scale.
        macro_f1: on the test split.
        log_loss: on the test split.
        calibration_error: on the test split.
        facts: its entry in `metrics.json`.
    """

    name: str
    is_recommended: bool
    accuracy: Score | None
    bar: Ruler | None
    macro_f1: Score | None
    log_loss: Score | None
    calibration_error: Score | None
    facts: Mapping[str, Any]


def verdict(facts: ReportFacts) -> Mapping[str, Any]:
    """Say in one sentence what was reached.

    Args:
        facts: what the report is made from.

    Returns:
        Content of `page/verdict.html`.
    """
    return {"verdict": judge(facts), "model": facts.model, "trusted_share": TRUSTED}


def models(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Compare every model that was trained.

    Args:
        facts: what the report is made from.

    Returns:
        Content of `page/models.html`, the recommended model first; `None` without models.
    """
    entries = facts.metrics.get("models") or {}
    if not entries:
        return None
    scores = {name: Score.read((entry.get("test") or {}).get("accuracy")) for name, entry in entries.items()}
    known = [score for score in scores.values() if score is not None]
    low = math.floor(10 * min((score.low for score in known), default=0.0)) / 10
    bounds = (min(max(0.0, low), 0.9), 1.0)
    rows = []
    for name, entry in entries.items():
        test, score = entry.get("test") or {}, scores[name]
        rows.append(
            ModelRow(
                str(name), name == facts.recommended, score,
                None if score is None else ruler(score, bounds),
                Score.read(test.get("macro_f1")), Score.read(test.get("log_loss")),
                Score.read(test.get("expected_calibration_error")), entry,
            )
        )  # fmt: skip
    rows.sort(key=lambda row: not row.is_recommended)
    return {"rows": rows, "bounds": bounds, "recommended": rows[0]}


def errors(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show which classes are taken for which, and the worst mistakes as pictures.

    Args:
        facts: what the report is made from.

    Returns:
        Content of `page/errors.html`; `None` where nothing was tested.
    """
    if not facts.tested:
        return None
    keys = confusion.mistake_keys(facts)
    embedded = embed([each.pixels for each in facts.mistakes])
    wrong = facts.confusion - np.diag(np.diag(facts.confusion))
    return {
        "matrix": confusion.matrix(facts),
        "steps": (*confusion.STEPS, 1.0),
        "pairs": confusion.most_confused(facts),
        "shown_pairs": confusion.shown_pairs(facts),
        "pair_count": int(np.count_nonzero(wrong)),
        "wrong": int(wrong.sum()),
        "tested": facts.tested,
        "per_class": confusion.per_class(facts),
        "mistakes": list(zip(facts.mistakes, keys, embedded, strict=True)),
    }


def training(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show how loss, accuracy and learning rate ran.

    Args:
        facts: what the report is made from.

    Returns:
        Content of `page/training.html`; `None` without a history.
    """
    if not facts.history:
        return None
    accuracies = [(finite(line.get("validation_accuracy")), line) for line in facts.history]
    measured = [(value, line) for value, line in accuracies if value is not None]
    best = max(measured, key=lambda pair: pair[0]) if measured else (None, None)
    speeds = [speed for line in facts.history if (speed := finite(line.get("images_per_second")))]
    return {
        "plots": [plot for plot in _training_plots(facts) if plot is not None],
        "rows": _thinned(facts.history, 200),
        "epochs": len(facts.history),
        "has_chance": facts.chance is not None,
        "first": measured[0][0] if measured else None,
        "last": facts.history[-1],
        "best": best[0],
        "best_epoch": None if best[1] is None else best[1].get("epoch"),
        "pictures_per_second": sum(speeds) / len(speeds) if speeds else None,
    }


def _thinned(lines: Sequence[Mapping[str, Any]], most: int) -> Sequence[Mapping[str, Any]]:
    """Evenly spaced lines of a long history, its last among them."""
    stride = math.ceil(len(lines) / most)
    return lines[(len(lines) - 1) % stride :: stride]


def _training_plots(facts: ReportFacts) -> Sequence[Plot | None]:
    lines = _thinned(facts.history, 400)
    epochs = [finite(line.get("epoch")) or float(place) for place, line in enumerate(lines, start=1)]

    def series(label: str, style: str, key: str) -> Series:
        return Series(label, style, epochs, [finite(line.get(key)) for line in lines])

    chance = None if facts.chance is None else (facts.chance, "chance")
    return (
        line_plot(
            [
                series("validation", "main", "validation_accuracy"),
                series("train", "second", "train_accuracy"),
            ],
            Axes("Accuracy", "Share named right after each epoch", "epoch", "share right", (0, 1), chance),
        ),
        line_plot(
            [series("validation", "main", "validation_loss"), series("train", "second", "train_loss")],
            Axes("Loss", "Mean loss after each epoch", "epoch", f"nats per {facts.noun}"),
        ),
        line_plot(
            [series("", "plain", "learning_rate")],
            Axes("Learning rate", "Learning rate at the end of each epoch", "epoch", "no unit"),
        ),
    )


def network(facts: ReportFacts) -> Mapping[str, Any] | None:
    """List the network's layers.

    Args:
        facts: what the report is made from.

    Returns:
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
    }


def _share(layer: LayerRow, total: int) -> float:
    """Share of all parameters that a layer holds, in per cent."""
    return round(100 * int(layer.parameters) / total, 2) if total else 0.0


def data(facts: ReportFacts) -> Mapping[str, Any]:
    """Say what the model learned from, and what was found wrong with it.

    Args:
        facts: what the report is made from.

    Returns:
        Content of `page/data.html`.
    """
    details = facts.check.to_json() if facts.check is not None else {}
    return {
        "counts": {
            name: facts.data_count(name)
            for name in ("train", "validation", "test", "skipped", "duplicates", "near_duplicates", "leaked")
        },
        "sentences": facts.check.sentences() if facts.check is not None else [],
        "class_counts": list((details.get("counts") or {}).items()),
        "findings": [finding for finding in _findings(details) if finding.count],
    }


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
        finding("Could not be used", "skipped_examples", lambda each: (each["source"], each["reason"])),
        finding("Leaked from the test split", "leaked_examples", lambda each: (each,)),
        finding(
            "Equal content under different labels",
            "conflicts",
            lambda each: [f"{example['source']}: {example['label']}" for example in each],
        ),
        finding("Sets of exact copies", "copies", list),
        finding("Near duplicates", "near_copies", list),
    )


def repeat(facts: ReportFacts) -> Mapping[str, Any]:
    """Give the command, settings and versions that make the run again.

    Args:
        facts: what the report is made from.

    Returns:
        Content of `page/repeat.html`.
    """
    meanings = {row.name: row.meaning for row in ROWS}
    rows = [(name, _shown(value), meanings.get(name, "")) for name, value in facts.settings.items()]
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
    return str(value)
