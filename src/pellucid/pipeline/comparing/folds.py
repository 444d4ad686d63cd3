"""Scores of the models of a run on each fold, with their mean and every pair compared."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.arithmetic import metric_value
from pellucid.pipeline.comparing.standings import rank
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.folds import Folds
from pellucid.settings import Settings


def scores_of_folds(
    candidates: Sequence[Candidate], folds: Folds, settings: Settings
) -> dict[str, Any] | None:
    """Compare the models, simplest first, that were judged on every fold.

    The form of `folds` in `metrics.json`; `None` where the validation split judged, or no model was judged on
    every fold.
    """
    dataset, parts = folds.dataset, folds.parts
    judged = [each for each in candidates if len(each.held_out.positions) == len(folds.learning.train)]
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
        "comparisons": [each.to_json() for each in standings.contrasts],
    }
