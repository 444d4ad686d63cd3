"""`NetworkConfig`, which fully determines a network's layers, saved as JSON beside the weights."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypeVar

from pellucid.confined.onnx_files import LARGEST
from pellucid.language.sentence import Sentence
from pellucid.safety.strict import (
    LEFT_OUT,
    Items,
    Number,
    OneOf,
    Saved,
    Text,
    Whole,
    fields_of,
    optional_of,
    read_object,
)
from pellucid.settings import Settings

CELLS = ("lstm", "gru")

LARGEST_SIDE = 4096
MOST_LAYERS = 70
LARGEST_WIDTH = 131_072
LARGEST_STEM = 16
MOST_IDS = 5_000_000
LARGEST_KERNEL = 64
MOST_HEADS = 256
LARGEST_LATENT = 4096
MOST_CONDITIONS = 100_000
MOST_COMPONENTS = 1_000
MOST_REGISTERS = 64
# What layer norms add to the variance, as BERT does.
NORM_EPSILON = 1e-12
# Features of a vision transformer: its class token, the mean over its patches, or both side by side.
POOLED = ("class", "mean", "both")
# `sigma-vae`: normal, with one variance for all pixels, the best for the training images.
LIKELIHOODS = ("sigma-vae",)


@dataclass(frozen=True, kw_only=True)
class OwnLayers:
    """Layers of one family; construction checks every bound."""

    def __post_init__(self) -> None:
        for name, field in fields_of(type(self)).items():
            value = getattr(self, name)
            field.read(name, list(value) if isinstance(value, tuple) else value)


NO_OWN_LAYERS = OwnLayers()


@dataclass(frozen=True, kw_only=True)
class Stem(OwnLayers):
    """Whitening stem and pooled blocks of `cnn`, or what replaces them where there is little time."""

    stem_filters: Annotated[int, Whole(0, LARGEST_WIDTH)]  # half of them negatives
    stem_kernel: Annotated[int, Whole(0, LARGEST_STEM)]  # side of its patches in pixels
    stem_stride: Annotated[int, Whole(0, LARGEST_STEM)]  # distance between its patches in pixels
    pooled_blocks: Annotated[int, Whole(0, MOST_LAYERS)]  # the first blocks, which halve the image
    # Units of a dense layer behind single convolutions; 0 where there are residual blocks and a global pool.
    dense: Annotated[int, Whole(0, LARGEST_WIDTH), LEFT_OUT] = 0


@dataclass(frozen=True, kw_only=True)
class Filters(OwnLayers):
    """Filters of `text-cnn`: `kernels` are the neighbouring ids that each kind of filter sees."""

    kernels: Annotated[tuple[int, ...], Items(MOST_LAYERS, each=Whole(1, LARGEST_KERNEL))]


@dataclass(frozen=True, kw_only=True)
class Recurrent(OwnLayers):
    """Recurrent layers of `rnn`."""

    cell: Annotated[str, OneOf(CELLS)]


@dataclass(frozen=True, kw_only=True)
class Grams(OwnLayers):
    """Kinds of n-grams of `bag`: `groups` are the first id of each, from 2, and, last, the number of ids."""

    groups: Annotated[tuple[int, ...], Items(MOST_LAYERS, each=Whole(2, MOST_IDS))]

    def __post_init__(self) -> None:
        super().__post_init__()
        if list(self.groups) != sorted(self.groups):
            raise ValueError(Sentence("groups: {groups} do not ascend", list(self.groups)))


@dataclass(frozen=True, kw_only=True)
class Attention(OwnLayers):
    """Layers of `transformer`, and of the one of `sentence-encoder`."""

    transformer_layers: Annotated[int, Whole(0, MOST_LAYERS)]
    attention_heads: Annotated[int, Whole(0, MOST_HEADS)]  # parts of a token's numbers in each layer
    feed_forward: Annotated[int, Whole(0, LARGEST_WIDTH)]  # units between the two dense layers of each
    # What layer norms add to the variance.
    norm_epsilon: Annotated[float, Number(1e-12, 1e-3), LEFT_OUT] = NORM_EPSILON


@dataclass(frozen=True, kw_only=True)
class PatchAttention(Attention):
    """Layers of `vision-transformer`."""

    seen: Annotated[tuple[int, ...], Items(2, 2, Whole(1, LARGEST_SIDE))]  # height and width of its images
    patch: Annotated[int, Whole(1, LARGEST_KERNEL)]  # side of a patch in pixels
    registers: Annotated[int, Whole(0, MOST_REGISTERS)]  # learnt tokens beside the class token
    layer_scale: bool  # whether what a layer adds is scaled, number by number
    norm_epsilon: Annotated[float, Number(1e-12, 1e-3)]  # always stated
    pooled: Annotated[str, OneOf(POOLED)]

    @property
    def grid(self) -> tuple[int, int]:
        """Patches from top to bottom and from left to right."""
        return self.seen[0] // self.patch, self.seen[1] // self.patch


@dataclass(frozen=True, kw_only=True)
class Branches(OwnLayers):
    """Layers of `ngram-encoder`."""

    kernels: Annotated[tuple[int, ...], Items(MOST_LAYERS, each=Whole(1, LARGEST_KERNEL))]  # ids of an n-gram
    filters: Annotated[int, Whole(1, LARGEST_WIDTH)]  # numbers of a place for each kernel
    hidden: Annotated[int, Whole(1, LARGEST_WIDTH)]  # units of the dense layers in the middle


@dataclass(frozen=True, kw_only=True)
class Architecture(OwnLayers):
    """Layers of `backbone`, which others designed."""

    backbone: Annotated[str, Text(100)]  # name of the architecture in timm
    seen: Annotated[tuple[int, ...], Items(2, 2, Whole(1, LARGEST_SIDE))]  # height and width of its images


@dataclass(frozen=True, kw_only=True)
class ClosedFile(OwnLayers):
    """Encoder of `closed-encoder`: a file of which only what goes in and what comes out is known."""

    seen: Annotated[tuple[int, ...], Items(2, 2, Whole(1, LARGEST_SIDE))]  # height and width of its images
    size: Annotated[int, Whole(1, LARGEST)]  # bytes
    sha256: Annotated[str, Text(64, pattern="[0-9a-f]{64}")]
    output: Annotated[str, Text(1000)]  # name of what is taken of its outputs
    features: Annotated[int, Whole(1, LARGEST_WIDTH)]  # numbers for one image


@dataclass(frozen=True, kw_only=True)
class Latent(OwnLayers):
    """Latent variables of `vae`, and what its probabilities are."""

    latent: Annotated[int, Whole(2, LARGEST_LATENT)]  # numbers by which an image is described
    conditions: Annotated[int, Whole(1, MOST_CONDITIONS)]  # classes with a prior of their own; 1 without
    components: Annotated[int, Whole(1, MOST_COMPONENTS)]  # normal distributions in the prior of each class
    likelihood: Annotated[str, OneOf(LIKELIHOODS)]  # of grey levels around the decoder's


@dataclass(frozen=True, kw_only=True)
class Noise(OwnLayers):
    """Noise that `gan` makes images of."""

    latent: Annotated[int, Whole(2, LARGEST_LATENT)]  # noise values that an image is made of
    conditions: Annotated[int, Whole(1, MOST_CONDITIONS)]  # classes; 1 without


# Own layers of every family.
OWN_LAYERS: dict[str, type[OwnLayers]] = {
    "cnn": Stem,
    "lenet": OwnLayers,
    "mlp": OwnLayers,
    "text-cnn": Filters,
    "rnn": Recurrent,
    "bag": Grams,
    "transformer": Attention,
    "sentence-encoder": Attention,
    "ngram-encoder": Branches,
    "word-vectors": OwnLayers,
    "backbone": Architecture,
    "vision-transformer": PatchAttention,
    "closed-encoder": ClosedFile,
    "vae": Latent,
    "gan": Noise,
}


ACTIVATIONS = ("relu", "leaky-relu", "gelu", "sigmoid", "tanh")
POOLINGS = ("max", "average")
MOST_CHANNELS = 16
MOST_FEATURES = 10_000_000
MOST_OUTPUTS = 100_000
LARGEST_EMBEDDING = 16_384
# From so many classes on texts take wider layers and larger learning rates.
MANY_CLASSES = 8
_LONGEST_NAME = 100

Own = TypeVar("Own", bound=OwnLayers)


class InputFacts(NamedTuple):
    """Facts of the data that the design of a network depends on."""

    # `(channels, height, width)` of an image, `(features,)` of a table row, or `(length,)`: most ids of a
    # text
    input_shape: tuple[int, ...]
    outputs: int  # number of classes, one logit each; 1 where a number is predicted
    examples: int  # number of training examples
    vocabulary: int = 0  # ids of texts, padding and unknown included; 0 where the inputs are not texts
    embedding: int = 0  # length of the pretrained vectors of words; 0 without such
    # First id of each kind of n-gram and, last, the number of ids; empty where there is one kind.
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(Saved):
    """Everything needed to build a network's layers; equal configs give equal layers.

    Construction checks every bound, so that a config from a hostile file cannot ask for absurd memory.
    """

    name: Annotated[str, OneOf(tuple(OWN_LAYERS))]  # key of the family in `NETWORKS`
    # `(channels, height, width)`, `(features,)` or, of texts, `(length,)`.
    input_shape: Annotated[tuple[int, ...], Items(MOST_LAYERS)]
    # Number of logits, one for each class; 1 where a number is predicted; of vae the numbers that its encoder
    # gives, two for each latent one; of gan the scores of its discriminator, one for each class.
    outputs: int
    activation: Annotated[str, Text(_LONGEST_NAME, 0)] = "relu"
    pooling: Annotated[str, Text(_LONGEST_NAME, 0)] = "max"
    dropout: Annotated[float, Number()] = 0.0  # probability of zeroing a unit, 0 to 0.95
    batch_norm: bool = True  # whether channels are normalised over the batch
    # mlp, bag: units of each hidden layer; cnn: channels of each block; lenet: channels of each convolution,
    # then units of the two dense layers; text-cnn: filters of each kernel, then units of each hidden layer;
    # rnn: units of each layer in either direction; transformer: none; vae, gan: channels of each convolution
    # of the encoder, or of the discriminator; in networks with weights learnt elsewhere: units of each hidden
    # layer of the head.
    widths: Annotated[tuple[int, ...], Items(MOST_LAYERS)] = ()
    vocabulary: Annotated[int, LEFT_OUT] = 0  # of texts the ids, padding and unknown included; 0 elsewhere
    embedding: Annotated[int, LEFT_OUT] = 0  # length of the vector of an id or patch; 0 where there is none
    own: OwnLayers = NO_OWN_LAYERS  # layers that only this family has

    def __post_init__(self) -> None:
        if len(self.input_shape) == 1:
            _require_between("input_shape", self.input_shape, 1, MOST_FEATURES)
        elif len(self.input_shape) == 3:
            _require_between("input_shape", self.input_shape[:1], 1, MOST_CHANNELS)
            _require_between("input_shape", self.input_shape[1:], 1, LARGEST_SIDE)
        else:
            raise ValueError(
                Sentence(
                    "input_shape: {input_shape} is neither [channels, height, width] nor [features]",
                    list(self.input_shape),
                )
            )
        _require_between("outputs", (self.outputs,), 1, MOST_OUTPUTS)
        for field, choices in (("activation", ACTIVATIONS), ("pooling", POOLINGS)):
            text = getattr(self, field)
            if text not in choices:
                raise ValueError(
                    Sentence(
                        "{field}: {text!r} is not one of {choices}", field, text[:40], ", ".join(choices)
                    )
                )
        _require_between("dropout", (self.dropout,), 0.0, 0.95)
        _require_between("number of widths", (len(self.widths),), 0, MOST_LAYERS)
        _require_between("widths", self.widths, 1, LARGEST_WIDTH)
        _require_between("vocabulary", (self.vocabulary,), 0, MOST_IDS)
        _require_between("embedding", (self.embedding,), 0, LARGEST_EMBEDDING)
        if type(self.own) is not OWN_LAYERS.get(self.name, type(self.own)):
            raise ValueError(
                Sentence("{name}: layers of another family, {name2}", self.name, type(self.own).__name__)
            )
        if self.groups and self.groups[-1] != self.vocabulary:
            raise ValueError(
                Sentence(
                    "groups: {groups} do not ascend from 2 to the vocabulary of {vocabulary}",
                    list(self.groups),
                    self.vocabulary,
                )
            )

    def layers(self, kind: type[Own]) -> Own:
        """The layers that only this family has; a `ValueError` where they are of another."""
        if not isinstance(self.own, kind):
            raise ValueError(
                Sentence(
                    "{name}: {name2} expected, {name3} found",
                    self.name,
                    kind.__name__,
                    type(self.own).__name__,
                )
            )
        return self.own

    @property
    def groups(self) -> tuple[int, ...]:
        """Bounds of the kinds of n-grams; empty where a network reads none."""
        return self.own.groups if isinstance(self.own, Grams) else ()

    @property
    def backbone(self) -> str:
        """Name of the architecture in timm; empty where the layers are ours."""
        return self.own.backbone if isinstance(self.own, Architecture) else ""

    @property
    def seen(self) -> tuple[int, ...]:
        """Height and width at which a backbone sees images; empty where they are seen as they are."""
        return self.own.seen if isinstance(self.own, (Architecture, PatchAttention, ClosedFile)) else ()

    @property
    def is_closed(self) -> bool:
        """Whether a file of others computes its features, of which nothing more is known."""
        return isinstance(self.own, ClosedFile)

    @property
    def cell(self) -> str:
        """Recurrent cell; empty where there is none."""
        return self.own.cell if isinstance(self.own, Recurrent) else ""

    @property
    def feed_forward(self) -> int:
        """Units between the two dense layers of a transformer's layer; 0 without a transformer."""
        return self.own.feed_forward if isinstance(self.own, Attention) else 0

    @property
    def conditions(self) -> int:
        """Classes that a network which makes images distinguishes; 0 in networks that predict."""
        return self.own.conditions if isinstance(self.own, (Latent, Noise)) else 0

    def with_inputs_of(self, other: "NetworkConfig") -> "NetworkConfig":
        """The same layers for the inputs of another network of the family."""
        own = other.own if isinstance(self.own, Grams) else self.own
        return dataclasses.replace(self, input_shape=other.input_shape, vocabulary=other.vocabulary, own=own)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values by name: common fields, those of texts where there are any, and the own ones."""
        common = super().to_json()
        own = common.pop("own")
        return {**common, **own}

    @classmethod
    def from_json(cls, values: object) -> "NetworkConfig":
        """Read a config from parsed JSON, trusting nothing.

        Exactly the common fields, those of texts where they are not 0, and those that only the family has, of
        which some may be left out.

        Raises: `ValueError` if a key is unknown or missing, or a value is of the wrong type or out of bounds.
        """
        common, own = dict(fields_of(cls)), OwnLayers
        del common["own"]
        if isinstance(values, dict) and "name" in values:
            own = OWN_LAYERS[common["name"].read("name", values["name"])]
        optional = optional_of(cls) | optional_of(own)
        read = read_object("network", values, {**common, **fields_of(own)}, optional)
        return cls(**{name: read.pop(name) for name in common if name in read}, own=own(**read))


def _require_between(name: str, numbers: Sequence[int | float], low: float | int, high: float | int) -> None:
    """Refuse numbers outside `low` to `high` with a `ValueError`."""
    for number in numbers:
        if not low <= number <= high:
            raise ValueError(Sentence("{name}: {number} is outside {low} to {high}", name, number, low, high))


def designed(
    name: str,
    settings: Settings,
    facts: InputFacts,
    widths: tuple[int, ...],
    activation: str,
    *,
    dropout: float = 0.0,
    pooling: str = "max",
    embedding: int = 0,
    own: OwnLayers = NO_OWN_LAYERS,
) -> NetworkConfig:
    """Config of a network; `activation` and `dropout` hold where the settings ask for none.

    Networks of images pool as the settings say and have norms unless these say no; those of texts have none.
    """
    return NetworkConfig(
        name=name,
        input_shape=facts.input_shape,
        outputs=facts.outputs,
        activation=settings.activation or activation,
        pooling=pooling if facts.vocabulary else settings.pooling,
        dropout=dropout if settings.dropout is None else settings.dropout,
        batch_norm=settings.batch_norm and not facts.vocabulary,
        widths=widths,
        vocabulary=facts.vocabulary,
        embedding=embedding,
        own=own,
    )
