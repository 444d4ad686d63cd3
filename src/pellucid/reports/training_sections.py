"""What a run was made of, and its training: findings, curves of every epoch, layers as small multiples."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence
from pellucid.reports import scored_models
from pellucid.reports.facts import ReportFacts
from pellucid.reports.formatting import (
    finite,
    percent,
    setting,
    significant,
    superscript,
    text_of,
    tick,
    whole,
)
from pellucid.reports.plots import Axis, Plot, Series, line_plot, path_through
from pellucid.settings import ROWS

_MOST_POINTS = 400


def thinned(lines: Sequence[Mapping[str, Any]], most: int) -> Sequence[Mapping[str, Any]]:
    """Evenly spaced lines of a long history, its last among them."""
    stride = math.ceil(len(lines) / most)
    return lines[(len(lines) - 1) % stride :: stride]


@dataclass(frozen=True)
class Curves:
    """Lines of a history that are drawn, and their epochs."""

    lines: Sequence[Mapping[str, Any]]
    epochs: Sequence[float]

    @classmethod
    def of(cls, facts: ReportFacts) -> "Curves":
        """Those of a run."""
        lines = thinned(facts.history, _MOST_POINTS)
        return cls(
            lines, [finite(line.get("epoch")) or float(place) for place, line in enumerate(lines, start=1)]
        )

    def series(self, *curves: tuple[str, str]) -> list[Series]:
        """Curves by label and key, the first one drawn as the main one."""
        return [
            Series(label, style, self.epochs, [finite(line.get(key)) for line in self.lines])
            for (label, key), style in zip(curves, ("main", "second"), strict=False)
        ]

    def both(self, score: str) -> list[Series]:
        """A score on validation and in training."""
        return self.series(("validation", f"validation_{score}"), ("train", f"train_{score}"))

    def loss(self, unit: str, y_range: tuple[float, float] | None = None) -> Plot | None:
        """The loss, in its unit."""
        return line_plot(self.both("loss"), "Loss", "Mean loss after each epoch", unit, y_range)

    @property
    def rate(self) -> Plot | None:
        """The learning rate."""
        (learning_rate,) = self.series(("", "learning_rate"))
        words = "Learning rate at the end of each epoch"
        return line_plot([learning_rate._replace(style="plain")], "Learning rate", words, "no unit")


TrainingPlots = Callable[[ReportFacts, Curves], Sequence[Plot | None]]


def _loss_unit(facts: ReportFacts, per: str) -> str:
    return "squared error" if facts.settings.get("loss") == "mse" else Sentence("nats per {per}", per)


def of_classes(facts: ReportFacts, curves: Curves) -> Sequence[Plot | None]:
    """Accuracy beside the share of the largest class, loss, and learning rate."""
    chance = None if facts.chance is None else (facts.chance, "largest class")
    words = "Share classified correctly after each epoch"
    accuracy = line_plot(curves.both("accuracy"), "Accuracy", words, "share correct", (0, 1), chance)
    return accuracy, curves.loss(_loss_unit(facts, facts.noun)), curves.rate


def of_labels(facts: ReportFacts, curves: Curves) -> Sequence[Plot | None]:
    """Micro-F1, subset accuracy, loss, and learning rate."""
    micro = curves.series(("", "validation_micro_f1"))
    words = "Micro-F1 on validation after each epoch"
    f1 = line_plot([micro[0]._replace(style="plain")], "Micro-F1", words, "on validation", (0, 1))
    words = "Share of examples with all labels right after each epoch"
    right = line_plot(curves.both("subset_accuracy"), "Subset accuracy", words, "all labels right", (0, 1))
    return f1, right, curves.loss(_loss_unit(facts, "label")), curves.rate


def of_numbers(facts: ReportFacts, curves: Curves) -> Sequence[Plot | None]:
    """Errors, loss, and learning rate."""
    squared, absolute = "validation_root_mean_squared_error", "validation_mean_absolute_error"
    words = "Root mean squared and mean absolute error on validation after each epoch"
    errors = curves.series(("squared", squared), ("absolute", absolute))
    plot = line_plot(errors, "Error", words, "root mean squared, mean absolute")
    return plot, curves.loss("squared error, labels standardised"), curves.rate


def of_images(facts: ReportFacts, curves: Curves) -> Sequence[Plot | None]:
    """Losses of both networks and the discriminator's share; or the bound, and its divergence."""
    if "train_discriminator_accuracy" in facts.history[-1]:
        losses = curves.series(("generator", "train_generator_loss"), ("discriminator", "train_loss"))
        return (
            line_plot(losses, "Losses", "Mean loss of both networks over each epoch", "nats per image"),
            line_plot(
                curves.series(("", "train_discriminator_accuracy")),
                "Discriminator",
                "Share of real and generated images that it classified correctly over each epoch",
                "share correct",
                (0, 1),
                (0.5, "guessing"),
            ),
            curves.rate,
        )
    keys = ("train_loss", "validation_loss")  # bits per dimension lie far from 0
    values = [
        number for line in facts.history for key in keys if (number := finite(line.get(key))) is not None
    ]
    room = 0.05 * (max(values) - min(values)) or 0.5
    loss = curves.loss("bits per dimension", (min(values) - room, max(values) + room))
    words = "Divergence from the prior on validation images"
    divergence = curves.series(("", "validation_kl"))
    return loss, line_plot(divergence, "Divergence", words, "nats per image"), curves.rate


_FINDING_LINES = 20  # rows shown
_FINDING_WIDTH = 6  # columns shown
# Pieces that the encoders of `metrics.json` split texts into, where their names do not say it.
_ENCODERS = {
    "sub-words": "frequent words and parts of words",
    "bytes": "frequent runs of bytes",
    "n-grams": "words and short runs of words or characters",
    "unigram": "words and parts of words, known before training",
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
        "several": _several(groups.get("several")),
        "sentences": facts.check.sentences() if facts.check is not None else [],
        "relations": _relations(details),
        "own_splits": bool(details.get("own_splits")),
        "spreads": [(name, spread) for name, spread in spreads if spread],
        "class_counts": [each for each in (details.get("counts") or {}).items() if any(each[1].values())],
        "findings": _findings(details),
    }


def _relations(details: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """One row for each kind of relation: what was searched, found, and found across the splits."""
    found = {each["kind"]: each for each in details.get("related") or ()}
    kinds = {each["kind"]: each for each in details.get("searched") or ()}
    nothing = {"examples": 0, "sets": 0, "in_test": 0, "is_searched": True, "left": ""}
    return [
        {**nothing, **kinds.get(kind, {}), **found.get(kind, {}), "kind": kind.replace("_", " ")}
        for kind in dict.fromkeys([*kinds, *found])
    ]


def _several(found: Any) -> Sequence[tuple[int, int]]:
    """Sets of two or more and the examples in them, by split; nothing of a run that did not count them."""
    if not isinstance(found, dict):
        return ()
    parts = [found.get(split) or {} for split in ("train", "validation", "test")]
    return [(whole(part.get("sets")), whole(part.get("examples"))) for part in parts]


def _findings(details: Mapping[str, Any]) -> Sequence[tuple[str, int, Sequence[Sequence[str]]]]:
    """The lists of `Check.to_json` that have a line: title, length, and as much as a page can show."""

    def found(key: str) -> Sequence[Any]:
        return details.get(key) or []

    conflicts = [[f"{each['source']}: {each['label']}" for each in one] for one in found("conflicts")]
    siblings = [
        (translated(each["rule"].replace("_", " ")), *each["examples"]) for each in found("sibling_sets")
    ]
    lists = (
        ("Left out", [(each["source"], each["reason"]) for each in found("skipped_examples")]),
        ("Leaked from the test split", [(each,) for each in found("leaked_examples")]),
        ("Equal content under different labels", conflicts),
        ("Sets of exact copies", found("copies")),
        ("Pairs of near duplicates", found("near_copies")),
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
        "reasons": [text_of(reason) for reason in found.get("reasons") or ()],
    }


def next_steps(facts: ReportFacts) -> Mapping[str, Any] | None:
    """What to do with a finished run, step by step: content of `page/next.html`; `None` while it goes on."""
    if facts.is_under_way:
        return None
    one = "text.txt" if facts.noun == "text" else "image.png"
    opened = f"pellucid explain . {one} --out page.html"
    if facts.generated is not None:
        steps = [
            ("Make new images.", "pellucid generate . --count 64 --out images/"),
            ("See how it makes one, step by step.", opened),
        ]
    elif facts.noun == "example":  # vectors of numbers, which have no page
        steps = [
            ("Answer new rows.", "pellucid predict . rows.csv --out answers.csv"),
            ("Make one file that other programs can run.", "pellucid export . --out model.onnx"),
        ]
    else:
        steps = [
            ("Open one answer and see why it was given.", opened),
            (
                Sentence("Label new {noun}s.", facts.noun),
                f"pellucid predict . {facts.noun}s/ --out answers.csv",
            ),
            (
                "Make one file that answers in any browser, on a phone too.",
                "pellucid export . --out app.html",
            ),
        ]
    return {"steps": steps, "has_issues": facts.label_issues is not None and facts.label_issues.count > 0}


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
    }


_MOST_LINES = 200
_COLUMNS = (
    ("train_loss", "Train loss"),
    ("train_accuracy", "Train accuracy"),
    ("train_subset_accuracy", "Train subset accuracy"),
    ("validation_loss", "Validation loss"),
    ("train_generator_loss", "Loss of the generator"),
    ("train_discriminator_accuracy", "Discriminator accuracy"),
)


def training_section(facts: ReportFacts, plots: TrainingPlots) -> Mapping[str, Any] | None:
    """What was found, and how loss, score, learning rate and the layers ran: content of `page/training.html`.

    `None` without a history.
    """
    if not facts.history:
        return None
    history, last = facts.history, facts.history[-1]
    decides = scored_models.headline(facts)
    scores = [
        (score, line) for line in history if (score := finite(line.get(decides.in_history))) is not None
    ]
    # Of equally good epochs the earliest.
    best = (min if decides.is_error else max)(scores, key=lambda pair: pair[0]) if scores else None
    rate = "texts_per_second" if facts.noun == "text" else "images_per_second"
    speeds = [speed for line in history if (speed := finite(line.get(rate)))]
    network = scored_models.network(facts)
    with_weights = [layers for line in history if (layers := set(_measured(line, "weights")))]
    metrics = [
        (each.in_history, Sentence("Validation {words}", each.words)) for each in scored_models.metrics(facts)
    ]
    titles = {**dict(metrics), **dict(_COLUMNS)}
    keys = [*dict(_COLUMNS), *(key for key, _ in metrics if key != "validation_loss")]
    return {
        "findings": facts.metrics.get("findings"),
        "layers": layer_tables(history),
        "measured_steps": sum((line.get("health") or {}).get("steps", 0) for line in history),
        "has_frozen": bool(with_weights) and not with_weights[0] <= with_weights[-1],
        "plots": [plot for plot in plots(facts, Curves.of(facts)) if plot is not None],
        "rows": thinned(history, _MOST_LINES),
        "columns": [(key, titles[key]) for key in keys if any(key in line for line in history)],
        "epochs": len(history),
        "planned": whole(facts.settings.get("epochs")),
        "is_mirrored": "model" not in last and bool((facts.settings.get("augmentation") or {}).get("mirror")),
        "is_adversarial": "train_discriminator_accuracy" in last,
        "has_chance": facts.chance is not None,
        "score": decides.words,
        "is_error": decides.is_error,
        "first": scores[0][0] if scores else None,
        "last": finite(last.get(decides.in_history)),
        "best": None if best is None else best[0],
        "best_epoch": None if best is None else best[1].get("epoch"),
        "examples_per_second": sum(speeds) / len(speeds) if speeds else None,
        "on_fold": bool(facts.metrics.get("judged_on_folds")) and "model" not in last,
        "network": None if network == facts.recommended else network,
    }


# Small multiples that show each layer over the epochs of training, drawn by `page/training_layers.html`. All
# curves of a column are on one scale; across they run from the first to the last epoch, in per cent, and down
# in pixels.

HEIGHT = 36.0
_EDGE = 3.0
_MOST_ROWS = 12
# Length of an update relative to the weights that is usual, drawn as a line (notes of CS231n).
USUAL_UPDATE = 1e-3

Points = Sequence[tuple[int, float]]


class Curve(NamedTuple):
    """One layer's curve in one column, ready to draw.

    `path`: SVG path data of the line; `band`: SVG path data of the area between two lines, empty where there
    is none; `end`: of the line: across in per cent, and down; `reference`: height of a level to compare with,
    or `None`; `value`: the last value in words.
    """

    path: str
    band: str
    end: tuple[float, float]
    reference: float | None
    value: str


class LayerTable(NamedTuple):
    """Small multiples: a row for each layer, a column for each measure.

    `title`: what the rows are; `columns`: the measures, and the ends of their scales in words; `rows`: name
    of a layer, and its curves, `None` where it has no such measure; `layers`: number of layers that were
    measured, of which some are shown.
    """

    title: str
    columns: Sequence[tuple[str, str]]
    rows: Sequence[tuple[str, Sequence[Curve | None]]]
    layers: int


def layer_tables(history: Sequence[Mapping[str, Any]]) -> Sequence[LayerTable]:
    """Tables of weights and of activations by lines of `history.jsonl`, where something was measured."""
    tables = (_weights(history), _activations(history))
    return [table for table in tables if table.rows]


def _weights(history: Sequence[Mapping[str, Any]]) -> LayerTable:
    """Gradient and update of every layer with weights, in powers of ten."""
    gradients, updates = (_points(history, "weights", key) for key in ("gradient_norm", "update_to_weight"))
    by_gradient, gradient_words = _powers(gradients)
    by_update, update_words = _powers(updates, USUAL_UPDATE)
    last = len(history) - 1

    def logarithm(value: float) -> float:
        return math.log10(max(value, 1e-300))

    rows = [
        (
            name,
            (
                _curve(gradient, last, by_gradient, significant, height=logarithm),
                _curve(updates[name], last, by_update, significant, USUAL_UPDATE, height=logarithm),
            ),
        )
        for name, gradient in gradients.items()
    ]
    columns = ("Gradient norm", gradient_words), ("Update relative to the weights", update_words)
    return LayerTable("Weights", columns, _some(rows), len(rows))


def _activations(history: Sequence[Mapping[str, Any]]) -> LayerTable:
    """Mean and deviation of every activation, and its share of dead or saturated units."""
    keys = ("mean", "deviation", "dead", "saturated")
    means, deviations, dead, saturated = (_points(history, "activations", key) for key in keys)
    bands = {}
    for name, mean in means.items():
        both = list(zip(mean, deviations[name], strict=True))
        bands[name] = [[(at, value + sign * off) for (at, value), (_, off) in both] for sign in (-1, 1)]
    values = [0.0, *(value for band in bands.values() for line in band for _, value in line)]
    scale = _down(min(values), max(values) if max(values) > min(values) else min(values) + 1.0)
    words = Sentence(
        "{percent} to {percent2}", *(tick(float(f"{end:.2g}")) for end in (scale.low, scale.high))
    )
    last = len(history) - 1
    rows: list[tuple[str, Sequence[Curve | None]]] = []
    for name, mean in means.items():
        curve = _curve(mean, last, scale, significant, 0.0, bands[name])
        if curve is not None:
            curve = curve._replace(value=f"{curve.value} ± {significant(deviations[name][-1][1])}")
        word = "dead" if dead[name] else "saturated"
        share = _curve(dead[name] or saturated[name], last, _down(0.0, 1.0), percent)
        rows.append(
            (name, (curve, share and share._replace(value=Sentence("{value} {word}", share.value, word))))
        )
    columns = [
        ("Mean and deviation", words),
        ("Dead or saturated", Sentence("{percent} to {percent2}", percent(0.0), percent(1.0))),
    ]
    if all(curves[1] is None for _, curves in rows):
        columns, rows = columns[:1], [(name, curves[:1]) for name, curves in rows]
    return LayerTable("Activations", columns, _some(rows), len(rows))


def _measured(line: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    """Entry `weights` or `activations` of a line of `history.jsonl`, by layer."""
    found: Mapping[str, Any] = (line.get("health") or {}).get(part) or {}
    return found


def _points(history: Sequence[Mapping[str, Any]], part: str, key: str) -> Mapping[str, Points]:
    """The epochs, from 0, in which a number of each layer was measured, with the number."""
    lines = [_measured(line, part) for line in history]
    names = {str(name): None for line in lines for name in line}
    found = {name: [finite(line.get(name, {}).get(key)) for line in lines] for name in names}
    return {
        name: [(place, value) for place, value in enumerate(values) if value is not None]
        for name, values in found.items()
    }


def _powers(lines: Mapping[str, Points], *others: float) -> tuple[Axis, str]:
    """Whole powers of ten around all values above 0, at most 12: an axis of logarithms, its ends in words."""
    values = [*(value for points in lines.values() for _, value in points), *others]
    logarithms = [math.log10(value) for value in values if value > 0] or [0.0]
    high = math.ceil(max(logarithms) + 1e-9)
    low = max(math.floor(min(logarithms) - 1e-9), high - 12)
    high = max(high, low + 1)
    ends = (f"{10.0**end:g}" if -4 <= end <= 4 else f"10{superscript(end)}" for end in (low, high))
    return _down(low, high), Sentence("{ends}, by powers of ten", Sentence("{percent} to {percent2}", *ends))


def _down(low: float, high: float) -> Axis:
    """The vertical axis of a small plot."""
    return Axis(low, high, HEIGHT - _EDGE, _EDGE)


def _curve(
    points: Points,
    last: int,
    axis: Axis,
    words: Callable[[Any], str],
    reference: float | None = None,
    band: Sequence[Points] = (),
    height: Callable[[float], float] = float,
) -> Curve | None:
    """Lay out one curve, perhaps with a band; `None` without a point.

    `height` makes of a value what the axis shows.
    """
    if not points:
        return None

    def place(point: tuple[int, float]) -> tuple[float, float]:
        return round(100 * point[0] / max(1, last), 2), axis.place(height(point[1]))

    area = [*map(place, band[0]), *reversed([*map(place, band[1])])] if band else []
    return Curve(
        path=path_through([*map(place, points)]),
        band=f"{path_through(area)}Z" if area else "",
        end=place(points[-1]),
        reference=None if reference is None else axis.place(height(reference)),
        value=words(points[-1][1]),
    )


def _some(rows: Sequence[Any]) -> Sequence[Any]:
    """Evenly spaced rows of many, the first and the last among them."""
    if len(rows) <= _MOST_ROWS:
        return rows
    return [rows[round(place * (len(rows) - 1) / (_MOST_ROWS - 1))] for place in range(_MOST_ROWS)]
