"""Every model on a backbone: features computed once, models on them, and fine-tuning where it pays."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pellucid.arithmetic.draws import Purpose, torch_seed
from pellucid.data.wording import count_of
from pellucid.networks import Network
from pellucid.pipeline.learners.backbones.frozen import frozen_candidates
from pellucid.pipeline.learners.backbones.option import Choice
from pellucid.pipeline.learners.backbones.tuning import SUFFIX, is_tuned, tune
from pellucid.pipeline.learners.candidates import Candidate, on_validation
from pellucid.pipeline.learners.features import Features, compute_features
from pellucid.pipeline.learners.planning.preparation import Prepared, material_of, unvaried_model_of
from pellucid.pipeline.run.context import RunContext
from pellucid.settings import Settings
from pellucid.training.determinism import choose_threads, pinned
from pellucid.training.memory import keep_freed_memory
from pellucid.training.state import Record

_TIMED = 32


@dataclass(frozen=True, eq=False)
class Built:
    """Models on a backbone.

    Attributes:
        choice: the backbone.
        network: the same as layers, the head trained on frozen features.
        prepared: what its layers read.
        features: of every example that models on the frozen network are asked about.
        candidates: every model on it, simplest first.
        history: one record for each epoch of fine-tuning.
    """

    choice: Choice
    network: Network
    prepared: Prepared
    features: Features
    candidates: Sequence[Candidate]
    history: Sequence[Record] = ()

    @property
    def is_tuned(self) -> bool:
        """True where the last of the models is the network tuned further."""
        return self.candidates[-1].name.endswith(SUFFIX)


def build_on(choice: Choice, context: RunContext) -> Built:
    """Compute the features, and train every model on them.

    Raises: `DivergedError` if the loss stopped being finite; `StorageError` if the disk is full or not
    writable, and finished blocks of features are kept.
    """
    network, prepared = started(choice, context.settings), choice.prepared(material_of(context.dataset))
    began = time.perf_counter()
    features = _features(choice, network, prepared, context)
    seconds = (time.perf_counter() - began) * len(choice.train) / len(features.positions)
    candidates = _frozen(choice.name, network, prepared, features, context)
    candidates = [
        dataclasses.replace(each, train_seconds=each.train_seconds + seconds) for each in candidates
    ]
    return Built(choice, network, prepared, features, candidates)


def tune_further(built: Built, before: Sequence[Mapping[str, Any]], context: RunContext) -> Built:
    """Fine-tune a backbone where that is wanted, fits into a time limit and pays.

    The models, the tuned network last where it paid.

    Raises: `DivergedError` if the loss stopped being finite; `InterruptedRun` if a signal came, and what
    was finished is kept; `StorageError` if the disk is full or not writable.
    """
    if not is_tuned(context.settings, built.choice, built.prepared):
        return built
    tuned = tune(built.candidates[-1], built.network, built.prepared, before, context)
    candidates = [*built.candidates, *filter(None, [tuned.candidate])]
    return dataclasses.replace(built, candidates=candidates, history=tuned.history)


def _frozen(
    name: str, network: Network, prepared: Prepared, features: Features, context: RunContext
) -> list[Candidate]:
    """The models on frozen features, simplest first, the head last."""
    dataset, train = context.dataset, prepared.examples.train
    with context.stages.stage(f"training a head and simple models on the features of {name}") as stage:
        found, left_out = frozen_candidates(
            name, network, prepared, features, material_of(dataset), context.settings
        )
        *simple, head = found
        stage.details += left_out
        stage.words = (
            f"trained {name} (head), "
            f"{' and '.join(each.name for each in simple)} on {count_of(len(train), dataset.noun)}"
            f"{on_validation([head, *simple], dataset, context.settings)}"
        )
    return found


def started(choice: Choice, settings: Settings) -> Network:
    """Build the network of a backbone, in evaluation mode, with a head that has learnt nothing."""
    draws = torch.Generator().manual_seed(torch_seed(settings.seed, Purpose.BACKBONE_HEAD))
    network = choice.build(choice.config, draws).eval()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _features(choice: Choice, network: Network, prepared: Prepared, context: RunContext) -> Features:
    """Features of every example that any model on the frozen network is asked about."""
    dataset = context.dataset
    model = unvaried_model_of(network, prepared, dataset.classes)
    positions = np.unique(np.concatenate([choice.train, dataset.validation, dataset.test]))
    identity = f"{dataset.fingerprint} {choice.origin.sha256} {choice.config.to_json()} {len(choice.train)}"
    with (
        context.stages.stage(f"computing features of {choice.name}") as stage,
        pinned(choose_threads(context.settings)),
    ):
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
