"""What fully determines a network's layers: `NetworkConfig`, saved as JSON beside the weights."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pellucid.strict import Field, Fields, Number, Text, Truth, Whole, Wholes, read_object

ACTIVATIONS = ("relu", "leaky-relu", "gelu", "sigmoid", "tanh")
POOLINGS = ("max", "average")
CELLS = ("", "lstm", "gru")

MOST_CHANNELS = 16
LARGEST_SIDE = 4096
MOST_FEATURES = 10_000_000
MOST_OUTPUTS = 100_000
MOST_LAYERS = 70
LARGEST_WIDTH = 131_072
LARGEST_STEM = 16
MOST_IDS = 5_000_000
LARGEST_EMBEDDING = 16_384
LARGEST_KERNEL = 64
MOST_HEADS = 256
_LONGEST_NAME = 100


class InputFacts(NamedTuple):
    """What the data tells the design of a network.

    Attributes:
        input_shape: `(channels, height, width)` of an image, `(features,)` of a table row, or
            `(length,)`: most ids of a text.
        outputs: number of classes, one logit each; 1 where a number is predicted.
        examples: number of training examples.
        vocabulary: number of ids that texts are made of, padding and unknown included; 0 where the
            inputs are not texts.
        embedding: length of the pretrained vectors of words; 0 without such.
        groups: first id of each kind of n-gram and, last, the number of ids; empty where there is
            one kind.
    """

    input_shape: tuple[int, ...]
    outputs: int
    examples: int
    vocabulary: int = 0
    embedding: int = 0
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Everything needed to build a network's layers; equal configs give equal layers.

    Construction checks every bound, so that a config from a hostile file cannot ask for absurd memory.

    Attributes:
        name: key of the family in `NETWORKS`.
        input_shape: `(channels, height, width)`, `(features,)` or, of texts, `(length,)`.
        outputs: number of logits, one for each class; 1 where a number is predicted.
        activation: one of `ACTIVATIONS`.
        pooling: one of `POOLINGS`.
        dropout: probability of zeroing a unit, 0 to 0.95.
        batch_norm: whether channels are normalised over the batch.
        widths: mlp: units of each hidden layer; cnn: channels of each block; lenet: channels of
            each convolution, then units of the two dense layers; bag: units of each hidden layer;
            text-cnn: filters of each kernel, then units of each hidden layer; rnn: units of each
            layer in either direction; sentence-encoder, word-vectors: units of each hidden layer of
            the head.
        stem_filters: cnn: filters of the whitening stem, half of them negatives; 0 elsewhere.
        stem_kernel: cnn: side of the stem's patches in pixels; 0 elsewhere.
        stem_stride: cnn: distance between the stem's patches in pixels; 0 elsewhere.
        pooled_blocks: cnn: how many of the first blocks halve the image; 0 elsewhere.
        vocabulary: texts: number of ids, padding and unknown included; 0 elsewhere.
        embedding: length of the vector of an id; 0 in bag and in networks of images.
        kernels: text-cnn: how many neighbouring ids each kind of filter sees; empty elsewhere.
        cell: rnn: `lstm` or `gru`; empty elsewhere.
        groups: bag: first id of each kind of n-gram and, last, the number of ids; empty elsewhere.
        backbone: backbone: name of the architecture in timm; empty elsewhere.
        seen: backbone: height and width in pixels at which it sees images; empty elsewhere.
        transformer_layers: sentence-encoder: how many; 0 elsewhere.
        attention_heads: sentence-encoder: parts into which each layer splits a token's numbers; 0
            elsewhere.
        feed_forward: sentence-encoder: units between the two dense layers of each layer; 0 elsewhere.
    """

    name: str
    input_shape: tuple[int, ...]
    outputs: int
    activation: str = "relu"
    pooling: str = "max"
    dropout: float = 0.0
    batch_norm: bool = True
    widths: tuple[int, ...] = ()
    stem_filters: int = 0
    stem_kernel: int = 0
    stem_stride: int = 0
    pooled_blocks: int = 0
    vocabulary: int = 0
    embedding: int = 0
    kernels: tuple[int, ...] = ()
    cell: str = ""
    groups: tuple[int, ...] = ()
    backbone: str = ""
    seen: tuple[int, ...] = ()
    transformer_layers: int = 0
    attention_heads: int = 0
    feed_forward: int = 0

    def __post_init__(self) -> None:
        if len(self.input_shape) == 1:
            _require_between("input_shape", self.input_shape, 1, MOST_FEATURES)
        elif len(self.input_shape) == 3:
            _require_between("input_shape", self.input_shape[:1], 1, MOST_CHANNELS)
            _require_between("input_shape", self.input_shape[1:], 1, LARGEST_SIDE)
        else:
            raise ValueError(
                f"input_shape: {list(self.input_shape)} is neither [channels, height, width] nor [features]"
            )
        _require_between("outputs", (self.outputs,), 1, MOST_OUTPUTS)
        _require_choice("activation", self.activation, ACTIVATIONS)
        _require_choice("pooling", self.pooling, POOLINGS)
        _require_between("dropout", (self.dropout,), 0.0, 0.95)
        _require_between("number of widths", (len(self.widths),), 0, MOST_LAYERS)
        _require_between("widths", self.widths, 1, LARGEST_WIDTH)
        _require_between("stem_filters", (self.stem_filters,), 0, LARGEST_WIDTH)
        _require_between("stem_kernel", (self.stem_kernel,), 0, LARGEST_STEM)
        _require_between("stem_stride", (self.stem_stride,), 0, LARGEST_STEM)
        _require_between("pooled_blocks", (self.pooled_blocks,), 0, MOST_LAYERS)
        _require_between("number of sides in seen", (len(self.seen),), 0, 2)
        _require_between("seen", self.seen, 1, LARGEST_SIDE)
        self._require_text_bounds()

    def _require_text_bounds(self) -> None:
        """Refuse what no network of texts can have."""
        _require_between("vocabulary", (self.vocabulary,), 0, MOST_IDS)
        _require_between("embedding", (self.embedding,), 0, LARGEST_EMBEDDING)
        _require_between("number of kernels", (len(self.kernels),), 0, MOST_LAYERS)
        _require_between("kernels", self.kernels, 1, LARGEST_KERNEL)
        _require_choice("cell", self.cell, CELLS)
        _require_between("transformer_layers", (self.transformer_layers,), 0, MOST_LAYERS)
        _require_between("attention_heads", (self.attention_heads,), 0, MOST_HEADS)
        _require_between("feed_forward", (self.feed_forward,), 0, LARGEST_WIDTH)
        _require_between("number of groups", (len(self.groups),), 0, MOST_LAYERS)
        _require_between("groups", self.groups, 0, MOST_IDS)
        if self.groups and (
            self.groups[-1] != self.vocabulary
            or list(self.groups) != sorted(self.groups)
            or self.groups[0] < 2
        ):
            raise ValueError(
                f"groups: {list(self.groups)} do not ascend from 2 to the vocabulary of {self.vocabulary}"
            )

    def to_json(self) -> dict[str, Any]:
        """Turn the config into plain JSON values.

        Returns:
            Field names to numbers, texts, booleans and lists of numbers; what only texts or
            backbones have is left out where it is not set.
        """
        values = {
            name: value for name, value in dataclasses.asdict(self).items() if value or name not in _OF_SOME
        }
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, values: object) -> "NetworkConfig":
        """Read a config from parsed JSON, trusting nothing.

        Args:
            values: what `json.loads` returned; every field must be there, but for those that only
                texts or backbones have, and no other.

        Returns:
            The checked config.

        Raises:
            ValueError: a key is unknown or missing, or a value is of the wrong type or out of bounds.
        """
        return cls(**read_object("network", values, _FIELDS, _OF_SOME))


def _require_between(name: str, numbers: Sequence[int | float], low: float | int, high: float | int) -> None:
    """Refuse numbers outside `low` to `high` with a `ValueError`."""
    for number in numbers:
        if not low <= number <= high:
            raise ValueError(f"{name}: {number} is outside {low} to {high}")


def _require_choice(name: str, text: str, choices: Sequence[str]) -> None:
    """Refuse a text that is not one of the choices with a `ValueError`."""
    if text not in choices:
        raise ValueError(f"{name}: {text[:40]!r} is not one of {', '.join(choices)}")


_OF_SOME = frozenset(
    {
        "vocabulary",
        "embedding",
        "kernels",
        "cell",
        "groups",
        "backbone",
        "seen",
        "transformer_layers",
        "attention_heads",
        "feed_forward",
    }
)
"""Fields that only texts, or only backbones, have."""

_READERS: dict[Any, Field] = {
    str: Text(_LONGEST_NAME, 0),
    bool: Truth(),
    int: Whole(),
    float: Number(),
    tuple[int, ...]: Wholes(MOST_LAYERS),
}
_FIELDS: Fields = {field.name: _READERS[field.type] for field in dataclasses.fields(NetworkConfig)}
"""Types of the fields; a config checks their bounds when it is made."""
