"""Residuals of predicted numbers: scatter plots and a histogram as SVG geometry.

`page/errors_numbers.html` draws them. All lengths are in SVG user units; a plot is 300 wide and
220 high, and the page scales it. A residual is the answer minus the true number.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from pellucid.reports.axes import Bar, Tick, round_steps
from pellucid.reports.formatting import Score, superscript, tick

LEFT, RIGHT, TOP, BOTTOM = 46.0, 292.0, 10.0, 178.0
SINGLE_MARKS = 500
_STEP = 4.0
# Examples in one place at which its mark deepens.
LEVELS = (1, 2, 5, 15, 50)
_BINS = 40
_PLAIN_POWERS = (-2, 4)


@dataclass(frozen=True)
class Axis:
    """A straight scale.

    Attributes:
        name: what it measures.
        low: value at its start.
        high: value at its end.
        start: user units.
        end: user units.
    """

    name: str
    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """User units of a value."""
        return round(self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low), 1)

    def places(self, values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """User units of several values."""
        return self.start + (self.end - self.start) * (values - self.low) / (self.high - self.low)

    @property
    def power(self) -> int:
        """Power of ten that the tick labels leave out; zero for numbers of an ordinary size."""
        exponent = math.floor(math.log10(max(abs(self.low), abs(self.high))))
        return 0 if _PLAIN_POWERS[0] <= exponent <= _PLAIN_POWERS[1] else exponent

    @property
    def title(self) -> str:
        """Its name, with the power of ten that its tick labels leave out."""
        return f"{self.name}, \u00d7\u00a010{superscript(self.power)}" if self.power else self.name

    @property
    def ticks(self) -> list[Tick]:
        """Labelled places at round numbers."""
        return [
            Tick(self.place(value), tick(value / 10.0**self.power if self.power else value))
            for value in round_steps(self.low, self.high)
        ]


@dataclass(frozen=True)
class Scatter:
    """A scatter plot, ready to draw.

    Attributes:
        title: what it shows.
        description: its content in words.
        across: horizontal axis.
        upward: vertical axis.
        levels: depth of colour, 1 to 5, and the SVG path of the marks that have it.
        line: ends of the line on which an answer is right: x, y, x, y.
    """

    title: str
    description: str
    across: Axis
    upward: Axis
    levels: Sequence[tuple[int, str]]
    line: tuple[float, float, float, float]


@dataclass(frozen=True)
class Histogram:
    """A histogram, ready to draw.

    Attributes:
        title: what it shows.
        description: its content in words.
        across: horizontal axis.
        upward: vertical axis.
        bars: the bars that hold something.
        zero: place of the residual zero.
    """

    title: str
    description: str
    across: Axis
    upward: Axis
    bars: Sequence[Bar]
    zero: float


@dataclass(frozen=True)
class Residuals:
    """Residuals of a test split, ready to draw.

    Attributes:
        examples: answers looked at.
        left_out: answers left out because they, or their true numbers, are not finite.
        half_within: distance from the truth within which half of the answers lie.
        most_within: the same for nine in ten.
        worst: largest distance from the truth.
        mean: mean residual with its 95 % interval, by the normal approximation.
        is_thinned: whether marks near each other were drawn as one.
        plots: answer against truth, and residual against answer.
        histogram: how often each residual occurs.
    """

    examples: int
    left_out: int
    half_within: float
    most_within: float
    worst: float
    mean: Score
    is_thinned: bool
    plots: Sequence[Scatter]
    histogram: Histogram

    @property
    def leans(self) -> bool:
        """True where the predictions lie on one side of the truth, on the mean, beyond chance."""
        return self.mean.low > 0 or self.mean.high < 0


def residuals(rows: Float64[np.ndarray, "test 2"], noun: str) -> Residuals | None:
    """Measure and draw how far answers are off; `None` without a finite row.

    A row is the true number and the answer of a test example; `noun` is what one is called, such as `image`.
    """
    known = rows[np.isfinite(rows).all(axis=1)]
    if len(known) == 0:
        return None
    true, predicted = known[:, 0], known[:, 1]
    off = predicted - true
    spread = 1.96 * float(off.std(ddof=1)) / math.sqrt(len(off)) if len(off) > 1 else math.inf
    mean = float(off.mean())
    half, most, worst = (float(each) for each in np.quantile(np.abs(off), (0.5, 0.9, 1.0)))
    return Residuals(
        examples=len(known), left_out=len(rows) - len(known),
        half_within=half, most_within=most, worst=worst,
        mean=Score(mean, mean - spread, mean + spread),
        is_thinned=len(known) > SINGLE_MARKS,
        plots=(_answers(true, predicted), _against_answers(predicted, off)),
        histogram=_histogram(off, noun),
    )  # fmt: skip


def _answers(true: Float64[np.ndarray, " test"], predicted: Float64[np.ndarray, " test"]) -> Scatter:
    low, high = _room(min(true.min(), predicted.min()), max(true.max(), predicted.max()))
    across, upward = _across(low, high, "true number"), _upward(low, high, "answer")
    return Scatter(
        "Answer against truth",
        "a mark on the dashed line is a right answer, one above it was predicted too high, one below too low",
        across, upward, _marks(true, predicted, across, upward),
        (across.place(low), upward.place(low), across.place(high), upward.place(high)),
    )  # fmt: skip


def _against_answers(predicted: Float64[np.ndarray, " test"], off: Float64[np.ndarray, " test"]) -> Scatter:
    across = _across(*_room(predicted.min(), predicted.max()), "answer")
    upward = _upward(*_room(min(off.min(), 0.0), max(off.max(), 0.0)), "residual")
    zero = upward.place(0.0)
    return Scatter(
        "Residual against answer",
        "the residual is the answer minus the truth; a band that bends or widens shows where it errs",
        across, upward, _marks(predicted, off, across, upward), (LEFT, zero, RIGHT, zero),
    )  # fmt: skip


def _marks(
    xs: Float64[np.ndarray, " test"], ys: Float64[np.ndarray, " test"], across: Axis, upward: Axis
) -> list[tuple[int, str]]:
    """The marks as one path per depth of colour.

    Up to 500 examples are marked each where it is. More are marked on a grid of 4 units, every place that
    holds an example by one mark, so that no outlier is lost and the page stays light.

    Depth 1 to 5, and path data of points.
    """
    step = _STEP if len(xs) > SINGLE_MARKS else 0.1
    places = np.stack([across.places(xs), upward.places(ys)], axis=1)
    cells, counts = np.unique(np.round(places / step).astype(np.int64), axis=0, return_counts=True)
    depths = np.searchsorted(LEVELS, counts, side="right")
    paths = []
    for depth in range(1, len(LEVELS) + 1):
        chosen = cells[depths == depth] * step
        if len(chosen):
            paths.append((depth, "".join(f"M{x:g} {y:g}h0" for x, y in np.round(chosen, 1).tolist())))
    return paths


def _histogram(off: Float64[np.ndarray, " test"], noun: str) -> Histogram:
    """Histogram of the residuals, with 0 at the edge of a bar."""
    low, high = _room(min(off.min(), 0.0), max(off.max(), 0.0))
    steps = round_steps(low, high, _BINS)
    width = (steps[1] - steps[0] if len(steps) > 1 else 0.0) or high - low
    first, last = math.floor(low / width), math.ceil(high / width)
    edges = np.arange(first, last + 1) * width
    counts, _ = np.histogram(off, edges)
    across = _across(float(edges[0]), float(edges[-1]), "residual")
    upward = _upward(0.0, float(counts.max()) * 1.05, f"{noun}s")
    bars = []
    for left, right, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True):
        if count:
            x, y = across.place(left), min(upward.place(count), BOTTOM - 1)
            bars.append(
                Bar(
                    round(x + 0.5, 1),
                    round(y, 1),
                    round(across.place(right) - x - 1, 1),
                    round(BOTTOM - y, 1),
                )
            )
    return Histogram(
        "Spread of the residuals",
        "bars right of the line are predictions that are too high, bars left of it too low",
        across, upward, bars, across.place(0.0),
    )  # fmt: skip


def _room(low: float, high: float) -> tuple[float, float]:
    """Bounds with a little room at both ends, also around a single value."""
    margin = 0.04 * (high - low) or 0.5 * abs(high) or 0.5
    return float(low - margin), float(high + margin)


def _across(low: float, high: float, name: str) -> Axis:
    return Axis(name, low, high, LEFT, RIGHT)


def _upward(low: float, high: float, name: str) -> Axis:
    return Axis(name, low, high, BOTTOM, TOP)
