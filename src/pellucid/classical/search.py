"""Search over set-ups: compare on few examples, then learn from all."""

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic.label_metrics import label_log_loss_terms
from pellucid.arithmetic.metrics import log_loss_terms
from pellucid.classical.predictors import Predictor, Rows
from pellucid.classical.text_features import NOTHING
from pellucid.classical.training_set import (
    NO_SETTING,
    Budget,
    Configuration,
    Draw,
    OverdueError,
    Setting,
    Table,
    TrainingSet,
)
from pellucid.input_kinds import TEXTS
from pellucid.targets import REGRESSION, Target

_NEGLIGIBLE = 0.02  # part of the log loss by which a set-up may be worse and count as good
_SCREENING_PART = 4

# Pieces of work after which their pace is known, and times of its seconds that the whole may seem to take:
# pieces differ, and a pace measured on a few of them is wrong by some tenths.
_PACED, _BEHIND = 8, 1.25


@dataclass
class Scale:
    """Scale of decision values, kept so that no model is trained for it twice; `None` before it is known."""

    value: float | None = None


class Pace:
    """Pieces of work done by a deadline, from which it is seen early that the rest will not be.

    A model that would be given up in the end is given up after a few of its pieces, so that its time is left
    for a smaller part of the work.
    """

    def __init__(self, pieces: int, deadline: float) -> None:
        self.pieces, self.deadline = pieces, deadline
        self._began, self._done, self._lock = time.monotonic(), 0, threading.Lock()

    def piece_done(self) -> None:
        """Count a piece, and give up where the others would end far behind the deadline.

        Raises: `OverdueError` where they would.
        """
        with self._lock:
            self._done += 1
        if self._done < min(_PACED, -(-self.pieces // 4)):
            return
        took, given = time.monotonic() - self._began, self.deadline - self._began
        times = took / self._done * self.pieces / max(1e-3, given)
        if self._done < self.pieces and times > _BEHIND:
            raise OverdueError(times)


class Work(NamedTuple):
    """Conditions of learning, but for the examples."""

    classes: int  # how many there are, or labels; 0 where numbers are predicted
    seed: int  # of everything drawn
    threads: int  # processor threads
    budget: Budget  # counts
    one_unit: bool = False  # whether all features are of one unit, as those of images are
    for_comparison: bool = False  # whether the model will only be compared and then forgotten
    # of a linear model of texts: taken where it is known, else found and kept; `None` for one that
    # nobody wants to know
    scale: Scale | None = None
    # of each example that is learnt from, above 0; `None` where all weigh the same
    weights: Float64[np.ndarray, " n"] | None = None
    # of each class, by which the weights are multiplied, or of each label for those that have it; likewise
    class_weights: tuple[float, ...] | None = None
    # reading of `time.monotonic` after which the work is given up; `None` without one
    deadline: float | None = None
    # of the columns of a linear model of texts, under a deadline; `None` where nobody counts them
    pace: Pace | None = None

    def of(self, rows: slice | Int64[np.ndarray, " rows"]) -> "Work":
        """Conditions of learning from some of the examples."""
        return self if self.weights is None else self._replace(weights=self.weights[rows])

    def learning_from(self, table: Table, most: int | slice | None, *, is_blind: bool = False) -> "Work":
        """Conditions of learning from the first examples of a table, each at its weight.

        A model that `is_blind` to the inputs has the shares of the classes to give, which no weight of a
        class makes better.
        """
        rows = most if isinstance(most, slice) else slice(most)
        weights = None if table.weights is None else table.weights[rows]
        if table.labels.ndim == 2:  # each label has weights of its own
            return self._replace(weights=weights, class_weights=None if is_blind else self.class_weights)
        if self.class_weights is not None and not is_blind:
            own = np.array(self.class_weights)[table.labels[rows]]
            weights = own if weights is None else own * weights
        return self._replace(weights=weights)

    @property
    def is_overdue(self) -> bool:
        """True once the deadline is over."""
        return self.deadline is not None and time.monotonic() > self.deadline

    def require_time(self) -> None:
        """Give up where the deadline is over; asked between pieces of work that cannot be broken off.

        Raises: `OverdueError` if it is.
        """
        if self.is_overdue:
            raise OverdueError


class Trial(NamedTuple):
    """Candidate set-up of a model."""

    features: str  # what it sees
    words: str  # the set-up for people
    # trains it on features and labels in an order drawn by chance
    learn: Callable[[Rows, np.ndarray, Work], Predictor]
    most: int | None = None  # training examples that it can take; `None` for as many as the budget allows
    best: int | None = None  # n-grams of texts that it sees, those that say most; `None` for all
    # whether its probabilities are calibrated enough to distinguish set-ups that the metric cannot
    calibrated: bool = False
    is_blind: bool = False  # whether it looks at no feature, so that none is computed
    # whether it learns from texts as slowly as from images, and is compared on as few of them
    is_slow: bool = False
    # training examples on which it is compared; `None` for as many as the budget allows
    screened: int | None = None

    def compared_on(self, budget: Budget, are_texts: bool) -> int:
        """Most training examples on which it is compared."""
        most = budget.screened_texts if are_texts and not self.is_slow else budget.screened
        return most if self.screened is None else min(most, self.screened)


class SearchResult(NamedTuple):
    """Best set-up, trained."""

    predictor: Predictor  # what answers
    features: str  # what it sees
    configurations: tuple[Configuration, ...]  # all that were compared
    examples: int  # how many it learnt from
    table: Table  # features and labels they came from
    setup: Setting = NO_SETTING  # features and words of the set-up that was taken
    scale: float | None = None  # of its decision values; `None` of a model that needs none


def search(
    trials: Sequence[Trial],
    training_set: TrainingSet,
    work: Work,
    metric: str | None,
    scale: float | None = None,
) -> SearchResult:
    """Choose a set-up on validation by the metric, then learn; the usually best trial comes first.

    Each configuration learns from the first `screened` examples, with fewer trees; the best of
    them (of equals the first; of calibrated ones see `_settled`) then learns from all that the budget
    allows. Without a validation split a fifth of the training examples is set aside for the comparison
    alone; where they are few, each fifth in turn. With nothing to compare, or too few examples to compare on,
    the first is taken. `scale` is that of the decision values, where an earlier training has found it.
    """
    budget = work.budget
    draw = Draw(work.seed, budget.examples, budget.judged, budget.values, budget.text)
    trials = list(trials)[: budget.configurations]
    compared = training_set.compared_on(work.seed) if len(trials) > 1 else []
    scale = scale if len(trials) == 1 else None  # another set-up has another
    scales = [Scale(scale) for _ in trials]
    configurations = _screened(trials, compared, draw, work, metric, scales) if compared else []
    best = max(range(len(configurations)), key=lambda number: configurations[number].score, default=0)
    best = next((number for number, each in enumerate(configurations) if each.chosen), best)
    seen = NOTHING if trials[best].is_blind else trials[best].features
    table = training_set.table(seen, draw).narrowed(training_set.classes, trials[best].best)
    features, labels = table.train[: trials[best].most], table.labels[: trials[best].most]
    screened = trials[best].compared_on(budget, training_set.input_kind is TEXTS)
    if compared != [training_set] or len(labels) != min(len(table.labels), screened):
        scales[best].value = scale  # that of the comparison came from other examples
    work.require_time()
    own = work._replace(scale=scales[best]).learning_from(
        table, trials[best].most, is_blind=trials[best].is_blind
    )
    predictor = trials[best].learn(features, labels, own)
    return SearchResult(
        predictor,
        trials[best].features,
        tuple(configurations),
        len(labels),
        table,
        trials[best][:2],
        scales[best].value,
    )


def score(
    metric: str | None, labels: np.ndarray, outputs: Float64[np.ndarray, "n outputs"], target: Target
) -> float:
    """Score of a predictor's outputs by the metric, errors negated: larger is better.

    Without a metric set-ups for several labels go by the log loss, which needs no thresholds.
    """
    decides = target.decides(metric if target.is_exclusive or metric is not None else "log-loss")
    return decides.better(target.value(decides.key, labels, target.of_columns(outputs)))


def _screened(
    trials: Sequence[Trial],
    compared: Sequence[TrainingSet],
    draw: Draw,
    work: Work,
    metric: str | None,
    scales: Sequence[Scale],
) -> list[Configuration]:
    """Compare set-ups on few examples, as many at a time as there are threads, each on one."""
    # A quarter of the trees is enough to distinguish configurations.
    budget = dataclasses.replace(work.budget, trees=-(-work.budget.trees // _SCREENING_PART))
    alone = work._replace(budget=budget, threads=1, for_comparison=True)
    training_set = compared[0]
    are_texts = training_set.input_kind is TEXTS
    tables = {
        (trial.features, trial.best): [
            each.table(trial.features, draw).narrowed(each.classes, trial.best) for each in compared
        ]
        for trial in trials
    }

    def answered(trial: Trial, scale: Scale) -> np.ndarray:
        """Answers of one set-up, learnt from few examples, about all validation examples."""
        work.require_time()
        own = alone._replace(scale=scale if len(compared) == 1 else None)
        rows = slice(trial.compared_on(work.budget, are_texts))
        found = []
        for table in tables[trial.features, trial.best]:
            learnt = trial.learn(table.train[rows], table.labels[rows], own.learning_from(table, rows))
            found.append(learnt.predict(table.validation))
        return np.concatenate(found)

    with ThreadPoolExecutor(work.threads) as pool:
        answers = list(pool.map(answered, trials, scales))
    labels = np.concatenate([table.validation_labels for table in tables[trials[0].features, trials[0].best]])
    configurations = [
        Configuration(
            training_set.feature_name(trial.features),
            trial.words,
            score(metric, labels, answer, training_set.target),
        )
        for trial, answer in zip(trials, answers, strict=True)
    ]
    if are_texts and training_set.target is REGRESSION:
        chosen = _as_good(configurations)
    elif metric == "log-loss" or not all(trial.calibrated for trial in trials):
        return configurations
    elif training_set.target.is_exclusive:
        chosen = _settled(configurations, np.stack([log_loss_terms(labels, each) for each in answers]))
    elif metric is None:
        return configurations
    else:
        losses = [label_log_loss_terms(labels, each) for each in answers]
        chosen = _settled(configurations, np.stack(losses))
    return [each._replace(chosen=number == chosen) for number, each in enumerate(configurations)]


def _as_good(configurations: Sequence[Configuration]) -> int:
    """The first of the set-ups of numbers, which usually serves best, whose error is as small."""
    largest = (1 + _NEGLIGIBLE / 2) * -max(each.score for each in configurations)  # its square is the loss
    return next(number for number, each in enumerate(configurations) if -each.score <= largest)


def _settled(configurations: Sequence[Configuration], losses: Float64[np.ndarray, "trials examples"]) -> int:
    r"""The first of the set-ups whose log loss is as good as the smallest.

    Set-ups of texts differ by less than chance does on a few hundred examples. Those within one standard
    error $\sqrt{p (1 - p) / n}$ of the best by the metric count as alike; the log loss, to which every
    example contributes by degrees, distinguishes them with much less noise. Of these the first is taken,
    which usually serves best, whose mean log loss exceeds the smallest by a practically negligible part.
    """
    count = losses.shape[1]
    best = max(each.score for each in configurations)
    error = np.sqrt(max(0.0, best * (1 - best)) / count)
    alike = [number for number, each in enumerate(configurations) if each.score >= best - error]
    means = losses.mean(axis=1)
    return next(number for number in alike if means[number] <= (1 + _NEGLIGIBLE) * means[alike].min())
