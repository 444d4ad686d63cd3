"""The learners of a backbone in a run: its features are kept, its training is shown and survives a kill."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.data.wording import count_of
from pellucid.networks import Network
from pellucid.pipeline.learners.backbones.frozen import Built, FrozenLearner
from pellucid.pipeline.learners.backbones.option import Choice
from pellucid.pipeline.learners.backbones.tuning import SUFFIX, TuningLearner, keeps_best
from pellucid.pipeline.learners.features import Features, compute_features
from pellucid.pipeline.learners.in_run import train_beside
from pellucid.pipeline.learners.planning.preparation import (
    Material,
    Prepared,
    material_of,
    unvaried_model_of,
)
from pellucid.pipeline.run.context import RunContext
from pellucid.training import Session
from pellucid.training.determinism import pinned
from pellucid.training.memory import keep_freed_memory

_TIMED = 32


def frozen_in_run(choice: Choice, context: RunContext) -> FrozenLearner:
    """The learner of the models on a frozen backbone; a killed run's features are taken over."""

    def look(network: Network, prepared: Prepared, material: Material, threads: int) -> Features:
        return _features(choice, network, prepared, threads, context)

    return FrozenLearner(choice, context.settings, look, stages=context.stages)


def tuned_in_run(built: Built, before: Sequence[Mapping[str, Any]], context: RunContext) -> Built:
    """Fine-tune a backbone where that is wanted and fits into a time limit, from the newest checkpoint.

    `before` are the records of the history that stand before those of tuning.

    Raises: `DivergedError` if the loss stopped being finite; `InterruptedRun` if a signal came, and what
    was finished is kept; `StorageError` if the disk is full or not writable.
    """
    name = built.choice.name + SUFFIX

    def run(session: Session[Network]) -> None:
        train_beside(session, name, before, context, keeps_best=keeps_best(session))

    learner = TuningLearner(frozen_in_run(built.choice, context), run, built)
    return learner.tuned(material_of(context.dataset))


def _features(
    choice: Choice, network: Network, prepared: Prepared, threads: int, context: RunContext
) -> Features:
    """Features of every example that any model on the frozen network is asked about."""
    dataset = context.dataset
    model = unvaried_model_of(network, prepared, dataset.classes)
    positions = np.unique(np.concatenate([choice.train, dataset.validation, dataset.test]))
    identity = f"{dataset.fingerprint} {choice.origin.sha256} {choice.config.to_json()} {len(choice.train)}"
    with context.stages.stage(f"computing features of {choice.name}") as stage, pinned(threads):
        keep_freed_memory()
        began = time.perf_counter()
        features = compute_features(
            lambda some: model.transform(dataset.inputs[some]),
            positions,
            context.folder.checkpoints / f"features-{choice.name}",
            identity,
        )
        speed = len(positions) / max(1e-9, time.perf_counter() - began)
        if features.seconds_an_example == 0:  # a few examples tell how fast the body is
            began = time.perf_counter()
            model.transform(dataset.inputs[positions[:_TIMED]])
            seconds = (time.perf_counter() - began) / len(positions[:_TIMED])
            features = dataclasses.replace(features, seconds_an_example=seconds)
        seen = f" at {choice.config.seen[0]}x{choice.config.seen[1]}" if choice.config.seen else ""
        stage.words = (
            f"computed features of {choice.name}{seen}: {count_of(len(positions), dataset.noun)}, "
            f"{speed:,.0f} per second"
        )
    return features
