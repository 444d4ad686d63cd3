"""Weights of a page: 16 bits each where they are many, deflated, and written in base64."""

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float32, Int16, Shaped

_LARGEST = 32767
_NOTHING = 1e-30


class Tensors:
    """Named arrays one behind the other.

    Tensors of two axes and more are kept as whole numbers of 16 bits, of each row (along the first axis) in
    steps of a 32,767th of its largest weight. Weights of one row are of like size, so that this halves the
    file and errs about five times less than floating-point numbers of 16 bits, whose steps are wasted on
    weights near zero. Vectors (biases, statistics of norms) are few numbers that many products meet: they
    stay in single precision. Of 16-bit numbers all high bytes come first, since these are alike, which
    deflating finds.

    Attributes:
        places: name to `at`, where it begins in bytes, `shape`, and `steps`, where the steps of its rows
            begin; `None` where it is in single precision.

    Args:
        exactly: whether all are kept in single precision.
    """

    places: dict[str, dict[str, Any]]

    def __init__(self, *, exactly: bool = False) -> None:
        self.places = {}
        self._exactly = exactly
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, name: str, array: Shaped[np.ndarray, "..."], *, exactly: bool = False) -> None:
        """Keep an array under a name; `exactly` in single precision whatever its shape."""
        numbers = np.ascontiguousarray(array, "<f4")
        steps = None
        if numbers.ndim > 1 and not (exactly or self._exactly) and np.isfinite(numbers).all():
            row_steps, whole = stepped(numbers.reshape(len(numbers), -1))
            steps = self._append(row_steps.tobytes())
            at = self._append(_split(whole))
        else:
            at = self._append(numbers.tobytes())
        self.places[name] = {"at": at, "shape": list(array.shape), "steps": steps}

    def add_all(self, arrays: Mapping[str, np.ndarray], prefix: str = "", *, exactly: bool = False) -> None:
        """Keep arrays under their names behind a prefix."""
        for name, array in arrays.items():
            self.add(prefix + name, array, exactly=exactly)

    @property
    def text(self) -> str:
        """All bytes, deflated, in base64."""
        return deflated(b"".join(self._parts))

    def _append(self, content: bytes) -> int:
        """Add bytes, filled up to a multiple of 4, where single precision may begin; say where they begin."""
        at = self._size
        self._parts.append(content + bytes(-len(content) % 4))
        self._size += len(content) + -len(content) % 4
        return at


def deflated(content: bytes) -> str:
    """Bytes as the page holds them: deflated, in base64."""
    return base64.b64encode(zlib.compress(content, 9)).decode("ascii")


def stepped(
    rows: Float32[np.ndarray, "rows columns"],
) -> tuple[Float32[np.ndarray, " rows"], Int16[np.ndarray, "rows columns"]]:
    """Steps of rows, and how many of them each number is; finite numbers alone."""
    largest = np.abs(rows).max(axis=1, initial=0.0)
    # Steps of a row whose weights are next to nothing would have few digits or none: it counts as zeros.
    steps = np.where(largest > _NOTHING, largest / _LARGEST, 1).astype("<f4")
    whole = np.clip(np.rint(rows.astype(np.float64) / steps[:, None]), -_LARGEST, _LARGEST)
    return steps, whole.astype("<i2")


def _split(whole: Int16[np.ndarray, "rows columns"]) -> bytes:
    """All high bytes, then all low bytes."""
    pairs = whole.reshape(-1).view(np.uint8).reshape(-1, 2)
    return pairs[:, 1].tobytes() + pairs[:, 0].tobytes()
