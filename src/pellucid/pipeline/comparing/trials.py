"""The engine of `compare` and `--folds`: one training on one fold, and memory of what is finished."""

import contextlib
import dataclasses
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.arithmetic import metric_value, number_errors
from pellucid.data import Dataset, folds
from pellucid.errors import DivergedError
from pellucid.files import make_folder, write_file
from pellucid.pipeline.learners.candidates import answers
from pellucid.pipeline.learners.named import learner_of
from pellucid.pipeline.learners.planning.preparation import material_of
from pellucid.pipeline.run.time_budget import learner_time
from pellucid.settings import Settings, metrics_of
from pellucid.strict import Fields, Number, Numbers, Records, Whole, read_object, read_sealed, sealed


@dataclass(frozen=True)
class Trial:
    """One training that is to be done.

    Attributes:
        contender: the variant or model that is trained.
        settings: what it is trained with; their seed decides the training and the division into folds.
        fold: which fold it is judged on, from 1.
    """

    contender: str
    settings: Settings
    fold: int

    @property
    def words(self) -> str:
        """The training as messages name it."""
        return f"{self.contender}, seed {self.settings.seed}, fold {self.fold}"


@dataclass(frozen=True)
class Judged:
    """Outcome of a training.

    Attributes:
        scores: on the fold it was judged on, by the names of `metrics.json`.
        history: one record per epoch; empty for a classical model.
        seconds: that fitting took.
        parameters: stored numbers of the model.
        train: examples it was trained on.
        test: examples of the fold it was judged on.
    """

    scores: Mapping[str, float]
    history: Sequence[Mapping[str, Any]]
    seconds: float
    parameters: int
    train: int
    test: int

    @property
    def steps(self) -> int:
        """Batches it took; 0 for a classical model."""
        return int(self.history[-1]["step"]) if self.history else 0


_JUDGED: Fields = {
    "scores": Numbers(),
    "history": Records(),
    "seconds": Number(0.0),
    "parameters": Whole(0, 1 << 62),
    "train": Whole(0, 1 << 62),
    "test": Whole(0, 1 << 62),
}


class Trials:
    """Trains and judges, each training once: what is finished is kept and taken over after a kill.

    Args:
        dataset: its test split takes no part.
        folds: number of folds.
        kept: folder for what is finished.
    """

    def __init__(self, dataset: Dataset, folds: int, kept: Path) -> None:
        self.dataset = dataset
        self.folds = folds
        self.kept = kept
        self._divisions: dict[int, tuple[Dataset, ...]] = {}
        make_folder(kept)

    def fold(self, trial: Trial) -> Dataset:
        """The data of one training, divided by its seed.

        Its train and validation splits teach; its test split is the fold to be judged.

        Raises: `DataError` if a class has too few examples to stand in every fold.
        """
        seed = trial.settings.seed
        if seed not in self._divisions:
            self._divisions[seed] = folds(self.dataset, self.folds, seed)
        return self._divisions[seed][trial.fold - 1]

    def judged(self, trial: Trial) -> Judged:
        """Train and judge, or take over what was finished before.

        Raises: `DivergedError` if the loss stopped being finite.
        """
        former = self.former(trial)
        if former is not None:
            return former
        found = train_and_judge(trial, self.fold(trial))
        write_file(self._path(trial), sealed(dataclasses.asdict(found)))
        return found

    def former(self, trial: Trial) -> Judged | None:
        """The result of a training that was finished before; `None` where it is still to be done."""
        # A file that cannot be read, or was changed, is a training that has to be done again.
        with contextlib.suppress(OSError, ValueError):
            return Judged(**read_object("training", read_sealed(self._path(trial)), _JUDGED))
        return None

    def _path(self, trial: Trial) -> Path:
        name = hashlib.sha256(trial.contender.encode()).hexdigest()[:16]
        return self.kept / f"{name}-seed-{trial.settings.seed}-fold-{trial.fold}.json"


def train_and_judge(trial: Trial, fold: Dataset) -> Judged:
    """Train one model on one fold's examples and score it on the fold.

    Raises: `UsageError` if settings contradict the data, the model or each other; `DivergedError` if the
    loss stopped being finite.
    """
    began = time.perf_counter()
    try:
        material, time_left = material_of(fold), learner_time(trial.settings)
        (fitted,) = learner_of(trial.settings, material).fit(material, time_left)
    except DivergedError as error:
        raise DivergedError(f"{trial.words}: {error}") from error
    seconds = time.perf_counter() - began
    return Judged(
        scores=scores_of(fold.labels[fold.test], answers(fitted.model, fold, fold.test), len(fold.classes)),
        history=[*fitted.history],
        seconds=round(seconds, 3),
        parameters=fitted.model.parameters,
        train=len(fold.train),
        test=len(fold.test),
    )


def scores_of(labels: np.ndarray, predictions: np.ndarray, classes: int) -> dict[str, float]:
    """Plain scores by the names of `metrics.json`; their spread over trainings says how sure they are.

    Labels are class codes, or numbers where `classes` is 0; predictions are probabilities (n, classes) or
    numbers (n,).
    """
    if classes == 0:
        return number_errors(labels, predictions)._asdict()
    return {
        metric.key: metric_value(metric, labels, predictions)
        for metric in metrics_of("class", classes)
        if metric.test
    }
