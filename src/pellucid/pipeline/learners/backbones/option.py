"""A pretrained backbone that takes part in a run, and what a time limit leaves it."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64

from pellucid.arithmetic.draws import Purpose, generator, torch_seed
from pellucid.data import Preprocessing
from pellucid.data.splits.splitting import places_in_strata
from pellucid.data.texts.store import Texts
from pellucid.encoding import Encoder
from pellucid.networks import Network, NetworkConfig, Origin
from pellucid.networks.costs import passes
from pellucid.pipeline.learners.planning.preparation import Material, Prepared, examples_of
from pellucid.settings import Settings


class Granted(NamedTuple):
    """Share of a backbone under a time limit; decided once, and kept in `config.json`.

    Attributes:
        train: training examples that it learns from.
        is_tuned: whether fine-tuning fits too.
        seconds_before: expected until the models on its frozen features are trained.
        seconds_after: expected for fine-tuning and for everything that it is asked afterwards.
    """

    train: int
    is_tuned: bool
    seconds_before: float
    seconds_after: float


@dataclass(frozen=True, eq=False)
class Choice:
    """A backbone that takes part in a run.

    Attributes:
        config: its layers, those of the head included.
        origin: who made its weights.
        build: puts its layers together, below a head that has learnt nothing.
        preparation: how images were fitted, or what turns texts into ids.
        train: ascending positions of the examples it learns from.
        is_asked_for: whether it is the run's network, or stands beside one.
        reason: why it takes part, and what a time limit left out, in sentences.
        granted: what a time limit leaves it; `None` without one, or before that is decided.
    """

    config: NetworkConfig
    origin: Origin
    build: Callable[[NetworkConfig, torch.Generator], Network]
    preparation: Preprocessing | Encoder
    train: Int64[np.ndarray, " train"]
    is_asked_for: bool
    reason: str
    granted: Granted | None = None

    @property
    def name(self) -> str:
        """Name in `metrics.json`."""
        return self.origin.name

    @property
    def takes_images(self) -> bool:
        """True for images, false for texts."""
        return isinstance(self.preparation, Preprocessing)

    @property
    def width(self) -> int:
        """Features of an example: what the first layer of its head takes."""
        return next(each.taken[0][0] for each in passes(self.config) if each.name.startswith("head."))

    def prepared(self, material: Material) -> Prepared:
        """Material made ready for its layers, with those of the training examples that it learns from."""
        own = dataclasses.replace(material, train=np.intersect1d(self.train, material.train))
        if not isinstance(own.inputs, Texts):
            return Prepared(self.name, examples_of(own.inputs, own), self.preparation)
        assert not isinstance(self.preparation, Preprocessing)  # texts go with an encoder
        return Prepared(self.name, examples_of(self.preparation.encode(own.inputs), own), self.preparation)

    def started(self, settings: Settings) -> Network:
        """Its network, in evaluation mode, with a head that has learnt nothing."""
        draws = torch.Generator().manual_seed(torch_seed(settings.seed, Purpose.BACKBONE_HEAD))
        network = self.build(self.config, draws).eval()
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,unused-ignore]
        return network

    def to_json(self) -> dict[str, Any]:
        """The option as `config.json` has it."""
        return {
            "name": self.name,
            "network": self.config.to_json(),
            "origin": self.origin.to_json(),
            "train": len(self.train),
            "reason": self.reason,
            "granted": None if self.granted is None else self.granted._asdict(),
        }

    def within(self, granted: Granted, material: Material, seed: int, reason: str) -> "Choice":
        """The same within a time limit, learning from as many examples as were granted."""
        train = fair_part(material, granted.train, seed)
        return dataclasses.replace(self, train=train, granted=granted, reason=reason)


def granted_in(record: Mapping[str, Any]) -> Granted | None:
    """Share that a time limit left a backbone, by its record in `config.json`; `None` where it left none."""
    kept = record.get("granted")
    return None if kept is None else Granted(**kept)


def fair_part(material: Material, most: int, seed: int) -> Int64[np.ndarray, " part"]:
    """Draw a part of the training examples, to which each class (of numbers, each decile) gives its share.

    Ascending positions; a smaller part lies within each larger one, and all are there where they are not
    more.
    """
    train = material.train
    if len(train) <= most:
        return train
    order = generator(seed, Purpose.BACKBONE_SHARE).permutation(len(train))
    places = places_in_strata(material.labels[train], order, material.target)
    return np.sort(train[np.argsort(places, kind="stable")[:most]])
