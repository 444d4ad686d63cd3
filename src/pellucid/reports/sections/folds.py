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
        scores: the score of each fold.
    """

    name: str
    colour: int
    is_recommended: bool
    mean: Score | None
    bar: Ruler | None
    dots: Sequence[float]
    scores: Sequence[float | None]


@dataclass(frozen=True)
class Folds:
    """Cross-validation.

    Attributes:
        count: how many folds.
        measure: the score.
        train: examples to train on in each.
        test: examples to score on in each.
        rows: the models, best first.
        bounds: ends of the common scale.
        pairings: every pair of models compared.
    """

    count: int
    measure: Metric
    train: float | None
    test: float | None
    rows: Sequence[FoldRow]
    bounds: tuple[float, float]
    pairings: Pairings | None

    @property
    def told(self) -> Sequence[Pairing]:
        """The pairs to be told of: those with the recommended model, or else with the best."""
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
    scores = {
        str(name): [finite(score) for score in each.get("scores") or ()] for name, each in models.items()
    }
    means = {str(name): Score.read(each.get("mean")) for name, each in models.items()}
    bounds = _bounds(scores, means)
    rows = [_row(facts, name, scores[name], means[name], bounds) for name in scores]
    rows.sort(key=lambda row: (row.mean is None, -measure.better(row.mean.value) if row.mean else 0.0))
    longest = max((len(each) for each in scores.values()), default=0)
    return Folds(
        int(finite(found.get("folds")) or longest),
        measure,
        finite(found.get("train")),
        finite(found.get("test")),
        rows,
        bounds,
        pairings(facts, found.get("comparisons"), measure),
    )


def _row(
    facts: ReportFacts,
    name: str,
    scores: Sequence[float | None],
    mean: Score | None,
    bounds: tuple[float, float],
) -> FoldRow:
    dots = [ruler(Score(score, score, score), bounds).value for score in scores if score is not None]
    bar = None if mean is None else ruler(mean, bounds)
    return FoldRow(name, entries.colour(name), name == facts.recommended, mean, bar, dots, scores)


def _bounds(
    scores: Mapping[str, Sequence[float | None]], means: Mapping[str, Score | None]
) -> tuple[float, float]:
    """A scale that holds every fold and interval of the models that know something."""
    shown = [name for name in scores if name not in DUMMIES] or list(scores)
    values = [score for name in shown for score in scores[name] if score is not None]
    values += [end for name in shown if (mean := means[name]) for end in (mean.low, mean.high)]
    return round_bounds(min(values, default=0.0), max(values, default=1.0))
