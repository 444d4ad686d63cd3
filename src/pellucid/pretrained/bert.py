"""BERT out of foreign files: its tensors under our own names, its sizes and its list of pieces."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from pellucid.encoding.encoder import read_entries
from pellucid.encoding.token_encoders import FILLER, STRANGER
from pellucid.errors import ModelFileError
from pellucid.language.sentence import Sentence
from pellucid.networks import NetworkConfig
from pellucid.networks.config import (
    LARGEST_EMBEDDING,
    LARGEST_WIDTH,
    MOST_HEADS,
    MOST_IDS,
    MOST_LAYERS,
    NORM_EPSILON,
    Attention,
)
from pellucid.networks.text_networks import LONGEST_TEXT
from pellucid.safety.strict import Number, Whole

_ACTIVATIONS = ("gelu", "relu")
_MOST_TYPES = 16
_EPSILON = Number(1e-12, 1e-3)
# Rows of the places of an `xlm-roberta` that no token has: those up to the id of its padding, which is 1.
_BEFORE = 2
_PREFIX = "body.encoder."
TABLE = "embeddings.word_embeddings.weight"  # of the vectors of the pieces
# Our names to theirs, and the most of each.
_SIZES = {
    "size": ("hidden_size", LARGEST_EMBEDDING),
    "layers": ("num_hidden_layers", MOST_LAYERS),
    "heads": ("num_attention_heads", MOST_HEADS),
    "feed_forward": ("intermediate_size", LARGEST_WIDTH),
    "places": ("max_position_embeddings", LONGEST_TEXT + _BEFORE),
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
    """Sizes of a BERT, from its `config.json`."""

    size: int  # numbers of a token
    layers: int
    heads: int  # of each layer
    feed_forward: int  # units between the dense layers of a layer
    places: int  # rows of the table of places
    vocabulary: int  # rows of the table of pieces
    types: int  # rows of the table of types; only the first is used
    activation: str  # as `NetworkConfig` names it
    epsilon: float = NORM_EPSILON  # what layer norms add to the variance
    before: int = 0  # rows of the table of places before that of the first token

    @property
    def most(self) -> int:
        """Most tokens of a text."""
        return self.places - self.before

    @property
    def prefix(self) -> str:
        """What the names of tensors may all begin with."""
        return "roberta." if self.before else "bert."

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "BertSizes":
        """Check the parsed file; keys that do not matter may be there.

        Raises: `ValueError` if it is of another kind of model, or a size is missing or out of bounds.
        """
        kind = document.get("model_type")
        require("model_type", kind, ["bert", "xlm-roberta"])
        before = _BEFORE if kind == "xlm-roberta" else 0
        if before:
            require("pad_token_id", document.get("pad_token_id", before - 1), [before - 1])
        epsilon = _EPSILON.read("layer_norm_eps", document.get("layer_norm_eps", NORM_EPSILON))
        positions = document.get("position_embedding_type", "absolute")
        require("position_embedding_type", positions, ["absolute"])
        require("hidden_act", document.get("hidden_act"), _ACTIVATIONS)
        sizes = {ours: Whole(1, most).read(name, document.get(name)) for ours, (name, most) in _SIZES.items()}
        return cls(**sizes, activation=document["hidden_act"], epsilon=epsilon, before=before)

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
                norm_epsilon=self.epsilon,
            ),
        )

    def expected(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the tensors needed, by name without prefix."""
        size, wide = self.size, self.feed_forward
        shapes: dict[str, tuple[int, ...]] = {
            TABLE: (self.vocabulary, size),
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

    def renamed(self, tensors: Mapping[str, Tensor], length: int) -> dict[str, Tensor]:
        """Put the tensors, as `expected` names them, under our names: everything below the head.

        Only the places that a text can have are kept: `length` is most ids of one. The vector of type 0,
        which every token has, is added to those of the places. The table of pieces has a row for each of our
        ids, in their order.
        """
        places = tensors["embeddings.position_embeddings.weight"][self.before :][:length]
        found = {
            "embedding.weight": tensors[TABLE],
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


def require(name: str, found: object, supported: Sequence[object]) -> None:
    """Refuse what is not supported with a `ValueError`."""
    if found not in supported:
        known = ", ".join(str(each) for each in supported)
        raise ValueError(
            Sentence("{name}: {found!r} is not supported, only {known}", name, str(found)[:40], known)
        )


class Pieces(NamedTuple):
    """Entries of a `WordPieceEncoder`, and the rows of their vectors."""

    entries: tuple[str, ...]  # pieces in the order of our ids, without `[PAD]` and `[UNK]`
    rows: list[int]  # which row of the table of vectors each of our ids has, theirs among them


def pieces_of_vocabulary(content: bytes) -> list[str]:
    """Pieces of a `vocab.txt`, one in each line, in the order of their rows.

    Raises: `ValueError` if it is not UTF-8.
    """
    try:
        lines = content.decode().split("\n")
    except UnicodeDecodeError as error:
        raise ValueError("vocab.txt: not UTF-8") from error
    return [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


def pieces_of_tokenizer(document: Any) -> list[str]:
    """Pieces of a parsed `tokenizer.json`, in the order of their rows.

    Raises: `ValueError` if it holds no list of word pieces.
    """
    model = document.get("model") if isinstance(document, dict) else None
    rows = model.get("vocab") if isinstance(model, dict) and model.get("type") == "WordPiece" else None
    if not isinstance(rows, dict):
        raise ValueError("tokenizer.json: holds no word pieces; only those are supported")
    pieces: dict[int, str] = {row: piece for piece, row in rows.items() if type(row) is int}
    if sorted(pieces) != list(range(len(rows))):
        raise ValueError(
            Sentence("tokenizer.json: the rows of its pieces are not 0 to {rows}, each once", len(rows) - 1)
        )
    return [pieces[row] for row in range(len(rows))]


def ordered(pieces: Sequence[str], most: int) -> Pieces:
    """Put pieces, in the order of their rows, into the order of our ids; the pieces and their rows.

    The table of vectors has `most` rows, perhaps more than there are pieces.

    Raises: `ValueError` if there are too many, one comes twice or is none, or a mark is missing.
    """
    if len(pieces) > most:
        raise ValueError(Sentence("{pieces} pieces for {most} vectors", len(pieces), most))
    places = {piece: row for row, piece in enumerate(pieces)}
    if len(places) < len(pieces):
        raise ValueError("the list of pieces holds one of them twice")
    if FILLER not in places or STRANGER not in places:
        raise ValueError(Sentence("the list of pieces lacks {FILLER} or {STRANGER}", FILLER, STRANGER))
    first = [places.pop(FILLER), places.pop(STRANGER)]
    return Pieces(read_entries([*places]), [*first, *places.values()])


_KINDS = ("F64", "F32", "F16", "BF16")


def shapes_of(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors of a file by name; none of them is read.

    Raises: `ModelFileError` if the file is damaged or is no safetensors file.
    """
    with _opened(path) as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}


def read_tensors(
    path: Path,
    expected: Mapping[str, tuple[int, ...]],
    prefix: str,
    others: tuple[str, ...] = ("",),
    rows: Mapping[str, Tensor] = MappingProxyType({}),
) -> dict[str, Tensor]:
    """Read the expected tensors, by name and shape, as float32, each in memory of its own.

    In the file their names may all have the prefix. It may hold more than is needed, by default whatever has
    such a beginning as `others` lists, metadata too, so that the stricter reading of model folders does not
    fit it. Of the tensors named in `rows` these rows alone are read, in their order. The library checks the
    header against the file's own size before anything is read.

    Raises: `ModelFileError` if the file is damaged, is no safetensors file, lacks a tensor, or holds one of
        another shape, with numbers that are not finite, or that does not belong there.
    """
    with _opened(path) as file:
        names = set(file.keys())
        prefix = prefix if prefix + next(iter(expected)) in names else ""
        known = {name.removeprefix(prefix) for name in names} - expected.keys()
        if more := sorted(name for name in known if not name.startswith(others)):
            raise ModelFileError(
                "{path}: has, and the network has not, {more} tensors, such as {name!r}; choose the "
                "weights that belong to the config",
                path,
                len(more),
                more[0],
            )
        for name, shape in expected.items():
            name = prefix + name
            if name not in names:
                raise ModelFileError(
                    "{path}: lacks {name!r}; choose the weights that belong to the config", path, name
                )
            form = file.get_slice(name)
            if form.get_dtype() not in _KINDS or tuple(form.get_shape()) != shape:
                raise ModelFileError(
                    "{path}: {name!r} is {get_dtype} {get_shape}, where fractions of the "
                    "shape {shape} are expected; choose the weights that belong to the config",
                    path,
                    name,
                    form.get_dtype(),
                    form.get_shape(),
                    list(shape),
                )
        tensors = {}
        for name in expected:
            held = file.get_tensor(prefix + name)
            held = held[rows[name]] if name in rows else held
            tensors[name] = held.to(torch.float32, copy=True)
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ModelFileError(
                "{path}: {prefix!r} holds numbers that are not finite; use another copy", path, prefix + name
            )
    return tensors


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Context of an open safetensors file; what is wrong with it becomes a `ModelFileError`."""
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ModelFileError(
            "{path}: not an undamaged safetensors file ({error}); other files may run code and are refused",
            path,
            error,
        ) from error
