"""Sealed files: what a run leaves for itself carries its own checksum, so that no edit passes unnoticed.

A sealed JSON document has as its last key, `own_sha256`, the SHA-256 of all that stands before it. Other
content is followed by its SHA-256 in 32 bytes. Whoever wants to deceive can seal anew what he changed: a seal
speaks of accidents, and of hands that meant well; readers trust nothing all the same.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.files import write_file
from pellucid.regular import read_regular
from pellucid.strict.documents import read_json

SEAL = "own_sha256"
# Most bytes of a sealed document; those of long runs with many settings take less than one million.
MOST_BYTES = 64 << 20

_DIGEST_BYTES = 32


def sealed(document: Mapping[str, Any]) -> bytes:
    """A document as indented JSON in UTF-8 with its seal; refuses not-a-number and infinity."""
    plain = {name: value for name, value in document.items() if name != SEAL}
    return _text({**plain, SEAL: hashlib.sha256(_text(plain)).hexdigest()})


def read_sealed(path: Path, most: int = MOST_BYTES) -> dict[str, Any]:
    """Read a sealed document from a regular file, its seal taken off.

    Raises: `OSError` if the file is missing, no regular one or too large, `ValueError` if it is no object or
    was changed after it was written.
    """
    found = read_json(path, most)
    if not isinstance(found, dict):
        raise ValueError(f"{type(found).__name__} found, an object expected")
    seal = found.pop(SEAL, None)
    if seal != hashlib.sha256(_text(found)).hexdigest():
        raise ValueError("its checksum does not match: it was changed after it was written")
    return found


def write_sealed_bytes(path: Path, content: bytes) -> None:
    """Write content and its seal through the save protocol.

    Raises: `StorageError` as `write_file` does.
    """
    write_file(path, content + hashlib.sha256(content).digest())


def read_sealed_bytes(path: Path, most: int) -> bytes:
    """Read content from a regular file, its seal taken off.

    Raises: `OSError` if the file is missing, no regular one or too large, `ValueError` if it was changed.
    """
    found = read_regular(path, most + _DIGEST_BYTES)
    content = found[:-_DIGEST_BYTES]
    if hashlib.sha256(content).digest() != found[-_DIGEST_BYTES:]:
        raise ValueError("its checksum does not match: it was changed after it was written")
    return content


def _text(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
