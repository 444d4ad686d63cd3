"""Classical baselines of a network, and the one way to train any of them."""

import dataclasses
import importlib
import time
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from threadpoolctl import threadpool_limits

from pellucid.classical.by_target import FITS
from pellucid.classical.forests import Forest
from pellucid.classical.kernel_machines import Kernel
from pellucid.classical.predictors import Constant, Linear, Predictor
from pellucid.classical.text_features import NOTHING
from pellucid.classical.training_set import (
    NO_SETTING,
    Baseline,
    Budget,
    Configuration,
    Draw,
    Fitted,
    Scale,
    Setting,
    Table,
    TrainingSet,
    Trial,
    Work,
)
from pellucid.input_kinds import IMAGES, TEXTS, InputKind
from pellucid.language.sentence import Sentence
from pellucid.settings import metric_of
from pellucid.targets import Target


def baselines_for(target: Target, input_kind: InputKind = IMAGES) -> Mapping[str, Baseline]:
    """The baselines of a target and a kind of input, the simplest first."""
    return FITS[target].text_baselines if input_kind is TEXTS else FITS[target].baselines


_LEARNERS = {
    "svm": ("sklearn.svm", "sklearn.decomposition"),
    "random-forest": ("sklearn.ensemble",),
    "logistic-regression": ("sklearn.linear_model",),
    "ridge": ("sklearn.linear_model",),
}


def load_learner(name: str) -> None:
    """Import what trains a model, so that the import does not count as the time of its training."""
    for module in _LEARNERS.get(name, ()):
        importlib.import_module(module)


def fit_baseline(
    name: str,
    training_set: TrainingSet,
    *,
    seed: int,
    threads: int,
    metric: str | None = None,
    budget: Budget | None = None,
    setup: Setting | None = None,
    scale: float | None = None,
    class_weights: tuple[float, ...] | None = None,
    deadline: float | None = None,
) -> Fitted:
    """Train one classical model on the training split, its set-up chosen on the validation split.

    Without a validation split, part of the training examples is set aside for the choice. The result follows
    from training_set, seed, threads and budget (by default the standard one); but after a deadline, a reading
    of `time.monotonic`, a forest grows no further tree. Features computed for one baseline serve the next.

    `name` is a key in `baselines_for` the target; numbers go by the root mean squared error whatever the
    `metric`. `setup` is the set-up to train; where there is no such one,
    or none is given, all are compared. `scale` is that of a linear model's decision values, from an earlier
    training at this set-up; `class_weights` are of each class in the loss.

    Raises: `OverdueError` if the deadline was over before the model was trained, `ValueError` if there is no
    such model for such labels, or no such metric.
    """
    from sklearn.exceptions import ConvergenceWarning

    baselines = baselines_for(training_set.labels.target, training_set.input_kind)
    if name not in baselines:
        raise ValueError(Sentence("model: {name!r} is not one of {baselines}", name, ", ".join(baselines)))
    metric_of(metric)
    began = time.perf_counter()
    is_one_unit = training_set.input_kind is IMAGES
    budget = budget or Budget()
    work = Work(
        training_set.classes,
        seed,
        threads,
        budget,
        is_one_unit,
        class_weights=class_weights,
        deadline=deadline,
    )
    # One thread for each matrix product: several wait for each other, and where the processor is
    # shared they wait a hundred times longer than they work. Configurations, pairs and trees run at
    # the same time instead.
    with warnings.catch_warnings(), threadpool_limits(1):
        # Steps are bounded by the budget; a solver that would go on is no fault of the user's.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%")
        setups = baselines[name](training_set, work.budget)
        found = search(
            [each for each in setups if each[:2] == setup] or setups, training_set, work, metric, scale
        )
    counted = found.table.counted
    return Fitted(
        name=name,
        predictor=found.predictor,
        features=training_set.feature_name(found.features),
        configurations=found.configurations,
        train_examples=found.examples,
        seconds=time.perf_counter() - began,
        setup=found.setup,
        scale=found.scale,
        budget=budget,
        tfidf=None if counted is None or not found.predictor.inputs else counted.tfidf,
    )


# Every kind of trained classical model by its name, as saved models have it.
PREDICTORS: dict[str, type[Predictor]] = {each.kind: each for each in (Constant, Linear, Kernel, Forest)}


# Search over set-ups: compare on few examples, then learn from all.

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
