"""Classical baselines of a network, and the one way to train any of them."""

import importlib
import time
import warnings
from collections.abc import Mapping

from threadpoolctl import threadpool_limits

from pellucid.classical.by_target import FITS
from pellucid.classical.forests import Forest
from pellucid.classical.kernel_machines import Kernel
from pellucid.classical.predictors import Constant, Linear, Predictor
from pellucid.classical.search import search
from pellucid.classical.training_set import Budget, Fitted, Setting, TrainingSet
from pellucid.classical.work import Baseline, Work
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
