"""Training: findings, the curves of every epoch, and the layers over time as small multiples."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.reports import scored_models
from pellucid.reports.axes import Axes, Plot, Series, line_plot
from pellucid.reports.facts import ReportFacts
from pellucid.reports.formatting import NOT_MEASURED, finite, percent, significant, superscript, tick

# Geometry of the small multiples that show each layer over the epochs of training.
#
# `page/training_layers.html` draws them as SVG. All curves of a column stand on one scale; across they run
# from
# the first to the last epoch, in per cent, and down in pixels.

HEIGHT = 36.0
_EDGE = 3.0
_MOST_ROWS = 12
# Length of an update relative to the weights that is usual, drawn as a line (notes of CS231n).
USUAL_UPDATE = 1e-3

Points = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Curve:
    """One layer's curve in one column, ready to draw.

    Attributes:
        path: SVG path data of the line.
        band: SVG path data of the area between two lines; empty where there is none.
        end: of the line: across in per cent, and down.
        reference: height of a level to compare with, or `None`.
        value: the last value in words.
    """

    path: str
    band: str
    end: tuple[float, float]
    reference: float | None
    value: str


# Name of a layer, and its curve in each column.
Row = tuple[str, Sequence[Curve | None]]


@dataclass(frozen=True)
class Column:
    """Column of the table of layers.

    Attributes:
        title: the measure.
        scale: its ends in words.
    """

    title: str
    scale: str


@dataclass(frozen=True)
class LayerTable:
    """Small multiples: a row for each layer, a column for each measure.

    Attributes:
        title: what the rows are.
        columns: the measures.
        rows: name of a layer, and its curves; `None` where it has no such measure.
        layers: number of layers that were measured, of which some are shown.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    layers: int


def layer_tables(history: Sequence[Mapping[str, Any]]) -> Sequence[LayerTable]:
    """Tables of weights and of activations by lines of `history.jsonl`, where something was measured."""
    tables = (_weights(history), _activations(history))
    return [table for table in tables if table.rows]


@dataclass(frozen=True)
class _Scale:
    """From values to heights."""

    low: float
    high: float
    is_log: bool = False

    def height(self, value: float) -> float:
        """Distance from the upper edge, kept within the plot."""
        place = math.log10(max(value, 1e-300)) if self.is_log else value
        share = (place - self.low) / (self.high - self.low)
        return round(HEIGHT - _EDGE - (HEIGHT - 2 * _EDGE) * min(max(share, 0.0), 1.0), 1)

    @property
    def words(self) -> str:
        """Range in words."""
        if self.is_log:
            low, high = (_power(int(exponent)) for exponent in (self.low, self.high))
            return f"{low} to {high}, by powers of ten"
        return " to ".join(tick(float(f"{end:.2g}")) for end in (self.low, self.high))


def _power(exponent: int) -> str:
    return f"{10.0**exponent:g}" if -4 <= exponent <= 4 else f"10{superscript(exponent)}"


def _weights(history: Sequence[Mapping[str, Any]]) -> LayerTable:
    """Gradient and update of every layer with weights, in powers of ten."""
    names = _names(history, "weights")
    gradients = [_points(history, "weights", name, "gradient_norm") for name in names]
    updates = [_points(history, "weights", name, "update_to_weight") for name in names]
    by_gradient = _powers(_values(gradients))
    by_update = _powers([*_values(updates), USUAL_UPDATE])
    last = len(history) - 1
    rows: list[Row] = [
        (
            name,
            (
                _curve(gradient, last, by_gradient, significant),
                _curve(update, last, by_update, significant, USUAL_UPDATE),
            ),
        )
        for name, gradient, update in zip(names, gradients, updates, strict=True)
    ]
    columns = (
        Column("Gradient norm", by_gradient.words),
        Column("Update relative to the weights", by_update.words),
    )
    return LayerTable("Weights", columns, _some(rows), len(rows))


def _activations(history: Sequence[Mapping[str, Any]]) -> LayerTable:
    """Mean and deviation of every activation, and its share of dead or saturated units."""
    names = _names(history, "activations")
    means = [_points(history, "activations", name, "mean") for name in names]
    deviations = [_points(history, "activations", name, "deviation") for name in names]
    ends = [
        [(place, mean + sign * deviation) for (place, mean), (_, deviation) in zip(*pair, strict=True)]
        for pair in zip(means, deviations, strict=True)
        for sign in (-1, 1)
    ]
    values = [*_values(ends), 0.0]
    scale = _Scale(min(values), max(values) if max(values) > min(values) else min(values) + 1.0)
    last = len(history) - 1
    rows: list[Row] = []
    for number, (name, mean) in enumerate(zip(names, means, strict=True)):
        curve = _curve(mean, last, scale, significant, 0.0, band=(ends[2 * number], ends[2 * number + 1]))
        rows.append((name, (_with_deviation(curve, deviations[number]), _share(history, name))))
    columns: tuple[Column, ...] = (Column("Mean and deviation", scale.words),)
    if any(curves[1] is not None for _, curves in rows):
        columns = (*columns, Column("Dead or saturated", f"{percent(0.0)} to {percent(1.0)}"))
    else:
        rows = [(name, curves[:1]) for name, curves in rows]
    return LayerTable("Activations", columns, _some(rows), len(rows))


def _with_deviation(curve: Curve | None, deviations: Points) -> Curve | None:
    if curve is None:
        return None
    value = f"{curve.value} ± {significant(deviations[-1][1])}"
    return dataclasses.replace(curve, value=value)


def _share(history: Sequence[Mapping[str, Any]], name: str) -> Curve | None:
    for share in ("dead", "saturated"):
        points = _points(history, "activations", name, share)
        if points:
            curve = _curve(points, len(history) - 1, _Scale(0.0, 1.0), percent)
            return None if curve is None else dataclasses.replace(curve, value=f"{curve.value} {share}")
    return None


def _names(history: Sequence[Mapping[str, Any]], part: str) -> list[str]:
    """Layers in the order in which they stand in the records."""
    found = {name: None for line in history for name in _part(line, part)}
    return [str(name) for name in found]


def _part(line: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (line.get("health") or {}).get(part) or {}
    return found


def _points(history: Sequence[Mapping[str, Any]], part: str, name: str, key: str) -> list[tuple[int, float]]:
    """The epochs, from 0, in which a layer's number was measured, with the number."""
    found = [(place, finite(_part(line, part).get(name, {}).get(key))) for place, line in enumerate(history)]
    return [(place, value) for place, value in found if value is not None]


def _values(lines: Sequence[Points]) -> list[float]:
    return [value for points in lines for _, value in points]


def _powers(values: Sequence[float]) -> _Scale:
    """Whole powers of ten around all values above 0, at most 12 of them."""
    logarithms = [math.log10(value) for value in values if value > 0] or [0.0]
    high = math.ceil(max(logarithms) + 1e-9)
    low = max(math.floor(min(logarithms) - 1e-9), high - 12)
    return _Scale(low, max(high, low + 1), is_log=True)


def _curve(
    points: Points,
    last: int,
    scale: _Scale,
    words: Callable[[Any], str],
    reference: float | None = None,
    band: tuple[Points, Points] | None = None,
) -> Curve | None:
    """Lay out one curve."""
    if not points:
        return None

    def placed(line: Points) -> list[str]:
        return [f"{round(100 * place / max(1, last), 2):g},{scale.height(value):g}" for place, value in line]

    across = round(100 * points[-1][0] / max(1, last), 2)
    area = "" if band is None else "M" + " L".join([*placed(band[0]), *placed(band[1])[::-1]]) + "Z"
    return Curve(
        path="M" + " L".join(placed(points)),
        band=area,
        end=(across, scale.height(points[-1][1])),
        reference=None if reference is None else scale.height(reference),
        value=words(points[-1][1]) or NOT_MEASURED,
    )


def _some(rows: list[Row]) -> list[Row]:
    """Evenly spaced rows of many, the first and the last among them."""
    if len(rows) <= _MOST_ROWS:
        return rows
    steps = _MOST_ROWS - 1
    return [rows[round(place * (len(rows) - 1) / steps)] for place in range(_MOST_ROWS)]


_COLUMNS = (
    ("train_loss", "Train loss"),
    ("train_accuracy", "Train accuracy"),
    ("validation_loss", "Validation loss"),
    ("train_generator_loss", "Loss of the generator"),
    ("train_discriminator_accuracy", "Discriminator accuracy"),
)


def training_section(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show what was found, and how loss, score, learning rate and the layers ran.

    Content of `page/training.html`; `None` without a history.
    """
    if not facts.history:
        return None
    decides = scored_models.headline(facts)
    key, words, is_error = decides.in_history, decides.words, decides.is_error
    scores = [(finite(line.get(key)), line) for line in facts.history]
    measured = [(value, line) for value, line in scores if value is not None]
    best = _best(measured, is_error)
    speed_key = "texts_per_second" if facts.noun == "text" else "images_per_second"
    speeds = [speed for line in facts.history if (speed := finite(line.get(speed_key)))]
    network = scored_models.network(facts)
    return {
        "findings": facts.metrics.get("findings"),
        "layers": layer_tables(facts.history),
        "measured_steps": sum((line.get("health") or {}).get("steps", 0) for line in facts.history),
        "has_frozen": _has_frozen(facts.history),
        "plots": [plot for plot in _training_plots(facts) if plot is not None],
        "rows": _thinned(facts.history, 200),
        "columns": _columns(facts),
        "epochs": len(facts.history),
        "planned": int(finite(facts.settings.get("epochs")) or 0),
        "is_mirrored": "model" not in facts.history[-1]
        and bool((facts.settings.get("augmentation") or {}).get("mirror")),
        "is_adversarial": _is_adversarial(facts),
        "has_chance": facts.chance is not None,
        "score": words,
        "is_error": is_error,
        "first": measured[0][0] if measured else None,
        "last": finite(facts.history[-1].get(key)),
        "best": best[0],
        "best_epoch": None if best[1] is None else best[1].get("epoch"),
        "examples_per_second": sum(speeds) / len(speeds) if speeds else None,
        "on_fold": bool(facts.metrics.get("judged_on_folds")) and "model" not in facts.history[-1],
        "network": None if network == facts.recommended else network,
    }


def _has_frozen(history: Sequence[Mapping[str, Any]]) -> bool:
    """True where a layer was measured at first and no longer in the end."""
    layers = [set((line.get("health") or {}).get("weights") or ()) for line in history]
    measured = [each for each in layers if each]
    return bool(measured) and not measured[0] <= measured[-1]


def _columns(facts: ReportFacts) -> Sequence[tuple[str, str]]:
    """Key and title of every loss and score of an epoch that was recorded."""
    scores = [(each.in_history, f"Validation {each.words}") for each in scored_models.metrics(facts)]
    columns = dict([*scores, *_COLUMNS])
    shown = [*(key for key, _ in _COLUMNS), *(key for key, _ in scores if key != "validation_loss")]
    return [(key, columns[key]) for key in shown if any(key in line for line in facts.history)]


def _best(
    measured: Sequence[tuple[float, Mapping[str, Any]]], is_error: bool
) -> tuple[float, Mapping[str, Any]] | tuple[None, None]:
    """The best epoch's score and line, the earliest of equals."""
    if not measured:
        return (None, None)
    return (min if is_error else max)(measured, key=lambda pair: pair[0])


def _thinned(lines: Sequence[Mapping[str, Any]], most: int) -> Sequence[Mapping[str, Any]]:
    """Evenly spaced lines of a long history, its last among them."""
    stride = math.ceil(len(lines) / most)
    return lines[(len(lines) - 1) % stride :: stride]


def _training_plots(facts: ReportFacts) -> Sequence[Plot | None]:
    lines = _thinned(facts.history, 400)
    epochs = [finite(line.get("epoch")) or float(place) for place, line in enumerate(lines, start=1)]

    def series(label: str, style: str, key: str) -> Series:
        return Series(label, style, epochs, [finite(line.get(key)) for line in lines])

    rate = line_plot(
        [series("", "plain", "learning_rate")],
        Axes("Learning rate", "Learning rate at the end of each epoch", "epoch", "no unit"),
    )
    if _is_adversarial(facts):
        return (*_plots_of_contest(series), rate)
    loss = line_plot(
        [series("validation", "main", "validation_loss"), series("train", "second", "train_loss")],
        Axes("Loss", "Mean loss after each epoch", "epoch", _loss_unit(facts), _loss_range(facts)),
    )
    if facts.generated is not None:
        terms = line_plot(
            [series("", "main", "validation_kl")],
            Axes("Divergence", "Divergence from the prior on validation images", "epoch", "nats per image"),
        )
        return loss, terms, rate
    if facts.is_regression:
        error = line_plot(
            [
                series("squared", "main", "validation_root_mean_squared_error"),
                series("absolute", "second", "validation_mean_absolute_error"),
            ],
            Axes(
                "Error",
                "Root mean squared and mean absolute error on validation after each epoch",
                "epoch",
                "root mean squared, mean absolute",
            ),
        )
        return error, loss, rate
    chance = None if facts.chance is None else (facts.chance, "largest class")
    accuracy = line_plot(
        [series("validation", "main", "validation_accuracy"), series("train", "second", "train_accuracy")],
        Axes(
            "Accuracy",
            "Share classified correctly after each epoch",
            "epoch",
            "share correct",
            (0, 1),
            chance,
        ),
    )
    return accuracy, loss, rate


def _plots_of_contest(series: Callable[[str, str, str], Series]) -> Sequence[Plot | None]:
    """Losses of generator and discriminator, and how often the latter was right."""
    losses = line_plot(
        [
            series("generator", "main", "train_generator_loss"),
            series("discriminator", "second", "train_loss"),
        ],
        Axes("Losses", "Mean loss of both networks over each epoch", "epoch", "nats per image"),
    )
    right = line_plot(
        [series("", "main", "train_discriminator_accuracy")],
        Axes(
            "Discriminator",
            "Share of real and generated images that it classified correctly over each epoch",
            "epoch",
            "share correct",
            (0, 1),
            (0.5, "guessing"),
        ),
    )
    return losses, right


def _is_adversarial(facts: ReportFacts) -> bool:
    return "train_discriminator_accuracy" in facts.history[-1]


def _loss_range(facts: ReportFacts) -> tuple[float, float] | None:
    """Bounds of the losses where they lie far from 0, as bits per dimension do; `None` for zero upwards."""
    if facts.generated is None:
        return None
    losses = [
        loss
        for line in facts.history
        for key in ("train_loss", "validation_loss")
        if (loss := finite(line.get(key))) is not None
    ]
    room = 0.05 * (max(losses) - min(losses)) or 0.5
    return min(losses) - room, max(losses) + room


def _loss_unit(facts: ReportFacts) -> str:
    """Unit of the loss."""
    if facts.generated is not None:
        return "bits per dimension"
    if facts.is_regression:
        return "squared error, labels standardised"
    return "squared error" if facts.settings.get("loss") == "mse" else f"nats per {facts.noun}"
