"""Classical models, fitted within a budget of counts, on inputs or on a network's last hidden layer."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from jaxtyping import Int64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import ClassicalModel, ImageModel, TextModel
from pellucid.bundle.network_answers import MOST_EXAMPLES, MOST_VALUES
from pellucid.classical import (
    FITS,
    LINEAR_OF_TEXTS,
    Budget,
    Fitted,
    OverdueError,
    TrainingSet,
    fit_baseline,
    load_learner,
)
from pellucid.classical.forests import Forest
from pellucid.classical.text_baselines import TREES_LEFT_OUT
from pellucid.classical.training_set import Setting
from pellucid.data import Dataset
from pellucid.data.raw_texts import Texts
from pellucid.language.sentence import Sentence, join
from pellucid.pipeline.learners.candidates import (
    Candidate,
    FeatureCache,
    HeldOutAnswers,
    answers,
    on_validation,
    seconds_of_one,
    with_validation,
)
from pellucid.pipeline.learners.evaluation_budget import most_within_limit
from pellucid.pipeline.run.context import UNLIMITED, RunContext, TimeBudget, slowdown
from pellucid.settings import DUMMIES, Settings
from pellucid.targets import Labels, Target
from pellucid.training.hardware import choose_threads
from pellucid.training.recipe import weights_of_classes

FitResult = TypeVar("FitResult")

# Seconds of the whole budget on an idle machine, and the data it was measured on (`benchmarks/baselines.py`).
_FULL_SECONDS = 150.0
_FULL_EXAMPLES = 55_000
_FULL_VALUES = 28 * 28  # of an image
_FULL_CORES = 2
_LARGEST = 2.0  # times the seconds of larger images, at most: they are made smaller first
# Seconds of texts, measured on film reviews, R8, 20 Newsgroups and short texts of 77 classes.
_OF_FEATURES = 1.5e-6  # for the features of a byte
_OF_TEXT = 1e-4  # for a text, and each column that a linear model solves
_OF_BYTE = 6.5e-8  # likewise for a byte

_TOGETHER = 4  # classical models of which that is the time
_LEARNING = 3  # of these, those that learn

_PROBED = 16.0  # a first part may take one in so many of the seconds on an idle machine
_SMALLEST = 1e-4  # part of the budget
_PLANNED = 0.85  # of the work that would fit into the seconds left, what the next part is

_TRIES = 4  # parts that are trained at most
_LATER = 16  # a part that was late is followed by one of so many times less

# A whole work that seems to take one in so many of the seconds is not begun with a part of it.
_AT_ONCE = 4


def make_training_set(material: Dataset) -> TrainingSet:
    """What a classical model fits: images, feature vectors or texts."""
    return TrainingSet(
        inputs=material.inputs,
        labels=Labels(material.labels, material.classes, material.target),
        train=material.train,
        validation=material.validation,
        kind=material.takes,
        weights=material.weights,
    )


class TrainingSets:
    """Training sets by their examples, each shared by all models, so that features are computed once."""

    def __init__(self) -> None:
        self._known: list[tuple[Int64[np.ndarray, " train"], TrainingSet]] = []

    def of(self, material: Dataset) -> TrainingSet:
        """That of the material's training examples."""
        found = next((each for train, each in self._known if train is material.train), None)
        if found is None:
            found = make_training_set(material)
            self._known.append((material.train, found))
        return found


def _fit_of(name: str, training_set: TrainingSet, settings: Settings, material: Dataset) -> "FitBaseline":
    """`fit_baseline` with what the settings decide; weights of classes as asked for, never by a rule.

    By a rule probabilities would be less honest.
    """
    weights = weights_of_classes(settings.class_weight, material.labels[material.train], material.classes)
    return partial(
        fit_baseline,
        name,
        training_set,
        seed=settings.seed,
        threads=choose_threads(settings),
        metric=settings.metric,
        class_weights=weights,
    )


@dataclass(frozen=True, eq=False)
class ClassicalLearner:
    """A classical model by name, a dummy one among them."""

    name: str
    settings: Settings  # seed, threads, metric and preset
    # bounds of its work; None for those of the preset, or for what fits into a time
    budget: Budget | None = None
    training_set: Callable[[Dataset], TrainingSet] = make_training_set  # models may share what it computes
    setup: Setting | None = None  # None where set-ups are compared
    # of the decision values at that set-up, where an earlier training has found it
    scale: float | None = None

    def cost(self, material: Dataset) -> float:
        """A share of what all classical models together may take on two cores."""
        return self._all_seconds(material, _FULL_CORES) / _TOGETHER

    def _all_seconds(self, material: Dataset, threads: int) -> float:
        """Seconds that all baselines together may take."""
        inputs, train = material.inputs, material.train
        if isinstance(inputs, Texts):
            size = float((inputs.offsets[train + 1] - inputs.offsets[train]).sum())
            columns = FITS[material.target].columns(len(material.classes))
            return size * _OF_FEATURES + columns * (len(train) * _OF_TEXT + size * _OF_BYTE)
        size = math.sqrt(math.prod(inputs.shape[1:]) / _FULL_VALUES)
        cores = _FULL_CORES / min(_FULL_CORES, threads)
        return _FULL_SECONDS * min(1.0, len(train) / _FULL_EXAMPLES) * cores * min(_LARGEST, max(1.0, size))

    def fit(self, material: Dataset, time: TimeBudget = UNLIMITED, most: float = 0.0) -> Sequence[Candidate]:
        """Fit the model within its budget, or else within what is left of a time; `most` as for `within`."""
        if self.budget is not None or not time.is_limited:
            return [self._fitted(material, self.budget or Budget.of_preset(self.settings.preset))]
        found = self.within(time.left(), material, most)
        if found is None:  # a small part takes no longer than the rest of a run
            found = self._fitted(material, self._share_of_budget(_SMALLEST, material), math.inf)
        return [found]

    def within(self, seconds: float, material: Dataset, most: float = 0.0) -> Candidate | None:
        """Fit the model as well as a time allows, and report its budget.

        It may take `most` seconds where it could not learn from all examples otherwise and these come first.
        `None` where it could not learn from even a small part.
        """
        whole = Budget.of_preset(self.settings.preset)
        if self.name in DUMMIES:
            return self._fitted(material, whole)
        load_learner(self.name)
        return fitted_within(
            seconds,
            max(1e-3, self._all_seconds(material, choose_threads(self.settings)) / _LEARNING),
            lambda share: self._share_of_budget(share, material),
            lambda budget, deadline: self._fitted(material, budget, deadline),
            enough=whole.for_all(len(material.train)) if self._takes_all(material) else 0.0,
            most=most,
        )

    def _takes_all(self, material: Dataset) -> bool:
        """True where examples are worth more than set-ups: of linear models of texts, and of few images."""
        if material.takes == "texts":
            return self.name in LINEAR_OF_TEXTS
        return len(material.train) <= Budget.of_preset(self.settings.preset).screened

    def _share_of_budget(self, share: float, material: Dataset) -> Budget:
        """The budget for so much of the whole work."""
        whole, count = Budget.of_preset(self.settings.preset), len(material.train)
        if self._takes_all(material):
            return whole.shrunk_to_all(share, count)
        return whole if share >= 1 else Budget.shrunk(share, count).within(whole)

    def _fitted(self, material: Dataset, budget: Budget, deadline: float | None = None) -> Candidate:
        """Fit the model, and ask it about validation; `OverdueError` where the deadline was over before."""
        fit = _fit_of(self.name, self.training_set(material), self.settings, material)
        fitted = fit(setup=self.setup, scale=self.scale, budget=budget, deadline=deadline)
        if isinstance(fitted.predictor, Forest):  # it may have grown until its time was over
            trees = len(fitted.predictor.roots) * (TREES_LEFT_OUT if material.takes == "texts" else 1)
            budget = dataclasses.replace(budget, trees=trees)
        model = ClassicalModel(
            fitted.predictor,
            fitted.features,
            material.classes,
            material.target,
            preprocessing=material.preprocessing,
            tfidf=fitted.tfidf,
        )
        began = time.perf_counter()
        held_out = HeldOutAnswers(material.validation, answers(model, material, material.validation))
        return Candidate(
            name=fitted.name,
            model=model,
            train_examples=fitted.train_examples,
            train_seconds=fitted.seconds,
            held_out=held_out,
            features=fitted.features if fitted.predictor.inputs else None,
            configurations=fitted.configurations,
            setup=fitted.setup,
            scale=fitted.scale,
            budget=None if deadline is None else budget,
            answer_seconds=seconds_of_one(began, len(material.validation)),
        )


def fitted_within(
    seconds: float,
    expected: float,
    budget_of: Callable[[float], Budget],
    fit: Callable[[Budget, float], FitResult],
    enough: float = 0.0,
    most: float = 0.0,
) -> FitResult | None:
    """Train a model as well as a time allows: from a small part first, which says how much more fits.

    Args:
        seconds: for all of it.
        expected: seconds of the whole work on an idle machine; an order of magnitude is enough.
        budget_of: budget for a share of the whole work, above 0 and at most 1.
        fit: trains within a budget, and gives up after a deadline.
        enough: share of the whole work for which it may take longer; 0 for none.
        most: seconds that it may take for this share.

    Returns:
        The last that was finished; `None` where not even a small part was.
    """
    ends, latest = (time.monotonic() + each for each in (seconds, max(seconds, most)))
    share, found, before = min(1.0, max(_SMALLEST, seconds / _PROBED / expected)), None, None
    slowed = slowdown() if enough else 1.0
    # One set-up on all examples comes before any are compared, unless that seems to take no time at all.
    if share < enough and expected * enough * slowed < latest - time.monotonic():
        share = enough
    elif share > enough > 0 and expected * slowed > seconds / _AT_ONCE:
        share = enough
    for _ in range(_TRIES):
        budget, began = budget_of(share), time.monotonic()
        if budget == before:
            break
        until = latest if share <= enough else ends
        try:
            found = fit(budget, until)
        except OverdueError as late:
            now, given = time.monotonic(), until - began
            if late.times is None:
                share /= _LATER
                ends = latest = now + seconds / 2
            else:  # it was given up early, and there is time for so much of it
                share *= _PLANNED * max(0.0, until - now) / (late.times * given)
            if found is not None or share < _SMALLEST or now > began + given + seconds:
                break
            continue
        took, before, now = max(1e-3, time.monotonic() - began), budget, time.monotonic()
        further = max(
            min(1.0, _PLANNED * share * (ends - now) / took),
            min(enough, _PLANNED * share * (latest - now) / took),
        )
        # Of texts more is better from a little more on; all else has to be worth learning again.
        if share >= 1 or further < (1.2 if further <= enough else 2) * share:
            break
        share = further
    return found


def learner_at_setup(
    candidate: Candidate,
    settings: Settings,
    training_set: Callable[[Dataset], TrainingSet] = make_training_set,
) -> ClassicalLearner:
    """The learner of a classical model at the set-up and within the budget that were taken, for parts.

    Another set-up on each part would judge, calibrate and draw the curve of other models than the one that is
    kept.
    """
    budget = candidate.budget or Budget.of_preset(settings.preset)
    return ClassicalLearner(candidate.name, settings, budget, training_set, candidate.setup)


# Training examples of simple models on a network's last hidden layer: twice as many take a support vector
# machine four times as long.
_MOST = 20_000
_MOST_OF_TEXTS = 10_000
_MOST_OF_QUICK = 5_000  # with the preset `quick`
_MOST_PAIRS = 5_000  # of classes, each of which has a machine of its own

# Key of the journal: the counts that a time limit left each simple model; null where it is left out.
SIMPLE_MODELS = "simple_models"

# Seconds that all examples of a simple model take, about.
_EXPECTED = 20.0

# Fits a model, perhaps with a `budget` and a `deadline`; and does so, by its name, within the time of a run.
FitBaseline = Callable[..., Fitted]
Within = Callable[[str, FitBaseline], Fitted | None]


def on_network(dataset: Dataset, network: Candidate, context: RunContext) -> list[Candidate]:
    """Train simple models on the last hidden layer of a trained network; simplest first.

    Of large training splits 20,000 images or 10,000 texts are taken, drawn with the run's seed; with `quick`
    5,000, of images fewer under a short time limit. Then each model takes at most a third of what is left,
    the journal keeps its counts, and those that there is no time for are left out.
    """
    settings, journal, budget_of_run = context.settings, context.journal, context.time
    train = drawn_for_simple_models(dataset, settings)

    def within(name: str, fit: FitBaseline) -> Fitted | None:
        """Train within counts that the journal has, or within the time and enter what came of it."""
        if not budget_of_run.is_limited:
            return fit()
        known = journal.content.get(SIMPLE_MODELS, {})
        if name in known:
            return None if known[name] is None else fit(budget=Budget(**known[name]))
        found = fitted_within(
            budget_of_run.share("one-on-network"),
            _EXPECTED,
            lambda share: Budget.shrunk(share, len(train)),
            lambda budget, deadline: fit(budget=budget, deadline=deadline),
        )
        counts = None if found is None or found.budget is None else dataclasses.asdict(found.budget)
        journal.decided_for(SIMPLE_MODELS, name, lambda: counts)
        if found is None:
            context.leave_out(
                Sentence(
                    "{name}: skipped, out of time (limit {time_limit}).",
                    name,
                    settings.time_limit,
                )
            )
        return found

    with context.stages.stage(
        Sentence("training simple models on the last hidden layer of {name}", network.name)
    ) as stage:
        found = simple_models(network, train, dataset, settings, within=within)
        stage.details += left_out(len(dataset.classes), dataset.target)
        trained = join(" and ", [each.name for each in found])
        stage.words = (
            Sentence("trained {trained}{found}", trained, on_validation(found, dataset, settings))
            if found
            else ""
        )
    return found


def drawn_for_simple_models(dataset: Dataset, settings: Settings) -> Int64[np.ndarray, " train"]:
    """Ascending positions of the training examples that simple models on a network learn from."""
    draws = generator(settings.seed, Purpose.SIMPLE_MODELS)
    are_texts = isinstance(dataset.inputs, Texts)
    most = _MOST_OF_TEXTS if are_texts else _MOST
    most = _MOST_OF_QUICK if settings.preset == "quick" else most
    return np.sort(draws.permutation(dataset.train)[: most_within_limit(most, settings, are_texts=are_texts)])


def simple_models(
    network: Candidate,
    train: Int64[np.ndarray, " train"],
    dataset: Dataset,
    settings: Settings,
    known: Mapping[str, Candidate] | None = None,
    within: Within = lambda _, fit: fit(),
) -> list[Candidate]:
    """Train simple models on the last hidden layer of a network; they share what passes its body.

    `train` has the ascending positions of the examples to learn from; `known` the models, by name, whose
    set-ups and budgets are taken, by default set-ups are compared, `within` a time. Simplest first.
    """
    stored = network.stored
    assert stored is not None  # every network has the table of its body
    positions = np.concatenate([train, dataset.validation])
    training_set = TrainingSet(
        inputs=np.concatenate([stored.hidden(part) for part in (train, dataset.validation) if len(part)]),
        labels=dataset.labels_at(positions),
        train=np.arange(len(train)),
        validation=np.arange(len(train), len(positions)),
        kind="network",
        weights=None if dataset.weights is None else dataset.weights[positions],
    )
    found = []
    for name in _affordable(len(dataset.classes), dataset.target):
        full = f"{name}-on-{network.name}"
        if known is not None and full not in known:
            continue  # there was no time for it
        fit: FitBaseline = _fit_of(name, training_set, settings, dataset)
        if known is not None:
            fit = partial(fit, setup=known[full].setup, budget=known[full].budget)
        fitted = within(full, fit)
        if fitted is not None:
            found.append(_standing_on(network, stored, fitted, dataset))
    return found


def _affordable(classes: int, target: Target) -> tuple[str, ...]:
    """The simple models for the last hidden layer that do not take minutes."""
    return tuple(each for each in FITS[target].on_network if each != "svm" or not left_out(classes, target))


def left_out(classes: int, target: Target) -> list[str]:
    """A sentence about the simple model that would take minutes for so many classes, if there is one."""
    pairs = FITS[target].pairs(classes)
    if pairs <= _MOST_PAIRS:
        return []
    return [
        Sentence(
            "A support vector machine is left out there: it would train one machine for each of the "
            "{pairs:,} pairs of classes.",
            pairs,
        )
    ]


def _standing_on(network: Candidate, below: FeatureCache, fitted: Fitted, dataset: Dataset) -> Candidate:
    """A simple model together with the layers below it, as one model."""

    def ask(rows: np.ndarray) -> np.ndarray:
        columns = fitted.predictor.predict(np.ascontiguousarray(rows[:, below.hidden_from :]))
        return dataset.target.of_columns(columns)

    at_once, inputs = below.at_once, dataset.inputs
    if below.hidden_from and isinstance(inputs, np.ndarray):  # as many as when it is asked about inputs
        at_once = min(MOST_EXAMPLES, max(1, MOST_VALUES // int(inputs[0].size)))
    # A simple model never sees the mirrored image.
    share = 0.5 if isinstance(network.model, ImageModel) and network.model.mirror else 1.0
    above = network.model
    assert isinstance(above, (ImageModel, TextModel))  # networks of a run take images or texts
    model = ClassicalModel(
        fitted.predictor,
        fitted.features,
        above.classes,
        dataset.target,
        preprocessing=above.preprocessing,
        network=above.network,
        encoder=above.encoder if isinstance(above, TextModel) else None,
    )
    candidate = Candidate(
        name=f"{fitted.name}-on-{network.name}",
        model=model,
        train_examples=fitted.train_examples,
        train_seconds=network.train_seconds + fitted.seconds,
        features=Sentence("last hidden layer of {name}", network.name),
        configurations=fitted.configurations,
        setup=fitted.setup,
        budget=fitted.budget,
        stored=dataclasses.replace(below, ask=ask, at_once=at_once, share=share),
    )
    return with_validation(candidate, dataset)
