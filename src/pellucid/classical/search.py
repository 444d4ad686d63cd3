"""Search over set-ups: compare on few examples, then learn from all."""

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from pellucid.classical.by_target import FITS
from pellucid.classical.predictors import Predictor
from pellucid.classical.text_features import NOTHING
from pellucid.classical.training_set import (
    NO_SETTING,
    Configuration,
    Draw,
    Setting,
    Table,
    TrainingSet,
)
from pellucid.classical.work import Scale, Trial, Work
from pellucid.input_kinds import TEXTS
from pellucid.targets import Target

_SCREENING_PART = 4


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
    them (of equals the first; of texts see `by_target`) then learns from all that the budget
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
    merits = FITS[training_set.labels.target].merits
    table = training_set.table(seen, draw).narrowed(merits, trials[best].best)
    features, labels = table.train[: trials[best].most], table.labels[: trials[best].most]
    screened = trials[best].compared_on(budget, training_set.input_kind is TEXTS)
    if compared != [training_set] or len(labels) != min(len(table.labels), screened):
        scales[best].value = scale  # that of the comparison came from other examples
    work.require_time()
    own = _weighing(work, training_set, table, slice(trials[best].most), is_blind=trials[best].is_blind)
    predictor = trials[best].learn(features, labels, own._replace(scale=scales[best]))
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

    Without a metric it is the one that the target has for set-ups.
    """
    decides = target.decides(metric or FITS[target].metric)
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
    target, are_texts = training_set.labels.target, training_set.input_kind is TEXTS
    merits = FITS[target].merits
    tables = {
        (trial.features, trial.best): [
            each.table(trial.features, draw).narrowed(merits, trial.best) for each in compared
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
            weighed = _weighing(own, training_set, table, rows)
            learnt = trial.learn(table.train[rows], table.labels[rows], weighed)
            found.append(learnt.predict(table.validation))
        return np.concatenate(found)

    with ThreadPoolExecutor(work.threads) as pool:
        answers = list(pool.map(answered, trials, scales))
    labels = np.concatenate([table.validation_labels for table in tables[trials[0].features, trials[0].best]])
    configurations = [
        Configuration(
            training_set.feature_name(trial.features),
            trial.words,
            score(metric, labels, answer, target),
        )
        for trial, answer in zip(trials, answers, strict=True)
    ]
    if not are_texts or target.decides(metric or FITS[target].metric).key == "log_loss":
        return configurations
    chosen = FITS[target].settle(configurations, labels, answers)
    return [each._replace(chosen=number == chosen) for number, each in enumerate(configurations)]


def _weighing(
    work: Work, training_set: TrainingSet, table: Table, rows: slice, *, is_blind: bool = False
) -> Work:
    """Conditions of learning from some examples of a table, each at its weight.

    A model that `is_blind` to the inputs has the shares of the classes to give, which no weight of a class
    makes better.
    """
    own = work._replace(
        weights=None if table.weights is None else table.weights[rows],
        class_weights=None if is_blind else work.class_weights,
    )
    return FITS[training_set.labels.target].weighing(own, table.labels[rows])
