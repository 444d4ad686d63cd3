"""Cross-validation: the same models on other splits of the same data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pellucid.reports import entries
from pellucid.reports.facts import ReportFacts
from pellucid.reports.numbers import Score, finite
from pellucid.reports.paired import Pairing, Pairings, pairings
from pellucid.reports.plots.axes import Ruler, round_bounds, ruler
from pellucid.settings import DUMMIES, Metric


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


def read(facts: ReportFacts) -> Folds | None:
    """Read the cross-validation of `metrics.json`.

    The folds, or `None` where the run had none.
    """
    found = facts.metrics.get("folds")
    models = (found or {}).get("models")
    if not found or not models:
        return None
    measure = entries.metric_named(facts, found.get("metric"))
    fewer = found.get("fewer") or {}
    scores = {
        str(name): [finite(score) for score in each.get("scores") or ()]
        for name, each in {**models, **fewer}.items()
    }
    means = {
        name: _mean(scores[name]) if name in fewer else Score.read(models[name].get("mean"))
        for name in scores
    }
    asked = {str(name): int(finite(each.get("examples")) or 0) for name, each in fewer.items()}
    bounds = _bounds(scores, means)
    rows = [_row(facts, name, scores[name], means[name], bounds, asked.get(name, 0)) for name in scores]
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


def _mean(scores: Sequence[float | None]) -> Score | None:
    """Mean over the folds that a model was asked about, without an interval."""
    known = [score for score in scores if score is not None]
    return Score.read(sum(known) / len(known)) if known else None


def _row(
    facts: ReportFacts,
    name: str,
    scores: Sequence[float | None],
    mean: Score | None,
    bounds: tuple[float, float],
    asked: int,
) -> FoldRow:
    dots = [ruler(Score(score, score, score), bounds).value for score in scores if score is not None]
    bar = None if mean is None else ruler(mean, bounds)
    return FoldRow(name, entries.colour(name), name == facts.recommended, mean, bar, dots, scores, asked)


def _bounds(
    scores: Mapping[str, Sequence[float | None]], means: Mapping[str, Score | None]
) -> tuple[float, float]:
    """A scale that holds every fold and interval of the models that know something."""
    shown = [name for name in scores if name not in DUMMIES] or list(scores)
    values = [score for name in shown for score in scores[name] if score is not None]
    values += [end for name in shown if (mean := means[name]) for end in (mean.low, mean.high)]
    return round_bounds(min(values, default=0.0), max(values, default=1.0))
