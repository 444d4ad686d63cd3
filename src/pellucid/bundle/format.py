"""The format of a model folder: `model.json`, encodings of texts and the header of weights, nothing trusted.

A folder holds `model.json`, `weights.safetensors`, `README.md` and, where the model has them, the words of
its encoder, its novelty detector and its held-out answers. All are under the checksums in `model.json`, which
is sealed itself. Nothing in a folder can run.
"""

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, BinaryIO, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from pellucid.bundle.by_target import IN_FOLDERS
from pellucid.bundle.held_out import LEAST_MEMBERS, MOST_MEMBERS, MOST_WEIGHT
from pellucid.bundle.model import LEAST_TEMPERATURE, MOST_TEMPERATURE, checked_temperature
from pellucid.classical import FEATURES, HIDDEN, PREDICTORS, TF_IDF, VALUES
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.data.removal import ignored_of_texts
from pellucid.data.tables.dialects import dialect_of_file
from pellucid.data.tables.table import joined_columns_of
from pellucid.encoding import ENCODERS, Encoder, NgramEncoder, UnigramEncoder, WordPieceEncoder
from pellucid.encoding.tfidf import Tfidf
from pellucid.encoding.token_encoders import BYTE, CHARACTERS, SUB_WORDS, WORDS
from pellucid.errors import ModelFileError
from pellucid.input_kinds import IMAGES, INPUT_KINDS, TEXTS, InputKind
from pellucid.input_kinds import VALUES as VECTORS
from pellucid.language.sentence import Sentence, join
from pellucid.networks import NetworkConfig, Origin
from pellucid.networks.closed_encoders import ENCODER_NAME
from pellucid.networks.config import MOST_FEATURES, ClosedFile
from pellucid.safety.stored import Forms
from pellucid.safety.strict import (
    LEFT_OUT,
    SEAL,
    Items,
    Number,
    OneOf,
    Read,
    Saved,
    Text,
    Whole,
    field_of,
    fields_of,
    parse_file,
    sealed,
)
from pellucid.targets import TARGETS, Target

FORMAT = 2
SIZE_LIMIT = 8 << 20

FILE_NAME = "model.json"
WEIGHTS_NAME = "weights.safetensors"
NOVELTY_NAME = "novelty.safetensors"
HELD_OUT_NAME = "held-out.safetensors"
CARD_NAME = "README.md"
# Folder in that of an average, in which each member lies as a model folder of its own name.
MEMBERS_NAME = "members"
_TOKENIZER = "tokenizer.json"
_VOCABULARY = "vocabulary.json"
# Before the names of tensors, where there is a predictor: the part that they belong to.
NETWORK = "network."
PREDICTOR = "predictor."
TFIDF = "tfidf."

_FILE = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_DIGEST = r"[0-9a-f]{64}"


class ModelKind(NamedTuple):
    """A kind of model: its inputs, its answers, and whether it is classical, an average, or a network."""

    input_kind: InputKind
    target: Target
    is_classical: bool
    is_average: bool = False

    @property
    def name(self) -> str:
        """The name in `model.json`."""
        way = "average-" if self.is_average else "classical-" if self.is_classical else ""
        return f"{way}{self.input_kind.task}-{IN_FOLDERS[self.target].kind}"


# Every kind by its name: networks, classical models, and averages.
KINDS = {
    kind.name: kind
    for kind in (
        *(
            ModelKind(inputs, target, is_classical=False)
            for target, each in IN_FOLDERS.items()
            for inputs in each.inputs
        ),
        *(
            ModelKind(inputs, target, is_classical=True)
            for inputs in INPUT_KINDS.values()
            for target in TARGETS.values()
        ),
        *(
            ModelKind(inputs, target, is_classical=False, is_average=True)
            for inputs in (IMAGES, TEXTS)
            for target in TARGETS.values()
        ),
    )
}

# Plans: what `model.json` says of the parts of a model.

_TITLES = {WORDS: "words", SUB_WORDS: "words and parts of words", CHARACTERS: "characters", BYTE: "bytes"}


@dataclass(frozen=True)
class EncodingPlan(Saved):
    """Kind (a key in `ENCODERS`, or `tf-idf`) and settings of an encoding, without the words it knows."""

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
        if self.kind in (WordPieceEncoder.kind, UnigramEncoder.kind):
            return "words and parts of words, known before training"
        if self.kind not in (NgramEncoder.kind, TF_IDF):
            return _TITLES[stated["tokens"]]
        neighbours = (
            Sentence(", up to {stated} neighbouring words", stated["words"]) if stated["words"] > 1 else ""
        )
        parts = (
            Sentence(", {stated} to {stated2} characters", stated["shortest"], stated["longest"])
            if stated["longest"]
            else ""
        )
        return join("", ["words", neighbours, parts])

    @property
    def holds_words(self) -> bool:
        """True where words of the training texts can be read in the file."""
        kinds = (NgramEncoder.kind, WordPieceEncoder.kind)
        return self.kind not in kinds and self.settings.get("tokens") != BYTE

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values: the kind and every setting."""
        return {"kind": self.kind, **self.settings}


@dataclass(frozen=True)
class PredictorPlan:
    """Kind and settings of a classical predictor, without its arrays; checked by the predictor itself."""

    kind: Annotated[str, OneOf(tuple(PREDICTORS))]
    settings: Any


@dataclass(frozen=True)
class MemberPlan:
    """A member of an average: the folder in `members`, the weight, and the SHA-256 of its `model.json`."""

    name: Annotated[str, Text(100, pattern=_FILE)]
    weight: Annotated[int, Whole(1, MOST_WEIGHT)]
    sha256: Annotated[str, Text(64, pattern=_DIGEST)]


def _read_preprocessing(value: object) -> Preprocessing | EncodingPlan | None:
    """How images are prepared, or, where there is a kind, texts; whose settings are still to be checked."""
    if isinstance(value, dict) and isinstance(value.get("kind"), str):
        return EncodingPlan(value["kind"], {name: each for name, each in value.items() if name != "kind"})
    return None if value is None else Preprocessing.from_json(value)


def _read_checksums(value: object) -> Mapping[str, str]:
    """Plain file names to 64 hexadecimal digits."""
    if not isinstance(value, dict):
        raise ValueError("'sha256' is not an object")
    for name, digest in value.items():
        if not re.fullmatch(_FILE, name) or name == FILE_NAME:
            raise ValueError(Sentence("{name!r} is not a plain file name in the model folder", name))
        if not isinstance(digest, str) or not re.fullmatch(_DIGEST, digest):
            raise ValueError(Sentence("the SHA-256 of {name!r} is malformed", name))
    return value


_FEATURES = {IMAGES: tuple(FEATURES), TEXTS: (TF_IDF,), VECTORS: (VALUES,)}


@dataclass(frozen=True, kw_only=True)
class Description(Saved):
    """Everything in `model.json` but its seal."""

    format: Annotated[int, OneOf((FORMAT,))] = FORMAT
    kind: Annotated[str, OneOf(tuple(KINDS))]
    architecture: NetworkConfig | None  # None in a classical model that uses no network
    predictor: PredictorPlan | None  # None in a network
    features: str | None  # what a classical model sees; None in a network
    # how an image becomes pixels or a text numbers; None in a model of feature vectors, in one of texts that
    # takes none, and in an average of texts
    preprocessing: Annotated[Preprocessing | EncodingPlan | None, Read(_read_preprocessing)]
    # numbers in a feature vector, 0 where any will do; None in other models
    length: Annotated[int, Whole(0, MOST_FEATURES)] | None
    # in the order of the outputs; none where a number is predicted
    classes: Annotated[tuple[str, ...], Items(MOST_FEATURES, each=Text(SIZE_LIMIT), noun="names")]
    temperature: Annotated[float, Number(LEAST_TEMPERATURE, MOST_TEMPERATURE)]
    mirror: bool  # whether answers are averaged with the mirrored image's
    # what the detector's and the held-out answers' `to_json` gave, checked by them; None without
    novelty: Annotated[Mapping[str, Any] | None, LEFT_OUT] = None
    held_out: Annotated[Mapping[str, Any] | None, LEFT_OUT] = None
    # columns of a table whose texts it reads as one; none where it reads one
    joined_columns: Annotated[tuple[str, ...], Read(joined_columns_of), LEFT_OUT] = ()
    # how tables like its own separate and quote fields, where that is not usual
    dialect: Annotated[Mapping[str, str], Read(dialect_of_file), LEFT_OUT] = field(default_factory=dict)
    # what is taken out of texts before it reads them; nothing where it reads them whole
    ignored: Annotated[tuple[str, ...], Read(ignored_of_texts), LEFT_OUT] = ()
    renamed: Annotated[Mapping[str, str], LEFT_OUT] = field(
        default_factory=dict
    )  # old names of classes to new
    # probability from which on one of two classes is answered, or each of several labels; nothing where the
    # most probable class is, or labels from one half on
    threshold: Annotated[Mapping[str, float], LEFT_OUT] = field(default_factory=dict)
    origin: Annotated[Origin | None, LEFT_OUT] = None  # of weights in it that others trained
    # of an average, the one of the most weight first
    members: Annotated[
        tuple[MemberPlan, ...], Items(MOST_MEMBERS, LEAST_MEMBERS, field_of(MemberPlan), "models"), LEFT_OUT
    ] = ()
    sha256: Annotated[Mapping[str, str], Read(_read_checksums)]  # of every other file by its name

    @property
    def is_of(self) -> ModelKind:
        """The kind of model."""
        return KINDS[self.kind]

    @property
    def is_closed(self) -> bool:
        """Whether an ONNX file of others lies in the folder, which computes its features."""
        return self.architecture is not None and self.architecture.is_closed

    def __post_init__(self) -> None:
        """Require what a model of the kind has, and parts of the same inputs and outputs."""
        kind = self.is_of
        network = not kind.is_average and (not kind.is_classical or self.features == HIDDEN)
        self._require("predictor", kind.is_classical)
        self._require("features", kind.is_classical)
        if self.features is not None:
            OneOf((*_FEATURES[kind.input_kind], HIDDEN)).read("features", self.features)
        self._check_preprocessing(kind)
        self._require("architecture", network)
        self._require("length", kind.input_kind is VECTORS)
        self._require("members", kind.is_average)
        self._check_classes(kind)
        self._check_files(kind)
        is_network_of_images = kind.input_kind is IMAGES and not (kind.is_classical or kind.is_average)
        if self.mirror and not (is_network_of_images and kind.target in TARGETS.values()):
            raise ValueError(Sentence("'mirror' must be false in a model of the kind {name}", kind.name))
        if self.joined_columns and kind.input_kind is not TEXTS:
            raise ValueError(
                Sentence("joined_columns: a model of the kind {name} reads no columns of texts", kind.name)
            )
        if self.ignored and kind.input_kind is not TEXTS:
            raise ValueError(Sentence("ignored: a model of the kind {name} reads no texts", kind.name))
        if self.architecture is not None:
            self._check_network(kind, self.architecture)

    def _require(self, name: str, is_needed: bool) -> None:
        """Refuse a field that says something where the kind has nothing to say, or nothing where it has."""
        if (getattr(self, name) not in (None, ())) != is_needed:
            must_be = "given" if is_needed else "null"
            raise ValueError(
                Sentence("{name} must be {must_be} in a model of the kind {kind}", name, must_be, self.kind)
            )

    def _check_preprocessing(self, kind: ModelKind) -> None:
        reads_texts = kind.input_kind is TEXTS and not kind.is_average
        if not (reads_texts and self.features == TF_IDF and self.preprocessing is None):
            self._require("preprocessing", reads_texts or kind.input_kind is IMAGES)
        if isinstance(self.preprocessing, EncodingPlan) != (reads_texts and self.preprocessing is not None):
            raise ValueError(
                Sentence("preprocessing: that of other inputs in a model of the kind {name}", kind.name)
            )
        if isinstance(self.preprocessing, EncodingPlan):
            known = tuple(ENCODERS) if self.features in (None, HIDDEN) else (TF_IDF,)
            OneOf(known).read("preprocessing: kind", self.preprocessing.kind)

    def _check_classes(self, kind: ModelKind) -> None:
        """Two or more names, none where numbers are predicted, any where images are made."""
        classes, admitted = self.classes, IN_FOLDERS[kind.target].classes
        if classes and len(admitted) == 1:
            raise ValueError(Sentence("'classes' must be empty in a model of the kind {name}", kind.name))
        if len(set(classes)) != len(classes) or len(classes) not in admitted:
            least = "two or more " if admitted.start else ""
            raise ValueError(Sentence("'classes' is not a list of {least}different names", least))
        checked_temperature(self.temperature, classes)
        if self.threshold:
            kind.target.checked_threshold(dict(self.threshold), classes)
        if not all(self.renamed):
            raise ValueError("'renamed' is not an object of old and new names")
        for new in self.renamed.values():
            if new not in classes:
                raise ValueError(Sentence("'renamed' names {new}, which is no class", repr(new)[:40]))

    def _check_files(self, kind: ModelKind) -> None:
        """Require a checksum of each file that the parts of the model lie in."""
        needed = [
            *([] if kind.is_average else [WEIGHTS_NAME]),
            *([self.preprocessing.file] if isinstance(self.preprocessing, EncodingPlan) else []),
            *([ENCODER_NAME] if self.is_closed else []),
            *([] if self.novelty is None else [NOVELTY_NAME]),
            *([] if self.held_out is None else [HELD_OUT_NAME]),
        ]
        for name in needed:
            if name not in self.sha256:
                raise ValueError(Sentence("{name!r} is missing from 'sha256'", name))

    def _check_network(self, kind: ModelKind, network: NetworkConfig) -> None:
        """Require a network of the inputs and outputs of the model; of texts, their file says the rest."""
        if self.is_closed and self.sha256[ENCODER_NAME] != network.layers(ClosedFile).sha256:
            raise ValueError(Sentence("sha256 of {ENCODER_NAME}: not that of the architecture", ENCODER_NAME))
        if (network.conditions > 0) == (kind.target in TARGETS.values()):
            raise ValueError(
                Sentence(
                    "architecture: {name} is no network of a model of the kind {name2}",
                    network.name,
                    kind.name,
                )
            )
        takes, reads_texts = tuple(network.input_shape), network.vocabulary > 0
        if reads_texts != (kind.input_kind is TEXTS):
            raise ValueError(
                Sentence(
                    "the network takes {word}, the model {name}",
                    "texts" if reads_texts else "no texts",
                    kind.input_kind.name,
                )
            )
        if kind.input_kind is VECTORS and takes != (self.length,):
            raise ValueError(
                Sentence(
                    "the network takes {takes}, but feature vectors have the length {length}",
                    takes,
                    self.length,
                )
            )
        if isinstance(self.preprocessing, Preprocessing):
            made = (self.preprocessing.channels, self.preprocessing.height, self.preprocessing.width)
            if takes != made:
                raise ValueError(
                    Sentence("the network takes {takes}, but preprocessing makes {made}", takes, made)
                )
        needed = kind.target.outputs(len(self.classes))
        if not network.conditions and network.outputs != needed:  # those of a generator are latent variables
            raise ValueError(
                Sentence(
                    "the network has {outputs} outputs where {needed} {word} needed",
                    network.outputs,
                    needed,
                    "is" if needed == 1 else "are",
                )
            )

    def to_bytes(self) -> bytes:
        """The file's content, JSON in UTF-8; its last line is the SHA-256 of the rest."""
        return sealed(self.to_json())

    @classmethod
    def from_bytes(cls, content: bytes, place: str) -> "Description":
        """Read and check the file, of at most `SIZE_LIMIT` bytes; nothing in it is imported, opened or built.

        Raises: `ModelFileError` if it is damaged, of an unknown format, or says something impossible.
        """
        document = parse_file(content, place)
        if not isinstance(document, dict) or type(document.get("format")) is not int:
            raise ModelFileError(
                "{place}: not the description of a Pellucid model; choose a model or run folder", place
            )
        if document["format"] != FORMAT:
            raise ModelFileError(
                "{place}: format {document}, this version reads format {FORMAT}; "
                "use the version of Pellucid that wrote it",
                place,
                document["format"],
                FORMAT,
            )
        kind = document.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            raise ModelFileError(
                "{place}: kind {kind} is not known; known are {KINDS}; "
                "use the version of Pellucid that wrote it",
                place,
                repr(kind)[:40],
                ", ".join(KINDS),
            )
        plain = {name: document[name] for name in fields_of(cls) if name in document}
        try:
            description = cls.from_json({name: each for name, each in document.items() if name != SEAL})
        except (ValueError, TypeError, KeyError) as error:
            raise ModelFileError("{place}: {error}; use an undamaged copy", place, error) from error
        if sealed(plain) != content:
            raise ModelFileError(
                "{place}: its checksum does not match: it was changed after it was saved; "
                "use an undamaged copy",
                place,
            )
        return description


# Weights as safetensors bytes, and their header checked before anything is allocated.
#
# A safetensors file is: length of the header (8 bytes, little-endian), the header as JSON (name →
# type, shape, first and last byte), then the tensors one after the other.

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {name: str(dtype).removeprefix("torch.") for name, dtype in _DTYPES.items()}
_LENGTH_BYTES = 8
_HEADER_LIMIT = 16 << 20


def forms_of(tensors: Mapping[str, Tensor]) -> Forms:
    """Type, as NumPy and torch call it, and shape of tensors, which may be on the meta device."""
    return {
        name: (str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape))
        for name, tensor in tensors.items()
    }


def pack(tensors: Mapping[str, Tensor]) -> bytes:
    """Write tensors as safetensors, so that equal tensors give equal bytes.

    They may be on any device and in any memory layout; the file holds no metadata.
    """
    plain = {name: tensors[name].detach().cpu().contiguous().clone() for name in sorted(tensors)}
    return safetensors.torch.save(plain)


def unpack(content: bytes) -> dict[str, Tensor]:
    """Read tensors, each in memory of its own, from bytes that `check_header` has accepted.

    Raises: `ValueError` if they cannot be read all the same.
    """
    try:
        return {name: tensor.clone() for name, tensor in safetensors.torch.load(content).items()}
    except safetensors.SafetensorError as error:
        raise ValueError(Sentence("its tensors cannot be read ({error})", error)) from error


def check_header(file: BinaryIO, size: int, expected: Forms, place: str) -> None:
    """Compare the header with what the architecture needs and with the file's own size.

    `file` is open at its beginning, and only the header is read; `size` is the bytes that it holds.

    Raises: `ModelFileError` if the header is damaged, or the file holds other tensors or another number of
    bytes than it should.
    """
    start = file.read(_LENGTH_BYTES)
    length = struct.unpack("<Q", start)[0] if len(start) == _LENGTH_BYTES else size
    if length > min(size - _LENGTH_BYTES, _HEADER_LIMIT):
        raise ModelFileError("{place}: truncated or not a safetensors file; use an undamaged copy", place)
    header = parse_file(file.read(length), place)
    if not isinstance(header, dict):
        raise ModelFileError("{place}: its header is not a JSON object; use an undamaged copy", place)
    missing, surplus = sorted(expected.keys() - header.keys()), sorted(header.keys() - expected.keys())
    if missing or surplus:
        which = (
            Sentence("lacks {missing!r}", missing[0])
            if missing
            else Sentence("holds {surplus!r}, which does not belong to it", surplus[0])
        )
        raise ModelFileError(
            "{place}: does not fit the architecture: {which}; use an undamaged copy", place, which
        )
    position = 0

    def place_of(item: tuple[str, Any]) -> tuple[int, int]:
        """Begin and end of a tensor, so that an empty one comes before what starts there too."""
        match item[1]:
            case {"data_offsets": [int(first), int(end)]}:
                return first, end
        return -1, -1  # malformed

    for name, entry in sorted(header.items(), key=place_of):
        try:
            position = _end_of(name, entry, *expected[name], position)
        except ValueError as error:
            raise ModelFileError("{place}: {error}; use an undamaged copy", place, error) from error
    if size != _LENGTH_BYTES + length + position:
        raise ModelFileError(
            "{place}: {size} bytes, but its header announces {LENGTH_BYTES}; use an undamaged copy",
            place,
            size,
            _LENGTH_BYTES + length + position,
        )


def _end_of(name: str, entry: Any, dtype: str, shape: tuple[int, ...], position: int) -> int:
    """The byte that follows a tensor whose header entry is that of the architecture."""
    match entry:
        case {"dtype": str(kind), "shape": list(found), "data_offsets": [int(), int()]} if len(entry) == 3:
            pass
        case _:
            raise ValueError(Sentence("entry {name!r} is malformed", name))
    whole = all(type(number) is int for number in (*found, *entry["data_offsets"]))  # JSON's false equals 0
    if _NAMES.get(kind) != dtype or found != list(shape) or not whole:
        raise ValueError(
            Sentence(
                "{name!r} is {kind} {found}, the architecture needs {dtype} {shape}",
                name,
                kind,
                found,
                dtype,
                list(shape),
            )
        )
    end = position + math.prod(shape) * _DTYPES[kind].itemsize
    if entry["data_offsets"] != [position, end]:
        raise ValueError(
            Sentence("{name!r} does not stand at bytes {position} to {end}", name, position, end)
        )
    return end
