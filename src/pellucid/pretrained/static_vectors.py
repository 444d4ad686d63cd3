"""Vectors of word pieces out of a folder of model2vec, as the network of word vectors computes with them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from pellucid.encoding import WordPieceEncoder
from pellucid.encoding.encoder import FIRST, MOST_BYTES
from pellucid.encoding.token_encoders import END, START
from pellucid.language.sentence import Sentence
from pellucid.networks import parameter_shapes
from pellucid.networks.config import LARGEST_EMBEDDING, MOST_IDS
from pellucid.networks.network import Origin
from pellucid.pretrained.bert import ordered, pieces_of_tokenizer, read_tensors, require, shapes_of
from pellucid.pretrained.folder_files import WEIGHTS, content, licence_of, refused
from pellucid.pretrained.known_weights import origin_of
from pellucid.pretrained.text_backbones import TextBackbone, config_of_vectors
from pellucid.safety.files import sha256
from pellucid.safety.strict import Whole, parse

_TOKENIZER = "tokenizer.json"
_LENGTH = 512  # tokens of a text, as model2vec reads it by default


def read_static_folder(folder: Path, stated: Mapping[str, Any], length: int | None = None) -> TextBackbone:
    """Read the vectors of pieces and, where there are some, their weights and the row of each.

    Its features are the weighted mean that model2vec gives and, beside it, the largest of each number. The
    marks before and behind a text count for nothing: their weight is 0 and their numbers are the least.

    Raises: `ModelFileError` if a file is damaged; `ValueError` if something is not supported.
    """
    del stated
    path, weights = folder / _TOKENIZER, folder / WEIGHTS
    with refused(path):
        tokenizer = parse(content(path, MOST_BYTES))
        pieces = pieces_of_tokenizer(tokenizer)
        normalizer, splitter = (tokenizer.get(part) or {} for part in ("normalizer", "pre_tokenizer"))
        require("normalizer", normalizer.get("type"), ["BertNormalizer"])
        require("strip_accents", normalizer.get("strip_accents"), [None, normalizer.get("lowercase")])
        require("handle_chinese_chars", normalizer.get("handle_chinese_chars"), [True])
        require("pre_tokenizer", splitter.get("type"), ["BertPreTokenizer"])
        entries, rows = ordered(pieces, MOST_IDS)
        missing = tuple(mark for mark in (START, END) if mark not in entries)
        encoder = WordPieceEncoder(
            (*entries, *missing), length or _LENGTH, normalizer.get("lowercase") is True
        )
    shapes = shapes_of(weights)
    count, size = (*shapes.get("embeddings", ()), 0, 0)[:2]
    Whole(1, MOST_IDS).read("embeddings", count)
    Whole(1, LARGEST_EMBEDDING).read("embeddings", size)
    config = config_of_vectors(encoder, size)
    parameter_shapes(config)
    expected: dict[str, tuple[int, ...]] = {"embeddings": (count, size)}
    expected |= {"weights": (len(pieces),)} if "weights" in shapes else {}
    tensors = read_tensors(weights, expected, "", ("mapping",))
    places = torch.tensor(rows)
    vectors = tensors["embeddings"][_rows_of(weights, shapes, len(pieces), count)[places]]
    shares = tensors["weights"][places] if "weights" in tensors else torch.ones(len(places))
    least = vectors.amin(0)
    vectors = torch.cat([vectors, least.expand(len(missing), -1)])
    shares = torch.cat([shares, torch.zeros(len(missing))])
    for mark in (START, END):
        number = FIRST + encoder.entries.index(mark)
        vectors[number], shares[number] = least, 0.0
    name, digest = folder.resolve().name, sha256(weights)
    title = Sentence("{name}, vectors of pieces of words", name)
    origin = origin_of(digest, Origin(name, title, "a local folder", licence_of(folder), digest))
    return TextBackbone(config, {"body.words.weight": vectors, "body.words.weights": shares}, encoder, origin)


def _rows_of(path: Path, shapes: Mapping[str, tuple[int, ...]], pieces: int, count: int) -> torch.Tensor:
    """Row of the vector of each piece; without a mapping its own."""
    if "mapping" not in shapes:
        require("rows of embeddings", count, [pieces])
        return torch.arange(pieces)
    require("mapping", shapes["mapping"], [(pieces,)])
    with safe_open(path, framework="pt") as file:
        found: torch.Tensor = file.get_tensor("mapping")
    if found.is_floating_point() or not bool(((found >= 0) & (found < count)).all()):
        raise ValueError(Sentence("mapping: a row is outside 0 to {last}", count - 1))
    return found.long()
