"""Choice of pretrained backbones: which take part in a run, why, and how many examples they learn from."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64

from pellucid.arithmetic.draws import Purpose, generator, torch_seed
from pellucid.data import Dataset, Preprocessing
from pellucid.data.images.preprocessing import look_like_photographs
from pellucid.data.raw_texts import Texts
from pellucid.data.splitting import places_in_strata
from pellucid.data.wording import count_of
from pellucid.encoding import Encoder
from pellucid.encoding.survey import looks_english
from pellucid.errors import ModelFileError, UsageError
from pellucid.language.sentence import Sentence, join
from pellucid.networks import Network, NetworkConfig, Origin
from pellucid.networks.backbone import load_timm
from pellucid.networks.costs import executed_layers
from pellucid.pipeline.learners.preparation import Prepared, examples_of
from pellucid.pretrained import (
    CLOSED,
    ENDING,
    MULTILINGUAL,
    OF_IMAGES,
    OF_TEXTS,
    SENTENCES,
    WORDS,
    ClosedBackbone,
    Learnt,
    TextBackbone,
    at_hand,
    installed,
    packaged_backbone,
    read_folder,
    read_multilingual,
    read_sentence_folder,
    read_word_vectors,
    require_form,
    timm_backbone,
)
from pellucid.settings import Settings, likely_meant


class BackboneLimits(NamedTuple):
    """Share of a backbone under a time limit; decided once, and kept in `config.json`."""

    train: int  # training examples that it learns from
    is_tuned: bool  # whether fine-tuning fits too
    seconds_before: float  # expected until the models on its frozen features are trained
    seconds_after: float  # expected for fine-tuning and for everything that it is asked afterwards
    share: float = 1.0  # of the steps of fine-tuning


@dataclass(frozen=True, eq=False)
class BackboneChoice:
    """A backbone that takes part in a run."""

    config: NetworkConfig  # its layers, those of the head included
    origin: Origin  # who made its weights
    # puts its layers together, below a head that has learnt nothing
    build: Callable[[NetworkConfig, torch.Generator], Network]
    preparation: Preprocessing | Encoder  # how images were fitted, or what turns texts into ids
    train: Int64[np.ndarray, " train"]  # ascending positions of the examples it learns from
    is_asked_for: bool  # whether it is the run's network, or one more model
    reason: str  # why it takes part, and what a time limit left out, in sentences
    # what a time limit leaves it; None without one, or before that is decided
    limits: BackboneLimits | None = None

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
        layers = executed_layers(self.config)
        return next(each.taken[0][0] for each in layers if each.name.startswith("head."))

    def prepared(self, material: Dataset) -> Prepared:
        """Material made ready for its layers, with those of the training examples that it learns from."""
        own = dataclasses.replace(material, train=np.intersect1d(self.train, material.train))
        if isinstance(own.inputs, Texts):
            assert not isinstance(self.preparation, Preprocessing)  # texts go with an encoder
            examples = examples_of(self.preparation.encode(own.inputs), own)
        else:
            examples = examples_of(own.inputs, own)
        return Prepared(self.name, examples, self.preparation)

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
            "granted": None if self.limits is None else self.limits._asdict(),
        }

    def within(self, limits: BackboneLimits, material: Dataset, seed: int, reason: str) -> "BackboneChoice":
        """The same within a time limit, learning from as many examples as were limits."""
        train = stratified_sample(material, limits.train, seed)
        return dataclasses.replace(self, train=train, limits=limits, reason=reason)


def stratified_sample(material: Dataset, most: int, seed: int) -> Int64[np.ndarray, " part"]:
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


# Training images of a backbone that nobody asked for, at most, so that it costs a few minutes.
_MOST_IMAGES = 5_000
_MOST_TEXTS = 2_000  # to learn from, with which a backbone is considered at most
_MOST_OF_OTHERS = 5_000  # likewise of texts in other languages than English


def chosen(settings: Settings, material: Dataset) -> tuple[BackboneChoice, ...]:
    """Decide which backbones take part: simplest first, none where none does.

    Asked for by name, a backbone is the network of the run and learns from every training example. Otherwise
    those that are installed are considered next to the network that is trained from scratch, where the
    model is left open and the images look like photographs, or there are at most 2,000 texts to learn
    from (5,000 where they do not look English, which other backbones read).
    """
    if settings.builds_on_backbone:
        names = [str(settings.backbone)]
    elif settings.backbone is not None or settings.model != "auto":
        names = []
    elif isinstance(material.inputs, Texts):
        names = _that_read(material.inputs, material.train)
    else:
        is_photo = material.takes == "images" and look_like_photographs(material.inputs, material.train)
        names = at_hand(OF_IMAGES) if is_photo else []
    return tuple(_choice(name, settings, material) for name in names)


def _that_read(texts: Texts, train: Int64[np.ndarray, " train"]) -> list[str]:
    """Names of the installed backbones for the language of texts, none where the texts are many."""
    if len(train) > max(_MOST_TEXTS, _MOST_OF_OTHERS):
        return []
    is_english = looks_english(texts, train)
    most, names = (_MOST_TEXTS, [*WORDS, *SENTENCES]) if is_english else (_MOST_OF_OTHERS, [*MULTILINGUAL])
    return at_hand(names) if len(train) <= most else []


def taken_over(
    records: Sequence[Mapping[str, Any]], settings: Settings, material: Dataset
) -> tuple[BackboneChoice, ...]:
    """The backbones that a run being resumed decided on, with what a time limit left them.

    `records` are what `config.json` has of them.
    """
    found = []
    for record in records:
        name = str(settings.backbone) if settings.builds_on_backbone else record["name"]
        choice = _choice(name, settings, material)
        if record.get("origin", {}).get("sha256") != choice.origin.sha256:
            raise UsageError(
                "--resume: the weights of {name} are others than when the run was started; restore "
                "them, or start again with --overwrite",
                choice.name,
            )
        if (limits := record.get("granted")) is not None:
            limits = BackboneLimits(**limits)
            choice = choice.within(limits, material, settings.seed, record["reason"])
        found.append(choice)
    return tuple(found)


def require_backbone(settings: Settings) -> None:
    """Refuse a backbone that was asked for and is not here, before the data is read."""
    if not settings.builds_on_backbone:
        return
    name, known = str(settings.backbone), [*OF_IMAGES, *OF_TEXTS]
    if settings.weights is not None:
        if Path(settings.weights).exists():
            return
        raise ModelFileError(
            "{weights}: there is no such file; give a .safetensors file for images, a sentence "
            "encoder's folder or word vectors for texts",
            settings.weights,
        )
    if is_place(name):
        if require_form(Path(name)) is CLOSED:
            read_folder(Path(name))  # in seconds: what it takes and gives is known before the data is read
        return
    if name not in known:
        meant = likely_meant(name[:64], known)
        raise UsageError(
            "--backbone: {name!r} comes with no weights of its own{meant}; give them with --weights, "
            "or choose one of {known}",
            name[:64],
            meant,
            ", ".join(known),
        )
    if name in OF_IMAGES:
        load_timm()
    installed(name)


def is_place(name: str) -> bool:
    """Whether a backbone is named by its folder or file: not the name of a known one, but that of a place."""
    path = Path(name)
    is_there = path.is_dir() or path.name != name or path.suffix == ENDING
    return name not in OF_IMAGES | OF_TEXTS and is_there


def _choice(name: str, settings: Settings, material: Dataset) -> BackboneChoice:
    """Find the weights of a name, and decide on the layers and the training examples, and say why."""
    is_asked_for, count = settings.builds_on_backbone, len(material.train)
    part = (
        ""
        if count <= _MOST_IMAGES
        else Sentence(", on {MOST_IMAGES:,} training examples drawn by chance", _MOST_IMAGES)
    )
    why = "The images look like photographs"
    if material.takes == "texts":
        why = Sentence("There are only {count} to learn from", count_of(count, "text"))
        if name in MULTILINGUAL:
            why = Sentence("{why}, and they do not look English", why)
    reason = Sentence("{name} was asked for.", name)
    if not is_asked_for:
        reason = Sentence(
            "{why}, so {name}, which is installed, is considered too{part}; --backbone none leaves it out.",
            why,
            name,
            part,
        )
    train = stratified_sample(material, count if is_asked_for else _MOST_IMAGES, settings.seed)
    outputs = material.target.outputs(len(material.classes))
    if isinstance(material.inputs, Texts):
        found = _of_texts(name, settings, material.inputs, material.train)
        config = found.config_for(outputs, settings)
        return BackboneChoice(config, found.origin, found.network, found.encoder, train, is_asked_for, reason)
    kept, of_folder = material.preprocessing, settings.weights is None and is_place(name)
    takes = require_form(Path(name)).takes if of_folder else "texts" if name in OF_TEXTS else "images"
    if kept is None or takes == "texts":
        raise UsageError(
            "--backbone: {name} takes {takes}, and the inputs are {word}; leave it out, or choose another",
            name,
            takes,
            "images" if kept else "feature vectors",
        )
    if settings.weights is None and name not in OF_IMAGES and not of_folder:
        raise UsageError(
            "--backbone: {name!r} comes with no weights of its own; give them with --weights "
            "FILE.safetensors, or choose {OF_IMAGES}",
            name[:64],
            ", ".join(OF_IMAGES),
        )
    own = settings.weights
    if own is None:
        backbone = read_folder(Path(name)) if of_folder else packaged_backbone(name)
    else:
        backbone = timm_backbone(name, Path(own))
    assert not isinstance(backbone, TextBackbone)  # as it takes images
    if isinstance(backbone, ClosedBackbone):
        reason = join(" ", [reason, backbone.note])
    config = backbone.config_for(outputs, settings, (kept.channels, *kept.size))
    return BackboneChoice(config, backbone.origin, backbone.network, kept, train, is_asked_for, reason)


def _of_texts(
    name: str, settings: Settings, texts: Texts, train: Int64[np.ndarray, " train"]
) -> TextBackbone:
    """A sentence encoder or vectors of words, from its package or from a place of the user's."""
    of_folder = settings.weights is None and is_place(name)
    if name in OF_IMAGES or (of_folder and require_form(Path(name)).takes == "images"):
        raise UsageError(
            "--backbone: {name} takes images, and the inputs are texts; choose {OF_TEXTS}",
            name,
            ", ".join(OF_TEXTS),
        )
    learnt = Learnt(texts, train)
    if of_folder:
        found = read_folder(Path(name), settings.length, learnt)
        assert isinstance(found, TextBackbone)  # as it takes texts
        return found
    place = installed(name) if settings.weights is None else Path(settings.weights)
    if name in MULTILINGUAL and settings.weights is None:
        return read_multilingual(name, place, learnt, settings.length)
    if name in SENTENCES or (name not in WORDS and place.is_dir()):
        return read_sentence_folder(place, settings.length, learnt)
    return read_word_vectors(place, texts, train, settings.length)
