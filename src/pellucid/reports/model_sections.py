"""Every model on one scale, on other splits, and after continual training."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.evaluation.comparisons import LEVEL
from pellucid.reports import scored_models
from pellucid.reports.axes import Ruler, round_bounds, ruler
from pellucid.reports.facts import ReportFacts
from pellucid.reports.formatting import Score, finite
from pellucid.reports.scored_models import Pairing, Pairings, pairings
from pellucid.settings import DUMMIES, Metric

# Cross-validation: the same models on other splits of the same data.


@dataclass(frozen=True)
class FoldRow:
    """One model over all folds.

    Attributes:
        name: the model.
        colour: place of its colour.
        is_recommended: whether it is the one to use.
        mean: over the folds, with the corrected interval.
        bar: the mean on the table's common scale.
        dots: the score of each fold on that scale, in per cent.
        scores: the score of each fold; `None` where it was not asked.
        asked: held-out examples that it was asked about where these are not all, else 0.
    """

    name: str
    colour: int
    is_recommended: bool
    mean: Score | None
    bar: Ruler | None
    dots: Sequence[float]
    scores: Sequence[float | None]
    asked: int = 0


@dataclass(frozen=True)
class Folds:
    """Cross-validation.

    Attributes:
        count: how many folds.
        measure: the score.
        train: examples to train on in each.
        test: examples to score on in each.
        pool: examples in all folds together, or `None`.
        rows: the models, best first; behind them those that were asked about some of the examples only.
        bounds: ends of the common scale.
        pairings: every pair of models compared.
    """

    count: int
    measure: Metric
    train: float | None
    test: float | None
    pool: int | None
    rows: Sequence[FoldRow]
    bounds: tuple[float, float]
    pairings: Pairings | None

    @property
    def shown(self) -> Sequence[Pairing]:
        """The pairs to show: those with the recommended model, or else with the best."""
        if self.pairings is None:
            return ()
        best = self.rows[0].name
        return self.pairings.first or [
            each for each in self.pairings.rest if best in (each.first, each.second)
        ]


def read_folds(facts: ReportFacts) -> Folds | None:
    """Read the cross-validation of `metrics.json`.

    The folds, or `None` where the run had none.
    """
    found = facts.metrics.get("folds")
    models = (found or {}).get("models")
    if not found or not models:
        return None
    measure = scored_models.metric_named(facts, found.get("metric"))
    fewer = found.get("fewer") or {}
    scores = {
        str(name): [finite(score) for score in each.get("scores") or ()]
        for name, each in {**models, **fewer}.items()
    }
    means = {
        name: _fold_mean(scores[name]) if name in fewer else Score.read(models[name].get("mean"))
        for name in scores
    }
    asked = {str(name): int(finite(each.get("examples")) or 0) for name, each in fewer.items()}
    bounds = _fold_bounds(scores, means)
    rows = [_fold_row(facts, name, scores[name], means[name], bounds, asked.get(name, 0)) for name in scores]
    rows.sort(
        key=lambda row: (
            row.asked > 0,
            row.mean is None,
            -measure.better(row.mean.value) if row.mean else 0.0,
        )
    )
    longest = max((len(each) for each in scores.values()), default=0)
    return Folds(
        int(finite(found.get("folds")) or longest),
        measure,
        finite(found.get("train")),
        finite(found.get("test")),
        next((int(finite(each.get("of")) or 0) for each in fewer.values()), None),
        rows,
        bounds,
        pairings(facts, found.get("comparisons"), measure),
    )


def _fold_mean(scores: Sequence[float | None]) -> Score | None:
    """Mean over the folds that a model was asked about, without an interval."""
    known = [score for score in scores if score is not None]
    return Score.read(sum(known) / len(known)) if known else None


def _fold_row(
    facts: ReportFacts,
    name: str,
    scores: Sequence[float | None],
    mean: Score | None,
    bounds: tuple[float, float],
    asked: int,
) -> FoldRow:
    dots = [ruler(Score(score, score, score), bounds).value for score in scores if score is not None]
    bar = None if mean is None else ruler(mean, bounds)
    return FoldRow(
        name, scored_models.colour(name), name == facts.recommended, mean, bar, dots, scores, asked
    )


def _fold_bounds(
    scores: Mapping[str, Sequence[float | None]], means: Mapping[str, Score | None]
) -> tuple[float, float]:
    """A scale that holds every fold and interval of the models that know something."""
    shown = [name for name in scores if name not in DUMMIES] or list(scores)
    values = [score for name in shown for score in scores[name] if score is not None]
    values += [end for name in shown if (mean := means[name]) for end in (mean.low, mean.high)]
    return round_bounds(min(values, default=0.0), max(values, default=1.0))


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


def model_table(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Compare every model that was trained.

    Content of `page/models.html`, the recommended model first, then by score; `None` without models.
    """
    trained = scored_models.models(facts)
    if not trained:
        return None
    headline, *others = scored_models.metrics(facts)
    scores = {name: scored_models.test_score(entry, headline) for name, entry in trained.items()}
    bounds, reference = _model_scale(facts, scores, headline)
    rows = [_model_row(facts, name, entry, headline, bounds, reference) for name, entry in trained.items()]
    # Sorts the best model first and those without a score last.
    rows.sort(
        key=lambda row: (
            not row.is_recommended,
            *((True, 0.0) if row.score is None else (False, -headline.better(row.score.value))),
        )
    )
    return {
        "rows": rows,
        "recommended": rows[0],
        "headline": headline,
        "others": others,
        "bounds": bounds,
        "reference": reference,
        "off_scale": reference is not None and not bounds[0] <= reference <= bounds[1],
        "dummy": scored_models.dummy(facts),
        "same_examples": len({row.facts.get("train_examples") for row in rows if not row.members}) == 1,
        "asked_fewer": _asked_fewer(rows),
        "fewer": [row for row in rows if row.saw_fewer],
        "again": [row.name for row in rows if row.facts.get("trained_again") is True],
        "has_leaked": any(row.without_leaked for row in rows),
        "has_siblings": any(row.without_siblings for row in rows),
        "tried": _tried(rows),
        "pairings": pairings(facts, facts.metrics.get("comparisons")),
        "folds": read_folds(facts),
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


def _model_row(
    facts: ReportFacts,
    name: str,
    entry: Mapping[str, Any],
    headline: Metric,
    bounds: tuple[float, float],
    reference: float | None,
) -> ModelRow:
    """Row of a model in the table: its scores beside those of the others."""
    score = scored_models.test_score(entry, headline)
    return ModelRow(
        name=name,
        colour=scored_models.colour(name),
        is_recommended=name == facts.recommended,
        saw_fewer=scored_models.saw_fewer(facts, entry),
        score=score,
        bar=None if score is None else ruler(score, bounds, None if reference is None else (reference, "")),
        others=[scored_models.test_score(entry, measure) for measure in scored_models.metrics(facts)[1:]],
        without_leaked=Score.read((entry.get("test_without_leaked") or {}).get(headline.key)),
        without_siblings=Score.read((entry.get("test_without_siblings") or {}).get(headline.key)),
        members=scored_models.members(entry),
        facts=entry,
    )


def _model_scale(
    facts: ReportFacts, scores: Mapping[str, Score | None], headline: Metric
) -> tuple[tuple[float, float], float | None]:
    """Ends of the common scale, and the score of the model that knows nothing.

    Errors reach from round number to round number, the dummy's among them. Shares end at one
    and start where the models that know something do, so that these can be told apart; a dummy
    far below is left of the scale.
    """
    dummy = scores.get(scored_models.dummy(facts) or "")
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


# Forgetting in continual training: scores on old test examples before and after.

MOST_SHOWN = 10
_UNMEASURED = "Forgetting was not measured."


@dataclass(frozen=True)
class Kept:
    """One old class.

    Attributes:
        name: the class.
        examples: old test examples of it.
        before: share of them that was classified correctly before continual training.
        after: the same now.
        is_real: whether it has lost, and not by chance.
    """

    name: str
    examples: int
    before: float
    after: float
    is_real: bool


def forgetting(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show what was kept and what was forgotten.

    Content of `page/continual.html`; `None` where a fresh network was trained, or none.
    """
    found = facts.metrics.get("continual")
    if not isinstance(found, Mapping):
        return None
    forgetting = found.get("forgetting") or {}
    judged = scored_models.compared(facts)
    measured = [each for each in scored_models.metrics(facts) if each.key in (forgetting.get("after") or {})]
    measures = sorted(measured, key=lambda each: each != judged)
    classes = _classes(forgetting)
    return {
        "run": str(found.get("from") or ""),
        "network": str(found.get("model") or ""),
        "sentence": _unbroken(forgetting.get("sentence") or _UNMEASURED),
        "reasons": [str(each) for each in found.get("not_measured") or ()],
        "said": [str(each) for each in found.get("reasons") or ()],
        "examples": finite(forgetting.get("examples")),
        "left_out": int(finite(forgetting.get("left_out")) or 0),
        "places": [str(each) for each in forgetting.get("data") or ()],
        "measures": measures,
        "rows": [
            (words, [Score.read((forgetting.get(part) or {}).get(each.key)) for each in measures])
            for words, part in (("Before this training", "before"), ("Now", "after"))
        ],
        "difference": Score.read(forgetting.get(f"{judged.key}_difference")),
        "p_value": finite(forgetting.get("p_value")),
        "classes": classes,
        "shown": classes[:MOST_SHOWN],
        "seen": _seen_before(facts, found),
        "of_recommended": _unbroken((found.get("forgetting_of_recommended") or {}).get("sentence") or ""),
    }


def _unbroken(sentence: Any) -> str:
    """A sentence in which no number parts from its per cent sign."""
    return str(sentence).replace(" %", "\u00a0%")


def _classes(forgetting: Mapping[str, Any]) -> Sequence[Kept]:
    """The old classes, the worst losers first."""
    rows = [each for each in forgetting.get("classes") or () if isinstance(each, Mapping)]
    return [
        Kept(
            str(each.get("class")),
            int(finite(each.get("examples")) or 0),
            finite(each.get("before")) or 0.0,
            finite(each.get("after")) or 0.0,
            _is_real(each),
        )
        for each in rows
    ]


def _is_real(row: Mapping[str, Any]) -> bool:
    """True for a class with a loss beyond chance, at the level of 5 % with all classes counted."""
    p_value = finite(row.get("p_value_holm"))
    has_lost = (finite(row.get("after")) or 0.0) < (finite(row.get("before")) or 0.0)
    return p_value is not None and p_value <= LEVEL and has_lost


def _seen_before(facts: ReportFacts, found: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """New examples that the network had learned from before."""
    seen = found.get("seen_before")
    if not isinstance(seen, Mapping):
        return None
    measure = scored_models.headline(facts)
    return {
        "test": int(finite(seen.get("test")) or 0),
        "validation": int(finite(seen.get("validation")) or 0),
        "measure": measure,
        "without": Score.read((seen.get("test_without") or {}).get(measure.key)),
    }
