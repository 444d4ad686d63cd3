"""One model on a backbone, for estimators, folds and comparisons: the best on validation of several.

Of several that are equally right the one with the smaller log loss is taken: few validation examples leave
many of them equal. Without validation examples it is logistic regression (ridge regression for numbers),
which a backbone's features serve best where there are few of them.
"""

import copy
import time
from typing import Any

import numpy as np

from pellucid.arithmetic import log_loss
from pellucid.bundle import Model
from pellucid.classical import NUMBER_ON_NETWORK, ON_NETWORK, Lesson, fit_baseline
from pellucid.classical.scoring import score
from pellucid.networks import Network
from pellucid.pipeline.learners.backbones.available import chosen
from pellucid.pipeline.learners.backbones.building import started
from pellucid.pipeline.learners.backbones.frozen import train_head
from pellucid.pipeline.learners.backbones.limits import granted_to, measured, require_time
from pellucid.pipeline.learners.backbones.option import Choice
from pellucid.pipeline.learners.backbones.tuning import is_tuned, to_the_end, tuned, tuning_recipe
from pellucid.pipeline.learners.features import Features
from pellucid.pipeline.learners.preparation import (
    Material,
    Prepared,
    model_of,
    model_on_network,
    unvaried_model_of,
)
from pellucid.settings import Settings
from pellucid.training.determinism import choose_threads, pinned
from pellucid.training.memory import keep_freed_memory

Fitted = tuple[Model, list[dict[str, Any]]]
"""A model, and one record for each epoch of its fine-tuning."""

Reached = tuple[float, float]
"""By the metric, then by log loss, larger is better; zeros without validation examples."""


def fit_on_backbone(settings: Settings, material: Material, seconds: float | None = None) -> Fitted:
    """Fit the models on a backbone's features, and take the best.

    Args:
        settings: what the user asked for; a backbone by name among it.
        material: images or texts with their labels; the validation split may be empty.
        seconds: left of a time limit; `None` without one.

    Returns:
        The model, and the history of fine-tuning where that was taken.

    Raises:
        UsageError: the backbone is not known, not installed, cannot take such inputs, or the time is too
            short for it.
        ModelFileError: its weights are missing, damaged or of another kind.
        DivergedError: the loss stopped being finite.
    """
    choice = _choice(settings, material, seconds)
    network, prepared = started(choice, settings), choice.prepared(material)
    features = _features(network, choice, prepared, material, settings)
    found = _simple(network, prepared, features, material, settings)
    if not len(material.validation):
        return next(iter(found.values()))[0], []
    train_head(network, features, prepared, settings)
    head = unvaried_model_of(network, prepared, material.classes)
    found["head"] = head, _score(head, material, settings)
    history: list[dict[str, Any]] = []
    if is_tuned(settings, choice, prepared):
        model, history = _tuned(network, prepared, material, settings)
        if model is not None:
            found["tuned"] = model, _score(model, material, settings)
    best = max(found, key=lambda name: found[name][1])
    return found[best][0], history if best == "tuned" else []


def _choice(settings: Settings, material: Material, seconds: float | None) -> Choice:
    """The backbone that was asked for, with as many examples as fit into the time."""
    (choice,) = chosen(settings, material)
    if seconds is None:
        return choice
    began = time.perf_counter()
    cost = measured(choice, material, settings)
    seconds -= time.perf_counter() - began
    require_time(choice, cost, seconds)
    found = granted_to(choice, cost, seconds, material, settings)
    assert found is not None  # one for which there is time gets a part at least
    return found


def _features(
    network: Network, choice: Choice, prepared: Prepared, material: Material, settings: Settings
) -> Features:
    """Features of the training and validation examples."""
    model = unvaried_model_of(network, prepared, material.classes)
    positions = np.union1d(choice.train, material.validation)
    keep_freed_memory()
    with pinned(choose_threads(settings)):
        return Features(model.transform(material.inputs[positions]), positions)


def _simple(
    network: Network, prepared: Prepared, features: Features, material: Material, settings: Settings
) -> dict[str, tuple[Model, Reached]]:
    """Simple models on features, each with what it reaches on validation."""
    below = unvaried_model_of(network, prepared, material.classes)
    train, validation = prepared.examples.train, material.validation
    lesson = Lesson(
        inputs=np.concatenate([features.of(train), features.of(validation)]),
        labels=np.concatenate([material.labels[train], material.labels[validation]]),
        train=np.arange(len(train)),
        validation=np.arange(len(train), len(train) + len(validation)),
        classes=len(material.classes),
        kind="network",
    )
    found: dict[str, tuple[Model, Reached]] = {}
    for name in NUMBER_ON_NETWORK if material.is_numbers else ON_NETWORK:
        fitted = fit_baseline(
            name, lesson, seed=settings.seed, threads=choose_threads(settings), metric=settings.metric
        )
        said = fitted.predictor.predict(features.of(validation))
        found[name] = model_on_network(fitted, below), _reached(said, material, settings)
    return found


def _score(model: Model, material: Material, settings: Settings) -> Reached:
    """What a model reaches on validation."""
    inputs = material.inputs[material.validation]
    said = material.target.columns(material.target.ask(model, inputs))
    return _reached(said, material, settings)


def _reached(said: np.ndarray, material: Material, settings: Settings) -> Reached:
    """What answers on the validation examples reach."""
    labels = material.labels[material.validation]
    if not len(labels):
        return 0.0, 0.0
    finer = 0.0 if material.is_numbers else -log_loss(labels, said)
    return score(settings.metric, labels, said, material.target), finer


def _tuned(
    network: Network, prepared: Prepared, material: Material, settings: Settings
) -> tuple[Model | None, list[dict[str, Any]]]:
    """The fine-tuned network, or `None` where that did not pay."""
    recipe = tuning_recipe(settings, prepared)
    network = copy.deepcopy(network)
    share, history = tuned(network, prepared, recipe, to_the_end)
    if not share:
        return None, []
    return model_of(network, prepared, material.classes, recipe), [dict(each) for each in history]
