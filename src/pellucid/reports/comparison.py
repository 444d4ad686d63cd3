"""The pages of comparisons: of variants, with every training as a dot, and of two runs on the same data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8

from pellucid.evaluation import Interval
from pellucid.language.sentence import Sentence
from pellucid.reports.album import Album, bind
from pellucid.reports.error_sections import ShownExample
from pellucid.reports.facts import Answered, noun_of
from pellucid.reports.formatting import excerpt, read_score, setting
from pellucid.reports.plots import Ruler, round_bounds, ruler
from pellucid.reports.report import environment
from pellucid.reports.scored_models import Pairing, read_pair
from pellucid.settings import METRICS, ROWS, Metric

_BETTER = "the best is significantly better"


@dataclass(frozen=True)
class ComparisonFacts:
    """Everything the page shows; the page adds words and images, no measurement.

    `title`: what the comparison is about, such as the place of its data; `metrics`: the content of
    `metrics.json`; `settings`: every fixed setting as it was used; `versions`: program and library names to
    versions; `command`: the command that made the comparison.
    """

    title: str
    metrics: Mapping[str, Any]
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

    `mean`: of the score that decides; `bar`: the mean on the table's common scale; `dots`: the score of each
    training on that scale, in per cent; `pair`: the variant with the best mean minus this one, `None` of the
    best itself; `finding`: what their comparison found, in words; `facts`: its entry in `metrics.json`.
    """

    name: str
    mean: Interval
    bar: Ruler
    dots: Sequence[float]
    pair: Pairing | None
    finding: str
    facts: Mapping[str, Any]


def render_comparison(facts: ComparisonFacts) -> str:
    """Write the page as HTML, to be encoded as UTF-8; equal facts give equal text.

    Like the report, it is one self-contained file: no script, no request, every foreign text escaped.
    """
    rows, bounds = _rows(facts)
    meanings = {row.name: row.meaning for row in ROWS}
    content = {
        "rows": rows,
        "bounds": bounds,
        "headline": _headline(str(facts.found["best"]), [row.finding for row in rows[1:]]),
        "equal_budget": len({row.facts["steps"] for row in rows if row.facts["steps"]}) <= 1,
        "settings": [
            (name, setting(value), meanings.get(name, "")) for name, value in facts.settings.items()
        ],
    }
    return environment().get_template("comparison.html").render(facts=facts, content=content)


def _headline(best: str, findings: Sequence[str]) -> str:
    """Headline without figures, by what the comparisons of the best with the others found."""
    if all(each == _BETTER for each in findings):
        return Sentence("{best} is significantly better than the others", best)
    if _BETTER in findings:
        return Sentence("{best} has the best mean, but the lead over some others could be chance", best)
    return "No variant is significantly better than the others"


def _rows(facts: ComparisonFacts) -> tuple[list[VariantRow], tuple[float, float]]:
    """The variants, best first, and the scale they share, which holds every training and interval."""
    measure, best = facts.measured, str(facts.found["best"])
    variants: Mapping[str, Any] = facts.found["variants"]
    values = {
        name: [float(each[measure.key]) for each in entry["scores"]] for name, entry in variants.items()
    }
    means = {name: Interval(**entry["mean"]) for name, entry in variants.items()}
    ends = [end for mean in means.values() for end in (mean.low, mean.high)]
    ends += [value for each in values.values() for value in each]
    bounds = round_bounds(min(ends), max(ends))
    pairs = [read_pair(each, best, measure) for each in facts.found["comparisons"]]
    of_best = {each.second: each for each in pairs if each.first == best}
    findings = {
        name: _BETTER
        if each.verdict.startswith(Sentence("{best} is better", best))
        else each.verdict.rpartition(": ")[2]
        for name, each in of_best.items()
    }
    order = sorted(variants, key=lambda name: (name != best, -measure.better(means[name].value)))
    return [
        VariantRow(
            name,
            means[name],
            ruler(means[name], bounds),
            [ruler(Interval(value, value, value), bounds).value for value in values[name]],
            of_best.get(name),
            findings.get(name, ""),
            variants[name],
        )
        for name in order
    ], bounds


# The page of two runs on the same data: is the later one better, and what is newly right or wrong.

# Examples of each kind that the page shows.
MOST_SHOWN = 40
FIRST = 12


@dataclass(frozen=True)
class Change:
    """An example that two runs label differently.

    `shown`: an image with one or three channels, or the text; `source`: path or `file:row`; `label`: its
    label; `answers`: what the earlier and the later run answer; `probabilities`: of these, 0 to 1, `None` of
    numbers.
    """

    shown: UInt8[np.ndarray, "height width channels"] | str
    source: str
    label: str
    answers: tuple[str, str]
    probabilities: tuple[float | None, float | None]


@dataclass(frozen=True)
class ChangesFacts:
    """Everything the page shows.

    `title`: place of the data; `found`: the document of `compare --json`; `groups`: what changed in words,
    with its number and the examples that are shown; `command`: the command that made the page.
    """

    title: str
    noun: str
    found: Mapping[str, Any]
    warnings: Sequence[str]
    groups: Sequence[tuple[str, int, Sequence[Change]]]
    versions: Mapping[str, str]
    command: str


def render_changes(facts: ChangesFacts) -> str:
    """Write the page as HTML, to be encoded as UTF-8; equal facts give equal text.

    It is one self-contained file: no script, no request, every foreign text escaped.
    """
    album, shown = _shown([each for _, _, group in facts.groups for each in group])
    groups, at = [], 0
    for name, number, group in facts.groups:
        groups.append((name, number, shown[at : at + len(group)]))
        at += len(group)
    later = facts.found["runs"][1]
    headline = {
        "better": Sentence("{later} is better beyond chance", later),
        "worse": Sentence("{later} is worse beyond chance", later),
        "chance": "The difference could be chance",
    }[facts.found["comparison"]["finding"]]
    compared = [
        (words, entry, read_score(_difference(entry)))
        for words, entry in (
            ("corrected" if facts.found["uncorrected"] else "of the data", facts.found["comparison"]),
            ("as they are in the data", facts.found["uncorrected"]),
        )
        if entry is not None
    ]
    content = {"headline": headline, "compared": compared, "groups": groups, "album": album, "first": FIRST}
    return environment().get_template("changes.html").render(facts=facts, content=content)


def _difference(entry: Mapping[str, Any]) -> Any:
    comparison: Mapping[str, Any] = entry["comparison"]
    return next(value for key, value in comparison.items() if key.endswith("_difference"))


def _shown(every: Sequence[Change]) -> tuple[Album, list[tuple[ShownExample, Change]]]:
    """Each example with its image in the page's album, or the beginning of its text."""
    album = bind([each.shown for each in every if not isinstance(each.shown, str)])
    places = iter(album.places)
    found = []
    for each in every:
        about = Answered(each.shown, each.source, each.label, each.answers[1], None, None)
        is_text = isinstance(each.shown, str)
        text = excerpt(each.shown) if isinstance(each.shown, str) else None
        found.append((ShownExample(about, None if is_text else next(places), text), each))
    return album, found
