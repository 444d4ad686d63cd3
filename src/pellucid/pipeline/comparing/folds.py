"""Scores of the models of a run on each fold, with their mean and every pair compared."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.arithmetic import metric_value
from pellucid.pipeline.comparing.standings import rank
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.folds import Folds
from pellucid.settings import Metric, Settings


def scores_of_folds(
    candidates: Sequence[Candidate], folds: Folds, settings: Settings
) -> dict[str, Any] | None:
    """Compare the models, simplest first, that were judged on every example of the folds.

    Models that were judged on fewer stand in `fewer`, on the folds that they know, and are not compared. The
    form of `folds` in `metrics.json`; `None` where the validation split judged, or no model was judged on
    every example.
    """
    dataset, parts, pool = folds.dataset, folds.parts, len(folds.learning.train)
    judged = [each for each in candidates if len(each.held_out.positions) == pool]
    if not parts or not judged:
        return None
    measure = dataset.target.decides(settings.metric)
    scores = {
        each.name: [
            metric_value(measure, dataset.labels[part.validation], each.held_out.about(part.validation))
            for part in parts
        ]
        for each in judged
    }
    train, test = (
        float(np.mean([len(getattr(part, name)) for part in parts])) for name in ("train", "validation")
    )
    standings = rank(scores, train, test, measure)
    return {
        "folds": len(parts),
        "metric": measure.key,
        "train": round(train),
        "test": round(test),
        "models": {
            name: {"scores": scores[name], "mean": standings.means[name]._asdict()} for name in scores
        },
        "fewer": {
            each.name: _on_some(each, folds, measure)
            for each in candidates
            if 0 < len(each.held_out.positions) < pool
        },
        "comparisons": [each.to_json() for each in standings.contrasts],
    }


def _on_some(candidate: Candidate, folds: Folds, measure: Metric) -> dict[str, Any]:
    """Scores of a model that was asked about some of the held-out examples; `None` for a fold without any."""
    asked, labels = candidate.held_out.positions, folds.dataset.labels
    within = [np.intersect1d(part.validation, asked) for part in folds.parts]
    return {
        "examples": len(asked),
        "of": len(folds.learning.train),
        "scores": [
            metric_value(measure, labels[some], candidate.held_out.about(some)) if len(some) else None
            for some in within
        ],
    }
