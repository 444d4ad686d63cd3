"""Vectors of word pieces out of a folder of model2vec, as the network of word vectors computes with them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from pellucid.encoding import Encoder, WordPieceEncoder
from pellucid.encoding.encoder import MOST_BYTES
from pellucid.encoding.token_encoders import END, START
from pellucid.language.sentence import Sentence
from pellucid.networks import parameter_shapes
from pellucid.networks.config import LARGEST_EMBEDDING, MOST_IDS
from pellucid.networks.network import Origin
from pellucid.pretrained.bert import ordered, pieces_of_tokenizer, read_tensors, require, shapes_of
from pellucid.pretrained.folder_files import WEIGHTS, content, licence_of, refused
from pellucid.pretrained.known_weights import origin_of
from pellucid.pretrained.text_backbones import Learnt, TextBackbone, config_of_vectors, read_unigram
from pellucid.pretrained.unigram_files import is_unigram
from pellucid.safety.files import sha256
from pellucid.safety.strict import Whole, parse

_TOKENIZER = "tokenizer.json"
_LENGTH = 512  # tokens of a text, as model2vec reads it by default


def read_static_folder(folder: Path, length: int | None = None, learnt: Learnt | None = None) -> TextBackbone:
    """Read the vectors of pieces and, where there are some, their weights and the row of each.

    Its features are the weighted mean that model2vec gives and, beside it, the largest of each number. The
    marks before and behind a text count for nothing: their weight is 0 and their numbers are the least.
    Neither do unknown pieces. Of Unigram pieces those are kept that `read_multilingual` keeps.

    Raises: `ModelFileError` if a file is damaged; `ValueError` if something is not supported.
    """
    path, weights = folder / _TOKENIZER, folder / WEIGHTS
    with refused(path):
        tokenizer = parse(content(path, MOST_BYTES))
        encoder: Encoder
        if is_unigram(tokenizer):
            encoder, rows = read_unigram(tokenizer, MOST_IDS, length or _LENGTH, (), learnt)
        else:
            encoder, rows = _word_pieces(tokenizer, length or _LENGTH)
        pieces = len(tokenizer["model"]["vocab"])
    shapes = shapes_of(weights)
    count, size = (*shapes.get("embeddings", ()), 0, 0)[:2]
    Whole(1, MOST_IDS).read("embeddings", count)
    Whole(1, LARGEST_EMBEDDING).read("embeddings", size)
    config = config_of_vectors(encoder, size)
    parameter_shapes(config)
    expected: dict[str, tuple[int, ...]] = {"embeddings": (count, size)}
    expected |= {"weights": (pieces,)} if "weights" in shapes else {}
    places = torch.tensor(rows)
    kept = {"embeddings": _rows_of(weights, shapes, pieces, count)[places], "weights": places}
    tensors = read_tensors(weights, expected, "", ("mapping",), kept)
    vectors, shares = tensors["embeddings"], tensors.get("weights", torch.ones(len(places)))
    if isinstance(encoder, WordPieceEncoder):
        least = vectors.amin(0)
        added = encoder.vocabulary - len(places)  # marks that the file lacks
        vectors, shares = (
            torch.cat([vectors, least.expand(added, -1)]),
            torch.cat([shares, torch.zeros(added)]),
        )
        for (number,) in encoder.around:
            vectors[number], shares[number] = least, 0.0
    name, digest = folder.resolve().name, sha256(weights)
    title = Sentence("{name}, vectors of pieces of words", name)
    origin = origin_of(digest, Origin(name, title, "a local folder", licence_of(folder), digest))
    return TextBackbone(config, {"body.words.weight": vectors, "body.words.weights": shares}, encoder, origin)


def _word_pieces(tokenizer: Mapping[str, Any], length: int) -> tuple[WordPieceEncoder, list[int]]:
    """Encoder of word pieces and both marks, and which row each of its ids has that the file knows."""
    pieces = pieces_of_tokenizer(tokenizer)
    normalizer, splitter = (tokenizer.get(part) or {} for part in ("normalizer", "pre_tokenizer"))
    require("normalizer", normalizer.get("type"), ["BertNormalizer"])
    require("strip_accents", normalizer.get("strip_accents"), [None, normalizer.get("lowercase")])
    require("handle_chinese_chars", normalizer.get("handle_chinese_chars"), [True])
    require("pre_tokenizer", splitter.get("type"), ["BertPreTokenizer"])
    entries, rows = ordered(pieces, MOST_IDS)
    missing = tuple(mark for mark in (START, END) if mark not in entries)
    encoder = WordPieceEncoder((*entries, *missing), length, normalizer.get("lowercase") is True)
    return encoder, rows


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
