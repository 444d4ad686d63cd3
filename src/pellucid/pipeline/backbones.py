"""Pretrained backbones in a run: which one takes part, why, and how many examples it learns from.

Asked for by name, a backbone is the network of the run and learns from every training example. Otherwise
one that is installed is considered beside the network that is trained from scratch, where the model is left
open and the pictures look like photographs, or there are at most 2,000 texts to learn from. It then learns
from up to 5,000 training pictures, drawn with the run's seed, so that it costs no more than a few minutes.
Validation decides which of all the models is recommended.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64

from pellucid.data import Preprocessing
from pellucid.data.photographs import look_like_photographs
from pellucid.data.texts import Texts
from pellucid.data.wording import count_of
from pellucid.encoding import Encoder
from pellucid.errors import UsageError
from pellucid.networks import Network, NetworkConfig, Origin
from pellucid.pipeline.preparation import Material, Prepared, examples_of
from pellucid.pretrained import (
    OF_PICTURES,
    OF_TEXTS,
    SENTENCES,
    WORDS,
    PictureBackbone,
    TextBackbone,
    at_hand,
    installed,
    packaged_backbone,
    read_sentence_folder,
    read_word_vectors,
    timm_backbone,
)
from pellucid.settings import Settings
from pellucid.training.determinism import Purpose, generator

_MOST_PICTURES, _MOST_TEXTS = 5_000, 2_000
_DRAW = 6


@dataclass(frozen=True, eq=False)
class Choice:
    """A backbone that takes part in a run.

    Attributes:
        config: its layers, those of the head included.
        origin: who made its weights.
        build: puts its layers together, below a head that has learnt nothing.
        preparation: how pictures were fitted, or what turns texts into ids.
        train: ascending positions of the examples it learns from.
        is_asked_for: whether it is the run's network, or stands beside one.
        reason: why it takes part, in a sentence.
    """

    config: NetworkConfig
    origin: Origin
    build: Callable[[NetworkConfig, torch.Generator], Network]
    preparation: Preprocessing | Encoder
    train: Int64[np.ndarray, " train"]
    is_asked_for: bool
    reason: str

    @property
    def name(self) -> str:
        """What it is called in `metrics.json`."""
        return self.origin.name

    def prepared(self, material: Material) -> Prepared:
        """What its layers are trained on.

        Args:
            material: the data.

        Returns:
            The inputs made ready, with the training examples that it learns from.
        """
        own = dataclasses.replace(material, train=self.train)
        if not isinstance(own.inputs, Texts):
            return Prepared(self.name, examples_of(own.inputs, own), self.preparation)
        assert not isinstance(self.preparation, Preprocessing)  # texts go with an encoder
        return Prepared(self.name, examples_of(self.preparation.encode(own.inputs), own), self.preparation)

    def to_json(self) -> dict[str, Any]:
        """What `config.json` has of it."""
        return {
            "name": self.name,
            "network": self.config.to_json(),
            "origin": self.origin.to_json(),
            "train": len(self.train),
            "reason": self.reason,
        }


def chosen(settings: Settings, material: Material, former: Mapping[str, Any] | None = None) -> Choice | None:
    """Decide whether a backbone takes part, and which.

    Args:
        settings: what the user asked for.
        material: the data.
        former: `config.json` of the run being resumed, whose decision stands; or `None`.

    Returns:
        The backbone; `None` where none takes part.

    Raises:
        UsageError: the one asked for is not known, is not installed, cannot take such inputs, or is
            another than when the run was started.
        ModelFileError: its weights are missing, damaged or of another kind.
    """
    if settings.builds_on_backbone:
        reason = f"{settings.backbone} was asked for."
        choice = _choice(str(settings.backbone), settings, material, material.train, reason)
    else:
        name = _considered(settings, material) if former is None else former.get("backbone", {}).get("name")
        if name is None:
            return None
        choice = _beside(name, settings, material)
    _require_same(choice, former)
    return choice


def _considered(settings: Settings, material: Material) -> str | None:
    """The backbone that is considered without being asked for."""
    if settings.backbone is not None or settings.model != "auto" or settings.time_limit is not None:
        return None
    if isinstance(material.inputs, Texts):
        names = at_hand(OF_TEXTS) if len(material.train) <= _MOST_TEXTS else []
    elif material.takes == "pictures" and look_like_photographs(material.inputs, material.train):
        names = at_hand(OF_PICTURES)
    else:
        names = []
    return next(iter(names), None)


def _beside(name: str, settings: Settings, material: Material) -> Choice:
    """A backbone that stands beside a network trained from scratch."""
    draws = generator(settings.seed, Purpose.SAMPLE, _DRAW)
    train = np.sort(draws.permutation(material.train)[:_MOST_PICTURES])
    is_whole = len(train) == len(material.train)
    part = "" if is_whole else f", on {len(train):,} training examples drawn by chance"
    why = (
        f"There are only {count_of(len(material.train), 'text')} to learn from"
        if material.takes == "texts"
        else "The pictures look like photographs"
    )
    reason = f"{why}, so {name}, which is installed, is considered too{part}; --backbone none leaves it out."
    return _choice(name, settings, material, train, reason)


def _choice(
    name: str, settings: Settings, material: Material, train: Int64[np.ndarray, " train"], reason: str
) -> Choice:
    """Find the weights of a name, and decide on the layers.

    Raises:
        UsageError: it is not known, not installed, or cannot take such inputs.
        ModelFileError: its weights are damaged or of another kind.
    """
    outputs, is_asked_for = max(1, len(material.classes)), settings.builds_on_backbone
    if isinstance(material.inputs, Texts):
        found = _of_texts(name, settings, material.inputs, train)
        config = found.config_for(outputs, settings)
        return Choice(config, found.origin, found.network, found.encoder, train, is_asked_for, reason)
    kept = material.preprocessing
    if kept is None or name in OF_TEXTS:
        takes = "texts" if name in OF_TEXTS else "pictures"
        raise UsageError(
            f"--backbone: {name} takes {takes}, and the inputs are "
            f"{'pictures' if kept else 'feature vectors'}; leave it out, or choose another"
        )
    backbone = _of_pictures(name, settings)
    config = backbone.config_for(outputs, settings, (kept.channels, *kept.size))
    return Choice(config, backbone.origin, backbone.network, kept, train, is_asked_for, reason)


def _of_pictures(name: str, settings: Settings) -> PictureBackbone:
    """A network of timm, from its package or from a file of the user's.

    Raises:
        UsageError: it is not known, or its weights or timm are missing.
        ModelFileError: its weights are damaged or of another kind.
    """
    if settings.weights is not None:
        return timm_backbone(name, Path(settings.weights))
    if name not in OF_PICTURES:
        raise UsageError(
            f"--backbone: {name[:64]!r} comes with no weights of its own; give them with --weights "
            f"FILE.safetensors, or choose {', '.join(OF_PICTURES)}"
        )
    return packaged_backbone(name)


def _of_texts(
    name: str, settings: Settings, texts: Texts, train: Int64[np.ndarray, " train"]
) -> TextBackbone:
    """A sentence encoder or vectors of words, from its package or from a place of the user's.

    Raises:
        UsageError: the name is of neither.
        ModelFileError: a file is missing, damaged or of another kind.
        DataError: the vectors hold none of the words.
    """
    if name in OF_PICTURES:
        raise UsageError(
            f"--backbone: {name} takes pictures, and the inputs are texts; choose {', '.join(OF_TEXTS)}"
        )
    place = installed(name) if settings.weights is None else Path(settings.weights)
    is_folder = name in SENTENCES or (name not in WORDS and place.is_dir())
    if is_folder:
        return read_sentence_folder(place, settings.length)
    return read_word_vectors(place, texts, train, settings.length)


def _require_same(choice: Choice, former: Mapping[str, Any] | None) -> None:
    """Refuse to go on with other weights than before.

    Raises:
        UsageError: they are others.
    """
    if former is None:
        return
    before = former.get("backbone", {}).get("origin", {}).get("sha256")
    if before != choice.origin.sha256:
        raise UsageError(
            f"--resume: the weights of {choice.name} are others than when the run was started; restore them, "
            "or start again with --overwrite"
        )
