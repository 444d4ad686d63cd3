"""From a list of set-ups to the trained model: compare on few examples, learn from all."""

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from pellucid.classical.budget import Budget
from pellucid.classical.lesson import Candidate, Draw, Lesson
from pellucid.classical.predictors import Predictor
from pellucid.classical.scoring import score

_HELD_OUT, _LEAST_HELD_OUT = 5, 4
"""Without a validation split one training example in so many is set aside, and at least so many are."""

_PURPOSE = 12


class Work(NamedTuple):
    """What learning needs to know beside the examples.

    Attributes:
        classes: how many there are; 0 where numbers are predicted.
        seed: of everything drawn.
        threads: processor threads.
        budget: counts.
        one_unit: whether all features are of one unit, as those of pictures are.
    """

    classes: int
    seed: int
    threads: int
    budget: Budget
    one_unit: bool = False


class Trial(NamedTuple):
    """One set-up of a model.

    Attributes:
        features: what it sees.
        words: the set-up for people.
        learn: trains it on features and labels in an order drawn by chance.
        most: training examples that it can take; `None` for as many as the budget allows.
    """

    features: str
    words: str
    learn: Callable[[Float32[np.ndarray, "n d"], np.ndarray, Work], Predictor]
    most: int | None = None


class Found(NamedTuple):
    """The best set-up, trained.

    Attributes:
        predictor: what answers.
        features: what it sees.
        candidates: all that were compared.
        examples: how many it learnt from.
    """

    predictor: Predictor
    features: str
    candidates: tuple[Candidate, ...]
    examples: int


def search(trials: Sequence[Trial], lesson: Lesson, work: Work, metric: str) -> Found:
    """Choose on validation, then learn.

    Each candidate learns from the first `screened` examples, within `for_screening`; the best of
    them (of equals the first) then learns from all that the budget allows. Without a validation
    split a fifth of the training examples is set aside for the comparison alone. With nothing to
    compare, or too few examples to compare on, the first is taken.

    Args:
        trials: at least one; the one that usually serves best first.
        lesson: what to learn from.
        work: the rest.
        metric: what is compared.

    Returns:
        The trained model.
    """
    budget = work.budget
    draw = Draw(work.seed, budget.examples, budget.judged, budget.values)
    trials = list(trials)[: budget.candidates]
    compared = _comparing(lesson, work.seed)
    is_contest = len(trials) > 1 and len(compared.validation) > 0
    candidates = _screened(trials, compared, draw, work, metric) if is_contest else []
    best = max(range(len(candidates)), key=lambda number: candidates[number].score, default=0)
    table = lesson.table(trials[best].features, draw)
    features, labels = table.train[: trials[best].most], table.labels[: trials[best].most]
    predictor = trials[best].learn(features, labels, work)
    return Found(predictor, trials[best].features, tuple(candidates), len(features))


def _screened(
    trials: Sequence[Trial], compared: Lesson, draw: Draw, work: Work, metric: str
) -> list[Candidate]:
    """Compare set-ups on few examples, as many at a time as there are threads, each on one."""
    alone = work._replace(budget=work.budget.for_screening, threads=1)
    tables = {trial.features: compared.table(trial.features, draw) for trial in trials}

    def reached(trial: Trial) -> Candidate:
        table, rows = tables[trial.features], slice(work.budget.screened)
        predictor = trial.learn(table.train[rows], table.labels[rows], alone)
        said = predictor.predict(table.validation)
        return Candidate(
            trial.features,
            trial.words,
            score(metric, table.validation_labels, said, compared.is_numbers),
        )

    with ThreadPoolExecutor(work.threads) as pool:
        return list(pool.map(reached, trials))


def _comparing(lesson: Lesson, seed: int) -> Lesson:
    """Where candidates are compared: the lesson itself, or a division of its training examples."""
    held_out = len(lesson.train) // _HELD_OUT
    if len(lesson.validation) or held_out < _LEAST_HELD_OUT:
        return lesson
    order = np.random.default_rng((seed, _PURPOSE)).permutation(lesson.train)
    return dataclasses.replace(lesson, train=np.sort(order[held_out:]), validation=np.sort(order[:held_out]))
