"""Weights as safetensors bytes, and their header checked before anything is allocated.

A safetensors file is: length of the header (8 bytes, little-endian), the header as JSON (name →
type, shape, first and last byte), then the tensors one after the other. Nothing in it can run.
"""

import math
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from pellucid.errors import ModelFileError
from pellucid.strict import parse_file

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
