"""Geometry of curves with bands: the mean over several trainings, and their range.

`page/comparison.html` draws them as SVG. Lengths are in user units, 372 wide and 224 high.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from pellucid.reports.numbers import tick
from pellucid.reports.plots.axes import Tick, parted, path_through, round_steps

LEFT, RIGHT, TOP, BOTTOM = 44.0, 238.0, 10.0, 180.0
_MOST_POINTS = 200


@dataclass(frozen=True)
class Band:
    """One curve with its band, ready to draw.

    Attributes:
        label: direct label at its end.
        colour: place of its colour.
        line: SVG path data of the mean.
        area: SVG path data from the lowest to the highest training.
        end: last point of the mean.
        label_y: height of the label, moved clear of its neighbours.
    """

    label: str
    colour: int
    line: str
    area: str
    end: tuple[float, float]
    label_y: float


@dataclass(frozen=True)
class BandPlot:
    """Curves with bands, ready to draw.

    Attributes:
        title: what it shows.
        y_label: name of the vertical axis with its unit.
        x_ticks: epochs.
        y_ticks: values.
        bands: the curves.
    """

    title: str
    y_label: str
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    bands: Sequence[Band]


@dataclass(frozen=True)
class Bundle:
    """The trainings of one curve before they are drawn.

    Attributes:
        label: direct label.
        colour: place of its colour.
        values: one row for each training, one column for each epoch.
    """

    label: str
    colour: int
    values: Float64[np.ndarray, "trainings epochs"]


def shared_epochs(trainings: Sequence[Sequence[float]]) -> Float64[np.ndarray, "trainings epochs"]:
    """Cut trainings to the epochs that all of them reached, so that a mean is always over all."""
    length = min((len(each) for each in trainings), default=0)
    return np.array([each[:length] for each in trainings], np.float64).reshape(len(trainings), length)


def band_plot(bundles: Sequence[Bundle], title: str, y_label: str) -> BandPlot | None:
    """Lay out curves with bands over epochs; `None` where there is nothing to draw.

    Curves without an epoch are left out; `y_label` is the name of the vertical axis with its unit.
    """
    drawn = [each for each in bundles if each.values.size]
    if not drawn:
        return None
    last = max(each.values.shape[1] for each in drawn)
    low, high = _reach(drawn)
    width = max(1, last - 1)

    def point(column: int, value: float) -> tuple[float, float]:
        across = LEFT + (RIGHT - LEFT) * (column / width if last > 1 else 0.5)
        down = BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low)
        return round(across, 1), round(min(max(down, TOP), BOTTOM), 1)

    def path(columns: Sequence[int], values: Float64[np.ndarray, " epochs"]) -> list[tuple[float, float]]:
        return [point(column, float(values[column])) for column in columns]

    lines, areas = [], []
    for each in drawn:
        columns = _columns(each.values.shape[1])
        lines.append(path(columns, each.values.mean(axis=0)))
        upper = path(columns, each.values.max(axis=0))
        areas.append([*upper, *path(columns, each.values.min(axis=0))[::-1]])
    heights = parted([line[-1][1] for line in lines])
    bands = [
        Band(each.label, each.colour, path_through(line), path_through(area) + " Z", line[-1], height)
        for each, line, area, height in zip(drawn, lines, areas, heights, strict=True)
    ]
    epochs = [epoch for epoch in round_steps(1, max(2, last)) if epoch >= 1 and float(epoch).is_integer()]
    return BandPlot(
        title,
        y_label,
        [Tick(point(int(epoch) - 1, low)[0], tick(epoch)) for epoch in epochs if epoch <= last],
        [Tick(point(0, value)[1], tick(value)) for value in round_steps(low, high)],
        bands,
    )


def _reach(bundles: Sequence[Bundle]) -> tuple[float, float]:
    """Bounds that hold every training, with a little room; a loss that starts far off is cut."""
    low = min(float(each.values.min()) for each in bundles)
    high = max(float(each.values.max()) for each in bundles)
    ends = max(float(each.values[:, -1].max()) for each in bundles)
    high = min(high, max(ends, low) + 8 * max(ends - low, 1e-9)) if high > ends > low else high
    room = 0.04 * (high - low) or 0.5
    return low - room, high + room


def _columns(epochs: int) -> list[int]:
    """Evenly spaced epochs, the last among them."""
    stride = math.ceil(epochs / _MOST_POINTS)
    return list(range((epochs - 1) % stride, epochs, stride))


def by_training(
    history: Sequence[Mapping[str, object]], variant: str, key: str
) -> Float64[np.ndarray, "trainings epochs"]:
    """The values of one variant's trainings from the lines of `history.jsonl`, such as `validation_loss`.

    One row for each training that has the value, cut to the epochs they share.
    """
    trainings: dict[tuple[object, object], list[float]] = {}
    for line in history:
        value = line.get(key)
        if line.get("variant") == variant and isinstance(value, int | float):
            trainings.setdefault((line.get("seed"), line.get("fold")), []).append(float(value))
    return shared_epochs(list(trainings.values()))
