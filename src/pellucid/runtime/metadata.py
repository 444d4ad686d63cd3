"""Metadata of an exported model: everything beside the graph that an answer needs, as JSON in the file."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from pellucid.bundle.held_out import MOST_EXAMPLES, MOST_MEMBERS, MOST_PROBABILITIES, HeldOut
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.data.removal import ignored_of_texts
from pellucid.data.tables.dialects import dialect_of_file
from pellucid.data.tables.table import joined_columns_of
from pellucid.encoding.encoder import MOST_BYTES, Encoder
from pellucid.encoding.term_weights import TermWeights
from pellucid.input_kinds import INPUT_KINDS, InputKind
from pellucid.language.sentence import Sentence
from pellucid.runtime.by_target import IN_FILES, stated_by, target_of_file
from pellucid.safety.budgets import MEMORY
from pellucid.safety.strict import (
    Anything,
    Fields,
    Items,
    Number,
    Object,
    OneOf,
    Read,
    Text,
    Whole,
    parse,
    read_object,
    to_bytes,
)
from pellucid.targets import Target

# Held-out answers of a model as one text of the file's metadata: promises are made from them.

# Labels, novelty and probabilities, or a number for each, of two splits; base64 takes a third more.
_MOST_TEXT = 4 * (4 * MOST_PROBABILITIES + 16 * MOST_EXAMPLES)
_HELD_OUT: Fields = {"settings": Anything(), "arrays": Object()}


def _held_out_text(held_out: HeldOut) -> str:
    """JSON of the answers, arrays in base64, at most about 22 MB."""
    arrays = {
        name: base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()
        for name, array in held_out.arrays().items()
    }
    return _json({"settings": held_out.to_json(), "arrays": arrays})


def _held_out(text: str, classes: tuple[str, ...], target: Target) -> HeldOut:
    """Answers out of a file, or `ValueError` if they are not those of a model of these classes or labels."""
    if len(text) > _MOST_TEXT:
        raise ValueError(
            Sentence("held_out: {text:,} characters, where {MOST_TEXT:,} are admitted", len(text), _MOST_TEXT)
        )
    read = read_object("held_out", parse(text.encode()), _HELD_OUT)
    forms, found = HeldOut.expected(read["settings"], classes, target), read["arrays"]
    if found.keys() != forms.keys():
        raise ValueError(Sentence("held_out: no object of the arrays {forms}", sorted(forms)))
    arrays = {}
    for name, (dtype, shape) in forms.items():
        wanted = np.dtype(dtype).newbyteorder("<")
        try:
            content = base64.b64decode(Text(_MOST_TEXT).read("held_out: array", found[name]), validate=True)
        except binascii.Error as error:
            raise ValueError("held_out: an array is no base64") from error
        if len(content) != wanted.itemsize * int(np.prod(shape)):
            raise ValueError(
                Sentence(
                    "held_out: an array of {content:,} bytes, not of the shape {shape}", len(content), shape
                )
            )
        arrays[name] = np.frombuffer(content, wanted).astype(dtype).reshape(shape)
    return HeldOut.from_parts(read["settings"], classes, target, arrays)


TF_IDF = "tf-idf"
# Names of the inputs of graphs.
IMAGES = "images"
TOKENS = "tokens"
TERMS = "terms"
VALUES = "values"

# Most examples that are ever answered at once; texts are encoded so many at a time.
MOST_ROWS = 4096

_MOST_CLASSES = 100_000  # names
_LONGEST = 10_000  # characters


class Threshold(NamedTuple):
    """Trust from which on a model answers; `None` where it answers nothing.

    `max_error` is the largest error among the answered, as promised with 95 % confidence.
    """

    max_error: float
    trust: float | None


def _threshold(value: object) -> Threshold:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("abstention: a threshold is no pair of numbers")
    error, trust = (None if each is None else Number(0.0, 1.0).read("abstention", each) for each in value)
    if error is None:
        raise ValueError("abstention: a threshold promises no error")
    return Threshold(error, trust)


_DETAILS: Fields = {
    "model": Text(200, 0),
    "pellucid": Text(40, 0),
    "input": OneOf(("images", "texts", "values")),
    "temperature": Number(0.01, 100.0),
    "novelty_rate": Read(
        lambda value: value if value is None else Number(1e-6, 1).read("novelty_rate", value)
    ),
    "abstention": Items(100, each=Read(_threshold), noun="thresholds"),
}
# Ends of the names of several encoders: each member of an average may read texts in its own way.
_NUMBERED = ("", *(f"_{number}" for number in range(2, MOST_MEMBERS + 1)))

_KEYS = {
    *(
        "format",
        "classes",
        "preprocessing",
        "details",
        "held_out",
        "ignored",
        "joined_columns",
        "dialect",
        "threshold",
        "rows_at_once",
        "target",
    ),
    *(f"{key}{end}" for key in ("encoder", "vocabulary") for end in _NUMBERED),
}


@dataclass(frozen=True)
class Metadata:
    """Metadata that the file holds beside the graph.

    Attributes:
        model: name of the model.
        pellucid: version that exported it.
        input_kind: images, texts or feature vectors.
        classes: in the order of the probabilities; none where a number is predicted.
        target: of the answers.
        temperature: of the probabilities, which the graph has applied.
        preprocessing: from an image of any size to the pixels of the graph; `None` without images.
        encoders: from texts to `tokens` or `terms`; none without texts, or where no answer depends on them.
        novelty_rate: share of inputs like the training data that count as foreign; `None` without novelty.
        abstention: thresholds of trust, by the error that they promise.
        held_out: answers about examples that the model did not learn from, from which every other promise
            is made; `None` where none were kept.
        joined_columns: columns of a table whose texts the model reads as one; none where it reads one.
        dialect: how tables like those of the training separate and quote fields, where that is not usual.
        ignored: what is taken out of texts before the model reads them.
        threshold: probability from which on one of two classes, or each of several labels, is answered;
            nothing where the most probable class is.
        rows_at_once: examples that are answered together in the memory that is the default; `None` of files
            that do not state it.
    """

    model: str
    pellucid: str
    input_kind: InputKind
    classes: tuple[str, ...]
    target: Target
    temperature: float
    preprocessing: Preprocessing | None
    encoders: tuple[Encoder | TermWeights, ...]
    novelty_rate: float | None
    abstention: tuple[Threshold, ...]
    held_out: HeldOut | None = None
    joined_columns: tuple[str, ...] = ()
    dialect: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    threshold: Mapping[str, float] = field(default_factory=dict)
    rows_at_once: int | None = None

    @property
    def inputs(self) -> dict[str, Encoder | TermWeights | None]:
        """Names of the graph's inputs, and what turns texts into each."""
        return inputs_of(self.input_kind, self.encoders)

    def rows_within(self, memory: int) -> int:
        """Examples, at least one, that are answered together in so many bytes."""
        return max(1, int((self.rows_at_once or MOST_ROWS) * memory / (MEMORY.default * MEMORY.scale)))

    def to_properties(self) -> dict[str, str]:
        """The texts of the file's metadata by their keys."""
        details = {
            "model": self.model,
            "pellucid": self.pellucid,
            "input": self.input_kind.name,
            "temperature": self.temperature,
            "novelty_rate": self.novelty_rate,
            "abstention": [list(each) for each in self.abstention],
        }
        found = {"format": "", "classes": _json(list(self.classes)), "details": _json(details)}
        found |= stated_by(self.target)
        if self.preprocessing is not None:
            found["preprocessing"] = _json(self.preprocessing.to_json())
        if self.held_out is not None:
            found["held_out"] = _held_out_text(self.held_out)
        if self.joined_columns:
            found["joined_columns"] = _json(list(self.joined_columns))
        if self.dialect:
            found["dialect"] = _json(dict(self.dialect))
        if self.ignored:
            found["ignored"] = _json(list(self.ignored))
        if self.threshold:
            found["threshold"] = _json(dict(self.threshold))
        if self.rows_at_once is not None:
            found["rows_at_once"] = _json(self.rows_at_once)
        for encoder, end in zip(self.encoders, _NUMBERED, strict=False):
            if isinstance(encoder, TermWeights):
                idf = encoder.idf.astype("<f4").tobytes().hex()
                stated = {"kind": TF_IDF, **encoder.to_json(), "idf": idf}
            else:
                stated = {"kind": encoder.kind, **encoder.to_json()}
            found |= {f"encoder{end}": _json(stated), f"vocabulary{end}": encoder.content().decode()}
        return found

    @classmethod
    def from_properties(cls, found: Mapping[str, str]) -> "Metadata":
        """Read the metadata of a file, trusting nothing.

        Raises: `ValueError` if something is missing, unknown, of the wrong type or out of bounds.
        """
        named = {key: found[key] for key in ("format", "target") if key in found}
        if named not in map(stated_by, IN_FILES):
            raise ValueError("no model that Pellucid exported, or of another format")
        if not found.keys() <= _KEYS or not {"classes", "details"} <= found.keys():
            raise ValueError("metadata is missing, or unknown")
        read = read_object("details", _parsed(found, "details"), _DETAILS)
        input_kind = INPUT_KINDS[read.pop("input")]
        image = Preprocessing.from_json(_parsed(found, "preprocessing")) if "preprocessing" in found else None
        encoders = tuple(_encoder(found, end) for end in _NUMBERED if f"encoder{end}" in found)
        joined = joined_columns_of(_parsed(found, "joined_columns")) if "joined_columns" in found else ()
        ignored = ignored_of_texts(_parsed(found, "ignored")) if "ignored" in found else ()
        if (input_kind.name == "images") != (image is not None):
            raise ValueError("preprocessing: there without images, or missing with them")
        for name, stated in (("encoder", encoders), ("joined_columns", joined), ("ignored", ignored)):
            if stated and input_kind.name != "texts":
                raise ValueError(Sentence("{name}: there without texts", name))
        classes = Items(_MOST_CLASSES, each=Text(_LONGEST), noun="names").read(
            "classes", _parsed(found, "classes")
        )
        if len(set(classes)) != len(classes):
            raise ValueError("classes: one of them is there twice")
        rows, target = Whole(1, MOST_ROWS), target_of_file(named, len(classes))
        return cls(
            **read,
            input_kind=input_kind,
            classes=classes,
            target=target,
            preprocessing=image,
            encoders=encoders,
            held_out=_held_out(found["held_out"], classes, target) if "held_out" in found else None,
            joined_columns=joined,
            dialect=dialect_of_file(_parsed(found, "dialect")) if "dialect" in found else {},
            ignored=ignored,
            threshold=target.checked_threshold(_parsed(found, "threshold"), classes)
            if "threshold" in found
            else {},
            rows_at_once=rows.read("rows_at_once", _parsed(found, "rows_at_once"))
            if "rows_at_once" in found
            else None,
        )


def _json(value: Any) -> str:
    """Compact JSON, the same text for the same values."""
    return to_bytes(value).decode().rstrip("\n")


def _parsed(found: Mapping[str, str], key: str) -> Any:
    try:
        return parse(found[key].encode())
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def inputs_of(
    input_kind: InputKind, encoders: Sequence[Encoder | TermWeights]
) -> dict[str, Encoder | TermWeights | None]:
    """Names of the inputs of a graph, and what turns texts into each.

    A second input of tokens is `tokens_2`. A graph that looks at nothing of a text takes no `terms`, of which
    the number of texts is known.
    """
    if input_kind.name != "texts":
        return {IMAGES if input_kind.name == "images" else VALUES: None}
    found: dict[str, Encoder | TermWeights | None] = {}
    for encoder in encoders:
        name = TERMS if isinstance(encoder, TermWeights) else TOKENS
        found[next(f"{name}{end}" for end in _NUMBERED if f"{name}{end}" not in found)] = encoder
    return found or {TERMS: None}


def _encoder(found: Mapping[str, str], end: str) -> Encoder | TermWeights:
    """The encoder that settings and vocabulary describe; `end` is that of their keys.

    Raises: `ValueError` if they say something impossible.
    """
    from pellucid.encoding.token_encoders import ENCODERS

    stated, content = _parsed(found, f"encoder{end}"), found.get(f"vocabulary{end}", "").encode()
    if not isinstance(stated, dict) or len(content) > MOST_BYTES:
        raise ValueError("encoder: no settings, or too large")
    kind = OneOf((*ENCODERS, TF_IDF)).read("encoder: kind", stated.pop("kind", None))
    if kind != TF_IDF:
        return ENCODERS[kind].from_parts(stated, content)
    weights = stated.pop("idf", None)
    try:
        idf = np.frombuffer(binascii.unhexlify(Text(MOST_BYTES).read("idf", weights)), "<f4")
    except ValueError as error:
        raise ValueError("idf: no weights in hexadecimal digits") from error
    return TermWeights.from_parts(stated, content, {"idf": idf.astype(np.float32)})
