"""Held-out answers of a model as one text of the file's metadata: promises are made from them."""

import base64
import binascii
from typing import Any

import numpy as np

from pellucid.bundle.held_out import MOST_EXAMPLES, MOST_PROBABILITIES, HeldOut
from pellucid.strict import Anything, Fields, Text, parse, read_object, to_bytes

# Labels, novelty and probabilities, or a number for each, of two splits; base64 takes a third more.
_MOST_TEXT = 4 * (4 * MOST_PROBABILITIES + 16 * MOST_EXAMPLES)
_FIELDS: Fields = {"settings": Anything(), "arrays": Anything()}


def to_text(held_out: HeldOut) -> str:
    """JSON of the answers, arrays in base64, at most about 22 MB."""
    arrays = {
        name: base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()
        for name, array in held_out.arrays().items()
    }
    return to_bytes({"settings": held_out.to_json(), "arrays": arrays}).decode().rstrip("\n")


def from_text(text: str, classes: tuple[str, ...]) -> HeldOut:
    """Answers out of a file, in which nothing is trusted.

    Raises: `ValueError` if they are not what `to_text` writes for a model of these classes.
    """
    if len(text) > _MOST_TEXT:
        raise ValueError(f"held_out: {len(text):,} characters, where {_MOST_TEXT:,} are admitted")
    read = read_object("held_out", parse(text.encode()), _FIELDS)
    forms, found = HeldOut.expected(read["settings"], classes), read["arrays"]
    if not isinstance(found, dict) or found.keys() != forms.keys():
        raise ValueError(f"held_out: no object of the arrays {sorted(forms)}")
    arrays = {name: _array(found[name], *form) for name, form in forms.items()}
    return HeldOut.from_parts(read["settings"], classes, arrays)


def _array(value: Any, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array from base64, of exactly the announced bytes."""
    wanted = np.dtype(dtype).newbyteorder("<")
    try:
        content = base64.b64decode(Text(_MOST_TEXT).read("held_out: array", value), validate=True)
    except binascii.Error as error:
        raise ValueError("held_out: an array is no base64") from error
    if len(content) != wanted.itemsize * int(np.prod(shape)):
        raise ValueError(f"held_out: an array of {len(content):,} bytes, not of the shape {shape}")
    return np.frombuffer(content, wanted).astype(dtype).reshape(shape)
