"""`train --folds K`: every model trained K times, each time judged on another part of the data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.arithmetic.rounding import figure
from pellucid.data import Dataset, folds
from pellucid.errors import UsageError
from pellucid.pipeline.comparing.standings import rank
from pellucid.pipeline.comparing.trials import Trial, Trials
from pellucid.pipeline.comparing.variants import settings_for
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings


def require_foldable(dataset: Dataset, settings: Settings) -> None:
    """Refuse what cannot be cross-validated before anything is trained; does nothing without `folds`.

    Raises: `UsageError` if a time limit is given too; `DataError` if a class has too few examples to
    stand in every fold.
    """
    if settings.folds is None:
        return
    if settings.time_limit is not None:
        raise UsageError(
            "--folds: trains every model several times over, which --time-limit does not foresee; "
            "give --epochs in its place, or leave one of them out"
        )
    folds(dataset, settings.folds, settings.seed)


def cross_validate(
    dataset: Dataset, settings: Settings, names: Sequence[str], checkpoints: Path, stages: Stages
) -> dict[str, Any] | None:
    """Train and judge every model once on each fold of train and validation; the test split takes no part.

    Each fold is judged by models that were trained on the others, a part of which is kept back for
    choosing the epoch or the configuration.

    Args:
        dataset: the data.
        settings: what the user asked for; `folds` says how many.
        names: the network and its classical baselines, simplest first.
        checkpoints: folder in which finished trainings are kept.
        stages: shows a line for each model.

    Returns:
        The form of `folds` in `metrics.json`; `None` where no folds were asked for.

    Raises:
        DataError: a class has too few examples to stand in every fold.
        DivergedError: the loss stopped being finite.
    """
    if settings.folds is None:
        return None
    trials = Trials(dataset, settings.folds, checkpoints / "folds")
    measure = dataset.target.decides(settings.metric)
    found = {}
    for name in names:
        with stages.stage(f"cross-validating {name} on {settings.folds} folds") as stage:
            of_model = settings_for(name, settings)
            found[name] = [
                trials.judged(Trial(name, of_model, fold)) for fold in range(1, settings.folds + 1)
            ]
            mean = float(np.mean([each.scores[measure.key] for each in found[name]]))
            stage.words = (
                f"cross-validated {name} on {settings.folds} folds: mean {measure.words} {figure(mean)}"
            )
    first = next(iter(found.values()))
    train, test = (float(np.mean([getattr(each, part) for each in first])) for part in ("train", "test"))
    scores = {name: [each.scores[measure.key] for each in judged] for name, judged in found.items()}
    standings = rank(scores, train, test, measure)
    return {
        "folds": settings.folds,
        "metric": measure.key,
        "train": round(train),
        "test": round(test),
        "models": {name: {"scores": scores[name], "mean": standings.means[name]._asdict()} for name in found},
        "comparisons": [each.to_json() for each in standings.contrasts],
    }
