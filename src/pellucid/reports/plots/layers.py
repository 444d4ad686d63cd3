"""Geometry of the small multiples that show each layer over the epochs of training.

`page/training_layers.html` draws them as SVG. All curves of a column stand on one scale; across they run from
the first to the last epoch, in per cent, and down in pixels.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.reports.numbers import NOT_MEASURED, finite, percent, significant, superscript, tick

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
