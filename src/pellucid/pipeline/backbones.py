"""Pretrained backbones in a run: which one, on how many examples, and every model that stands on it.

Asked for by name, a backbone is the network of the run and sees every example. Otherwise one that is
installed is considered where the pictures look like photographs and the model is left open: it stands
beside the network that is trained from scratch, and learns from up to 5,000 training examples, drawn with
the run's seed, so that it costs no more than a few minutes. Validation decides which model is recommended.
"""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64

from pellucid.bundle import ImageModel
from pellucid.data import Dataset
from pellucid.data.photographs import look_like_photographs
from pellucid.data.wording import count_of
from pellucid.errors import UsageError
from pellucid.networks import Network, NetworkConfig
from pellucid.pipeline.entrants import Entrant
from pellucid.pipeline.features import Features, compute_features
from pellucid.pipeline.frozen import frozen_entrants
from pellucid.pipeline.preparation import Prepared, examples_of, material_of
from pellucid.pipeline.scene import Scene
from pellucid.pipeline.stages import Stages
from pellucid.pipeline.tuning import is_tuned, tune
from pellucid.pretrained import PICTURE_PACKAGES, PictureBackbone, at_hand, packaged_backbone, timm_backbone
from pellucid.settings import Settings
from pellucid.training.determinism import Purpose, choose_threads, generator, pinned, torch_seed
from pellucid.training.state import Record

_MOST_CONSIDERED = 5_000
_SEEN = {"quick": 128, "standard": 160, "best": 224}
_SEEN_OF_SMALL, _SMALL = 128, 64
_DEFAULT_DROPOUT = 0.2


@dataclass(frozen=True, eq=False)
class Choice:
    """A backbone that takes part in a run.

    Attributes:
        backbone: its weights.
        config: its layers, those of the head included.
        train: ascending positions of the examples it learns from.
        is_asked_for: whether it is the run's network, or stands beside one.
        reason: why it takes part, in a sentence.
    """

    backbone: PictureBackbone
    config: NetworkConfig
    train: Int64[np.ndarray, " train"]
    is_asked_for: bool
    reason: str

    @property
    def name(self) -> str:
        """What it is called in `metrics.json`."""
        return self.backbone.origin.name

    def to_json(self) -> dict[str, Any]:
        """What `config.json` has of it."""
        return {
            "name": self.name,
            "network": self.config.to_json(),
            "origin": self.backbone.origin.to_json(),
            "train": len(self.train),
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Built:
    """What came of a backbone.

    Attributes:
        entrants: every model on it, simplest first.
        history: one record for each epoch of fine-tuning.
    """

    entrants: Sequence[Entrant]
    history: Sequence[Record] = ()


def chosen(settings: Settings, dataset: Dataset, stages: Stages) -> Choice | None:
    """Decide whether a backbone takes part, and which.

    Args:
        settings: what the user asked for.
        dataset: the data.
        stages: says what is decided.

    Returns:
        The backbone; `None` where none takes part.

    Raises:
        UsageError: the one asked for is not known, or cannot take such inputs.
        ModelFileError: its weights are missing, damaged or of another kind.
    """
    if settings.builds_on_backbone:
        if dataset.is_texts:
            raise UsageError(f"--backbone: {settings.backbone} takes pictures, and the inputs are texts")
        name = str(settings.backbone)
        found = _found(name, settings.weights)
        return _choice(found, settings, dataset, dataset.train, f"{name} was asked for.", is_asked_for=True)
    considered = _considered(settings, dataset)
    if considered is None:
        return None
    draws = generator(settings.seed, Purpose.SAMPLE, 6)
    train = np.sort(draws.permutation(dataset.train)[:_MOST_CONSIDERED])
    part = "" if len(train) == len(dataset.train) else f", on {len(train):,} of them drawn by chance"
    reason = (
        f"The pictures look like photographs, so {considered}, which is installed, is considered too{part}."
    )
    choice = _choice(packaged_backbone(considered), settings, dataset, train, reason, is_asked_for=False)
    stages.paragraph(reason)
    return choice


def _considered(settings: Settings, dataset: Dataset) -> str | None:
    """The backbone that is considered without being asked for."""
    pixels = dataset.inputs
    if settings.backbone is not None or settings.model != "auto" or settings.time_limit is not None:
        return None
    if not isinstance(pixels, np.ndarray) or not look_like_photographs(pixels, dataset.train):
        return None
    return at_hand()


def _found(name: str, weights: str | None) -> PictureBackbone:
    """The backbone of a name.

    Raises:
        UsageError: it is not known, or its weights are missing.
        ModelFileError: its weights are damaged or of another kind.
    """
    if weights is not None:
        return timm_backbone(name, Path(weights))
    if name not in PICTURE_PACKAGES:
        raise UsageError(
            f"--backbone: {name!r} comes with no weights of its own; give them with --weights "
            f"FILE.safetensors, or choose {', '.join(PICTURE_PACKAGES)}"
        )
    return packaged_backbone(name)


def _choice(
    backbone: PictureBackbone,
    settings: Settings,
    dataset: Dataset,
    train: Int64[np.ndarray, " train"],
    reason: str,
    *,
    is_asked_for: bool,
) -> Choice:
    kept = dataset.preprocessing
    assert kept is not None  # pictures
    depth = settings.depth or 0
    config = NetworkConfig(
        name="backbone",
        input_shape=(kept.channels, *kept.size),
        outputs=max(1, len(dataset.classes)),
        activation=settings.activation or "relu",
        dropout=_DEFAULT_DROPOUT if settings.dropout is None else settings.dropout,
        widths=(settings.width or 256,) * depth,
        backbone=backbone.architecture,
        seen=backbone.fixed_size or seen_size(kept.size, settings),
    )
    return Choice(backbone, config, train, is_asked_for, reason)


def seen_size(size: tuple[int, int], settings: Settings) -> tuple[int, int]:
    """Decide at which size a backbone sees pictures.

    The longer side becomes 160 pixels (128 with the preset `quick`, 224 with `best`), of pictures of up to
    64 pixels 128 at most; the shorter side in proportion, rounded to a multiple of 8 and at least 32.

    Args:
        size: height and width of the stored pictures.
        settings: for the preset.

    Returns:
        Height and width.
    """
    longer = _SEEN[settings.preset]
    if max(size) <= _SMALL and settings.preset != "best":
        longer = _SEEN_OF_SMALL
    height, width = (max(32, 8 * round(side * longer / max(size) / 8)) for side in size)
    return height, width


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
    dataset, settings = scene.dataset, scene.settings
    draws = torch.Generator().manual_seed(torch_seed(settings.seed, Purpose.INITIALISATION, 1))
    network = choice.backbone.network(choice.config, draws)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    prepared = prepared_on(choice, dataset)
    began = time.perf_counter()
    features = _features(choice, network, scene)
    seconds = (time.perf_counter() - began) * len(choice.train) / len(features.positions)
    entrants = frozen_entrants(choice.name, network, prepared, features, choice.train, scene)
    entrants = [dataclasses.replace(each, train_seconds=each.train_seconds + seconds) for each in entrants]
    if not is_tuned(settings, dataset):
        return Built(entrants)
    tuned = tune(entrants[-1], network, prepared, before, scene)
    return Built([*entrants, *filter(None, [tuned.entrant])], tuned.history)


def prepared_on(choice: Choice, dataset: Dataset) -> Prepared:
    """What the layers of a backbone are trained on.

    Args:
        choice: the backbone.
        dataset: the data.

    Returns:
        The same inputs with the training examples that it learns from.
    """
    material = dataclasses.replace(material_of(dataset), train=choice.train)
    assert isinstance(material.inputs, np.ndarray)  # pictures
    return Prepared(choice.name, examples_of(material.inputs, material), material.preprocessing)


def _features(choice: Choice, network: Network, scene: Scene) -> Features:
    """What the frozen network says of every example that any model on it is asked about."""
    dataset = scene.dataset
    kept, pixels = dataset.preprocessing, dataset.inputs
    assert kept is not None
    assert isinstance(pixels, np.ndarray)
    model = ImageModel(network, kept, dataset.classes)
    positions = np.unique(np.concatenate([choice.train, dataset.validation, dataset.test]))
    identity = (
        f"{dataset.fingerprint} {choice.backbone.origin.sha256} {choice.config.seen} {len(choice.train)}"
    )
    height, width = choice.config.seen
    words = f"features of {choice.name} at {height}x{width}"
    with scene.stages.stage(f"computing {words}") as stage, pinned(choose_threads(scene.settings)):
        began = time.perf_counter()
        features = compute_features(
            lambda some: model.transform(pixels[some]),
            positions,
            scene.folder.checkpoints / f"features-{choice.name}",
            identity,
        )
        speed = len(positions) / max(1e-9, time.perf_counter() - began)
        stage.words = f"computed {words}: {count_of(len(positions), 'picture')}, {speed:,.0f} per second"
    return features
