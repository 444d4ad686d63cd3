"""Geometry of the reliability diagram, of the learning curve, and of error against answered share.

The templates in `page/charts.html` draw them as SVG. A reliability diagram is laid out in user units,
300 wide and 312 high. The curves run across in per cent, so that its letters keep their size
at every width, and down in pixels.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pellucid.evaluation import CurvePoint, Interval, Reliability
from pellucid.evaluation.promises.abstention import ErrorPoint
from pellucid.reports.entries import colour
from pellucid.reports.numbers import count, percent, tick
from pellucid.reports.plots.axes import Bar, Tick, parted, round_steps

SIDE, SQUARE_LEFT, SQUARE_TOP = 220.0, 42.0, 8.0
COUNTS_TOP, COUNTS_HEIGHT = 238.0, 34.0
CURVE_TOP, CURVE_BOTTOM = 16.0, 224.0
_NEAREST_TICKS = 14.0
_RIGHT_EDGE = 99.0
_ABOVE = 10.0


@dataclass(frozen=True)
class Mark:
    """An estimate with its interval, ready to draw.

    Attributes:
        x: across.
        y: of the estimate.
        top: of the interval's upper end.
        bottom: of the interval's lower end.
    """

    x: float
    y: float
    top: float
    bottom: float


@dataclass(frozen=True)
class ReliabilityPlot:
    """A reliability diagram, ready to draw.

    Attributes:
        ticks: places on both axes, from 0 to 1, in user units from the origin.
        marks: one for each bin that holds an example.
        columns: how many examples each holds.
        most: examples in the fullest bin.
    """

    ticks: Sequence[Tick]
    marks: Sequence[Mark]
    columns: Sequence[Bar]
    most: str


@dataclass(frozen=True)
class Curve:
    """One model's curve, ready to draw.

    Attributes:
        name: the model; the curve's direct label.
        colour: place of its colour.
        marks: one for each place along the curve; across in per cent.
        shift: pixels by which its intervals are moved to part them from its neighbours'.
        label_y: height of the label.
    """

    name: str
    colour: int
    marks: Sequence[Mark]
    shift: float
    label_y: float

    @property
    def end(self) -> Mark:
        """The mark that its label stands at."""
        return self.marks[-1]

    @property
    def is_short(self) -> bool:
        """True where it ends before the right edge, so that its label stands above its end."""
        return self.end.x < _RIGHT_EDGE

    @property
    def steps(self) -> Sequence[tuple[Mark, Mark]]:
        """Neighbouring marks, to be joined."""
        return list(itertools.pairwise(self.marks))


@dataclass(frozen=True)
class CurvePlot:
    """A plot of curves, ready to draw.

    Attributes:
        x_label: what runs across.
        x_ticks: numbers of training examples, or shares; in per cent.
        y_ticks: scores, in pixels.
        curves: one for each model.
    """

    x_label: str
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    curves: Sequence[Curve]


def reliability_plot(reliability: Reliability) -> ReliabilityPlot:
    """Lay out a reliability diagram.

    The diagram; empty bins leave no mark.
    """
    filled = [each for each in reliability.bins if each.examples]
    most = max((each.examples for each in filled), default=0)

    def across(value: float) -> float:
        return round(SQUARE_LEFT + SIDE * min(max(value, 0.0), 1.0), 1)

    def down(value: float) -> float:
        return round(SQUARE_TOP + SIDE * (1 - min(max(value, 0.0), 1.0)), 1)

    marks = [_mark(across(each.confidence), each.accuracy, down) for each in filled]
    columns = []
    for each in filled:
        height = max(1.0, round(COUNTS_HEIGHT * each.examples / most, 1))
        left, right = across(each.low), across(each.high)
        top = COUNTS_TOP + COUNTS_HEIGHT - height
        columns.append(Bar(left + 0.5, top, round(right - left - 1, 1), height))
    ticks = [Tick(round(SIDE * value, 1), tick(value)) for value in (0.0, 0.25, 0.5, 0.75, 1.0)]
    return ReliabilityPlot(ticks, marks, columns, count(most))


def curve_plot(curves: Mapping[str, Sequence[CurvePoint]]) -> CurvePlot | None:
    """Lay out learning curves over the logarithm of the number of training examples.

    The plot, or `None` without two different numbers of examples.
    """
    drawn = {name: points for name, points in curves.items() if points}
    sizes = sorted({point.examples for points in drawn.values() for point in points})
    if len(sizes) < 2 or sizes[0] < 1:
        return None
    y_low, y_high = _reach([point.score for points in drawn.values() for point in points])

    def across(examples: int) -> float:
        return round(100 * math.log(examples / sizes[0]) / math.log(sizes[-1] / sizes[0]), 2)

    def down(score: float) -> float:
        return round(CURVE_BOTTOM - (CURVE_BOTTOM - CURVE_TOP) * (score - y_low) / (y_high - y_low), 1)

    placed = {
        name: [_mark(across(point.examples), point.score, down) for point in points]
        for name, points in drawn.items()
    }
    labels = iter(parted([marks[-1].y for marks in placed.values() if marks[-1].x >= _RIGHT_EDGE]))
    middle = (len(placed) - 1) / 2
    lines = [
        Curve(
            name,
            colour(name),
            marks,
            round(5 * (place - middle), 1),
            next(labels) if marks[-1].x >= _RIGHT_EDGE else marks[-1].top - _ABOVE,
        )
        for place, (name, marks) in enumerate(placed.items())
    ]
    heights = [Tick(down(value), tick(value)) for value in round_steps(y_low, y_high)]
    label = "training examples, on a logarithmic scale"
    return CurvePlot(label, _sizes_shown(sizes, across), heights, lines)


def error_plot(points: Sequence[ErrorPoint], name: str) -> CurvePlot | None:
    """Lay out the error among the answered over their share, in a model's colour; `None` of one point."""
    if len(points) < 2:
        return None
    high = max(point.error.high for point in points)

    def down(error: float) -> float:
        return round(CURVE_BOTTOM - (CURVE_BOTTOM - CURVE_TOP) * error / high, 1)

    marks = [
        Mark(round(100 * each.share, 2), *map(down, (each.error.value, each.error.high, each.error.low)))
        for each in points
    ]
    shares = [Tick(float(share), f"{share}\u00a0%") for share in (0, 25, 50, 75, 100)]
    heights = [Tick(down(error), f"{100 * error:g}\u00a0%") for error in round_steps(0.0, high)]
    curve = Curve(f"all: {percent(points[-1].error.value)}", colour(name), marks, 0.0, marks[-1].y)
    return CurvePlot("share answered, those of highest trust first", shares, heights, [curve])


def _mark(x: float, score: Interval, down: Callable[[float], float]) -> Mark:
    return Mark(x, down(score.value), down(score.high), down(score.low))


def _reach(scores: Sequence[Interval]) -> tuple[float, float]:
    """Bounds that hold every interval, with a little room."""
    low = min(score.low for score in scores)
    high = max(score.high for score in scores)
    room = 0.06 * (high - low) or 0.5
    return low - room, high + room


def _sizes_shown(sizes: Sequence[int], across: Callable[[int], float]) -> Sequence[Tick]:
    """The numbers of examples that were trained on, as far as their labels have room; the largest always."""
    kept: list[Tick] = []
    for examples in reversed(sizes):
        place = across(examples)
        if not kept or kept[-1].place - place >= _NEAREST_TICKS:
            kept.append(Tick(place, count(examples)))
    return kept[::-1]
