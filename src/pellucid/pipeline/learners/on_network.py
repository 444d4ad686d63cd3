"""Simple models on the last hidden layer of a network, which often serves them well."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import ImageModel, Model
from pellucid.bundle.models.answering import MOST_VALUES
from pellucid.bundle.models.feature_view import MOST_EXAMPLES
from pellucid.classical import NUMBER_ON_NETWORK, ON_NETWORK, Budget, Fitted, Lesson, fit_baseline
from pellucid.data import Dataset
from pellucid.data.texts.store import Texts
from pellucid.pipeline.learners.asked_later import most_within_limit
from pellucid.pipeline.learners.candidates import Candidate, Stored, on_validation, with_validation
from pellucid.pipeline.learners.classical import class_weights_of, fitted_within
from pellucid.pipeline.learners.planning.preparation import Material, model_on_network
from pellucid.pipeline.run.context import RunContext
from pellucid.settings import Settings
from pellucid.training.determinism import choose_threads

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
    lesson = Lesson(
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


def _standing_on(network: Candidate, below: Stored, fitted: Fitted, dataset: Dataset | Material) -> Candidate:
    """A simple model together with the layers it stands on, as one model."""
    predictor = fitted.predictor

    def ask(rows: np.ndarray) -> np.ndarray:
        said = predictor.predict(np.ascontiguousarray(rows[:, below.hidden_from :]))
        return dataset.target.of_columns(said)

    model = model_on_network(fitted, network.model)
    stored = dataclasses.replace(
        below, ask=ask, at_once=_at_once(below, dataset), share=_share(network.model)
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


def _at_once(below: Stored, dataset: Dataset | Material) -> int:
    """Rows that a simple model is asked about at once: as many as when it is asked about inputs."""
    inputs = dataset.inputs
    is_frozen = below.hidden_from == 0
    if is_frozen or not isinstance(inputs, np.ndarray):
        return below.at_once
    return min(MOST_EXAMPLES, max(1, MOST_VALUES // int(inputs[0].size)))


def _share(network: Model) -> float:
    """Share of a pass through a network that a simple model needs: never the mirrored image."""
    return 0.5 if isinstance(network, ImageModel) and network.mirror else 1.0
