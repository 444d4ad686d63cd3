"""Backbones for texts: word vectors out of a local file, or a local folder of a BERT, read strictly."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from pellucid.data.raw_texts import Texts
from pellucid.encoding import Encoder, TokenEncoder, UnigramEncoder, WordPieceEncoder, fit_tokens
from pellucid.encoding.encoder import FIRST, MOST_BYTES
from pellucid.encoding.token_encoders import SHORTEST, WORDS
from pellucid.encoding.vector_files import leading_words, read_vectors
from pellucid.errors import ModelFileError
from pellucid.language.sentence import Sentence
from pellucid.networks import Network, NetworkConfig, build
from pellucid.networks.backbone import HeadSizes
from pellucid.networks.families import outline
from pellucid.networks.network import Origin
from pellucid.pretrained.bert import (
    TABLE,
    BertSizes,
    ordered,
    pieces_of_tokenizer,
    pieces_of_vocabulary,
    read_tensors,
)
from pellucid.pretrained.folder_files import CONFIG_BYTES, WEIGHTS, content, document, licence_of, refused
from pellucid.pretrained.known_weights import MULTILINGUAL, origin_of
from pellucid.pretrained.packed_weights import PackedBert, PackedNgrams
from pellucid.pretrained.unigram_files import is_unigram, read_tokenizer
from pellucid.safety.files import sha256
from pellucid.safety.strict import Whole, parse
from pellucid.settings import Settings


@dataclass(frozen=True, eq=False)
class TextBackbone:
    """Layers below the head of a text network, learnt elsewhere."""

    config: NetworkConfig  # of its layers; the head is that of one number until `config_for` sets another
    tensors: Mapping[str, Tensor]  # of everything below the head, by the names that `Network` gives them
    encoder: Encoder  # from texts to its ids
    origin: Origin

    def config_for(self, outputs: int, settings: Settings) -> NetworkConfig:
        """Config of the same layers below a head for `outputs` (1 for a number), sized by the settings."""
        head = HeadSizes.of(settings)
        return dataclasses.replace(self.config, outputs=outputs, widths=head.widths, dropout=head.dropout)

    def network(self, config: NetworkConfig, generator: torch.Generator | None = None) -> Network:
        """Build a network with these weights below a fresh head, on the CPU and in training mode.

        `config` is from `config_for`; the draws for the head are by default those of a new generator with
        seed 0.

        Raises: `ValueError` if the config is of another network.
        """
        own = self.config
        if dataclasses.replace(config, outputs=own.outputs, widths=own.widths, dropout=own.dropout) != own:
            raise ValueError(
                Sentence("config: it is not one of {name}; take one from config_for", self.origin.name)
            )
        network = build(config, generator)
        network.load_state_dict({**network.state_dict(), **self.tensors})
        network.origin = self.origin
        return network


# Rows of the file whose words are known whether or not the training texts hold them.
MOST_FREQUENT = 20_000

_LENGTH = 4_096
_SMOOTHING = 1e-3


def read_word_vectors(
    path: Path, texts: Texts, train: Int64[np.ndarray, " train"], length: int | None = None
) -> TextBackbone:
    r"""Read the vectors of words: layers, weights, encoder and origin.

    Kept are the words of the training texts, at most 32,768, and of the first 20,000 rows of the file, as
    such files hold frequent words first: so the model folder stays small, and words that the training texts
    lack are known too. Each word weighs

    $$w = \frac{a}{a + p}, \qquad p = \frac{1}{r \, (\ln n + \gamma)}, \qquad a = 10^{-3},$$

    with $p$ its frequency in the language, estimated from its row $r$ of $n$ by Zipf's law. How frequent a
    word is in the training texts does not count: what most texts of a class hold identifies the class.

    The file is in a form that `read_vectors` takes; `train` has the positions of the training texts, at least
    one; of a text at most `length` words are read, by default 4,096.

    Raises: `DataError` if the file cannot be read, or holds none of the words.

    Source: Arora, Liang and Ma 2017, "A simple but tough-to-beat baseline for sentence embeddings", ICLR.
    """
    settings = Settings(vectors=str(path), length=length or _LENGTH)
    fitted = fit_tokens(texts, train, settings).encoder
    assert isinstance(fitted, TokenEncoder)  # vectors are of words
    asked = [*dict.fromkeys([*fitted.entries, *leading_words(str(path), MOST_FREQUENT)])]
    found = read_vectors(str(path), asked)
    encoder = TokenEncoder(WORDS, fitted.length, tuple(asked[place] for place in found.words.tolist()))
    frequencies = 1 / (found.ranks * (np.log(found.rows) + np.euler_gamma))
    weights = torch.zeros(encoder.vocabulary)
    weights[FIRST:] = torch.from_numpy(_SMOOTHING / (_SMOOTHING + frequencies))
    vectors = torch.zeros(encoder.vocabulary, found.matrix.shape[1])
    vectors[FIRST:] = torch.from_numpy(found.matrix)
    config = config_of_vectors(encoder, vectors.shape[1])
    digest = sha256(path)
    stated = Origin(
        path.stem, Sentence("{stem}, vectors of words", path.stem), "a local file", "not stated", digest
    )
    tensors = {"body.words.weight": vectors, "body.words.weights": weights}
    return TextBackbone(config, tensors, encoder, origin_of(digest, stated))


def config_of_vectors(encoder: Encoder, size: int) -> NetworkConfig:
    """Config of the mean of vectors of so many numbers, one for each id, below the head of one number."""
    return NetworkConfig(
        name="word-vectors",
        input_shape=(encoder.length,),
        outputs=1,
        pooling="average",
        batch_norm=False,
        vocabulary=encoder.vocabulary,
        embedding=size,
    )


# Pieces in the scripts of the training texts that are known besides those in them and single characters. From
# 200 German titles use-multilingual gets 0.600 of 250 others right with 30,000, 0.640 with 60,000, 0.656 with
# all 128,000, and 0.616 with the 60,000 of all scripts.
FREQUENT_PIECES = 60_000

_LENGTH_OF_PIECES = 256


class Learnt(NamedTuple):
    """The texts that a run learns from."""

    texts: Texts
    train: Int64[np.ndarray, " train"]  # their positions


def read_multilingual(name: str, place: Path, learnt: Learnt, length: int | None = None) -> TextBackbone:
    """Read a sentence encoder for many languages, one of `MULTILINGUAL`, from where its package has it.

    Kept are the pieces that the texts hold, single characters and the most frequent others, so that a model
    folder has a part of the table. `length` is most tokens of a text, marks and prefix among them, by default
    256.

    Raises: `ModelFileError` if a file is damaged.
    """
    length = length or _LENGTH_OF_PIECES
    weights = PackedBert.read(place) if place.is_file() else PackedNgrams.read(place)
    filler, prefix = ("<pad>", "query: ") if isinstance(weights, PackedBert) else (None, "")
    whole, rows = weights.pieces.encoder(length, ("<s>",), ("</s>",), filler)
    encoder, ids = whole.prefixed(prefix).restricted(*learnt, FREQUENT_PIECES)
    config, tensors = weights.below_head(np.array(rows)[ids], length)
    return TextBackbone(config, tensors, encoder, MULTILINGUAL[name].origin)


_MODULES = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
_MODE = "pooling_mode_"


def read_unigram(
    tokenizer: Any, most: int, length: int, marks: tuple[str, ...], learnt: Learnt | None
) -> tuple[UnigramEncoder, list[int]]:
    """Read a parsed `tokenizer.json` of Unigram pieces: their encoder, and which row each of its ids has.

    The table has `most` rows; `marks` come before and behind every text. Kept are the pieces that
    `read_multilingual` keeps, without texts all of them.

    Raises: `ValueError` if it is damaged, or asks for something that is not supported.
    """
    pieces = read_tokenizer(tokenizer)
    if len(pieces.pieces) > most:
        raise ValueError(Sentence("{pieces} pieces for {most} vectors", len(pieces.pieces), most))
    encoder, rows = pieces.encoder(length, marks[:1], marks[1:])
    if learnt is None:
        return encoder, rows
    encoder, ids = encoder.restricted(*learnt, FREQUENT_PIECES)
    return encoder, [rows[number] for number in ids.tolist()]


def read_sentence_folder(
    folder: Path, length: int | None = None, learnt: Learnt | None = None
) -> TextBackbone:
    """Read a sentence encoder, as sentence-transformers and Hugging Face save a BERT or an XLM-RoBERTa.

    Its feature is the mean over the tokens of a text, both marks among them, brought to length 1. Read are
    `config.json`, `vocab.txt` (or the list of pieces in `tokenizer.json`), `model.safetensors`, and where
    they are there `modules.json` with the pooling it names, `sentence_bert_config.json`,
    `tokenizer_config.json` and the licence at the top of `README.md`. `length` is most tokens of a text, both
    marks among them, by default what the folder says. Of Unigram pieces those are kept that
    `read_multilingual` keeps.

    Raises: `ModelFileError` if a file is missing, damaged, too large, or asks for something that is not
    supported.
    """
    if not folder.is_dir():
        raise ModelFileError(
            "{folder}: there is no such folder; name one with {WEIGHTS} and config.json", folder, WEIGHTS
        )
    with refused(folder / "config.json"):
        sizes = BertSizes.read(document(folder / "config.json"))
    _require_mean(folder)
    with refused(folder):
        most = _length(folder, sizes.most, length)
        encoder, rows = _encoder(folder, sizes.vocabulary, most, learnt)
    with refused(folder / "config.json"):
        config = sizes.config(most, encoder.vocabulary)
        outline(config)
    weights = folder / WEIGHTS
    if not weights.is_file():
        others = [name for name in ("pytorch_model.bin", "tf_model.h5") if (folder / name).exists()]
        found = (
            Sentence("{others} may run code and is refused", others[0]) if others else "there are no weights"
        )
        raise ModelFileError(
            "{weights}: missing, and {found}; save the weights as safetensors", weights, found
        )
    tensors = read_tensors(weights, sizes.expected(), sizes.prefix, rows={TABLE: torch.tensor(rows)})
    return TextBackbone(config, sizes.renamed(tensors, most), encoder, _origin(folder, sha256(weights)))


def _require_mean(folder: Path) -> None:
    """Refuse a folder whose feature is not the mean over the tokens with a `ModelFileError`."""
    path = folder / "modules.json"
    if not path.exists():
        return
    with refused(path):
        modules = parse(content(path, CONFIG_BYTES))
        if not isinstance(modules, list) or not all(isinstance(each, dict) for each in modules):
            raise ValueError("no list of modules")
        kinds = [str(each.get("type")).rpartition(".")[2][:40] for each in modules]
        if kinds not in _MODULES:
            raise ValueError(
                Sentence(
                    "modules {kinds} are not supported, only {MODULES}",
                    ", ".join(kinds[:10]),
                    ", ".join(_MODULES[1]),
                )
            )
        place = modules[1].get("path")
        if not isinstance(place, str) or not re.fullmatch(r"[A-Za-z0-9_]{1,60}", place):
            raise ValueError(Sentence("path: {place!r} is no plain name of a folder", str(place)[:40]))
    path = folder / place / "config.json"
    with refused(path):
        stated = document(path)
        # Newer folders name the pooling in one word, older ones have a truth for each.
        modes = [
            name.removeprefix(_MODE) for name in stated if name.startswith(_MODE) and stated[name] is True
        ]
        if "pooling_mode" in stated:
            modes = [f"{stated['pooling_mode']}_tokens"]
        if modes != ["mean_tokens"]:
            raise ValueError(
                Sentence(
                    "pooling {value} is not supported, only mean_tokens",
                    ", ".join(modes)[:80] or "of no kind",
                )
            )


def _length(folder: Path, places: int, asked: int | None) -> int:
    """Most tokens of a text: as asked for, else what the folder says, else as many as have a place."""
    if asked is not None:
        return Whole(SHORTEST, places).read("length", asked)
    for name, key in (
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
    ):
        path = folder / name
        stated = document(path).get(key) if path.exists() else None
        if type(stated) is int and stated >= SHORTEST:
            return min(stated, places)
        if stated is not None:
            raise ValueError(
                Sentence(
                    "{name}: {key}: {stated} is no whole number from {SHORTEST} on",
                    name,
                    key,
                    str(stated)[:40],
                    SHORTEST,
                )
            )
    return places


def _lower_case(folder: Path) -> bool:
    """True where capitals are dropped."""
    path = folder / "tokenizer_config.json"
    stated = document(path) if path.exists() else {}
    lower_case = stated.get("do_lower_case", True)
    if not isinstance(lower_case, bool):
        raise ValueError(
            Sentence("do_lower_case: {lower_case} is neither true nor false", str(lower_case)[:40])
        )
    for name, supported in (("strip_accents", (None, lower_case)), ("tokenize_chinese_chars", (None, True))):
        if stated.get(name) not in supported:
            raise ValueError(
                Sentence(
                    "{name}: {stated} is not supported, only {supported}",
                    name,
                    str(stated[name])[:40],
                    supported[1],
                )
            )
    return lower_case


def _encoder(folder: Path, most: int, length: int, learnt: Learnt | None) -> tuple[Encoder, list[int]]:
    """Encoder by the list of pieces, the plain one where there is one, and which row each of its ids has."""
    path = folder / "vocab.txt"
    if path.exists():
        pieces = pieces_of_vocabulary(content(path, MOST_BYTES))
    else:
        path = folder / "tokenizer.json"
        if not path.exists():
            raise ModelFileError(
                "{folder}: neither vocab.txt nor tokenizer.json; choose a whole folder", folder
            )
        tokenizer = parse(content(path, MOST_BYTES))
        if is_unigram(tokenizer):
            match tokenizer.get("post_processor"):
                case {
                    "single": [
                        {"SpecialToken": {"id": first}},
                        {"Sequence": _},
                        {"SpecialToken": {"id": last}},
                    ]
                }:
                    return read_unigram(tokenizer, most, length, (str(first), str(last)), learnt)
            raise ValueError("tokenizer.json: not one mark before and one behind every text")
        pieces = pieces_of_tokenizer(tokenizer)
    entries, rows = ordered(pieces, most)
    return WordPieceEncoder(entries, length, _lower_case(folder)), rows


def _origin(folder: Path, digest: str) -> Origin:
    """Origin of the weights: known by their checksum, else what the folder says."""
    name = folder.resolve().name
    title = Sentence("{name}, a sentence encoder", name)
    return origin_of(digest, Origin(name, title, "a local folder", licence_of(folder), digest))
