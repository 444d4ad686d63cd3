"""Page data of a model's parts: packed weights, classical predictors, encoders and what Unicode they need."""

import base64
import dataclasses
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float32, Int16, Shaped, UInt8

from pellucid.bundle import ClassicalModel, Model
from pellucid.encoding import Encoder, NgramEncoder, TokenEncoder, UnigramEncoder, WordPieceEncoder
from pellucid.encoding.term_weights import TermWeights
from pellucid.encoding.token_encoders import BYTE, SUB_WORDS
from pellucid.encoding.words import kind_of
from pellucid.insight.opened_networks import Opened
from pellucid.pages.assembly import deflated

_LARGEST = 32767
_NOTHING = 1e-30


class Tensors:
    """Named arrays one behind the other.

    Tensors of two axes and more are kept as whole numbers of 16 bits, of each row (along the first axis) in
    steps of a 32,767th of its largest weight. Weights of one row are of like size, so that this halves the
    file and errs about five times less than floating-point numbers of 16 bits, whose steps are wasted on
    weights near zero. Vectors (biases, statistics of norms) are few numbers that many products meet: they
    stay in single precision. Of 16-bit numbers all high bytes come first, since these are alike, which
    deflating finds.

    Attributes:
        places: name to `at`, where it begins in bytes, `shape`, and `steps`, where the steps of its rows
            begin; `None` where it is in single precision.

    Args:
        exactly: whether all are kept in single precision.
    """

    places: dict[str, dict[str, Any]]

    def __init__(self, *, exactly: bool = False) -> None:
        self.places = {}
        self._exactly = exactly
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, name: str, array: Shaped[np.ndarray, "..."], *, exactly: bool = False) -> None:
        """Keep an array under a name; `exactly` in single precision whatever its shape."""
        numbers = np.ascontiguousarray(array, "<f4")
        steps = None
        if numbers.ndim > 1 and not (exactly or self._exactly) and np.isfinite(numbers).all():
            row_steps, whole = stepped(numbers.reshape(len(numbers), -1))
            steps = self._append(row_steps.tobytes())
            at = self._append(_split(whole))
        else:
            at = self._append(numbers.tobytes())
        self.places[name] = {"at": at, "shape": list(array.shape), "steps": steps}

    def add_all(self, arrays: Mapping[str, np.ndarray], prefix: str = "", *, exactly: bool = False) -> None:
        """Keep arrays under their names behind a prefix."""
        for name, array in arrays.items():
            self.add(prefix + name, array, exactly=exactly)

    @property
    def text(self) -> str:
        """All bytes, deflated, in base64."""
        return deflated(b"".join(self._parts))

    def _append(self, content: bytes) -> int:
        """Add bytes, filled up to a multiple of 4, where single precision may begin; say where they begin."""
        at = self._size
        self._parts.append(content + bytes(-len(content) % 4))
        self._size += len(content) + -len(content) % 4
        return at


def stepped(
    rows: Float32[np.ndarray, "rows columns"],
) -> tuple[Float32[np.ndarray, " rows"], Int16[np.ndarray, "rows columns"]]:
    """Steps of rows, and how many of them each number is; finite numbers alone."""
    largest = np.abs(rows).max(axis=1, initial=0.0)
    # Steps of a row whose weights are next to nothing would have few digits or none: it counts as zeros.
    steps = np.where(largest > _NOTHING, largest / _LARGEST, 1).astype("<f4")
    whole = np.clip(np.rint(rows.astype(np.float64) / steps[:, None]), -_LARGEST, _LARGEST)
    return steps, whole.astype("<i2")


def _split(whole: Int16[np.ndarray, "rows columns"]) -> bytes:
    """All high bytes, then all low bytes."""
    pairs = whole.reshape(-1).view(np.uint8).reshape(-1, 2)
    return pairs[:, 1].tobytes() + pairs[:, 0].tobytes()


# Classical models as pages have them: their arrays, facts about them, and the network below them.


def predictor_page_data(
    model: Model, tensors: Tensors, prefix: str, *, is_opened: bool
) -> dict[str, Any] | None:
    """A classical model, of the form `Predictor` in the script's types; `None` where the model is a network.

    Its arrays join the tensors, their names behind a prefix: of linear models in 16 bits, all others exactly,
    since questions of trees and likenesses change with less. `is_opened` says whether the page shows how it
    decides.
    """
    if not isinstance(model, ClassicalModel):
        return None
    predictor = model.predictor
    tensors.add_all(predictor.arrays(), prefix, exactly=predictor.kind != "linear")
    opened = is_opened and predictor.kind != "constant"
    return {
        "kind": predictor.kind,
        "outputs": predictor.outputs,
        "opened": opened,
        "arrays": prefix,
    }


def without_head(opened: Opened) -> Opened:
    """Layers up to the last hidden one, which a classical model takes."""
    lines = tuple(line for line in opened.lines if line.name.split(".")[0] != "head")
    return dataclasses.replace(opened, lines=lines, output=lines[-1].name)


# Unicode for a page: what this Python, and for word pieces the library of tokenizers, know of it.
# A browser knows another version of Unicode than the Python that trained the model, so the page has it as
# runs of code points for which the answer is the same.

# Beside the kind of a code point: its category, and what it does to a capital sigma near it.
LETTER = 8  # bits, as all of these
NUMBER = 16
UNASSIGNED = 32
CASED = 64
IGNORABLE = 128

KEPT = 0  # what becomes of a code point, as all of these
DROPPED = 1
WHITE = 2
SPACED = 3
SYLLABLE = 4
LISTED = 5
# Reading of a code point by BERT, and whether it stands for itself.
PUNCTUATION = 8

_POINTS = 0x110000
_SURROGATES = (0xD800, 0xE000)
# Ranges of code points that are all unassigned, or all private; one of each is looked at.
_ALIKE = ((0x40000, 0xE0000), (0xE1000, 0xF0000), (0xF0000, 0xFFFFE), (0x100000, 0x10FFFE))

_SYLLABLES = (0xAC00, 0xD7A4)
_PARTING = "\U0001f600"  # nothing else becomes it, and it belongs to nothing before it


def packed_runs(numbers: UInt8[np.ndarray, " points"]) -> str:
    """Runs of equal numbers in base64: each number, and the length of its run, seven bits a byte."""
    borders = np.flatnonzero(np.diff(numbers)) + 1
    starts = [0, *borders.tolist()]
    packed = bytearray()
    for start, end in zip(starts, [*starts[1:], len(numbers)], strict=True):
        packed.append(int(numbers[start]))
        length = end - start
        while length > 127:
            packed.append(length & 127 | 128)
            length >>= 7
        packed.append(length)
    return base64.b64encode(packed).decode("ascii")


@cache
def packed_characters() -> str:
    """Kind of every code point, and whether it is a letter, a number or unassigned."""
    found = np.zeros(_POINTS, np.uint8)
    for point in _looked_at():
        category = unicodedata.category(chr(point))
        beside = {"L": LETTER, "N": NUMBER}.get(category[0], 0) + _beside_sigma(chr(point))
        found[point] = kind_of(point) + (UNASSIGNED if category == "Cn" else beside)
    return packed_runs(_spread(found))


def read_characters(encoder: WordPieceEncoder) -> tuple[UInt8[np.ndarray, " points"], dict[str, str]]:
    """Find what word pieces read in the place of every code point, by asking their library.

    The second result lists what code points of the kind `LISTED` become. Half of a surrogate pair counts as
    kept: it never comes so far.
    """
    found = np.zeros(_POINTS, np.uint8)
    listed: dict[str, str] = {}
    points = [
        point
        for point in _looked_at()
        if not (_SURROGATES[0] <= point < _SURROGATES[1]) and chr(point) != _PARTING
    ]
    for point, read in zip(points, encoder.read_as([chr(point) for point in points], _PARTING), strict=True):
        found[point] = _kind_read(point, read)
        if found[point] == LISTED:
            listed[chr(point)] = read
    single = [chr(point) for point in points if found[point] in (KEPT, LISTED)]
    for character, stands_alone in zip(single, encoder.stand_alone(single), strict=True):
        if stands_alone:
            found[ord(character)] |= PUNCTUATION
    return _spread(found), listed


def _beside_sigma(character: str) -> int:
    """Tell if a character has a case, or is ignored, where a capital sigma is looked at for ending a word."""
    if f"{character}\u03a3".lower().endswith("\u03c2"):
        return CASED
    return IGNORABLE if f"A{character}\u03a3".lower().endswith("\u03c2") else 0


def _kind_read(point: int, read: str) -> int:
    """Write for a page that a code point is read as a text."""
    if read == chr(point):
        return KEPT
    if read == f" {chr(point)} ":
        return SPACED
    if _SYLLABLES[0] <= point < _SYLLABLES[1] and read == unicodedata.normalize("NFD", chr(point)):
        return SYLLABLE
    return {"": DROPPED, " ": WHITE}.get(read, LISTED)


def _looked_at() -> Iterator[int]:
    """Code points that are looked at; of ranges that are alike the first."""
    start = 0
    for first, end in (*_ALIKE, (_POINTS, _POINTS)):
        yield from range(start, min(first + 1, end))
        start = end


def _spread(found: UInt8[np.ndarray, " points"]) -> UInt8[np.ndarray, " points"]:
    """The numbers of the first of every range that is alike, for all of it."""
    for first, end in _ALIKE:
        found[first:end] = found[first]
    return found


# Encoders of texts as the page's script reads them.


def encoder_page_data(encoder: Encoder) -> dict[str, Any]:
    """Encoder of a network as an object of JSON, of the form `EncoderFacts` in the script's types."""
    length: dict[str, Any] = {"length": encoder.length}
    if isinstance(encoder, NgramEncoder):
        names = base64.b64encode(encoder.names.astype("<u8").tobytes()).decode("ascii")
        grams = {**encoder.shape._asdict(), "kept": [*encoder.kept], "names": names}
        return {"kind": "n-grams", **length, "characters": packed_characters(), **grams}
    if isinstance(encoder, (WordPieceEncoder, UnigramEncoder)):
        pieces: dict[str, Any] = {"kind": encoder.kind, **length, "entries": [*encoder.entries]}
        pieces["around"] = [[*numbers] for numbers in encoder.around]
        if isinstance(encoder, WordPieceEncoder):
            kinds, listed = read_characters(encoder)
            return pieces | {"read": packed_runs(kinds), "listed": listed}
        scores = {"scores": [*encoder.scores], "unknown": encoder.unknown, "replaced": {**encoder.replaced}}
        return {**pieces, "characters": packed_characters(), **scores}
    assert isinstance(encoder, TokenEncoder)  # there is no other
    if encoder.tokens == SUB_WORDS:
        merges = [list(pair) for pair in encoder.merges]
        return {"kind": SUB_WORDS, **length, "characters": packed_characters(), "merges": merges}
    entries = {"characters": packed_characters(), "entries": [*encoder.entries]}
    return {"kind": encoder.tokens, **length, **({} if encoder.tokens == BYTE else entries)}


def terms_page_data(terms: TermWeights) -> dict[str, Any]:
    """N-grams of TF-IDF as an object of JSON, of the form `TermsFacts` in the script's types."""
    shape = terms.shape._asdict()
    return {**shape, "characters": packed_characters(), "terms": [list(group) for group in terms.terms]}
