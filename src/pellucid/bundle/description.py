"""`model.json` and the weights beside it, checked before anything is allocated."""

import hashlib
import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from pellucid.arithmetic.probabilities import checked_threshold
from pellucid.bundle import fields
from pellucid.bundle.fields import (
    HELD_OUT_NAME,
    NOVELTY_NAME,
    WEIGHTS_NAME,
    EncodingPlan,
    MemberPlan,
    PredictorPlan,
)
from pellucid.bundle.held_out import KINDS, Kind
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.errors import ModelFileError
from pellucid.networks import NetworkConfig, Origin
from pellucid.strict import parse_file
from pellucid.tasks import GENERATION, TEXTS, VALUES, InputKind, target_of

FORMAT = 2
SIZE_LIMIT = 8 << 20
_KEYS = (
    "format",
    "kind",
    "architecture",
    "predictor",
    "features",
    "preprocessing",
    "length",
    "classes",
    "temperature",
    "mirror",
    "novelty",
    "held_out",
    "joined_columns",
    "renamed",
    "threshold",
    "origin",
    "members",
    "sha256",
    "own_sha256",
)
# Keys that a model without a detector, held-out answers and so on leaves out.
_OPTIONAL = ("novelty", "held_out", "joined_columns", "renamed", "threshold", "origin", "members")


@dataclass(frozen=True, kw_only=True)
class Description:
    """Everything in `model.json` but its own checksum.

    Attributes:
        input_kind: images, texts or feature vectors.
        architecture: the network to build; `None` in a classical model that stands on none.
        predictor: the classical model to build; `None` in a network.
        features: what a classical model sees; `None` in a network.
        preprocessing: how an image becomes pixels or a text numbers; `None` in a model of feature
            vectors, and in one of texts that looks at none.
        length: numbers in a feature vector, 0 where any will do; `None` in other models.
        classes: class names in the order of the outputs; none where a number is predicted.
        temperature: what the probabilities are calibrated with.
        mirror: whether answers are averaged with the mirrored image's.
        sha256: name of every other file to its SHA-256.
        novelty: what its detector's `to_json` gave; checked by the detector itself. `None` in a model
            without one.
        held_out: what its held-out answers' `to_json` gave; checked by them. `None` in a model without.
        joined_columns: columns of a table whose texts it reads as one; none where it reads one.
        renamed: old names of classes in the data, and the new ones in `classes`; nothing where none was
            renamed.
        threshold: one of two classes and the probability from which on it is answered; nothing where the
            most probable class is.
        origin: where weights in it come from that others trained; `None` where there are none.
        members: of an average, the one of the most weight first; none of any other model.
    """

    input_kind: InputKind
    architecture: NetworkConfig | None
    predictor: PredictorPlan | None
    features: str | None
    preprocessing: Preprocessing | EncodingPlan | None
    length: int | None
    classes: tuple[str, ...]
    temperature: float
    mirror: bool
    sha256: Mapping[str, str]
    novelty: Any = None
    held_out: Any = None
    joined_columns: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    threshold: Mapping[str, float] = field(default_factory=dict)
    origin: Origin | None = None
    members: tuple[MemberPlan, ...] = ()

    @property
    def kind(self) -> Kind:
        """Kind of the model."""
        generates = self.architecture is not None and self.architecture.conditions > 0
        target = GENERATION if generates else target_of(len(self.classes))
        is_classical, is_average = self.predictor is not None, bool(self.members)
        return Kind(self.input_kind, target, is_classical=is_classical, is_average=is_average)

    def to_bytes(self) -> bytes:
        """The file's content, JSON in UTF-8; its last line is the SHA-256 of the rest."""
        return _sealed(
            {
                "format": FORMAT,
                "kind": self.kind.name,
                "architecture": None if self.architecture is None else self.architecture.to_json(),
                "predictor": None if self.predictor is None else self.predictor._asdict(),
                "features": self.features,
                "preprocessing": None if self.preprocessing is None else self.preprocessing.to_json(),
                "length": self.length,
                "classes": list(self.classes),
                "temperature": self.temperature,
                "mirror": self.mirror,
                **({} if self.novelty is None else {"novelty": self.novelty}),
                **({} if self.held_out is None else {"held_out": self.held_out}),
                **({"joined_columns": list(self.joined_columns)} if self.joined_columns else {}),
                **({"renamed": dict(self.renamed)} if self.renamed else {}),
                **({"threshold": dict(self.threshold)} if self.threshold else {}),
                **({} if self.origin is None else {"origin": self.origin.to_json()}),
                **({"members": [each._asdict() for each in self.members]} if self.members else {}),
                "sha256": dict(self.sha256),
            }
        )

    @classmethod
    def from_bytes(cls, content: bytes, place: str) -> "Description":
        """Read and check the file; nothing in it is imported, opened or built.

        `content` is at most `SIZE_LIMIT` bytes.

        Raises: `ModelFileError` if it is damaged, of an unknown format, or says something impossible.
        """
        document = parse_file(content, place)
        _check_keys(document, place)
        try:
            description = cls._from_document(document)
            description._check_agreement()
        except (ValueError, TypeError, KeyError) as error:
            raise ModelFileError(f"{place}: {error}; use an undamaged copy") from error
        if _sealed({key: document[key] for key in _KEYS[:-1] if key in document}) != content:
            raise ModelFileError(
                f"{place}: its checksum does not match: it was changed after it was saved; "
                "use an undamaged copy"
            )
        return description

    @classmethod
    def _from_document(cls, document: dict[str, Any]) -> "Description":
        """Read field by field; a `ValueError` says which one is impossible."""
        kind = KINDS[document["kind"]]
        predictor = fields.read_predictor(document["predictor"], kind)
        features = fields.read_features(document["features"], kind)
        classes = fields.read_classes(document["classes"], kind)
        preprocessing = fields.read_preprocessing(document["preprocessing"], kind, features)
        novelty, held_out = (
            fields.read_settings(name, document[name]) if name in document else None
            for name in ("novelty", "held_out")
        )
        files = [] if kind.is_average else [WEIGHTS_NAME]
        files += [preprocessing.file] if isinstance(preprocessing, EncodingPlan) else []
        files += [] if novelty is None else [NOVELTY_NAME]
        files += [] if held_out is None else [HELD_OUT_NAME]
        return cls(
            input_kind=kind.input_kind,
            architecture=fields.read_architecture(document["architecture"], kind, features),
            predictor=predictor,
            features=features,
            preprocessing=preprocessing,
            length=fields.read_length(document["length"], kind),
            classes=classes,
            temperature=fields.read_temperature(document["temperature"], classes),
            mirror=fields.read_mirror(document["mirror"], kind),
            sha256=fields.read_hashes(document["sha256"], files),
            novelty=novelty,
            held_out=held_out,
            joined_columns=fields.read_joined_columns(document.get("joined_columns"), kind),
            renamed=fields.read_renamed(document.get("renamed"), classes),
            threshold=checked_threshold(document["threshold"], classes) if "threshold" in document else {},
            origin=Origin.from_json(document["origin"]) if "origin" in document else None,
            members=fields.read_members(document.get("members"), kind),
        )

    def _check_agreement(self) -> None:
        """Require network, preprocessing and classes to speak of the same inputs and outputs.

        Raises: `ValueError` with what contradicts what.
        """
        if self.architecture is None:
            return
        self._check_inputs(self.architecture)
        if self.architecture.conditions:
            return  # its outputs are latent numbers; the model compares the classes
        needed = self.kind.target.outputs(len(self.classes))
        if self.architecture.outputs != needed:
            raise ValueError(
                f"the network has {self.architecture.outputs} outputs where {needed} "
                f"{'is' if needed == 1 else 'are'} needed"
            )

    def _check_inputs(self, architecture: NetworkConfig) -> None:
        """Require a network that takes what the model takes; of texts, their file says the rest.

        Raises: `ValueError` with what contradicts what.
        """
        takes, prepared = tuple(architecture.input_shape), self.preprocessing
        reads_texts = architecture.vocabulary > 0
        if reads_texts != (self.input_kind is TEXTS):
            raise ValueError(
                f"the network takes {'texts' if reads_texts else 'no texts'}, "
                f"the model {self.input_kind.name}"
            )
        if self.input_kind is VALUES and takes != (self.length,):
            raise ValueError(f"the network takes {takes}, but feature vectors have the length {self.length}")
        if isinstance(prepared, Preprocessing):
            made = (prepared.channels, prepared.height, prepared.width)
            if takes != made:
                raise ValueError(f"the network takes {takes}, but preprocessing makes {made}")


def _sealed(document: dict[str, Any]) -> bytes:
    """The document as JSON with its own SHA-256 as the last key."""
    own = hashlib.sha256(_text(document)).hexdigest()
    return _text({**document, "own_sha256": own})


def _text(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _check_keys(document: Any, place: str) -> None:
    """Refuse another format or kind, and missing or unknown keys."""
    if not isinstance(document, dict) or type(document.get("format")) is not int:
        raise ModelFileError(
            f"{place}: not the description of a Pellucid model; choose a model or run folder"
        )
    if document["format"] != FORMAT:
        raise ModelFileError(
            f"{place}: format {document['format']}, this version reads format {FORMAT}; "
            "use the version of Pellucid that wrote it"
        )
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ModelFileError(
            f"{place}: kind {repr(kind)[:40]} is not known; known are {', '.join(KINDS)}; "
            "use the version of Pellucid that wrote it"
        )
    for key in _KEYS:
        if key not in document and key not in _OPTIONAL:
            raise ModelFileError(f"{place}: {key!r} is missing; use an undamaged copy")
    for key in document:
        if key not in _KEYS:
            raise ModelFileError(f"{place}: the key {key!r} is not known; use an undamaged copy")


# Weights as safetensors bytes, and their header checked before anything is allocated.
#
# A safetensors file is: length of the header (8 bytes, little-endian), the header as JSON (name →
# type, shape, first and last byte), then the tensors one after the other. Nothing in it can run.

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
_BYTES = {name: dtype.itemsize for name, dtype in _DTYPES.items()}
_LENGTH_BYTES = 8
_HEADER_LIMIT = 16 << 20


class Form(NamedTuple):
    """Type and shape that one tensor must have.

    Attributes:
        dtype: as NumPy and torch call it, such as `float32`.
        shape: its sides.
    """

    dtype: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, tensor: Tensor) -> "Form":
        """The form of a tensor, which may stand on the meta device."""
        return cls(str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape))


def pack(tensors: Mapping[str, Tensor]) -> bytes:
    """Write tensors as safetensors, so that equal tensors give equal bytes.

    They may stand on any device and in any memory layout; the file holds no metadata.
    """
    plain = {name: tensors[name].detach().cpu().contiguous().clone() for name in sorted(tensors)}
    return safetensors.torch.save(plain)


def unpack(content: bytes) -> dict[str, Tensor]:
    """Read tensors from bytes that `check_header` has accepted.

    Each stands in memory of its own.

    Raises: `ValueError` if they cannot be read all the same.
    """
    try:
        return {name: tensor.clone() for name, tensor in safetensors.torch.load(content).items()}
    except safetensors.SafetensorError as error:
        raise ValueError(f"its tensors cannot be read ({error})") from error


def check_header(file: BinaryIO, size: int, expected: Mapping[str, Form], place: str) -> None:
    """Compare the header with what the architecture needs and with the file's own size.

    `file` is open at its beginning, and only the header is read; `size` is the bytes that it holds.

    Raises: `ModelFileError` if the header is damaged, or the file holds other tensors or another number of
    bytes than it should.
    """
    header, header_bytes = _read_header(file, size, place)
    missing, surplus = sorted(expected.keys() - header.keys()), sorted(header.keys() - expected.keys())
    if missing or surplus:
        which = f"lacks {missing[0]!r}" if missing else f"holds {surplus[0]!r}, which does not belong to it"
        raise ModelFileError(f"{place}: does not fit the architecture: {which}; use an undamaged copy")
    position = 0
    for name, entry in sorted(header.items(), key=lambda item: _place(item[1])):
        position = _check_entry(name, entry, expected[name], position, place)
    if size != _LENGTH_BYTES + header_bytes + position:
        raise ModelFileError(
            f"{place}: {size} bytes, but its header announces {_LENGTH_BYTES + header_bytes + position}; "
            "use an undamaged copy"
        )


def _read_header(file: BinaryIO, size: int, place: str) -> tuple[dict[str, Any], int]:
    """Parse the header; at most the file's own size and `_HEADER_LIMIT` bytes are read."""
    start = file.read(_LENGTH_BYTES)
    length = struct.unpack("<Q", start)[0] if len(start) == _LENGTH_BYTES else size
    if length > min(size - _LENGTH_BYTES, _HEADER_LIMIT):
        raise ModelFileError(f"{place}: truncated or not a safetensors file; use an undamaged copy")
    header = parse_file(file.read(length), place)
    if not isinstance(header, dict):
        raise ModelFileError(f"{place}: its header is not a JSON object; use an undamaged copy")
    return header, length


def _place(entry: Any) -> tuple[int, int]:
    """Sort key of a tensor: begin and end, so that an empty one comes before what starts there too."""
    match entry:
        case {"data_offsets": [int(first), int(end)]}:
            return first, end
    return -1, -1  # malformed


def _check_entry(name: str, entry: Any, expected: Form, position: int, place: str) -> int:
    """Check one header entry; return the byte that follows its tensor.

    Raises: `ModelFileError` if type, shape or offsets are not those of the architecture.
    """
    shape = list(expected.shape)
    match entry:
        case {"dtype": str(kind), "shape": list(found), "data_offsets": [int(), int()]} if len(entry) == 3:
            pass
        case _:
            raise ModelFileError(f"{place}: entry {name!r} is malformed; use an undamaged copy")
    whole = all(type(number) is int for number in (*found, *entry["data_offsets"]))  # JSON's false equals 0
    if _NAMES.get(kind) != expected.dtype or found != shape or not whole:
        raise ModelFileError(
            f"{place}: {name!r} is {kind} {found}, the architecture needs {expected.dtype} {shape}; "
            "use an undamaged copy"
        )
    end = position + math.prod(shape) * _BYTES[kind]
    if entry["data_offsets"] != [position, end]:
        raise ModelFileError(
            f"{place}: {name!r} does not stand at bytes {position} to {end}; use an undamaged copy"
        )
    return end
