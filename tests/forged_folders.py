"""Model folders opened, changed and sealed anew, as an attacker would do it."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pellucid.bundle import load_any
from pellucid.errors import ModelFileError
from small_models import reseal


def document_of(folder: Path) -> dict:
    """What `model.json` says."""
    return json.loads((folder / "model.json").read_text())


def header_of(folder: Path) -> tuple[dict, bytes]:
    """Header and tensors of the weights."""
    content = (folder / "weights.safetensors").read_bytes()
    end = 8 + struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8:end]), content[end:]


def write_weights(folder: Path, header, data: bytes, *, length: int | None = None) -> None:
    """Write weights with a header of one's own, every checksum right."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = struct.pack("<Q", len(text) if length is None else length)
    (folder / "weights.safetensors").write_bytes(size + text + data)
    reseal(folder)


def flipped(content: bytes, count: int) -> Iterator[bytes]:
    """The same bytes again and again, each time with another one damaged, evenly over all."""
    for place in np.unique(np.linspace(0, len(content) - 1, count).astype(int)):
        damaged = bytearray(content)
        damaged[place] ^= (0x01, 0x20, 0xFF)[place % 3]
        yield bytes(damaged)


def require_refused(folder: Path, match: str) -> None:
    """A model folder is refused, and the message matches."""
    with pytest.raises(ModelFileError, match=match):
        load_any(folder)


def require_flips_refused(path: Path, count: int, match: str) -> None:
    """A model folder is refused with each of so many bytes of a file flipped, and loads with none."""
    content = path.read_bytes()
    for damaged in flipped(content, count):
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError, match=match):
            load_any(path.parent)
    path.write_bytes(content)
    load_any(path.parent)


def require_cuts_refused(path: Path, *, sealed: bool = False) -> None:
    """A model folder is refused with a file cut short, its checksum right or not."""
    content = path.read_bytes()
    for length in (0, 1, 7, 8, 9, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        if sealed:
            reseal(path.parent)
        with pytest.raises(ModelFileError, match=rf"{path.name}: .*use an undamaged copy"):
            load_any(path.parent)


def require_only_the_file_itself(path: Path, elsewhere: Path) -> None:
    """A model folder is refused with a file that has bytes too many, is missing, or is a link."""
    content = path.read_bytes()
    path.write_bytes(content + b"hidden")
    reseal(path.parent)
    with pytest.raises(ModelFileError, match=r"\d+ bytes, but its header announces \d+"):
        load_any(path.parent)
    elsewhere.write_bytes(content)
    path.unlink()
    with pytest.raises(ModelFileError, match=f"{path.name}: missing"):
        load_any(path.parent)
    path.symlink_to(elsewhere)
    with pytest.raises(ModelFileError, match=f"{path.name}: a link"):
        load_any(path.parent)
