"""`model.json`: what a model folder says about itself, written and read strictly."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pellucid.bundle.strict_json import parse_strictly
from pellucid.data.preprocessing import Preprocessing
from pellucid.errors import ModelFileError
from pellucid.networks import NetworkConfig

FILE_NAME = "model.json"
WEIGHTS_NAME = "weights.safetensors"
CARD_NAME = "README.md"
FORMAT = 1
PICTURES, VECTORS = "image-classifier", "feature-classifier"
SIZE_LIMIT = 8 << 20
_KEYS = ("format", "kind", "architecture", "preprocessing", "classes", "mirror", "sha256", "own_sha256")


@dataclass(frozen=True)
class Description:
    """Everything in `model.json` but its own checksum.

    Attributes:
        architecture: what to build.
        preprocessing: how a picture becomes pixels; `None` for a model of feature vectors.
        classes: class names in the order of the network's outputs.
        mirror: whether answers are averaged with the mirrored picture's.
        sha256: name of every other file to its SHA-256.
    """

    architecture: NetworkConfig
    preprocessing: Preprocessing | None
    classes: tuple[str, ...]
    mirror: bool
    sha256: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """The file's content; its last line is the SHA-256 of the rest.

        Returns:
            JSON in UTF-8.
        """
        return _sealed(
            {
                "format": FORMAT,
                "kind": VECTORS if self.preprocessing is None else PICTURES,
                "architecture": self.architecture.to_json(),
                "preprocessing": None if self.preprocessing is None else self.preprocessing.to_json(),
                "classes": list(self.classes),
                "mirror": self.mirror,
                "sha256": dict(self.sha256),
            }
        )

    @classmethod
    def from_bytes(cls, content: bytes, place: str) -> "Description":
        """Read and check the file; nothing in it is imported, opened or built.

        Args:
            content: the file, at most `SIZE_LIMIT` bytes.
            place: its path, for messages.

        Returns:
            The description.

        Raises:
            ModelFileError: it is damaged, of an unknown format, or says something impossible.
        """
        document = parse_strictly(content, place)
        _check_keys(document, place)
        try:
            architecture = NetworkConfig.from_json(document["architecture"])
            preprocessing = _preprocessing(document)
        except (ValueError, TypeError, KeyError) as error:
            raise ModelFileError(f"{place}: {error}; use an undamaged copy") from error
        classes = _checked_classes(document["classes"], place)
        if type(document["mirror"]) is not bool:
            raise ModelFileError(f"{place}: 'mirror' is neither true nor false; use an undamaged copy")
        hashes = _checked_hashes(document["sha256"], place)
        if _sealed({key: document[key] for key in _KEYS[:-1]}) != content:
            raise ModelFileError(
                f"{place}: its checksum does not match: it was changed after it was saved; "
                "use an undamaged copy"
            )
        description = cls(architecture, preprocessing, classes, document["mirror"], hashes)
        description._check_agreement(place)
        return description

    def _check_agreement(self, place: str) -> None:
        """Architecture, preprocessing and classes must speak of the same inputs."""
        takes = tuple(self.architecture.input_shape)
        picture = self.preprocessing
        if picture is None and (len(takes) != 1 or self.mirror):
            raise ModelFileError(
                f"{place}: of the kind {VECTORS}, but the network takes or mirrors pictures; "
                "use an undamaged copy"
            )
        if picture is not None and takes != (picture.channels, picture.height, picture.width):
            raise ModelFileError(
                f"{place}: the network takes {takes}, but preprocessing "
                f"makes {(picture.channels, picture.height, picture.width)}; use an undamaged copy"
            )
        if self.architecture.classes != len(self.classes):
            raise ModelFileError(
                f"{place}: the network has {self.architecture.classes} outputs for "
                f"{len(self.classes)} class names; use an undamaged copy"
            )


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
    if document.get("kind") not in (PICTURES, VECTORS):
        raise ModelFileError(
            f"{place}: kind {document.get('kind')!r} is not known; known are {PICTURES} and {VECTORS}"
        )
    for key in _KEYS:
        if key not in document:
            raise ModelFileError(f"{place}: {key!r} is missing; use an undamaged copy")
    for key in document:
        if key not in _KEYS:
            raise ModelFileError(f"{place}: the key {key!r} is not known; use an undamaged copy")


def _preprocessing(document: dict[str, Any]) -> Preprocessing | None:
    """How pictures are prepared; feature vectors have nothing there.

    Raises:
        ValueError: it does not fit the kind, or a field is wrong.
    """
    if document["kind"] == VECTORS:
        if document["preprocessing"] is not None:
            raise ValueError(f"preprocessing must be null in a model of the kind {VECTORS}")
        return None
    if not isinstance(document["preprocessing"], dict):
        raise ValueError(f"preprocessing must be an object in a model of the kind {PICTURES}")
    return Preprocessing.from_json(document["preprocessing"])


def _checked_classes(classes: Any, place: str) -> tuple[str, ...]:
    """At least two different texts."""
    if (
        not isinstance(classes, list)
        or not all(isinstance(name, str) and name for name in classes)
        or len(set(classes)) != len(classes)
        or len(classes) < 2
    ):
        raise ModelFileError(
            f"{place}: 'classes' is not a list of two or more different names; use an undamaged copy"
        )
    return tuple(classes)


def _checked_hashes(hashes: Any, place: str) -> dict[str, str]:
    """Plain file names to 64 hexadecimal digits, the weights among them."""
    if not isinstance(hashes, dict):
        raise ModelFileError(f"{place}: 'sha256' is not an object; use an undamaged copy")
    for name, digest in hashes.items():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name) or name == FILE_NAME:
            raise ModelFileError(
                f"{place}: {name!r} is not a plain file name in the model folder; use an undamaged copy"
            )
        if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ModelFileError(f"{place}: the SHA-256 of {name!r} is malformed; use an undamaged copy")
    if WEIGHTS_NAME not in hashes:
        raise ModelFileError(f"{place}: {WEIGHTS_NAME!r} is missing from 'sha256'; use an undamaged copy")
    return hashes
