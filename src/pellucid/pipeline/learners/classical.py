"""Classical models, fitted within a budget of counts, on inputs or on a network's last hidden layer."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import ImageModel
from pellucid.bundle.network_answers import MOST_EXAMPLES, MOST_VALUES
from pellucid.classical import (
    LINEAR_OF_TEXTS,
    NUMBER_ON_NETWORK,
    ON_NETWORK,
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
from pellucid.pipeline.learners.candidates import (
    BodyFeatures,
    Candidate,
    HeldOut,
    answers,
    on_validation,
    seconds_of_one,
    with_validation,
)
from pellucid.pipeline.learners.evaluation_budget import most_within_limit
from pellucid.pipeline.learners.preparation import Material, classical_model_of, model_on_network
from pellucid.pipeline.run.context import UNLIMITED, RunContext, TimeBudget, slowdown
from pellucid.settings import DUMMIES, Settings
from pellucid.training.hardware import choose_threads
from pellucid.training.recipe import weights_of_classes

FitResult = TypeVar("FitResult")

_FULL_SECONDS, _FULL_EXAMPLES = 150.0, 55_000
# Data on which the seconds of the whole budget were measured; larger images are made smaller first.
_FULL_VALUES, _FULL_CORES, _LARGEST = 28 * 28, 2, 2.0

_SECONDS_A_BYTE = 2e-6
# Classical models of which that is the time.
_TOGETHER = 4

# Of these those that learn.
_LEARNING = 3

# A first part may take one in so many of the seconds on an idle machine; the last, so much of the rest.
_PROBED, _SMALLEST, _PLANNED = 16.0, 1e-4, 0.85

_TRIES, _LATER = 4, 16


def make_training_set(material: Material) -> TrainingSet:
    """Lesson of a classical model from images, feature vectors or texts."""
    return TrainingSet(
        inputs=material.inputs,
        labels=material.labels,
        train=material.train,
        validation=material.validation,
        classes=len(material.classes),
        kind=material.takes,
        weights=material.weights,
    )


def class_weights_of(settings: Settings, material: Material | Dataset) -> tuple[float, ...] | None:
    """Weights of the classes that were asked for; by no rule, as probabilities would be less honest."""
    if not material.classes:
        return None
    return weights_of_classes(settings.class_weight, material.labels[material.train], material.classes)


class TrainingSets:
    """Lessons by training examples, each shared by all models, so that features are computed once."""

    def __init__(self) -> None:
        self._known: list[tuple[Int64[np.ndarray, " train"], TrainingSet]] = []

    def of(self, material: Material) -> TrainingSet:
        """The lesson of the material's training examples."""
        found = next((lesson for train, lesson in self._known if train is material.train), None)
        if found is None:
            found = make_training_set(material)
            self._known.append((material.train, found))
        return found


@dataclass(frozen=True, eq=False)
class ClassicalLearner:
    """A classical model by name, a dummy one among them."""

    name: str  # of the model
    settings: Settings  # seed, threads, metric and preset
    # bounds of its work; None for those of the preset, or for what fits into a time
    budget: Budget | None = None
    # makes the lesson of a material; several models may share what is computed for it
    lesson: Callable[[Material], TrainingSet] = make_training_set
    setup: Setting | None = None  # its set-up; None where set-ups are compared
    # of the decision values at that set-up, where an earlier training has found it
    scale: float | None = None

    def cost(self, material: Material) -> float:
        """A share of what all classical models together may take."""
        return _expected(material, choose_threads(self.settings)) / _TOGETHER

    def fit(self, material: Material, time: TimeBudget = UNLIMITED, most: float = 0.0) -> Sequence[Candidate]:
        """Fit the model within its budget, or else within what is left of a time; `most` as for `within`."""
        if self.budget is None and time.is_limited:
            found = self.within(time.left(), material, most)
            if found is None:  # a small part takes no longer than the rest of a run
                found = self._fitted(material, self._share_of_budget(_SMALLEST, material), math.inf)
            return [found]
        return [self._fitted(material, self.budget or self._whole)]

    def within(self, seconds: float, material: Material, most: float = 0.0) -> Candidate | None:
        """Fit the model as well as a time allows, its budget among what it hands over.

        It may take `most` seconds where it could not learn from all examples otherwise and these come first.
        `None` where it could not learn from even a small part.
        """
        if self.name in DUMMIES:
            return self._fitted(material, self._whole)
        load_learner(self.name)
        expected = max(1e-3, _expected(material, choose_threads(self.settings)) / _LEARNING)
        return fitted_within(
            seconds,
            expected,
            lambda share: self._share_of_budget(share, material),
            lambda budget, deadline: self._fitted(material, budget, deadline),
            enough=self._whole.for_all(len(material.train)) if self._takes_all(material) else 0.0,
            most=most,
        )

    def _takes_all(self, material: Material) -> bool:
        """True where examples are worth more than set-ups: of linear models of texts, and of few images."""
        if material.takes == "texts":
            return self.name in LINEAR_OF_TEXTS
        return len(material.train) <= self._whole.screened

    @property
    def _whole(self) -> Budget:
        return Budget.of_preset(self.settings.preset)

    def _share_of_budget(self, share: float, material: Material) -> Budget:
        """The budget for so much of the whole work."""
        whole, count = self._whole, len(material.train)
        if self._takes_all(material):
            return whole.shrunk_to_all(share, count)
        return whole if share >= 1 else Budget.shrunk(share, count).within(whole)

    def _fitted(self, material: Material, budget: Budget, deadline: float | None = None) -> Candidate:
        """Fit the model, and ask it about validation."""
        fitted = fit_baseline(
            self.name,
            self.lesson(material),
            seed=self.settings.seed,
            threads=choose_threads(self.settings),
            metric=self.settings.metric,
            setup=self.setup,
            scale=self.scale,
            class_weights=class_weights_of(self.settings, material),
            budget=budget,
            deadline=deadline,
        )
        model, began = classical_model_of(fitted, material), time.perf_counter()
        held_out = HeldOut(material.validation, answers(model, material, material.validation))
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
            budget=None if deadline is None else _as_grown(budget, fitted, material),
            answer_seconds=seconds_of_one(began, len(material.validation)),
        )


def _as_grown(budget: Budget, fitted: Fitted, material: Material) -> Budget:
    """The budget with as many trees as a forest has grown until its time was over."""
    if not isinstance(fitted.predictor, Forest):
        return budget
    grown = len(fitted.predictor.roots)
    return dataclasses.replace(budget, trees=grown * (TREES_LEFT_OUT if material.takes == "texts" else 1))


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
    if share < enough and expected * enough * slowdown() < (latest - time.monotonic()) / 2:
        share = enough
    for _ in range(_TRIES):
        budget, began = budget_of(share), time.monotonic()
        if budget == before:
            break
        try:
            found = fit(budget, latest if share <= enough else ends)
        except OverdueError:
            share /= _LATER
            if found is not None or share < _SMALLEST or time.monotonic() > latest + seconds:
                break
            ends = latest = time.monotonic() + seconds / 2
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
    lesson: Callable[[Material], TrainingSet] = make_training_set,
) -> ClassicalLearner:
    """The learner of a classical model at the set-up and within the budget that were taken, for parts.

    Another set-up on each part would judge, calibrate and draw the curve of other models than the one that is
    kept.
    """
    budget = candidate.budget or Budget.of_preset(settings.preset)
    return ClassicalLearner(candidate.name, settings, budget, lesson, candidate.setup)


def _expected(material: Material, threads: int) -> float:
    """Seconds that all baselines together may take."""
    inputs, train = material.inputs, material.train
    if isinstance(inputs, Texts):
        return _SECONDS_A_BYTE * float((inputs.offsets[train + 1] - inputs.offsets[train]).sum())
    size = math.sqrt(math.prod(inputs.shape[1:]) / _FULL_VALUES)
    cores = _FULL_CORES / min(_FULL_CORES, threads)
    return _FULL_SECONDS * min(1.0, len(train) / _FULL_EXAMPLES) * cores * min(_LARGEST, max(1.0, size))


# Simple models on the last hidden layer of a network, which often serves them well.

# Twice the examples take a support vector machine four times as long where classes can hardly be told.
_MOST, _MOST_OF_TEXTS, _MOST_OF_QUICK = 20_000, 10_000, 5_000

# Of classes, for each of which a support vector machine has a machine of its own.
_MOST_PAIRS = 5_000

# Key of the journal: the counts that a time limit left each simple model; null where it is left out.
SIMPLE_MODELS = "simple_models"

# Of a time limit, what one simple model takes at most; and seconds that all its examples take, about.
_MOST_OF_LIMIT, _EXPECTED = 0.1, 20.0


def on_network(dataset: Dataset | Material, network: Candidate, context: RunContext) -> list[Candidate]:
    """Train simple models on the last hidden layer of a trained network.

    Of large training splits 20,000 images or 10,000 texts are taken, drawn with the run's seed; with `quick`
    5,000, of images fewer under a short time limit.

    The models, simplest first; under a time limit those that there is time for.
    """
    settings = context.settings
    train = drawn_for_simple_models(dataset, settings)
    with context.stages.stage(f"training simple models on the last hidden layer of {network.name}") as stage:
        found = simple_models(network, train, dataset, settings, within=_within(context, len(train)))
        stage.details += left_out(len(dataset.classes))
        trained = " and ".join(each.name for each in found) or "no simple model, for lack of time,"
        stage.words = f"trained {trained}{on_validation(found, dataset, settings) if found else ''}"
    return found


# Trains a model, by its name, within the time of a run, from a function of a budget and a deadline.
Within = Callable[[str, Callable[[Budget | None, float | None], Fitted]], Fitted | None]


def _always(name: str, fit: Callable[[Budget | None, float | None], Fitted]) -> Fitted | None:
    return fit(None, None)


def _within(context: RunContext, examples: int) -> Within:
    """Each simple model takes at most a third of what is left; the journal keeps its counts."""
    if not context.time.is_limited:
        return _always

    def within(name: str, fit: Callable[[Budget | None, float | None], Fitted]) -> Fitted | None:
        """Train within counts that the journal has, or within the time and enter what came of it."""
        known = context.journal.content.get(SIMPLE_MODELS, {})
        if name in known:
            return None if known[name] is None else fit(Budget(**known[name]), None)
        most = min(_MOST_OF_LIMIT * context.time.whole, context.time.left() / 3)
        found = fitted_within(most, _EXPECTED, lambda share: Budget.shrunk(share, examples), fit)
        counts = None if found is None or found.budget is None else dataclasses.asdict(found.budget)
        context.journal.decided_for(SIMPLE_MODELS, name, lambda: counts)
        if found is None:
            context.leave_out(
                f"{name} is left out: there was no time for it within {context.settings.time_limit}."
            )
        return found

    return within


def drawn_for_simple_models(dataset: Dataset | Material, settings: Settings) -> Int64[np.ndarray, " train"]:
    """Ascending positions of the training examples that simple models on a network learn from."""
    draws = generator(settings.seed, Purpose.SIMPLE_MODELS)
    are_texts = isinstance(dataset.inputs, Texts)
    most = _MOST_OF_TEXTS if are_texts else _MOST
    most = most_within_limit(
        _MOST_OF_QUICK if settings.preset == "quick" else most, settings, are_texts=are_texts
    )
    return np.sort(draws.permutation(dataset.train)[:most])


def simple_models(
    network: Candidate,
    train: Int64[np.ndarray, " train"],
    dataset: Dataset | Material,
    settings: Settings,
    known: Mapping[str, Candidate] | None = None,
    within: Within = _always,
) -> list[Candidate]:
    """Train simple models on the last hidden layer of a network; they share what passes its body.

    `train` has the ascending positions of the examples to learn from; `known` the models, by name, whose
    set-ups and budgets are taken, by default set-ups are compared, `within` a time. Simplest first.
    """
    stored = network.stored
    assert stored is not None  # every network hands over the table of its body
    rows = [stored.hidden(part) for part in (train, dataset.validation) if len(part)]
    lesson = TrainingSet(
        inputs=np.concatenate(rows),
        labels=np.concatenate([dataset.labels[train], dataset.labels[dataset.validation]]),
        train=np.arange(len(train)),
        validation=np.arange(len(train), len(train) + len(dataset.validation)),
        classes=len(dataset.classes),
        kind="network",
        weights=_weights(dataset, np.concatenate([train, dataset.validation])),
    )
    found = []
    for name in _affordable(len(dataset.classes)):
        full = f"{name}-on-{network.name}"
        before = None if known is None else known.get(full)
        if known is not None and before is None:
            continue  # there was no time for it

        def fit(
            budget: Budget | None, deadline: float | None, name: str = name, before: Candidate | None = before
        ) -> Fitted:
            """Fit the model by counts, and give up after a deadline."""
            return fit_baseline(
                name,
                lesson,
                seed=settings.seed,
                threads=choose_threads(settings),
                metric=settings.metric,
                class_weights=class_weights_of(settings, dataset),
                setup=None if before is None else before.setup,
                budget=budget if before is None else before.budget,
                deadline=deadline,
            )

        fitted = within(full, fit)
        if fitted is not None:
            found.append(_standing_on(network, stored, fitted, dataset))
    return found


def _weights(
    dataset: Dataset | Material, positions: Int64[np.ndarray, " some"]
) -> Float64[np.ndarray, " some"] | None:
    """Weights of the examples at these positions, where they have any."""
    weights = getattr(dataset, "weights", None)  # those of a data set that was read all weigh the same
    return None if weights is None else weights[positions]


def left_out(classes: int) -> list[str]:
    """A sentence about the simple model that would take minutes for so many classes, if there is one."""
    if _pairs(classes) <= _MOST_PAIRS:
        return []
    return [
        "A support vector machine is left out there: it would train one machine for each of the "
        f"{_pairs(classes):,} pairs of classes."
    ]


def _affordable(classes: int) -> tuple[str, ...]:
    """The simple models for the last hidden layer; 0 classes are numbers."""
    if classes == 0:
        return NUMBER_ON_NETWORK
    return (
        ON_NETWORK if _pairs(classes) <= _MOST_PAIRS else tuple(each for each in ON_NETWORK if each != "svm")
    )


def _pairs(classes: int) -> int:
    return classes * (classes - 1) // 2


def _standing_on(
    network: Candidate, below: BodyFeatures, fitted: Fitted, dataset: Dataset | Material
) -> Candidate:
    """A simple model together with the layers it stands on, as one model."""
    predictor = fitted.predictor

    def ask(rows: np.ndarray) -> np.ndarray:
        said = predictor.predict(np.ascontiguousarray(rows[:, below.hidden_from :]))
        return dataset.target.of_columns(said)

    model = model_on_network(fitted, network.model)
    # Share of a pass through a network that a simple model needs: never the mirrored image.
    stored = dataclasses.replace(
        below,
        ask=ask,
        at_once=_at_once(below, dataset),
        share=0.5 if isinstance(network.model, ImageModel) and network.model.mirror else 1.0,
    )
    candidate = Candidate(
        name=f"{fitted.name}-on-{network.name}",
        model=model,
        train_examples=fitted.train_examples,
        train_seconds=network.train_seconds + fitted.seconds,
        features=f"last hidden layer of {network.name}",
        configurations=fitted.configurations,
        setup=fitted.setup,
        budget=fitted.budget,
        stored=stored,
    )
    return with_validation(candidate, dataset)


def _at_once(below: BodyFeatures, dataset: Dataset | Material) -> int:
    """Rows that a simple model is asked about at once: as many as when it is asked about inputs."""
    inputs = dataset.inputs
    is_frozen = below.hidden_from == 0
    if is_frozen or not isinstance(inputs, np.ndarray):
        return below.at_once
    return min(MOST_EXAMPLES, max(1, MOST_VALUES // int(inputs[0].size)))
