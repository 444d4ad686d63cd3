"""Weights of a page: half precision where that does no harm, deflated, and written in base64."""

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Shaped

_LARGEST_HALF = 65504.0


class Tensors:
    """Named arrays one behind the other.

    Tensors of two axes and more are kept in half precision. Vectors (biases, statistics of norms) are few
    numbers that many products meet, so they stay in single precision, as does what half precision cannot
    hold. Of halved numbers all high bytes come first: signs and exponents are alike, which deflating finds.

    Attributes:
        places: name to `at`, where it begins in bytes, `shape`, and `half`, whether it is halved.
    """

    places: dict[str, dict[str, Any]]

    def __init__(self) -> None:
        self.places = {}
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, name: str, array: Shaped[np.ndarray, "..."], *, exactly: bool = False) -> None:
        """Keep an array under a name; `exactly` in single precision whatever its shape."""
        numbers = np.ascontiguousarray(array, "<f4")
        largest = float(np.abs(numbers).max()) if numbers.size else 0.0
        half = numbers.ndim > 1 and not exactly and largest <= _LARGEST_HALF
        self.places[name] = {"at": self._size, "shape": list(array.shape), "half": half}
        content = _split(numbers.astype("<f2")) if half else numbers.tobytes()
        content += bytes(-len(content) % 4)  # single-precision views begin at multiples of 4
        self._parts.append(content)
        self._size += len(content)

    def add_all(self, arrays: Mapping[str, np.ndarray], prefix: str = "", *, exactly: bool = False) -> None:
        """Keep arrays under their names behind a prefix."""
        for name, array in arrays.items():
            self.add(prefix + name, array, exactly=exactly)

    @property
    def text(self) -> str:
        """All bytes, deflated, in base64."""
        return base64.b64encode(zlib.compress(b"".join(self._parts), 9)).decode("ascii")


def _split(halves: np.ndarray) -> bytes:
    """All high bytes, then all low bytes."""
    pairs = halves.reshape(-1).view(np.uint8).reshape(-1, 2)
    return pairs[:, 1].tobytes() + pairs[:, 0].tobytes()
