"""The single fields of `model.json`, encodings of texts among them, each read as untrusted input.

Every function takes the field's parsed value and raises `ValueError` where it is impossible.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pellucid.bundle.held_out import LEAST_MEMBERS, MOST_MEMBERS, MOST_WEIGHT, Kind
from pellucid.bundle.model import LEAST_TEMPERATURE, MOST_TEMPERATURE, checked_temperature
from pellucid.classical import FEATURES, HIDDEN, PREDICTORS, TF_IDF, VALUES
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.data.tables.table import joined_columns_of
from pellucid.encoding import ENCODERS, Encoder, NgramEncoder, WordPieceEncoder
from pellucid.encoding.encoder import MOST_BYTES
from pellucid.encoding.tfidf import Tfidf
from pellucid.encoding.token_encoders import BYTE, CHARACTERS, SUB_WORDS, WORDS
from pellucid.networks import NetworkConfig
from pellucid.networks.config import MOST_FEATURES
from pellucid.strict import Anything, Fields, Number, OneOf, Text, Truth, Whole, read_object
from pellucid.tasks import GENERATION, IMAGES, REGRESSION, TEXTS
from pellucid.tasks import VALUES as VECTORS

# Encodings of texts in a model folder: settings in `model.json`, words beside it.

# Most bytes of a file with a vocabulary.
WORDS_LIMIT = MOST_BYTES

_TOKENIZER, _VOCABULARY = "tokenizer.json", "vocabulary.json"

_TITLES = {
    WORDS: "words",
    SUB_WORDS: "words and parts of words",
    CHARACTERS: "characters",
    BYTE: "bytes",
}


class EncodingPlan(NamedTuple):
    """Settings of an encoder or a TF-IDF, without the words it knows.

    Attributes:
        kind: key in `ENCODERS`, or `tf-idf`.
        settings: what its `to_json` gave; checked by the encoder itself.
    """

    kind: str
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, encoding: Encoder | Tfidf) -> "EncodingPlan":
        """The plan of what a model holds."""
        return cls(TF_IDF if isinstance(encoding, Tfidf) else encoding.kind, encoding.to_json())

    @property
    def file(self) -> str:
        """Name of the file that holds the words."""
        return _VOCABULARY if self.kind == TF_IDF else _TOKENIZER

    @property
    def noun(self) -> str:
        """Pieces of a text, for people."""
        return "n-grams" if self.kind == NgramEncoder.kind else "tokens"

    @property
    def title(self) -> str:
        """Kind of the pieces of a text, for people."""
        stated = self.settings
        if self.kind == WordPieceEncoder.kind:
            return "words and parts of words, known before training"
        if self.kind not in (NgramEncoder.kind, TF_IDF):
            return _TITLES[stated["tokens"]]
        neighbours = f", up to {stated['words']} neighbouring words" if stated["words"] > 1 else ""
        parts = f", {stated['shortest']} to {stated['longest']} characters" if stated["longest"] else ""
        return f"words{neighbours}{parts}"

    @property
    def holds_words(self) -> bool:
        """True where words of the training texts can be read in the file."""
        kinds = (NgramEncoder.kind, WordPieceEncoder.kind)
        return self.kind not in kinds and self.settings.get("tokens") != BYTE

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values: the kind, and every setting beside it."""
        return {"kind": self.kind, **self.settings}

    def encoder(self, content: bytes) -> Encoder:
        """Build the encoder of a text network from the content of its file; nothing is trusted.

        Raises: `ValueError` if settings or content say something impossible.
        """
        return ENCODERS[self.kind].from_parts(dict(self.settings), content)

    def tfidf(self, content: bytes, arrays: Mapping[str, np.ndarray]) -> Tfidf:
        """Build the TF-IDF of a classical model from the content of its file; nothing is trusted.

        `arrays` are those of the weights, in the forms that `Tfidf.expected` names.

        Raises: `ValueError` if settings, content or arrays say something impossible.
        """
        return Tfidf.from_parts(dict(self.settings), content, arrays)


FILE_NAME = "model.json"
WEIGHTS_NAME = "weights.safetensors"
NOVELTY_NAME = "novelty.safetensors"
HELD_OUT_NAME = "held-out.safetensors"
CARD_NAME = "README.md"
# Folder in that of an average, in which each member lies as a model folder of its own name.
MEMBERS_NAME = "members"

_FILE = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_DIGEST = r"[0-9a-f]{64}"

_FEATURES = {IMAGES: tuple(FEATURES), TEXTS: (TF_IDF,), VECTORS: (VALUES,)}


_PREDICTOR: Fields = {"kind": OneOf(tuple(PREDICTORS)), "settings": Anything()}
_MEMBER: Fields = {
    "name": Text(100, pattern=_FILE),
    "weight": Whole(1, MOST_WEIGHT),
    "sha256": Text(64, pattern=_DIGEST),
}
_TEMPERATURE = Number(LEAST_TEMPERATURE, MOST_TEMPERATURE)


class PredictorPlan(NamedTuple):
    """Kind and settings of a classical predictor, without its arrays.

    Attributes:
        kind: key in `PREDICTORS`.
        settings: what its `to_json` gave; checked by the predictor itself.
    """

    kind: str
    settings: Any


class MemberPlan(NamedTuple):
    """A member of an average, which lies beside it.

    Attributes:
        name: of its folder in `members`.
        weight: 1 to 1,000.
        sha256: of its `model.json`, which holds the checksums of everything else in its folder.
    """

    name: str
    weight: int
    sha256: str


def read_members(value: object, kind: Kind) -> tuple[MemberPlan, ...]:
    """Read `members`: two to five models of different names, nothing where the kind is no average.

    Raises: `ValueError` if it does not fit the kind, or a name leads out of the folder.
    """
    if not kind.is_average:
        _require_null("members", value, kind)
        return ()
    if not isinstance(value, list) or not LEAST_MEMBERS <= len(value) <= MOST_MEMBERS:
        raise ValueError(f"members must be a list of {LEAST_MEMBERS} to {MOST_MEMBERS} models")
    return tuple(MemberPlan(**read_object("members", each, _MEMBER)) for each in value)


def read_predictor(value: object, kind: Kind) -> PredictorPlan | None:
    """Read `predictor`: kind and settings of a classical model, null in a network.

    Its settings are still to be checked.

    Raises: `ValueError` if it does not fit the kind, or the kind of predictor is not known.
    """
    if not kind.is_classical:
        _require_null("predictor", value, kind)
        return None
    return PredictorPlan(**read_object("predictor", value, _PREDICTOR))


def read_features(value: object, kind: Kind) -> str | None:
    """Read `features`: what a classical model sees, null in a network.

    One of `pixels`, `hog`, `values`, `tf-idf` and `network`.

    Raises: `ValueError` if it does not fit the kind.
    """
    if not kind.is_classical:
        _require_null("features", value, kind)
        return None
    return str(OneOf((*_FEATURES[kind.input_kind], HIDDEN)).read("features", value))


def read_architecture(value: object, kind: Kind, features: str | None) -> NetworkConfig | None:
    """Read `architecture`: the layers of a network, null in a classical model that has none.

    Raises: `ValueError` if it does not fit the kind, or a field is wrong.
    """
    if kind.is_average or (kind.is_classical and features != HIDDEN):
        _require_null("architecture", value, kind)
        return None
    config = NetworkConfig.from_json(value)
    if (config.conditions > 0) != (kind.target is GENERATION):
        raise ValueError(f"architecture: {config.name} is no network of a model of the kind {kind.name}")
    return config


def read_preprocessing(
    value: object, kind: Kind, features: str | None
) -> Preprocessing | EncodingPlan | None:
    """Read `preprocessing`: how images or texts are prepared, null for feature vectors.

    Of texts it is the plan, whose settings are still to be checked; null in an average, whose members read
    them in their own ways.

    Raises: `ValueError` if it does not fit the kind, or a field is wrong.
    """
    if kind.input_kind is TEXTS and not kind.is_average:
        # Read `preprocessing` in a model of texts.
        if value is None and features == TF_IDF:
            return None
        if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
            raise ValueError(
                f"preprocessing must be an object with a kind in a model of the kind {kind.name}"
            )
        OneOf(tuple(ENCODERS) if features in (None, HIDDEN) else (TF_IDF,)).read(
            "preprocessing: kind", value["kind"]
        )
        return EncodingPlan(value["kind"], {name: each for name, each in value.items() if name != "kind"})
    if kind.input_kind is not IMAGES:
        _require_null("preprocessing", value, kind)
        return None
    if not isinstance(value, dict):
        raise ValueError(f"preprocessing must be an object in a model of the kind {kind.name}")
    return Preprocessing.from_json(value)


def read_length(value: object, kind: Kind) -> int | None:
    """Read `length`: numbers in a feature vector, null for images and texts.

    The length, or 0 where any will do.

    Raises: `ValueError` if it does not fit the kind, or is out of bounds.
    """
    if kind.input_kind is not VECTORS:
        _require_null("length", value, kind)
        return None
    return Whole(0, MOST_FEATURES).read("length", value)


def read_joined_columns(value: object, kind: Kind) -> tuple[str, ...]:
    """Read `joined_columns`: the names of two or more columns of texts, nothing where one is read.

    Raises: `ValueError` if it does not fit the kind, or no flag could name these columns.
    """
    if value is None:
        return ()
    if kind.input_kind is not TEXTS:
        raise ValueError(f"joined_columns: a model of the kind {kind.name} reads no columns of texts")
    return joined_columns_of(value)


def read_renamed(value: object, classes: tuple[str, ...]) -> dict[str, str]:
    """Read `renamed`: old names of classes and new ones among `classes`; nothing where none was renamed.

    Raises: `ValueError` if a name is none, or a new one is no class.
    """
    if value is None:
        return {}
    if not isinstance(value, dict) or not value or not all(value):
        raise ValueError("'renamed' is not an object of old and new names")
    for new in value.values():
        if new not in classes:
            raise ValueError(f"'renamed' names {repr(new)[:40]}, which is no class")
    return value


def read_classes(value: object, kind: Kind) -> tuple[str, ...]:
    """Read `classes`: two or more names, none where numbers are predicted, any where images are made.

    Raises: `ValueError` if it does not fit the kind, or is no list of different names.
    """
    if kind.target is REGRESSION:
        if value != []:
            raise ValueError(f"'classes' must be empty in a model of the kind {kind.name}")
        return ()
    if (
        not isinstance(value, list)
        or not all(isinstance(name, str) and name for name in value)
        or len(set(value)) != len(value)
        or (len(value) < 2 and kind.target is not GENERATION)
    ):
        raise ValueError(
            f"'classes' is not a list of {'' if kind.target is GENERATION else 'two or more '}different names"
        )
    return tuple(value)


def read_temperature(value: object, classes: tuple[str, ...]) -> float:
    """Read `temperature`.

    There are no `classes` where numbers are predicted.

    Raises: `ValueError` if it is no number, out of bounds, or not 1 where numbers are predicted.
    """
    return checked_temperature(_TEMPERATURE.read("temperature", value), classes)


def read_mirror(value: object, kind: Kind) -> bool:
    """Read `mirror`: whether answers are averaged with the mirrored image's.

    Raises: `ValueError` if it is neither true nor false, or true where nothing is mirrored.
    """
    if Truth().read("mirror", value) and (
        kind.is_classical or kind.is_average or kind.input_kind is not IMAGES or kind.target is GENERATION
    ):
        raise ValueError(f"'mirror' must be false in a model of the kind {kind.name}")
    return value is True


def read_settings(name: str, value: object) -> Mapping[str, Any]:
    """Read `novelty` or `held_out`: settings of a part, still to be checked by the part itself.

    Raises: `ValueError` if it is no object.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{name!r} is not an object")
    return value


def read_hashes(value: object, needed: Sequence[str]) -> Mapping[str, str]:
    """Read `sha256`: plain file names to 64 hexadecimal digits.

    `needed` are the names that must be among them.

    Raises: `ValueError` if a name leads outside the folder, a checksum is none, or a needed one is missing.
    """
    if not isinstance(value, dict):
        raise ValueError("'sha256' is not an object")
    for name, digest in value.items():
        if not re.fullmatch(_FILE, name) or name == FILE_NAME:
            raise ValueError(f"{name!r} is not a plain file name in the model folder")
        if not isinstance(digest, str) or not re.fullmatch(_DIGEST, digest):
            raise ValueError(f"the SHA-256 of {name!r} is malformed")
    for name in needed:
        if name not in value:
            raise ValueError(f"{name!r} is missing from 'sha256'")
    return value


def _require_null(name: str, value: object, kind: Kind) -> None:
    """Refuse a field that says something where the kind has nothing to say."""
    if value is not None:
        raise ValueError(f"{name} must be null in a model of the kind {kind.name}")
