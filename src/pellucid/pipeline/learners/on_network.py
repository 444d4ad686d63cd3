"""Simple models on the last hidden layer of a network, which often serves them well."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.classical import NUMBER_ON_NETWORK, ON_NETWORK, Fitted, Lesson, fit_baseline
from pellucid.data import Dataset
from pellucid.pipeline.learners.candidates import Candidate, Stored, on_validation, with_validation
from pellucid.pipeline.learners.features import Features
from pellucid.pipeline.learners.preparation import model_on_network
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings
from pellucid.training.determinism import choose_threads

_MOST = 20_000
_MOST_PAIRS = 5_000
"""Of classes, for each of which a support vector machine has a machine of its own."""


def on_network(dataset: Dataset, network: Candidate, settings: Settings, stages: Stages) -> list[Candidate]:
    """Train simple models on the last hidden layer of a trained network.

    Of large training splits 20,000 examples are taken, drawn with the run's seed.

    Args:
        dataset: the data.
        network: the trained network.
        settings: seed, threads and metric.
        stages: shows what is done.

    Returns:
        The models, simplest first.
    """
    draws = generator(settings.seed, Purpose.SIMPLE_MODELS)
    train = np.sort(draws.permutation(dataset.train)[:_MOST])
    with stages.stage(f"training simple models on the last hidden layer of {network.name}") as stage:
        positions = np.sort(np.concatenate([train, dataset.validation]))
        hidden = np.concatenate(
            [
                network.model.transform(dataset.inputs[positions[at : at + 4096]])
                for at in range(0, len(positions), 4096)
            ]
        )
        found, left_out = simple_models(network, Features(hidden, positions), train, dataset, settings)
        stage.details += left_out
        trained = " and ".join(each.name for each in found)
        stage.words = f"trained {trained}{on_validation(found, dataset, settings)}"
    return found


def simple_models(
    network: Candidate,
    features: Features,
    train: Int64[np.ndarray, " train"],
    dataset: Dataset,
    settings: Settings,
) -> tuple[list[Candidate], Sequence[str]]:
    """Train simple models on features that were computed before.

    Args:
        network: whose features they are. Where it has a short way to its answers, so do they.
        features: of the examples for training and for validation at least.
        train: ascending positions of the examples to learn from.
        dataset: the data.
        settings: seed, threads and metric.

    Returns:
        The models, simplest first; and a sentence about one that is left out, if any.
    """
    lesson = Lesson(
        inputs=np.concatenate([features.of(train), features.of(dataset.validation)]),
        labels=np.concatenate([dataset.labels[train], dataset.labels[dataset.validation]]),
        train=np.arange(len(train)),
        validation=np.arange(len(train), len(train) + len(dataset.validation)),
        classes=len(dataset.classes),
        kind="network",
    )
    found = []
    names, left_out = _affordable(len(dataset.classes))
    for name in names:
        fitted = fit_baseline(
            name, lesson, seed=settings.seed, threads=choose_threads(settings), metric=settings.metric
        )
        found.append(_standing_on(network, fitted, features, dataset))
    return found, left_out


def _affordable(classes: int) -> tuple[tuple[str, ...], Sequence[str]]:
    """The simple models for the last hidden layer, and a sentence about one that would take minutes."""
    if classes == 0:
        return NUMBER_ON_NETWORK, ()
    pairs = classes * (classes - 1) // 2
    if pairs <= _MOST_PAIRS:
        return ON_NETWORK, ()
    return (
        tuple(name for name in ON_NETWORK if name != "svm"),
        (
            "A support vector machine is left out there: it would train one machine for each of the "
            f"{pairs:,} pairs of classes.",
        ),
    )


def _standing_on(network: Candidate, fitted: Fitted, features: Features, dataset: Dataset) -> Candidate:
    """A simple model together with the layers it stands on, as one model."""
    predictor = fitted.predictor

    def ask(rows: np.ndarray) -> np.ndarray:
        said = predictor.predict(rows)
        return said[:, 0] if dataset.is_numbers else said

    stored = None if network.stored is None else Stored(features, ask)
    candidate = Candidate(
        name=f"{fitted.name}-on-{network.name}",
        model=model_on_network(fitted, network.model),
        train_examples=fitted.train_examples,
        train_seconds=network.train_seconds + fitted.seconds,
        validation=np.zeros(0),
        features=f"last hidden layer of {network.name}",
        configurations=fitted.configurations,
        stored=stored,
    )
    return with_validation(candidate, dataset)
