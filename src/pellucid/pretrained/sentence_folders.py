"""Local folder of a BERT, as sentence-transformers and Hugging Face save it, read strictly.

Looked at are `config.json`, `vocab.txt` (or the list of pieces in `tokenizer.json`), `model.safetensors`, and
where they are there `modules.json` with the pooling it names, `sentence_bert_config.json`,
`tokenizer_config.json` and the licence at the top of `README.md`. What is not supported is refused by name.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pellucid.encoding import WordPieceEncoder
from pellucid.encoding.limits import MOST_BYTES
from pellucid.encoding.tokens.word_pieces import SHORTEST
from pellucid.errors import ModelFileError
from pellucid.networks.families import outline
from pellucid.networks.origin import Origin
from pellucid.pretrained.backbone import TextBackbone
from pellucid.pretrained.bert import BertSizes
from pellucid.pretrained.foreign_tensors import names_in, read_tensors
from pellucid.pretrained.known import origin_of
from pellucid.pretrained.piece_lists import ordered, pieces_of_tokenizer, pieces_of_vocabulary
from pellucid.regular import open_regular, sha256
from pellucid.strict import Whole, parse

WEIGHTS = "model.safetensors"

_CONFIG_BYTES = 1 << 20
_MODULES = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
_MODE = "pooling_mode_"
_LICENCE = re.compile(r"^license:[ ]*([\w.+-]{1,40})[ ]*$", re.MULTILINE)


def read_sentence_folder(folder: Path, length: int | None = None) -> TextBackbone:
    """Read a sentence encoder: layers, weights, encoder and origin.

    Its feature is the mean over the tokens of a text, both marks among them, brought to length 1. The folder
    holds the files that the top of this file names; `length` is most tokens of a text, both marks among them,
    by default what the folder says.

    Raises: `ModelFileError` if a file is missing, damaged, too large, or says something that is not
    supported.
    """
    if not folder.is_dir():
        raise ModelFileError(f"{folder}: there is no such folder; name one with {WEIGHTS} and config.json")
    with _refused(folder / "config.json"):
        sizes = BertSizes.read(_document(folder / "config.json"))
    _require_mean(folder)
    with _refused(folder):
        most = _length(folder, sizes.places, length)
        pieces = ordered(_pieces(folder), sizes.vocabulary)
        encoder = WordPieceEncoder(pieces.entries, most, _lower_case(folder))
    with _refused(folder / "config.json"):
        config = sizes.config(most, encoder.vocabulary)
        outline(config)
    weights = _weights(folder)
    expected, names = sizes.expected(), names_in(weights)
    prefix = "bert." if f"bert.{next(iter(expected))}" in names else ""
    found = read_tensors(weights, {prefix + name: shape for name, shape in expected.items()})
    plain = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    return TextBackbone(
        config, sizes.renamed(plain, pieces.rows, most), encoder, _origin(folder, sha256(weights))
    )


def _require_mean(folder: Path) -> None:
    """Refuse a folder whose feature is not the mean over the tokens.

    Raises:
        ModelFileError: it has other modules, or another pooling.
    """
    path = folder / "modules.json"
    if not path.exists():
        return
    with _refused(path):
        modules = parse(_read(path, _CONFIG_BYTES))
        if not isinstance(modules, list) or not all(isinstance(each, dict) for each in modules):
            raise ValueError("no list of modules")
        kinds = [str(each.get("type")).rpartition(".")[2][:40] for each in modules]
        if kinds not in _MODULES:
            raise ValueError(
                f"modules {', '.join(kinds[:10])} are not supported, only {', '.join(_MODULES[1])}"
            )
        place = modules[1].get("path")
        if not isinstance(place, str) or not re.fullmatch(r"[A-Za-z0-9_]{1,60}", place):
            raise ValueError(f"path: {str(place)[:40]!r} is no plain name of a folder")
    path = folder / place / "config.json"
    with _refused(path):
        modes = _pooling_modes(_document(path))
        if modes != ["mean_tokens"]:
            raise ValueError(
                f"pooling {', '.join(modes)[:80] or 'of no kind'} is not supported, only mean_tokens"
            )


def _pooling_modes(document: dict[str, Any]) -> list[str]:
    """Modes of pooling tokens; newer folders say it in one word, older ones in a truth for each."""
    if "pooling_mode" in document:
        return [f"{document['pooling_mode']}_tokens"]
    modes = {name.removeprefix(_MODE): value for name, value in document.items() if name.startswith(_MODE)}
    return [name for name, value in modes.items() if value is True]


def _length(folder: Path, places: int, asked: int | None) -> int:
    """Most tokens of a text: as asked for, else what the folder says, else as many as have a place."""
    if asked is not None:
        return Whole(SHORTEST, places).read("length", asked)
    for name, key in (
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
    ):
        path = folder / name
        stated = _document(path).get(key) if path.exists() else None
        if type(stated) is int and stated >= SHORTEST:
            return min(stated, places)
        if stated is not None:
            raise ValueError(f"{name}: {key}: {str(stated)[:40]} is no whole number from {SHORTEST} on")
    return places


def _lower_case(folder: Path) -> bool:
    """True where capitals are dropped."""
    path = folder / "tokenizer_config.json"
    stated = _document(path) if path.exists() else {}
    lower_case = stated.get("do_lower_case", True)
    if not isinstance(lower_case, bool):
        raise ValueError(f"do_lower_case: {str(lower_case)[:40]} is neither true nor false")
    for name, supported in (("strip_accents", (None, lower_case)), ("tokenize_chinese_chars", (None, True))):
        if stated.get(name) not in supported:
            raise ValueError(f"{name}: {str(stated[name])[:40]} is not supported, only {supported[1]}")
    return lower_case


def _pieces(folder: Path) -> list[str]:
    """List of pieces, from the plain file where there is one."""
    path = folder / "vocab.txt"
    if path.exists():
        return pieces_of_vocabulary(_read(path, MOST_BYTES))
    path = folder / "tokenizer.json"
    if not path.exists():
        raise ModelFileError(f"{folder}: neither vocab.txt nor tokenizer.json; choose a whole folder")
    return pieces_of_tokenizer(parse(_read(path, MOST_BYTES)))


def _weights(folder: Path) -> Path:
    """File with the weights.

    Raises:
        ModelFileError: there is none, or only one that may run code.
    """
    path = folder / WEIGHTS
    if path.is_file():
        return path
    others = [name for name in ("pytorch_model.bin", "tf_model.h5") if (folder / name).exists()]
    found = f"{others[0]} may run code and is refused" if others else "there are no weights"
    raise ModelFileError(f"{path}: missing, and {found}; save the weights as safetensors")


def _origin(folder: Path, digest: str) -> Origin:
    """Origin of the weights: known by their checksum, else what the folder says."""
    licence = None
    if (folder / "README.md").is_file():
        with open_regular(folder / "README.md") as file:
            head = file.read(_CONFIG_BYTES).decode("utf-8", "replace")
        if head.startswith("---\n"):
            licence = _LICENCE.search(head.split("\n---", 1)[0])
    name = folder.resolve().name
    stated = "not stated" if licence is None else licence[1]
    return origin_of(digest, Origin(name, f"{name}, a sentence encoder", "a local folder", stated, digest))


def _document(path: Path) -> dict[str, Any]:
    """Object in JSON, whose content is still to be checked."""
    document = parse(_read(path, _CONFIG_BYTES))
    if not isinstance(document, dict):
        raise ValueError(f"{type(document).__name__} found, an object expected")
    return document


def _read(path: Path, most: int) -> bytes:
    """Bytes of a file, at most so many of them."""
    if not path.is_file():
        raise ModelFileError(f"{path}: missing; choose a whole folder")
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"larger than {most >> 20} MB")
    return content


@contextlib.contextmanager
def _refused(place: Path) -> Iterator[None]:
    """Context that turns a `ValueError` about a file into an error that names it."""
    try:
        yield
    except ModelFileError:
        raise
    except (ValueError, OSError) as error:
        raise ModelFileError(f"{place}: {error}; choose an undamaged folder of a BERT") from error
