"""Layers that only one network family has, each with the fields of its config."""

from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from pellucid.strict import Fields, OneOf, Text, Whole, Wholes

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
# `sigma-vae`: normal, with one variance for all pixels, the best for the training images.
LIKELIHOODS = ("sigma-vae",)

_ADMITS = "admits"


@dataclass(frozen=True, kw_only=True)
class OwnLayers:
    """Layers of one family; construction checks every bound."""

    @classmethod
    def admitted(cls) -> Fields:
        """Bounds of each field, as they are declared."""
        return {each.name: each.metadata[_ADMITS] for each in fields(cls)}

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Values of the fields that are left out of a file where they have no other."""
        return {each.name: each.default for each in fields(cls) if each.default is not MISSING}

    def __post_init__(self) -> None:
        for name, bounds in self.admitted().items():
            value = getattr(self, name)
            bounds.read(name, list(value) if isinstance(value, tuple) else value)

    def to_json(self) -> dict[str, Any]:
        """Field names to plain JSON values."""
        usual = self.defaults().items()
        return {
            name: list(each) if isinstance(each, tuple) else each
            for name, each in asdict(self).items()
            if (name, each) not in usual
        }


NO_OWN_LAYERS = OwnLayers()


@dataclass(frozen=True, kw_only=True)
class Stem(OwnLayers):
    """Whitening stem and pooled blocks of `cnn`, or what stands in their place where there is little time.

    Attributes:
        stem_filters: filters of the stem, half of them negatives.
        stem_kernel: side of its patches in pixels.
        stem_stride: distance between its patches in pixels.
        pooled_blocks: number of the first blocks that halve the image.
        dense: units of a dense layer behind single convolutions; 0 where there are residual blocks and a
            global pool.
    """

    stem_filters: int = field(metadata={_ADMITS: Whole(0, LARGEST_WIDTH)})
    stem_kernel: int = field(metadata={_ADMITS: Whole(0, LARGEST_STEM)})
    stem_stride: int = field(metadata={_ADMITS: Whole(0, LARGEST_STEM)})
    pooled_blocks: int = field(metadata={_ADMITS: Whole(0, MOST_LAYERS)})
    dense: int = field(default=0, metadata={_ADMITS: Whole(0, LARGEST_WIDTH)})


@dataclass(frozen=True, kw_only=True)
class Filters(OwnLayers):
    """Filters of `text-cnn`.

    Attributes:
        kernels: neighbouring ids that each kind of filter sees.
    """

    kernels: tuple[int, ...] = field(metadata={_ADMITS: Wholes(MOST_LAYERS, each=Whole(1, LARGEST_KERNEL))})


@dataclass(frozen=True, kw_only=True)
class Recurrent(OwnLayers):
    """Recurrent layers of `rnn`.

    Attributes:
        cell: one of `CELLS`.
    """

    cell: str = field(metadata={_ADMITS: OneOf(CELLS)})


@dataclass(frozen=True, kw_only=True)
class Grams(OwnLayers):
    """Kinds of n-grams of `bag`.

    Attributes:
        groups: first id of each kind of n-gram, from 2, and, last, the number of ids.
    """

    groups: tuple[int, ...] = field(metadata={_ADMITS: Wholes(MOST_LAYERS, each=Whole(2, MOST_IDS))})

    def __post_init__(self) -> None:
        super().__post_init__()
        if list(self.groups) != sorted(self.groups):
            raise ValueError(f"groups: {list(self.groups)} do not ascend")


@dataclass(frozen=True, kw_only=True)
class Attention(OwnLayers):
    """Layers of the transformer of `sentence-encoder`.

    Attributes:
        transformer_layers: number of layers.
        attention_heads: parts into which each layer splits a token's numbers.
        feed_forward: units between the two dense layers of each layer.
    """

    transformer_layers: int = field(metadata={_ADMITS: Whole(0, MOST_LAYERS)})
    attention_heads: int = field(metadata={_ADMITS: Whole(0, MOST_HEADS)})
    feed_forward: int = field(metadata={_ADMITS: Whole(0, LARGEST_WIDTH)})


@dataclass(frozen=True, kw_only=True)
class Architecture(OwnLayers):
    """Layers of `backbone`, which others designed.

    Attributes:
        backbone: name of the architecture in timm.
        seen: height and width in pixels at which it sees images.
    """

    backbone: str = field(metadata={_ADMITS: Text(100)})
    seen: tuple[int, ...] = field(metadata={_ADMITS: Wholes(2, 2, Whole(1, LARGEST_SIDE))})


@dataclass(frozen=True, kw_only=True)
class Latent(OwnLayers):
    """Latent numbers of `vae`, and what its probabilities are.

    Attributes:
        latent: numbers by which an image is described.
        conditions: classes with a prior of their own; 1 where images are not told apart.
        components: normal distributions that the prior of each class is mixed of.
        likelihood: of grey levels around the decoder's; one of `LIKELIHOODS`.
    """

    latent: int = field(metadata={_ADMITS: Whole(2, LARGEST_LATENT)})
    conditions: int = field(metadata={_ADMITS: Whole(1, MOST_CONDITIONS)})
    components: int = field(metadata={_ADMITS: Whole(1, MOST_COMPONENTS)})
    likelihood: str = field(metadata={_ADMITS: OneOf(LIKELIHOODS)})


@dataclass(frozen=True, kw_only=True)
class Noise(OwnLayers):
    """Noise that `gan` makes images of.

    Attributes:
        latent: noise values that an image is made of.
        conditions: classes that are told apart; 1 where images are not.
    """

    latent: int = field(metadata={_ADMITS: Whole(2, LARGEST_LATENT)})
    conditions: int = field(metadata={_ADMITS: Whole(1, MOST_CONDITIONS)})


# Own layers of every family; `OwnLayers` itself has no field.
OWN_LAYERS: dict[str, type[OwnLayers]] = {
    "cnn": Stem,
    "lenet": OwnLayers,
    "mlp": OwnLayers,
    "text-cnn": Filters,
    "rnn": Recurrent,
    "bag": Grams,
    "sentence-encoder": Attention,
    "word-vectors": OwnLayers,
    "backbone": Architecture,
    "vae": Latent,
    "gan": Noise,
}
