"""Trials of `compare` and `--folds`, one training on one fold each, and the standings over them."""

import contextlib
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from pellucid.arithmetic import metric_value, number_errors
from pellucid.arithmetic.rounding import figure
from pellucid.data import Dataset, folds
from pellucid.errors import DivergedError
from pellucid.evaluation import corrected_interval, corrected_p_value, holm
from pellucid.evaluation.comparisons import LEVEL
from pellucid.evaluation.intervals import Interval, span
from pellucid.files import make_folder, write_file
from pellucid.pipeline.learners.candidates import Candidate, answers
from pellucid.pipeline.learners.evaluation_budget import Folds
from pellucid.pipeline.learners.network import learner_of
from pellucid.pipeline.learners.preparation import material_of
from pellucid.pipeline.run.context import learner_time
from pellucid.settings import Metric, Settings, metrics_of
from pellucid.strict import Number, Whole, from_json, read_sealed, sealed, to_json


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
class TrialResult:
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
    seconds: Annotated[float, Number(0.0)]
    parameters: Annotated[int, Whole(0)]
    train: Annotated[int, Whole(0)]
    test: Annotated[int, Whole(0)]

    @property
    def steps(self) -> int:
        """Batches it took; 0 for a classical model."""
        return int(self.history[-1]["step"]) if self.history else 0


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

    def judged(self, trial: Trial) -> TrialResult:
        """Train and judge, or take over what was finished before.

        Raises: `DivergedError` if the loss stopped being finite.
        """
        former = self.former(trial)
        if former is not None:
            return former
        found = train_and_judge(trial, self.fold(trial))
        write_file(self._path(trial), sealed(to_json(found)))
        return found

    def former(self, trial: Trial) -> TrialResult | None:
        """The result of a training that was finished before; `None` where it is still to be done."""
        # A file that cannot be read, or was changed, is a training that has to be done again.
        with contextlib.suppress(OSError, ValueError):
            return from_json("training", read_sealed(self._path(trial)), TrialResult)
        return None

    def _path(self, trial: Trial) -> Path:
        name = hashlib.sha256(trial.contender.encode()).hexdigest()[:16]
        return self.kept / f"{name}-seed-{trial.settings.seed}-fold-{trial.fold}.json"


def train_and_judge(trial: Trial, fold: Dataset) -> TrialResult:
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
    return TrialResult(
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


# Standings over folds and seeds: means, paired differences, and what may be said of them.
#
# The scores of trainings that share examples are not independent, so the plain standard error is far
# too small. All intervals and tests here are those of `pellucid.evaluation.comparisons`.

BETTER = "is better than"
IDENTICAL = "the same in every training"
ALIKE = "no difference that matters"
UNDECIDED = "too few trainings to tell"


@dataclass(frozen=True)
class Contrast:
    """Two contenders on the same folds, seeds and order.

    Attributes:
        a: one contender.
        b: the other.
        measure: what was measured.
        difference: mean of a minus b, with its corrected 95 % interval.
        p_value: of the corrected resampled t-test.
        adjusted: the same, adjusted over all pairs by Holm's method.
        finding: `BETTER`, `IDENTICAL`, `ALIKE` or `UNDECIDED`.
        better: the contender that is better beyond chance, or `None`.
    """

    a: str
    b: str
    measure: Metric
    difference: Interval
    p_value: float
    adjusted: float
    finding: str
    better: str | None

    @property
    def verdict(self) -> str:
        """The finding as a sentence."""
        if self.better is None:
            return f"{self.a} and {self.b}: {self.finding}"
        return f"{self.better} {self.finding} {self.b if self.better == self.a else self.a}"

    def to_json(self) -> dict[str, Any]:
        """The form in `metrics.json`."""
        return {
            "a": self.a,
            "b": self.b,
            f"{self.measure.key}_difference": self.difference._asdict(),
            "p_value": self.p_value,
            "p_value_holm": self.adjusted,
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class Standings:
    """Contenders, their means and their contrasts.

    Attributes:
        measure: what was measured.
        means: mean score of each, with its corrected 95 % interval, in the order given.
        contrasts: every pair, in the same order.
        trainings: trainings of each contender.
    """

    measure: Metric
    means: Mapping[str, Interval]
    contrasts: Sequence[Contrast]
    trainings: int

    @property
    def best(self) -> str:
        """The contender with the best mean; of equals, the first."""
        choose = min if self.measure.is_error else max
        return choose(self.means, key=lambda name: self.means[name].value)

    def against_best(self) -> dict[str, Contrast]:
        """Contrast of each other contender with the best one, by name."""
        best = self.best
        return {
            (each.b if each.a == best else each.a): each
            for each in self.contrasts
            if best in (each.a, each.b)
        }

    def sentence(self) -> str:
        """The outcome in one or two sentences: the best contender, and whom it beats beyond chance."""
        best, against = self.best, self.against_best()
        mean = self.means[best]
        words = self.measure.words
        level = f"mean {words} {span(mean)}"
        beaten = [name for name, each in against.items() if each.better == best]
        if len(beaten) == len(against):
            others = beaten[0] if len(beaten) == 1 else f"each of the other {len(beaten)}"
            over = f"over {self.trainings} trainings"
            return f"{best} is best: {level} {over}, better beyond chance than {others}."
        if all(each.finding == IDENTICAL for each in against.values()):
            return f"Nothing differs: all gave the same {words}, {figure(mean.value)}, in every training."
        start = f"{best} has the best {level} over {self.trainings} trainings"
        parts = [f"better beyond chance than {listed(beaten)}"] if beaten else []
        for finding, form in (
            (IDENTICAL, "the same in every training as {}"),
            (ALIKE, "no different in a way that matters from {}"),
            (UNDECIDED, "not better beyond chance than {} (too few trainings to tell)"),
        ):
            names = [name for name, each in against.items() if each.finding == finding]
            if names:
                parts.append(form.format(listed(names)))
        return f"{start}; it is {', and '.join(parts)}."


def listed(names: Sequence[str], most: int = 3) -> str:
    """Names in a sentence, `most` of them named and the rest counted: `a, b and c`, or `5 others`."""
    if len(names) > most:
        return f"{len(names)} others"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def rank(scores: Mapping[str, Sequence[float]], train: float, test: float, measure: Metric) -> Standings:
    """Compare contenders by their scores over the same folds and seeds.

    Two are alike where the whole interval of their difference is too small to matter; where it is not, and
    the test does not part them, there are too few trainings to tell. Scores are two or more, one for each
    training, in the same order for every contender; `train` and `test` are the examples that each was trained
    and judged on, on average.
    """
    sizes = round(train), round(test)
    values = {name: np.asarray(each, np.float64) for name, each in scores.items()}
    means = {name: corrected_interval(each, *sizes, measure.bounds) for name, each in values.items()}
    pairs = list(combinations(values, 2))
    differences = [values[a] - values[b] for a, b in pairs]
    p_values = [corrected_p_value(each, *sizes) for each in differences]
    contrasts = []
    for (a, b), each, p_value, adjusted in zip(pairs, differences, p_values, holm(p_values), strict=True):
        difference = corrected_interval(each, *sizes)
        finding, better = UNDECIDED, None
        if not each.any():
            finding = IDENTICAL
        elif adjusted <= LEVEL:
            finding, better = BETTER, a if measure.better(difference.value) > 0 else b
        elif _is_slight(difference, measure, (means[a].value, means[b].value)):
            finding = ALIKE
        contrasts.append(Contrast(a, b, measure, difference, p_value, adjusted, finding, better))
    return Standings(measure, means, contrasts, len(next(iter(values.values()))))


def _is_slight(difference: Interval, measure: Metric, means: tuple[float, float]) -> bool:
    """True where the whole interval of a difference is too small to matter."""
    most = measure.matters if measure.highest is not None else measure.matters * min(map(abs, means))
    return -most < difference.low and difference.high < most


# Scores of the models of a run on each fold, with their mean and every pair compared.


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
