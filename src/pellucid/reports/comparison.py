"""The page of a comparison of variants: means with intervals, paired differences and curves with bands."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from pellucid.evaluation import Interval
from pellucid.reports.facts import noun_of
from pellucid.reports.formatting import finite, tick
from pellucid.reports.plots import Ruler, Tick, parted, path_through, round_steps, ruler
from pellucid.reports.report import environment
from pellucid.reports.scored_models import Pairing, drawn, read_pair
from pellucid.settings import METRICS, ROWS, Metric

# Geometry of curves with bands: the mean over several trainings, and their range.
#
# `page/comparison.html` draws them as SVG. Lengths are in user units, 372 wide and 224 high.

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


# Places of colours that are told apart at a glance; the variants that are not drawn are grey.
_COLOURS = (6, 5, 3, 1, 2, 4)
_GREY = 0
_MOST_DRAWN = len(_COLOURS)
_LABEL = 17


@dataclass(frozen=True)
class ComparisonFacts:
    """Everything the page shows; the page adds words and images, no measurement.

    Attributes:
        title: what the comparison is about, such as the place of its data.
        metrics: the content of `metrics.json`.
        history: the lines of `history.jsonl`.
        settings: every fixed setting as it was used.
        versions: program and library names to versions.
        command: the command that made the comparison.
    """

    title: str
    metrics: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    command: str

    @property
    def noun(self) -> str:
        """Noun of one example, such as `image`."""
        return noun_of(self.metrics)

    @property
    def found(self) -> Mapping[str, Any]:
        """The comparison in `metrics.json`."""
        found: Mapping[str, Any] = self.metrics["compare"]
        return found

    @property
    def measured(self) -> Metric:
        """The score that decides."""
        return METRICS[self.found["metric"]]


@dataclass(frozen=True)
class VariantRow:
    """A line of the table of variants.

    Attributes:
        name: the variant.
        colour: place of its colour.
        is_best: whether its mean is the best.
        mean: of the score that decides.
        bar: the mean on the table's common scale.
        dots: the score of each training on that scale, in per cent.
        others: means of the other scores, without intervals.
        facts: its entry in `metrics.json`.
    """

    name: str
    colour: int
    is_best: bool
    mean: Interval
    bar: Ruler
    dots: Sequence[float]
    others: Sequence[float]
    facts: Mapping[str, Any]


def render_comparison(facts: ComparisonFacts) -> str:
    """Write the page.

    Like the report, it is one self-contained file: no script, no request, every foreign text escaped. Equal
    facts give equal text.

    HTML, to be encoded as UTF-8.
    """
    # A colour for each of the best few variants, in the order in which they were given.
    variants: Mapping[str, Any] = facts.found["variants"]
    sign = -1 if facts.found["larger_is_better"] else 1
    best = sorted(variants, key=lambda name: sign * float(variants[name]["mean"]["value"]))[:_MOST_DRAWN]
    own = iter(_COLOURS)
    colours = {str(name): next(own) if name in best else _GREY for name in variants}
    rows, bounds = _rows(facts, colours)
    pairs = _pairs(facts)
    content = {
        "rows": rows,
        "bounds": bounds,
        "others": _others(facts),
        "first": [each for each in pairs if each.first == facts.found["best"]],
        "rest": [each for each in pairs if each.first != facts.found["best"]],
        "pair_bounds": _pair_bounds(facts),
        "headline": _headline(facts, pairs),
        "equal_budget": len({row.facts["steps"] for row in rows if row.facts["steps"]}) <= 1,
        "plots": _plots(facts, rows, colours),
        "drawn": min(len(rows), _MOST_DRAWN),
        "settings": _settings(facts),
    }
    return environment().get_template("comparison.html").render(facts=facts, content=content)


def _headline(facts: ComparisonFacts, pairs: Sequence[Pairing]) -> str:
    """Headline without figures."""
    best = str(facts.found["best"])
    against = [each for each in pairs if each.first == best]
    beaten = [each for each in against if each.verdict.startswith(f"{best} is better")]
    if len(beaten) == len(against):
        return f"{best} is significantly better than the others"
    if beaten:
        return f"{best} has the best mean, but the lead over some others could be chance"
    return "No variant is significantly better than the others"


def _others(facts: ComparisonFacts) -> list[Metric]:
    """The scores that do not decide."""
    first = next(iter(facts.found["variants"].values()))["scores"][0]
    return [each for each in METRICS.values() if each.key in first and each.key != facts.measured.key]


def _rows(facts: ComparisonFacts, colours: Mapping[str, int]) -> tuple[list[VariantRow], tuple[float, float]]:
    """The variants, best first, and the scale they share."""
    key, larger = facts.measured.key, facts.found["larger_is_better"]
    variants: Mapping[str, Any] = facts.found["variants"]
    values = {name: [float(each[key]) for each in entry["scores"]] for name, entry in variants.items()}
    means = {name: Interval(**entry["mean"]) for name, entry in variants.items()}
    bounds = _scale([*means.values()], [value for each in values.values() for value in each])
    rows = [
        VariantRow(
            name=str(name),
            colour=colours[str(name)],
            is_best=name == facts.found["best"],
            mean=means[name],
            bar=ruler(means[name], bounds),
            dots=[ruler(Interval(value, value, value), bounds).value for value in values[name]],
            others=[
                sum(float(each[other.key]) for each in entry["scores"]) / len(entry["scores"])
                for other in _others(facts)
            ],
            facts=entry,
        )
        for name, entry in variants.items()
    ]
    rows.sort(key=lambda row: (not row.is_best, -row.mean.value if larger else row.mean.value))
    return rows, bounds


def _scale(means: Sequence[Interval], values: Sequence[float]) -> tuple[float, float]:
    """Round ends that hold every training and interval."""
    low = min([*values, *(each.low for each in means)])
    high = max([*values, *(each.high for each in means)])
    if low == high:
        return low - 0.5, high + 0.5
    steps = round_steps(low, high)
    width = steps[1] - steps[0] if len(steps) > 1 else high - low
    return round(width * math.floor(low / width), 12), round(width * math.ceil(high / width), 12)


def _pair_bounds(facts: ComparisonFacts) -> tuple[float, float]:
    """A scale around zero that holds the differences from the best variant."""
    best, key = facts.found["best"], f"{facts.measured.key}_difference"
    reach = max(
        abs(each[key][end])
        for each in facts.found["comparisons"]
        if best in (each["a"], each["b"])
        for end in ("low", "high")
    )
    return (-1.05 * reach, 1.05 * reach) if reach else (-1.0, 1.0)


def _pairs(facts: ComparisonFacts) -> list[Pairing]:
    """Every pair; those with the best variant seen from it."""
    best, bounds = str(facts.found["best"]), _pair_bounds(facts)
    return [drawn(read_pair(each, best, facts.measured), bounds) for each in facts.found["comparisons"]]


def _plots(
    facts: ComparisonFacts, rows: Sequence[VariantRow], colours: Mapping[str, int]
) -> Sequence[BandPlot]:
    """Validation score and loss over epochs, of the best few variants in their own order."""
    drawn = {row.name for row in rows if row.colour != _GREY}
    labels = {
        str(name): " ".join(_shown(value) for value in entry["settings"].values())
        for name, entry in facts.found["variants"].items()
        if name in drawn
    }

    def bundles(key: str) -> list[Bundle]:
        return [
            Bundle(_cut(label), colours[name], by_training(facts.history, name, key))
            for name, label in labels.items()
        ]

    score = facts.measured
    unit = "squared deviations" if score.key == "root_mean_squared_error" else "nats per example"
    plots = [band_plot(bundles("validation_loss"), "Validation loss", unit)]
    if score.key != "log_loss":  # which the history knows as the loss
        title = f"Validation {score.words}"
        plots.insert(0, band_plot(bundles(score.in_history), title, "by epoch"))
    return [plot for plot in plots if plot is not None]


def _cut(label: str) -> str:
    return label if len(label) <= _LABEL else label[: _LABEL - 1] + "…"


def _settings(facts: ComparisonFacts) -> list[tuple[str, str, str]]:
    """Name, value and meaning of every setting."""
    meanings = {row.name: row.meaning for row in ROWS}
    return [(name, _shown(value), meanings.get(name, "")) for name, value in facts.settings.items()]


def _shown(value: Any) -> str:
    """A setting's value as people write it."""
    if value is None:
        return "by rule"
    if isinstance(value, bool):
        return "true" if value else "false"
    number = finite(value) if isinstance(value, float) else None
    return str(value) if number is None else f"{number:.10g}"
