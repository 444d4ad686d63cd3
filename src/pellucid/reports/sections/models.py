"""Table of models: every model that was trained, on one scale."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.reports import entries
from pellucid.reports.facts import ReportFacts
from pellucid.reports.numbers import Score, finite
from pellucid.reports.paired import pairings
from pellucid.reports.plots.axes import Ruler, round_bounds, ruler
from pellucid.reports.sections import folds
from pellucid.settings import DUMMIES, Metric


@dataclass(frozen=True)
class ModelRow:
    """A line of the table of models.

    Attributes:
        name: the model.
        colour: place of its colour.
        is_recommended: whether it is the one to use.
        saw_fewer: whether it learned from a part of the training examples only.
        score: the test score that models are compared by.
        bar: that score on the table's common scale.
        others: its other test scores, in the order of `entries.measures`.
        without_leaked: the score without the leaked test examples.
        without_siblings: the score without those that have a copy or a sibling in training.
        members: of an average with their weights, the heaviest first; none of any other model.
        facts: its entry in `metrics.json`.
    """

    name: str
    colour: int
    is_recommended: bool
    saw_fewer: bool
    score: Score | None
    bar: Ruler | None
    others: Sequence[Score | None]
    without_leaked: Score | None
    without_siblings: Score | None
    members: Sequence[tuple[str, int]]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Tried:
    """Configurations that a model tried.

    Attributes:
        model: the model.
        features: those it chose.
        configurations: each in words, its score on validation, and whether it was chosen.
    """

    model: str
    features: str
    configurations: Sequence[tuple[str, float | None, bool]]


def build(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Compare every model that was trained.

    Content of `page/models.html`, the recommended model first, then by score; `None` without models.
    """
    trained = entries.models(facts)
    if not trained:
        return None
    headline, *others = entries.metrics(facts)
    scores = {name: entries.test_score(entry, headline) for name, entry in trained.items()}
    bounds, reference = _scale(facts, scores, headline)
    rows = [_row(facts, name, entry, headline, bounds, reference) for name, entry in trained.items()]
    rows.sort(key=lambda row: (not row.is_recommended, *_rank(row.score, headline)))
    return {
        "rows": rows,
        "recommended": rows[0],
        "headline": headline,
        "others": others,
        "bounds": bounds,
        "reference": reference,
        "off_scale": reference is not None and not bounds[0] <= reference <= bounds[1],
        "dummy": entries.dummy(facts),
        "same_examples": len({row.facts.get("train_examples") for row in rows if not row.members}) == 1,
        "asked_fewer": _asked_fewer(rows),
        "fewer": [row for row in rows if row.saw_fewer],
        "again": [row.name for row in rows if row.facts.get("trained_again") is True],
        "has_leaked": any(row.without_leaked for row in rows),
        "has_siblings": any(row.without_siblings for row in rows),
        "tried": _tried(rows),
        "pairings": pairings(facts, facts.metrics.get("comparisons")),
        "folds": folds.read(facts),
        "notes": _notes(facts),
    }


def _asked_fewer(rows: Sequence[ModelRow]) -> Sequence[tuple[Sequence[str], int, int]]:
    """Models that were asked about fewer held-out examples: their names, how many, and of how many."""
    asked = {row.name: int(finite(row.facts.get("held_out_examples")) or 0) for row in rows}
    most = max(asked.values())
    by_count: dict[int, list[str]] = {}
    for row in rows:
        if 0 < asked[row.name] < most:
            by_count.setdefault(asked[row.name], []).append(row.name)
    return [(names, count, most) for count, names in by_count.items()]


def _notes(facts: ReportFacts) -> Sequence[str]:
    """Notes about pretrained backbones."""
    notes = facts.metrics.get("notes")
    return [str(each) for each in notes] if isinstance(notes, list) else []


def _row(
    facts: ReportFacts,
    name: str,
    entry: Mapping[str, Any],
    headline: Metric,
    bounds: tuple[float, float],
    reference: float | None,
) -> ModelRow:
    """Row of a model in the table: its scores beside those of the others."""
    score = entries.test_score(entry, headline)
    return ModelRow(
        name=name,
        colour=entries.colour(name),
        is_recommended=name == facts.recommended,
        saw_fewer=entries.saw_fewer(facts, entry),
        score=score,
        bar=None if score is None else ruler(score, bounds, None if reference is None else (reference, "")),
        others=[entries.test_score(entry, measure) for measure in entries.metrics(facts)[1:]],
        without_leaked=Score.read((entry.get("test_without_leaked") or {}).get(headline.key)),
        without_siblings=Score.read((entry.get("test_without_siblings") or {}).get(headline.key)),
        members=entries.members(entry),
        facts=entry,
    )


def _rank(score: Score | None, headline: Metric) -> tuple[bool, float]:
    """Sorts the best model first and those without a score last."""
    return (True, 0.0) if score is None else (False, -headline.better(score.value))


def _scale(
    facts: ReportFacts, scores: Mapping[str, Score | None], headline: Metric
) -> tuple[tuple[float, float], float | None]:
    """Ends of the common scale, and the score of the model that knows nothing.

    Errors reach from round number to round number, the dummy's among them. Shares end at one
    and start where the models that know something do, so that these can be told apart; a dummy
    far below is left of the scale.
    """
    dummy = scores.get(entries.dummy(facts) or "")
    reference = dummy.value if dummy is not None else None
    if reference is None:
        reference = facts.chance_by(headline)
    known = [score for name, score in scores.items() if score is not None and name not in DUMMIES]
    if headline.is_error:
        shown = [*known, dummy] if dummy is not None else known
        low, high = (
            min((each.low for each in shown), default=0.0),
            max((each.high for each in shown), default=1.0),
        )
        return round_bounds(low, high), reference
    low = math.floor(10 * min((score.low for score in known), default=0.0)) / 10
    return (min(max(0.0, low), 0.9), 1.0), reference


def _tried(rows: Sequence[ModelRow]) -> Sequence[Tried]:
    """The configurations of every model that had any."""
    found = []
    for row in rows:
        configurations = [each for each in row.facts.get("configurations") or () if isinstance(each, Mapping)]
        features = str(row.facts.get("features") or "")
        if not configurations and not features:
            continue
        scores = [finite(each.get("score")) for each in configurations]
        best = max((score for score in scores if score is not None), default=None)
        chosen = scores.index(best) if best is not None else -1
        chosen = next(
            (place for place, each in enumerate(configurations) if each.get("chosen") is True), chosen
        )
        lines = [
            (_words(each), None if score is None else abs(score), place == chosen)
            for place, (each, score) in enumerate(zip(configurations, scores, strict=True))
        ]
        found.append(Tried(row.name, features, lines))
    return found


def _words(configuration: Mapping[str, Any]) -> str:
    features, words = str(configuration.get("features") or ""), str(configuration.get("words") or "")
    return ", ".join(text for text in (features, words) if text)
