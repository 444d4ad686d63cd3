"""Model folders opened, changed and sealed anew, as an attacker would do it."""

import json
import struct
from pathlib import Path

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
