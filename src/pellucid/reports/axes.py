"""Geometry of plots with axes. The templates in `page/plots.html` draw them as SVG.

All lengths are in SVG user units; a plot is 300 wide and 200 high, and the page scales it.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.reports.formatting import Score, tick

LEFT, RIGHT, TOP, BOTTOM = 42.0, 224.0, 12.0, 160.0
_LABEL_HEIGHT = 14.0


@dataclass(frozen=True)
class Series:
    """One line of a plot before it is drawn.

    Attributes:
        label: direct label at its end.
        style: `main`, `second` or `plain`, a class of the style sheet.
        xs: horizontal values, ascending.
        ys: vertical values; `None` leaves a gap.
    """

    label: str
    style: str
    xs: Sequence[float]
    ys: Sequence[float | None]

    def points(self) -> list[tuple[float, float]]:
        """The points that have a value."""
        return [(x, y) for x, y in zip(self.xs, self.ys, strict=True) if y is not None]


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis.

    Attributes:
        place: user units.
        label: its number.
    """

    place: float
    label: str


@dataclass(frozen=True)
class Bar:
    """An upright bar, in user units.

    Attributes:
        x: left edge.
        y: upper edge.
        width: across.
        height: down to the axis; at least one unit where anything was counted.
    """

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Drawn:
    """One line of a plot, ready to draw.

    Attributes:
        label: direct label.
        style: class of the style sheet.
        path: SVG path data.
        end: last point.
        label_y: height of the label, moved clear of its neighbours.
    """

    label: str
    style: str
    path: str
    end: tuple[float, float]
    label_y: float


@dataclass(frozen=True)
class Plot:
    """A line plot, ready to draw.

    Attributes:
        title: what it shows, for screen readers and above the plot.
        description: its content in words, for screen readers.
        x_label: name of the horizontal axis with its unit.
        y_label: name of the vertical axis with its unit.
        x_ticks: places on the horizontal axis.
        y_ticks: places on the vertical axis.
        lines: the curves.
        reference: a level to compare with, such as chance.
    """

    title: str
    description: str
    x_label: str
    y_label: str
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    lines: Sequence[Drawn]
    reference: Tick | None


@dataclass(frozen=True)
class Axes:
    """Labels and ranges of a plot's axes.

    Attributes:
        title: what the plot shows.
        description: its content in words.
        x_label: name of the horizontal axis with its unit.
        y_label: name of the vertical axis with its unit.
        y_range: bounds of the vertical axis, or `None` for zero to a round number above the data.
        reference: value and label of a level to compare with.
    """

    title: str
    description: str
    x_label: str
    y_label: str
    y_range: tuple[float, float] | None = None
    reference: tuple[float, str] | None = None


def round_steps(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers that divide a range into at most so many steps, the upper end above the lower one.

    Multiples of 1, 2 or 5 times a power of ten inside the range.
    """
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
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


def line_plot(series: Sequence[Series], axes: Axes) -> Plot | None:
    """Lay out curves over epochs.

    The plot, or `None` where no curve has a value.
    """
    drawable = [each for each in series if each.points()]
    if not drawable:
        return None
    points = [point for each in drawable for point in each.points()]
    x_low, x_high = _widened(min(x for x, _ in points), max(x for x, _ in points))
    y_low, y_high = axes.y_range or _upward(max(y for _, y in points))

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + (RIGHT - LEFT) * (x - x_low) / (x_high - x_low)
        height = BOTTOM - (BOTTOM - TOP) * (y - y_low) / (y_high - y_low)
        return round(across, 1), round(min(max(height, TOP), BOTTOM), 1)

    placed = [[place(x, y) for x, y in each.points()] for each in drawable]
    label_heights = parted([line[-1][1] for line in placed])
    lines = [
        Drawn(each.label, each.style, path_through(line), line[-1], height)
        for each, line, height in zip(drawable, placed, label_heights, strict=True)
    ]
    whole = [x for x in round_steps(x_low, x_high) if float(x).is_integer()]
    return Plot(
        axes.title, axes.description, axes.x_label, axes.y_label,
        [Tick(place(x, y_low)[0], tick(x)) for x in whole],
        [Tick(place(x_low, y)[1], tick(y)) for y in round_steps(y_low, y_high)],
        lines,
        None if axes.reference is None else Tick(place(x_low, axes.reference[0])[1], axes.reference[1]),
    )  # fmt: skip


def _widened(low: float, high: float) -> tuple[float, float]:
    """Give a single place on an axis room on both sides."""
    return (low, high) if low < high else (low - 1, high + 1)


def _upward(high: float) -> tuple[float, float]:
    """Bounds from zero to just above the highest value."""
    return 0.0, high * 1.05 if high > 0 else 1.0


def path_through(points: Sequence[tuple[float, float]]) -> str:
    """SVG path data of a line through points."""
    return "M" + " L".join(f"{x:g},{y:g}" for x, y in points)


def parted(heights: Sequence[float]) -> list[float]:
    """Move labels apart so that none lies on another.

    Heights in the same order, at least one label's height apart.
    """
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

    Attributes:
        low: left end of the interval.
        high: right end of the interval.
        value: the estimate.
        ticks: places on the scale.
        reference: a level to compare with, such as chance.
    """

    low: float
    high: float
    value: float
    ticks: Sequence[Tick]
    reference: Tick | None = None


def ruler(
    score: Score, bounds: tuple[float, float] = (0.0, 1.0), reference: tuple[float, str] | None = None
) -> Ruler:
    """Lay out a score on a scale."""
    low, high = bounds

    def place(value: float) -> float:
        return round(100 * min(max((value - low) / (high - low), 0.0), 1.0), 2)

    return Ruler(
        place(score.low), place(score.high), place(score.value),
        [Tick(place(value), tick(value)) for value in round_steps(low, high)],
        None if reference is None else Tick(place(reference[0]), reference[1]),
    )  # fmt: skip
