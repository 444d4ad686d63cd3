"""The page of a comparison of variants: means with intervals, paired differences and curves."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.reports.facts import noun_of
from pellucid.reports.numbers import Score, finite
from pellucid.reports.paired import Pairing, drawn, read_pair
from pellucid.reports.plots.axes import Ruler, round_steps, ruler
from pellucid.reports.plots.bands import BandPlot, Bundle, band_plot, by_training
from pellucid.reports.report import environment
from pellucid.settings import METRICS, ROWS, Metric

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
    mean: Score
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
    colours = _colours(facts)
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


def _colours(facts: ComparisonFacts) -> dict[str, int]:
    """A colour for each of the best few variants, in the order in which they were given."""
    variants: Mapping[str, Any] = facts.found["variants"]
    sign = -1 if facts.found["larger_is_better"] else 1
    best = sorted(variants, key=lambda name: sign * float(variants[name]["mean"]["value"]))[:_MOST_DRAWN]
    own = iter(_COLOURS)
    return {str(name): next(own) if name in best else _GREY for name in variants}


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
    means = {name: Score(**entry["mean"]) for name, entry in variants.items()}
    bounds = _scale([*means.values()], [value for each in values.values() for value in each])
    rows = [
        VariantRow(
            name=str(name),
            colour=colours[str(name)],
            is_best=name == facts.found["best"],
            mean=means[name],
            bar=ruler(means[name], bounds),
            dots=[ruler(Score(value, value, value), bounds).value for value in values[name]],
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


def _scale(means: Sequence[Score], values: Sequence[float]) -> tuple[float, float]:
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
