"""Plots as SVG: axes, marks, and the layout of every plot of a page; `page/plots.html` draws them all."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from pellucid.evaluation import CurvePoint, Interval, Reliability
from pellucid.evaluation.promises import ErrorPoint
from pellucid.language.sentence import Sentence
from pellucid.reports.formatting import count, percent, shortened, superscript, tick

_LABEL_HEIGHT = 14.0


class Tick(NamedTuple):
    """A place on an axis, and its label."""

    place: float
    label: str


class Mark(NamedTuple):
    """An SVG element: its name, its attributes, and what is written in a `text`."""

    element: str
    attributes: Mapping[str, float | str]
    text: str = ""


@dataclass(frozen=True)
class Axis:
    """A straight scale of values from `low` to `high`, drawn from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    at: Sequence[tuple[float, str]] | None = None  # values with labels; by default round numbers
    decimals: int = 1  # of places

    def places(self, values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Where values lie."""
        return self.start + (self.end - self.start) * (values - self.low) / (self.high - self.low)

    def place(self, value: float) -> float:
        """Where a value lies; at an end what lies beyond it."""
        share = min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)
        return round(self.start + (self.end - self.start) * share, self.decimals)

    @property
    def ticks(self) -> list[Tick]:
        """The labelled places."""
        at = self.at
        if at is None:
            at = [(value, tick(value)) for value in round_steps(self.low, self.high)]
        return [Tick(self.place(value), label) for value, label in at]


@dataclass(frozen=True)
class Plot:
    """A plot that is ready to be drawn.

    Attributes:
        title: what it shows.
        note: beside the title, such as the name of the vertical axis with its unit.
        label: the plot in words, for screen readers.
        x_label: name of the horizontal axis with its unit.
        across: horizontal axis; in per cent of the width where there is no size.
        upward: vertical axis.
        marks: what is drawn, in this order.
        size: width and height in user units; `None` for a plot as wide as the page and 240 pixels high.
        labels_at: height of the ticks of the horizontal axis; by default that of the axis.
        caption: sentence below the plot.
    """

    title: str
    note: str
    label: str
    x_label: str
    across: Axis
    upward: Axis
    marks: Sequence[Mark]
    size: tuple[int, int] | None = None
    labels_at: float | None = None
    caption: str = ""


def mark(element: str, css: str, text: str = "", **attributes: float | str) -> Mark:
    """A mark by its class of the style sheet and its attributes, `text_anchor` for `text-anchor`."""
    return Mark(element, {"class": css, **{k.replace("_", "-"): v for k, v in attributes.items()}}, text)


def round_steps(low: float, high: float, most: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten that divide a range into at most so many steps."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def round_bounds(low: float, high: float) -> tuple[float, float]:
    """Round numbers around a range from `low` to `high`: multiples of one step of `round_steps`."""
    if not low < high:
        low, high = low - 0.5, high + 0.5
    steps = round_steps(low, high)
    width = steps[1] - steps[0] if len(steps) > 1 else high - low
    slack = 1e-9 * width
    floor, ceiling = math.floor((low + slack) / width), math.ceil((high - slack) / width)
    return round(width * floor, 12), round(width * ceiling, 12)


def path_through(points: Sequence[tuple[float, float]]) -> str:
    """SVG path data of a line through points."""
    return "M" + " L".join(f"{x:g},{y:g}" for x, y in points)


def spaced(heights: Sequence[float]) -> list[float]:
    """Heights of labels in the same order, moved so that they are at least one label's height apart."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    moved = list(heights)
    for _ in order:  # a label moved clear of one neighbour may have been moved onto the other
        for above, below in itertools.pairwise(order):
            overlap = moved[above] + _LABEL_HEIGHT - moved[below]
            if overlap > 0:
                moved[above] -= overlap / 2
                moved[below] = moved[above] + _LABEL_HEIGHT
    for above, below in itertools.pairwise(order):
        moved[below] = max(moved[below], moved[above] + _LABEL_HEIGHT)
    return [round(height, 1) for height in moved]


@dataclass(frozen=True)
class Ruler:
    """A score and its interval on a straight scale, in per cent of its width.

    `low`: left end of the interval; `high`: right end of the interval; `value`: the estimate; `ticks`: places
    on the scale; `reference`: a level to compare with, such as chance.
    """

    low: float
    high: float
    value: float
    ticks: Sequence[Tick]
    reference: Tick | None = None


def ruler(
    score: Interval, bounds: tuple[float, float] = (0.0, 1.0), reference: tuple[float, str] | None = None
) -> Ruler:
    """Lay out a score on a scale."""
    axis = Axis(*bounds, 0.0, 100.0, decimals=2)
    level = None if reference is None else Tick(axis.place(reference[0]), reference[1])
    low, high, value = axis.place(score.low), axis.place(score.high), axis.place(score.value)
    return Ruler(low, high, value, axis.ticks, level)


# Curves over epochs.

LEFT = 42.0  # units of the drawing, as all of these
RIGHT = 224.0
TOP = 12.0
BOTTOM = 160.0
# Numbers from this one on share the last bar.
_MOST_COUNTED = 16


class Series(NamedTuple):
    """A curve over epochs.

    `label`: direct label at its end; `style`: `main`, `second` or `plain`, a class of the style sheet; `xs`:
    horizontal values, ascending; `ys`: vertical values, `None` leaves a gap.
    """

    label: str
    style: str
    xs: Sequence[float]
    ys: Sequence[float | None]


def line_plot(
    series: Sequence[Series],
    title: str,
    description: str,
    unit: str,
    y_range: tuple[float, float] | None = None,
    reference: tuple[float, str] | None = None,
) -> Plot | None:
    """Lay out curves over epochs; `None` where no curve has a value.

    `y_range` are the ends of the vertical axis, by default zero and just above the data; `reference` is a
    level to compare with, and its label.
    """
    curves = [
        (each, points)
        for each in series
        if (points := [(x, y) for x, y in zip(each.xs, each.ys, strict=True) if y is not None])
    ]
    if not curves:
        return None
    xs, ys = ([point[side] for _, points in curves for point in points] for side in (0, 1))
    low, high = (min(xs), max(xs)) if min(xs) < max(xs) else (xs[0] - 1, xs[0] + 1)
    epochs = [(x, tick(x)) for x in round_steps(low, high) if float(x).is_integer()]
    across = Axis(low, high, LEFT, RIGHT, epochs)
    bottom, top = y_range or (0.0, 1.05 * max(ys) if max(ys) > 0 else 1.0)
    upward = Axis(bottom, top, BOTTOM, TOP)
    marks = []
    if reference is not None:
        y = upward.place(reference[0])
        marks = [
            mark("line", "reference", x1=LEFT, x2=RIGHT, y1=y, y2=y),
            mark("text", "quiet", reference[1], x=RIGHT + 6, y=y + 4),
        ]
    placed = [[(across.place(x), upward.place(y)) for x, y in points] for _, points in curves]
    for (each, _), line, height in zip(curves, placed, spaced([line[-1][1] for line in placed]), strict=True):
        marks += [
            mark("path", f"line {each.style}", d=path_through(line)),
            mark("circle", f"end {each.style}", cx=line[-1][0], cy=line[-1][1], r=3),
            mark("text", f"label {each.style}", each.label, x=RIGHT + 6, y=height + 4),
        ]
    return Plot(
        title,
        unit,
        Sentence("{title}: {description}", title, description),
        "epoch",
        across,
        upward,
        marks,
        (300, 200),
    )


def counts_plot(counts: Mapping[str, Sequence[int]], title: str, note: str, x_label: str, label: str) -> Plot:
    """Lay out one or two counts of each whole number from 0 as bars beside each other.

    Numbers from `_MOST_COUNTED` on share the last place.
    """
    kept = {
        name: [*found[:_MOST_COUNTED], sum(found[_MOST_COUNTED:])][: len(found)]
        for name, found in counts.items()
    }
    places = max(len(found) for found in kept.values())
    most = max((number for found in kept.values() for number in found), default=0)
    right = LEFT + SIDE + 30
    stride = -(-places // 8)
    at = [
        (float(number), f"{number}+" if number == _MOST_COUNTED else str(number))
        for number in range((places - 1) % stride, places, stride)
    ]
    across = Axis(-0.5, places - 0.5, LEFT, right, at, decimals=2)
    upward = Axis(0.0, 1.2 * most or 1.0, BOTTOM, TOP)
    wide = round(0.8 * (across.place(1.0) - across.place(0.0)) / len(kept), 2)
    marks = []
    for order, (name, found) in enumerate(kept.items()):
        css = ("count", "share")[order]
        for number, examples in enumerate(found):
            if examples:
                y = min(upward.place(examples), BOTTOM - 1)
                x = round(across.place(number) + wide * (order - len(kept) / 2), 2)
                marks.append(mark("rect", css, x=x, y=y, width=wide, height=round(BOTTOM - y, 1)))
        marks += [
            mark("rect", css, x=right - 76, y=TOP + 18 * order - 4, width=9, height=9),
            mark("text", "quiet", name, x=right - 62, y=TOP + 18 * order + 5),
        ]
    return Plot(title, note, label, x_label, across, upward, marks, (300, 200))


# Reliability: accuracy against confidence in a square, and below it how many answers each bin holds.

SIDE = 220.0  # units of the drawing, as all of these
SQUARE_LEFT = 42.0
SQUARE_TOP = 24.0
_COUNTS_TOP = 254.0
_COUNTS_HEIGHT = 34.0


def reliability_plot(
    reliability: Reliability,
    title: str,
    note: str,
    label: str,
    words: tuple[str, str] = ("confidence", "accuracy"),
) -> Plot:
    """Lay out a reliability diagram, whose axes are called `words`; empty bins leave no mark."""
    filled = [each for each in reliability.bins if each.examples]
    quarters = [(value, tick(value)) for value in (0.0, 0.25, 0.5, 0.75, 1.0)]
    left, right, top, bottom = SQUARE_LEFT, SQUARE_LEFT + SIDE, SQUARE_TOP, SQUARE_TOP + SIDE
    across, upward = Axis(0.0, 1.0, left, right, quarters), Axis(0.0, 1.0, bottom, top, quarters)
    counts_bottom = _COUNTS_TOP + _COUNTS_HEIGHT
    marks = [
        mark("text", "quiet", words[1], x=left, y=top - 16),
        mark("line", "reference", x1=left, y1=bottom, x2=right, y2=top),
    ]
    most = max((each.examples for each in filled), default=0)
    for each in filled:
        start, end = across.place(each.low), across.place(each.high)
        height = max(1.0, round(_COUNTS_HEIGHT * each.examples / most, 1))
        y, width = counts_bottom - height, round(end - start - 1, 1)
        marks.append(mark("rect", "count", x=start + 0.5, y=y, width=width, height=height))
    marks.append(mark("line", "axis", x1=left, x2=right, y1=counts_bottom, y2=counts_bottom))
    for each in filled:
        x = across.place(each.confidence)
        marks += _estimate(x, each.accuracy, upward, radius=3.5)
    return Plot(
        title, note, label, words[0], across, upward, marks, size=(300, 322), labels_at=counts_bottom
    )  # fmt: skip


def _estimate(
    x: float | str, score: Interval, upward: Axis, css: str = "", radius: float = 4, shift: float = 0.0
) -> list[Mark]:
    """A point with its interval as a thin bar, the bar moved sideways by some pixels."""
    y1, y2 = upward.place(score.high), upward.place(score.low)
    moved = {"transform": f"translate({shift:g} 0)"} if shift else {}
    return [
        mark("line", f"whisker {css}".rstrip(), x1=x, x2=x, y1=y1, y2=y2, **moved),
        mark("circle", f"point {css}".rstrip(), cx=x, cy=upward.place(score.value), r=radius),
    ]


# Scores with intervals along a curve, as wide as the page: over training examples, or the share answered.

CURVE_TOP = 16.0  # units of the drawing
CURVE_BOTTOM = 224.0
_NEAREST_TICKS = 14.0
_RIGHT_EDGE = 99.0
_ABOVE = 10.0

# Name, colour and points of a curve; across in the units of its axis.
_Curve = tuple[str, int, Sequence[tuple[float, Interval]]]


def curve_plot(
    curves: Mapping[str, Sequence[CurvePoint]], colours: Mapping[str, int], title: str, note: str, label: str
) -> Plot | None:
    """Lay out learning curves over the logarithm of the number of training examples.

    `None` without two different numbers of examples.
    """
    sizes = sorted({point.examples for points in curves.values() for point in points})
    if len(sizes) < 2 or sizes[0] < 1:
        return None
    scores = [point.score for points in curves.values() for point in points]
    low, high = min(score.low for score in scores), max(score.high for score in scores)
    room = 0.06 * (high - low) or 0.5
    across = Axis(math.log(sizes[0]), math.log(sizes[-1]), 0.0, 100.0)
    # The largest number has a label always, the others where there is room.
    at: list[tuple[float, str]] = []
    for size in reversed(sizes):
        if not at or across.place(at[0][0]) - across.place(math.log(size)) >= _NEAREST_TICKS:
            at.insert(0, (math.log(size), count(size)))
    lines: list[_Curve] = [
        (name, colours[name], [(math.log(point.examples), point.score) for point in points])
        for name, points in curves.items()
        if points
    ]
    across = replace(across, at=at)
    upward = Axis(low - room, high + room, CURVE_BOTTOM, CURVE_TOP)
    marks = _curve_marks(lines, across, upward)
    return Plot(title, note, label, "training examples, on a logarithmic scale", across, upward, marks)


def error_plot(points: Sequence[ErrorPoint], colour: int, title: str, note: str, label: str) -> Plot | None:
    """Lay out the error among the answered over their share; `None` of one point."""
    if len(points) < 2:
        return None
    high = max(point.error.high for point in points)
    across = Axis(0.0, 1.0, 0.0, 100.0, [(share / 100, f"{share}\u00a0%") for share in (0, 25, 50, 75, 100)])
    shares = [(error, f"{100 * error:g}\u00a0%") for error in round_steps(0.0, high)]
    upward = Axis(0.0, high, CURVE_BOTTOM, CURVE_TOP, shares)
    name = Sentence("all: {percent}", percent(points[-1].error.value))
    marks = _curve_marks([(name, colour, [(each.share, each.error) for each in points])], across, upward)
    return Plot(title, note, label, "share answered, those of highest trust first", across, upward, marks)


def _curve_marks(lines: Sequence[_Curve], across: Axis, upward: Axis) -> list[Mark]:
    """Each curve with its intervals, moved apart from those of the others, and a label at its end."""
    ends = [(across.place(points[-1][0]), upward.place(points[-1][1].value)) for _, _, points in lines]
    at_edge = iter(spaced([y for x, y in ends if x >= _RIGHT_EDGE]))
    marks, labels = [], []
    for number, ((name, colour, points), (end, _)) in enumerate(zip(lines, ends, strict=True)):
        css, shift = f"model-{colour}", round(5 * (number - (len(lines) - 1) / 2), 1)
        places = [(f"{across.place(x):g}%", upward.place(score.value)) for x, score in points]
        marks += [
            mark("line", f"join {css}", x1=x1, y1=y1, x2=x2, y2=y2)
            for (x1, y1), (x2, y2) in itertools.pairwise(places)
        ]
        for (x, _), (_, score) in zip(places, points, strict=True):
            marks += _estimate(x, score, upward, css, shift=shift)
        text, x = shortened(name, 19), f"{end:g}%"
        if end >= _RIGHT_EDGE:
            labels.append(mark("text", "direct", text, x=x, dx=12, y=next(at_edge) + 4))
        else:  # it ends before the right edge, so its label is above its end
            y = upward.place(points[-1][1].high) - _ABOVE + 4
            labels.append(mark("text", "direct", text, x=x, text_anchor="middle", y=y))
    return [*marks, *labels]


# Residuals of predicted numbers: scatter plots and a histogram. A residual is the answer minus the truth.

SCATTER_LEFT = 46.0  # units of the drawing, as all of these
SCATTER_RIGHT = 292.0
SCATTER_TOP = 10.0
SCATTER_BOTTOM = 178.0
SINGLE_MARKS = 500
_GRID = 4.0
# Examples in one place at which its mark deepens.
LEVELS = (1, 2, 5, 15, 50)
_BINS = 40
_PLAIN_POWERS = (-2, 4)


def residual_plots(
    true: Float64[np.ndarray, " test"], predicted: Float64[np.ndarray, " test"], noun: str
) -> list[Plot]:
    """Answer against truth, residual against answer, and the histogram of the residuals."""
    off = predicted - true
    both = _room(min(true.min(), predicted.min()), max(true.max(), predicted.max()))
    around_zero = _room(min(off.min(), 0.0), max(off.max(), 0.0))
    answers = _scatter(
        "Answer against truth",
        "a mark on the dashed line is a right answer, one above it was predicted too high, one below too low",
        (true, both, "true number"),
        (predicted, both, "answer"),
        (both, both),
    )
    against = _room(predicted.min(), predicted.max())
    residuals = _scatter(
        "Residual against answer",
        "the residual is the answer minus the truth; a band that bends or widens shows where it errs",
        (predicted, against, "answer"),
        (off, around_zero, "residual"),
        (against, (0.0, 0.0)),
    )
    return [answers, residuals, _histogram(off, around_zero, noun)]


def _room(low: float, high: float) -> tuple[float, float]:
    """Bounds with a little room at both ends, also around a single value."""
    margin = 0.04 * (high - low) or 0.5 * abs(high) or 0.5
    return float(low - margin), float(high + margin)


def _without_power(name: str, bounds: tuple[float, float], start: float, end: float) -> tuple[str, Axis]:
    """An axis and its name, which of very small or large numbers contains the power of ten."""
    low, high = bounds
    exponent = math.floor(math.log10(max(abs(low), abs(high))))
    if _PLAIN_POWERS[0] <= exponent <= _PLAIN_POWERS[1]:
        return name, Axis(low, high, start, end)
    at = [(value, tick(value / 10.0**exponent)) for value in round_steps(low, high)]
    return f"{name}, \u00d7\u00a010{superscript(exponent)}", Axis(low, high, start, end, at)


def _framed(
    title: str, description: str, x: tuple[str, Axis], y: tuple[str, Axis], marks: Sequence[Mark]
) -> Plot:
    """A plot of residuals, its description below it."""
    label, caption = (
        Sentence("{title}: {description}", title, description),
        Sentence("{capitalize}.", description.capitalize()),
    )
    return Plot(title, y[0], label, x[0], x[1], y[1], marks, (300, 220), caption=caption)


# Values, bounds of their axis, and its name.
_Side = tuple[Float64[np.ndarray, " test"], tuple[float, float], str]


def _scatter(
    title: str, description: str, x: _Side, y: _Side, line: tuple[tuple[float, float], tuple[float, float]]
) -> Plot:
    """Lay out a scatter plot with the line from its left to its right end on which answers are right.

    Up to 500 examples are marked each where it is. More are marked on a grid of 4 units, every place that
    holds an example by one mark, so that no outlier is lost and the page stays light.
    """
    x_name, across = _without_power(x[2], x[1], SCATTER_LEFT, SCATTER_RIGHT)
    y_name, upward = _without_power(y[2], y[1], SCATTER_BOTTOM, SCATTER_TOP)
    step = _GRID if len(x[0]) > SINGLE_MARKS else 0.1
    places = np.stack([across.places(x[0]), upward.places(y[0])], axis=1)
    cells, counts = np.unique(np.round(places / step).astype(np.int64), axis=0, return_counts=True)
    depths = np.searchsorted(LEVELS, counts, side="right")
    marks = []
    for depth in np.unique(depths).tolist():
        points = np.round(cells[depths == depth] * step, 1).tolist()
        marks.append(mark("path", f"marks depth-{depth}", d="".join(f"M{x:g} {y:g}h0" for x, y in points)))
    (x1, x2), (y1, y2) = map(across.place, line[0]), map(upward.place, line[1])
    marks.append(mark("line", "truth", x1=x1, y1=y1, x2=x2, y2=y2))
    return _framed(title, description, (x_name, across), (y_name, upward), marks)


def _histogram(off: Float64[np.ndarray, " test"], bounds: tuple[float, float], noun: str) -> Plot:
    """Histogram of the residuals, with 0 at the edge of a bar."""
    low, high = bounds
    steps = round_steps(low, high, _BINS)
    width = (steps[1] - steps[0] if len(steps) > 1 else 0.0) or high - low
    edges = np.arange(math.floor(low / width), math.ceil(high / width) + 1) * width
    counts, _ = np.histogram(off, edges)
    ends = float(edges[0]), float(edges[-1])
    x_name, across = _without_power("residual", ends, SCATTER_LEFT, SCATTER_RIGHT)
    most = float(counts.max()) * 1.05
    y_name, upward = _without_power(f"{noun}s", (0.0, most), SCATTER_BOTTOM, SCATTER_TOP)
    marks = []
    for left, right, number in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True):
        if number:
            x, y = across.place(left), min(upward.place(number), SCATTER_BOTTOM - 1)
            wide, tall = round(across.place(right) - x - 1, 1), round(SCATTER_BOTTOM - y, 1)
            marks.append(mark("rect", "share", x=round(x + 0.5, 1), y=y, width=wide, height=tall))
    zero = across.place(0.0)
    marks.append(mark("line", "truth", x1=zero, x2=zero, y1=SCATTER_TOP, y2=SCATTER_BOTTOM))
    description = "bars right of the line are predictions that are too high, bars left of it too low"
    return _framed("Spread of the residuals", description, (x_name, across), (y_name, upward), marks)
