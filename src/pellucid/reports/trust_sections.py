"""Sections on trust in answers: reliability, abstention, novelty, slices, the learning curve."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.arithmetic.rounding import per_cent
from pellucid.evaluation import CurvePoint, Interval, Reliability
from pellucid.evaluation.promises import ErrorPoint, least_examples
from pellucid.reports import scored_models
from pellucid.reports.axes import Bar, Ruler, Tick, parted, round_bounds, round_steps, ruler
from pellucid.reports.facts import AbstentionFacts, ReportFacts
from pellucid.reports.formatting import Score, count, finite, interval, percent, scored, significant, tick
from pellucid.reports.scored_models import colour
from pellucid.settings import METRICS, NEURAL

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


# Reliability of the probabilities: accuracy against confidence, before and after the temperature.

_UNCHANGED = 0.005


def reliability_section(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show reliability before and after the temperature.

    Content of `page/reliability.html`; `None` for numbers and without a test split.
    """
    found = facts.calibration
    if found is None or not any(each.examples for each in found.after.bins):
        return None
    return {
        "temperature": found.temperature,
        "is_changed": abs(found.temperature - 1) > _UNCHANGED,
        "before": Score(*found.before.error),
        "after": Score(*found.after.error),
        "is_chance": found.after.error.low <= 0,
        "excess": _excess(found.after),
        "parts": [
            ("before", reliability_plot(found.before), _rows(found.before)),
            ("after", reliability_plot(found.after), _rows(found.after)),
        ],
    }


def _rows(reliability: Reliability) -> Sequence[tuple[Any, Score]]:
    """The bins that hold an example, each with its share right."""
    return [(each, Score(*each.accuracy)) for each in reliability.bins if each.examples]


def _excess(reliability: Reliability) -> float:
    """Mean confidence minus share right: above zero where it is too sure."""
    examples = sum(each.examples for each in reliability.bins)
    filled = [each for each in reliability.bins if each.examples]
    return float(sum(each.examples * (each.confidence - each.accuracy.value) for each in filled) / examples)


# Abstention: the error among the answered against their share, and what is promised of it.

_LED_BY = 0.05


def abstention_section(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show what the recommended model does when it may abstain.

    Content of `page/abstention.html`; `None` for numbers and without a test split.
    """
    found = facts.abstention
    if found is None or not found.curve:
        return None
    return {
        "all": percent(found.curve[-1].error.value),
        "examples": found.examples,
        "led_by": _LED_BY,
        "lead": _promised(found, _LED_BY),
        "tested": max((each.tested for each in found.promises.values() if each is not None), default=0),
        "promises": [(each, _promised(found, each), least_examples(each)) for each in found.promises],
        "plot": error_plot(found.curve, facts.recommended),
        "rows": [(each, _shown(each.error)) for each in found.curve],
        "spoken": "; ".join(_spoken(each) for each in found.curve),
        "has_novelty": bool(facts.model.get("novelty")),
    }


def _promised(found: AbstentionFacts, max_error: float) -> Mapping[str, Any] | None:
    """A promise and what became of it on the test split; `None` where the held-out examples are too few."""
    promise = found.promises.get(max_error)
    if promise is None:
        return None
    kept = promise.on_test
    return {
        "threshold": promise.threshold if promise.answered else None,
        "answered": _shown(promise.expected if kept is None else kept.answered),
        "error": None if kept is None or kept.error is None else _shown(kept.error),
        "is_checked": kept is not None,
        "is_confirmed": promise.is_confirmed,
        "is_refuted": promise.is_refuted,
    }


def _shown(share: Interval) -> tuple[str, str]:
    """A share in per cent, and its interval."""
    low, high = (per_cent(end, share.value) for end in share[1:])
    return percent(share.value), f"[{low},\u00a0{high}]"


def _spoken(point: ErrorPoint) -> str:
    wrong, interval = _shown(point.error)
    return f"{100 * point.share:.3g}\u00a0% answered, {wrong} {interval} of them wrong"


# Novelty detection: false alarms on the test split, and the detection of synthetic outliers.

_SYNTHETIC_OUTLIERS = {
    "noise": "random noise",
    "shuffled_pieces": "shuffled 4 \u00d7 4 patches",
    "inverted": "inverted brightness",
    "shuffled_letters": "shuffled letters",
    "random_letters": "random letters, as frequent as in the test texts",
}
_GOOD, _FAIR = 0.95, 0.8


def novelty_section(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show how the recommended model's detector did.

    Content of `page/novelty.html`; `None` where the model has no detector.
    """
    found = facts.model.get("novelty")
    alarms = None if not found else Score.read(found.get("false_alarm_rate"))
    if not found or alarms is None:
        return None
    areas: Mapping[str, Any] = found.get("area_under_roc") or {}
    rows = [(_SYNTHETIC_OUTLIERS.get(name, name), finite(area) or 0.0) for name, area in areas.items()]
    stated = finite(found.get("stated_rate")) or 0.0
    return {
        "alarms": alarms,
        "stated": stated,
        "is_kept": alarms.low <= stated <= alarms.high,
        "is_often": alarms.value > stated,
        "threshold": finite(found.get("threshold")) or 0.0,
        "validation": found.get("validation_examples"),
        "synthetic_outliers": found.get("synthetic_outliers"),
        "rows": rows,
        "range": _range([area for _, area in rows]) if rows else "",
        "told": [words for words, area in rows if area >= _GOOD],
        "missed": [words for words, area in rows if area < _FAIR],
        "is_neighbours": found.get("detector") == "neighbours",
    }


def _range(areas: Sequence[float]) -> str:
    """Smallest and largest of some shares, such as `98 to 100 %`."""
    low, high = (significant(100 * area, 2) if area < 1 else "100" for area in (min(areas), max(areas)))
    return f"{low} %" if low == high else f"{low} to {high} %"


# Scores by the values of a column, worst first.

_SHOWN = 30


@dataclass(frozen=True)
class SliceRow:
    """Score on the examples of one value.

    Attributes:
        value: the value; empty for the small ones together.
        examples: test examples of it.
        score: with its simultaneous interval.
        bar: the score on the common scale, with that of all examples.
        is_worse: whether the whole interval is worse than that of all.
    """

    value: str
    examples: int
    score: Score | None
    bar: Ruler | None
    is_worse: bool


def slices_section(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show where the recommended model is worst.

    Content of `page/slices.html`; `None` where no column was asked for.
    """
    found = facts.metrics.get("slices")
    if not found:
        return None
    metric = METRICS[found["metric"]]
    whole = Score.read((facts.model.get("test") or {}).get(metric.key))
    entries = [*found["values"], *([found["pooled"]] if found["pooled"] else [])]
    scores = [score for each in entries if (score := Score.read(each["score"])) is not None]
    bounds = (0.0, 1.0)
    if metric.is_error:
        bounds = round_bounds(0.0, max((score.high for score in scores), default=1.0))
    reference = None if whole is None else (whole.value, "")
    rows = [_row(each, bounds, reference) for each in entries]
    pooled = rows.pop() if found["pooled"] else None
    # The values that are worse than all beyond chance.
    return {
        "column": found["column"],
        "metric": metric,
        "whole": whole,
        "rows": rows[:_SHOWN],
        "more": max(0, len(rows) - _SHOWN),
        "pooled": pooled,
        "pooled_values": (found["pooled"] or {}).get("values"),
        "left_out": found["left_out"],
        "bounds": bounds,
        "worse": [row.value for row in rows if row.is_worse],
        "count": len(entries),
    }


def _row(
    entry: Mapping[str, Any], bounds: tuple[float, float], reference: tuple[float, str] | None
) -> SliceRow:
    score = Score.read(entry["score"])
    return SliceRow(
        value=str(entry["value"] or ""),
        examples=int(entry["examples"]),
        score=score,
        bar=None if score is None else ruler(score, bounds, reference),
        is_worse=bool(entry["worse_than_all"]),
    )


# Learning curve: the score against the number of training examples.


def curve_section(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show the learning curve.

    Content of `page/curve.html`; `None` where no curve was drawn.
    """
    found = facts.learning_curve
    if found is None or not found.curves:
        return None
    measure = scored_models.metric_named(facts, found.metric)
    rows = [
        (name, scored_models.colour(name), point.examples, Score(*point.score))
        for name, points in found.curves.items()
        for point in points
    ]
    spoken = "; ".join(
        f"{name} with {count(examples)} examples {scored(score)} {interval(score)}".strip()
        for name, _, examples, score in rows
    )
    return {
        "measure": measure,
        "outlook": found.outlook,
        "model": found.model,
        "has_network": any(name in NEURAL for name in found.curves),
        "stands_on": facts.recommended.endswith(f"-on-{found.model}"),
        "plot": curve_plot(found.curves),
        "rows": rows,
        "spoken": spoken,
    }
