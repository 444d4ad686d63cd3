"""Every model on a backbone: features computed once, models on them, and fine-tuning where it pays."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pellucid.data.wording import count_of
from pellucid.networks import Network
from pellucid.pipeline.backbones import Choice
from pellucid.pipeline.entrants import Entrant
from pellucid.pipeline.features import Features, compute_features
from pellucid.pipeline.frozen import frozen_entrants
from pellucid.pipeline.preparation import Prepared, material_of, unvaried_model_of
from pellucid.pipeline.scene import Scene
from pellucid.pipeline.tuning import is_tuned, tune
from pellucid.settings import Settings
from pellucid.training.determinism import Purpose, choose_threads, pinned, torch_seed
from pellucid.training.memory import keep_freed_memory
from pellucid.training.state import Record


@dataclass(frozen=True)
class Built:
    """What came of a backbone.

    Attributes:
        entrants: every model on it, simplest first; none where no backbone takes part.
        history: one record for each epoch of fine-tuning.
        prepared: what its layers read; `None` where no backbone takes part.
    """

    entrants: Sequence[Entrant] = ()
    history: Sequence[Record] = ()
    prepared: Prepared | None = None


def build_on(choice: Choice, before: Sequence[Mapping[str, Any]], scene: Scene) -> Built:
    """Compute the features, train every model on them, and fine-tune where that pays.

    Args:
        choice: the backbone.
        before: records of the history so far.
        scene: the run.

    Returns:
        The models.

    Raises:
        DivergedError: the loss stopped being finite.
        InterruptedRun: a signal came; what was finished is kept.
        StorageError: the disk is full or not writable.
    """
    network, prepared = started(choice, scene.settings), choice.prepared(material_of(scene.dataset))
    began = time.perf_counter()
    features = _features(choice, network, prepared, scene)
    seconds = (time.perf_counter() - began) * len(choice.train) / len(features.positions)
    entrants = frozen_entrants(choice.name, network, prepared, features, scene)
    entrants = [dataclasses.replace(each, train_seconds=each.train_seconds + seconds) for each in entrants]
    if not is_tuned(scene.settings, prepared):
        return Built(entrants, (), prepared)
    tuned = tune(entrants[-1], network, prepared, before, scene)
    return Built([*entrants, *filter(None, [tuned.entrant])], tuned.history, prepared)


def started(choice: Choice, settings: Settings) -> Network:
    """Build the network of a backbone, with a head that has learnt nothing.

    Args:
        choice: the backbone.
        settings: for the seed.

    Returns:
        The network in evaluation mode.
    """
    draws = torch.Generator().manual_seed(torch_seed(settings.seed, Purpose.INITIALISATION, 1))
    network = choice.build(choice.config, draws).eval()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _features(choice: Choice, network: Network, prepared: Prepared, scene: Scene) -> Features:
    """What the frozen network says of every example that any model on it is asked about."""
    dataset = scene.dataset
    model = unvaried_model_of(network, prepared, dataset.classes)
    positions = np.unique(np.concatenate([choice.train, dataset.validation, dataset.test]))
    identity = f"{dataset.fingerprint} {choice.origin.sha256} {choice.config.to_json()} {len(choice.train)}"
    with (
        scene.stages.stage(f"computing features of {choice.name}") as stage,
        pinned(choose_threads(scene.settings)),
    ):
        keep_freed_memory()
        began = time.perf_counter()
        features = compute_features(
            lambda some: model.transform(dataset.inputs[some]),
            positions,
            scene.folder.checkpoints / f"features-{choice.name}",
            identity,
        )
        speed = len(positions) / max(1e-9, time.perf_counter() - began)
        seen = f" at {choice.config.seen[0]}x{choice.config.seen[1]}" if choice.config.seen else ""
        stage.words = (
            f"computed features of {choice.name}{seen}: {count_of(len(positions), dataset.noun)}, "
            f"{speed:,.0f} per second"
        )
    return features
