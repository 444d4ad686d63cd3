"""Weights in the forms of two packages: blocks of 4 bits in one file, rows of 6 bits in an archive of arrays.

Read are only the rows of the table of pieces that a run needs; nothing is run.
"""

import math
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor

from pellucid.errors import ModelFileError
from pellucid.networks import NetworkConfig
from pellucid.networks.config import NORM_EPSILON, Branches
from pellucid.pretrained.bert import BertSizes
from pellucid.pretrained.unigram_files import UnigramPieces, read_packed, read_sentencepiece
from pellucid.safety.files import open_regular

# Blocks of 4 bits: a scale as a 16-bit fraction and 32 whole numbers of 4 bits, first the lower halves of 16
# bytes, then the upper ones.
_OF_BLOCK = 32
_BLOCK_BYTES = 18
_MIDDLE = 8  # the whole number that stands for zero

_HEADER = struct.Struct("<4sI7ifi")
_FORM = (b"E5S1", 1)
_ENTRY = struct.Struct("<BIQQ")
# Their names to those of a BERT: of the vectors, and of the parts of each layer.
_VECTORS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


class PackedBert(NamedTuple):
    """A BERT whose matrices are kept in blocks of 4 bits, and the pieces that it reads."""

    path: Path
    content: bytes
    sizes: BertSizes
    pieces: UnigramPieces
    entries: dict[str, tuple[int, int, int]]  # kind, numbers and first byte of each array, by its name

    @classmethod
    def read(cls, path: Path) -> "PackedBert":
        """Read the sizes, the pieces, and where each array lies.

        Raises: `ModelFileError` if the file is of another form or damaged.
        """
        content = path.read_bytes()
        try:
            magic, version, *numbers = _HEADER.unpack_from(content)
            size, layers, heads, wide, rows, places, types, epsilon, block = numbers
            pieces, at = read_packed(content, _HEADER.size)
            (count,) = struct.unpack_from("<i", content, at)
            at, entries = at + 4, {}
            for _ in range(count):
                start = at + 2 + struct.unpack_from("<H", content, at)[0]
                kind, amount, first, _ = _ENTRY.unpack_from(content, start)
                entries[content[at + 2 : start].decode()] = (kind, amount, first)
                at = start + _ENTRY.size
        except (struct.error, ValueError) as error:
            raise _refused(path, str(error)) from error
        if (magic, version, block) != (*_FORM, _OF_BLOCK) or not math.isclose(
            epsilon, NORM_EPSILON, rel_tol=1e-6
        ):
            raise _refused(path, "it is of another form")
        sizes = BertSizes(size, layers, heads, wide, places, rows, types, "gelu")
        return cls(path, content, sizes, pieces, entries)

    def below_head(
        self, rows: Int64[np.ndarray, " ids"], length: int
    ) -> tuple[NetworkConfig, dict[str, Tensor]]:
        """Config, with the head of one number, and tensors under our names for texts of `length` ids.

        `rows` are those of the table of pieces that each id has.

        Raises: `ModelFileError` if one is missing, of another shape or not within the file.
        """
        names = _VECTORS | {
            f"l{number}.{theirs}.{kind[0]}": f"encoder.layer.{number}.{part}.{kind}"
            for number in range(self.sizes.layers)
            for theirs, part in _PARTS.items()
            for kind in ("weight", "bias")
        }
        content, expected = np.frombuffer(self.content, np.uint8), self.sizes.expected()
        found = {}
        for theirs, name in names.items():
            shape = expected[name]
            kind, amount, first = self.entries.get(theirs, (0, 0, 0))
            row = shape[-1] // _OF_BLOCK * _BLOCK_BYTES if kind else 4 * shape[-1]
            size = int(np.prod(shape[:-1])) * row
            if amount != np.prod(shape) or kind not in (0, 1) or first + size > len(content):
                raise _refused(self.path, theirs)
            array = content[first : first + size].reshape(-1, row)
            array = array[rows] if theirs == "emb.word" else array
            values = unpacked(array) if kind else array.view("<f4").astype(np.float32)
            found[name] = torch.from_numpy(values.reshape(-1, *shape[1:]))
        return self.sizes.config(length, len(rows)), self.sizes.renamed(found, length)


def unpacked(blocks: UInt8[np.ndarray, "rows bytes"]) -> Float32[np.ndarray, "rows numbers"]:
    """Numbers of rows of blocks: each block's scale times its whole numbers from -8 to 7."""
    parts = blocks.reshape(len(blocks), -1, _BLOCK_BYTES)
    scales = parts[:, :, :2].copy().view("<f2").astype(np.float32)
    halves = parts[:, :, 2:]
    levels = np.concatenate([halves & 15, halves >> 4], axis=2).astype(np.float32) - _MIDDLE
    numbers: np.ndarray = (levels * scales).reshape(len(blocks), -1)
    return numbers


def _refused(path: Path, what: str) -> ModelFileError:
    return ModelFileError("{path}: {error}; install its package anew", path, what)


# Rows of 6 bits: in the archive lie the whole numbers of every seventeenth row, with a scale and a lowest
# value for each of the seventeen parts.
_KERNELS = (2, 3, 5)


class PackedNgrams(NamedTuple):
    """The encoder of n-grams of USE-multilingual, its table of pieces in 6 bits."""

    arrays: Mapping[str, np.ndarray]
    pieces: UnigramPieces

    @classmethod
    def read(cls, folder: Path) -> "PackedNgrams":
        """Read all arrays, none of which may hold objects, and the pieces beside them.

        Raises: `ModelFileError` if a file is damaged.
        """
        try:
            pieces = read_sentencepiece((folder / "sp.model").read_bytes())
            with open_regular(folder / "weights.npz") as file, np.load(file, allow_pickle=False) as archive:
                return cls({name: archive[name] for name in archive.files}, pieces)
        except (ValueError, OSError, zipfile.BadZipFile) as error:
            raise _refused(folder, str(error)) from error

    def below_head(
        self, rows: Int64[np.ndarray, " ids"], length: int
    ) -> tuple[NetworkConfig, dict[str, Tensor]]:
        """Config and tensors, as `PackedBert.below_head`."""
        size, hidden = self.arrays["d0"].shape
        config = NetworkConfig(
            name="ngram-encoder",
            input_shape=(length,),
            outputs=1,
            pooling="average",
            batch_norm=False,
            vocabulary=len(rows),
            embedding=size,
            own=Branches(kernels=_KERNELS, filters=self.arrays["proj2"].shape[1], hidden=hidden),
        )
        own, parts = self.arrays, len(self.arrays["scale"])
        table = np.empty((parts * len(own["q1"]), own["q1"].shape[1]), np.uint8)
        for part in range(parts):
            table[part::parts] = own[f"q{part + 1}"]
        own_part = rows % parts
        found = {
            "embedding.weight": table[rows] * own["scale"][own_part, None] + own["lo"][own_part, None],
            "project.weight": np.concatenate([own[f"proj{kernel}"] for kernel in _KERNELS], 1).T,
            "norm2.weight": own["ln_g"],
            "norm2.bias": own["ln_b"] + _before(own["cnn_W"], own["cnn_b"]),
            "linear.weight": own["cnn_W"].T,
        }
        for ours, theirs in (("project.bias", "proj_b"), ("norm1.weight", "ln_g"), ("norm1.bias", "ln_b")):
            found[ours] = np.concatenate([own[f"{theirs}{kernel}"] for kernel in _KERNELS])
        for kernel in _KERNELS:
            for number in (1, 2):
                weights = own[f"w{number}_{kernel}"]
                name = f"branch{kernel}.conv{number}"
                found[f"{name}.weight"] = weights.reshape(kernel, -1, weights.shape[1]).transpose(2, 1, 0)
                found[f"{name}.bias"] = own[f"b{number}_{kernel}"]
        for number in (1, 2):
            for ours, theirs in (("linear1", f"d{2 * number - 2}"), ("linear2", f"d{2 * number - 1}")):
                found[f"dense{number}.{ours}.weight"] = own[theirs].T
            found[f"dense{number}.around.weight"] = own[f"p{2 * number - 1}"].T
        return config, {
            f"body.encoder.{name}": torch.from_numpy(np.ascontiguousarray(array, np.float32))
            for name, array in found.items()
        }


def _before(
    weights: Float32[np.ndarray, "features outputs"], bias: Float32[np.ndarray, " outputs"]
) -> Float32[np.ndarray, " features"]:
    """A shift before a dense layer that gives its bias behind it: so each place of a text counts its own."""
    shift: np.ndarray = np.linalg.lstsq(weights.T.astype(np.float64), bias.astype(np.float64), rcond=None)[0]
    return shift.astype(np.float32)
