"""BERT's weights under our own names, and its sizes as a `NetworkConfig`."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pellucid.networks import NetworkConfig
from pellucid.networks.architectures.sentence import LONGEST_TEXT
from pellucid.networks.config import LARGEST_EMBEDDING
from pellucid.networks.layers.transformer import NORM_EPSILON
from pellucid.networks.own_layers import LARGEST_WIDTH, MOST_HEADS, MOST_IDS, MOST_LAYERS, Attention
from pellucid.strict import Whole

_ACTIVATIONS = ("gelu", "relu")
_MOST_TYPES = 16
_PREFIX = "body.encoder."
# Our names to theirs, and the most of each.
_SIZES = {
    "size": ("hidden_size", LARGEST_EMBEDDING),
    "layers": ("num_hidden_layers", MOST_LAYERS),
    "heads": ("num_attention_heads", MOST_HEADS),
    "feed_forward": ("intermediate_size", LARGEST_WIDTH),
    "places": ("max_position_embeddings", LONGEST_TEXT),
    "vocabulary": ("vocab_size", MOST_IDS),
    "types": ("type_vocab_size", _MOST_TYPES),
}

_PARTS = ("query", "key", "value")
# Their names within a layer to ours.
_NAMES = {
    "attention.output.dense": "output",
    "attention.output.LayerNorm": "norm1",
    "intermediate.dense": "linear1",
    "output.dense": "linear2",
    "output.LayerNorm": "norm2",
}


class BertSizes(NamedTuple):
    """Sizes of a BERT, from its `config.json`.

    Attributes:
        size: numbers of a token.
        layers: how many.
        heads: of each layer.
        feed_forward: units between the dense layers of a layer.
        places: how many a text may have.
        vocabulary: rows of the table of pieces.
        types: rows of the table of types; only the first is used.
        activation: as `NetworkConfig` names it.
    """

    size: int
    layers: int
    heads: int
    feed_forward: int
    places: int
    vocabulary: int
    types: int
    activation: str

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "BertSizes":
        """Check the parsed file; keys that do not matter may be there.

        Raises: `ValueError` if it is of another kind of model, or a size is missing or out of bounds.
        """
        _require("model_type", document.get("model_type"), ["bert"])
        _require("layer_norm_eps", document.get("layer_norm_eps", NORM_EPSILON), [NORM_EPSILON])
        positions = document.get("position_embedding_type", "absolute")
        _require("position_embedding_type", positions, ["absolute"])
        _require("hidden_act", document.get("hidden_act"), _ACTIVATIONS)
        sizes = {ours: Whole(1, most).read(name, document.get(name)) for ours, (name, most) in _SIZES.items()}
        return cls(**sizes, activation=document["hidden_act"])

    def config(self, length: int, vocabulary: int) -> NetworkConfig:
        """Config of the network that computes the same, with the head of one number."""
        return NetworkConfig(
            name="sentence-encoder",
            input_shape=(length,),
            outputs=1,
            activation=self.activation,
            pooling="average",
            batch_norm=False,
            vocabulary=vocabulary,
            embedding=self.size,
            own=Attention(
                transformer_layers=self.layers,
                attention_heads=self.heads,
                feed_forward=self.feed_forward,
            ),
        )

    def expected(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the tensors needed, by name without prefix."""
        size, wide = self.size, self.feed_forward
        shapes: dict[str, tuple[int, ...]] = {
            "embeddings.word_embeddings.weight": (self.vocabulary, size),
            "embeddings.position_embeddings.weight": (self.places, size),
            "embeddings.token_type_embeddings.weight": (self.types, size),
            "embeddings.LayerNorm.weight": (size,),
            "embeddings.LayerNorm.bias": (size,),
        }
        for number in range(self.layers):
            for name, (rows, columns) in {
                **dict.fromkeys([f"attention.self.{part}" for part in _PARTS], (size, size)),
                "attention.output.dense": (size, size),
                "intermediate.dense": (wide, size),
                "output.dense": (size, wide),
            }.items():
                shapes[f"encoder.layer.{number}.{name}.weight"] = (rows, columns)
                shapes[f"encoder.layer.{number}.{name}.bias"] = (rows,)
            for name in ("attention.output.LayerNorm", "output.LayerNorm"):
                shapes[f"encoder.layer.{number}.{name}.weight"] = (size,)
                shapes[f"encoder.layer.{number}.{name}.bias"] = (size,)
        return shapes

    def renamed(self, tensors: Mapping[str, Tensor], rows: Sequence[int], length: int) -> dict[str, Tensor]:
        """Put the tensors, as `expected` names them, under our names: everything below the head.

        Only the places that a text can have are kept: `length` is most ids of one. The vector of type 0,
        which every token has, is added to those of the places. `rows` says which row of the table of pieces
        each of our ids has.
        """
        places = tensors["embeddings.position_embeddings.weight"][:length]
        found = {
            "embedding.weight": tensors["embeddings.word_embeddings.weight"][torch.tensor(rows)],
            "places.weight": places + tensors["embeddings.token_type_embeddings.weight"][0],
            "norm.weight": tensors["embeddings.LayerNorm.weight"],
            "norm.bias": tensors["embeddings.LayerNorm.bias"],
        }
        for number in range(self.layers):
            theirs, ours = f"encoder.layer.{number}.", f"layer{number + 1}."
            for kind in ("weight", "bias"):
                parts = [tensors[f"{theirs}attention.self.{part}.{kind}"] for part in _PARTS]
                found[f"{ours}query_key_value.{kind}"] = torch.cat(parts)
                for name, mine in _NAMES.items():
                    found[f"{ours}{mine}.{kind}"] = tensors[f"{theirs}{name}.{kind}"]
        return {_PREFIX + name: tensor for name, tensor in found.items()}


def _require(name: str, found: object, supported: Sequence[object]) -> None:
    """Refuse what is not supported with a `ValueError`."""
    if found not in supported:
        known = ", ".join(str(each) for each in supported)
        raise ValueError(f"{name}: {str(found)[:40]!r} is not supported, only {known}")
