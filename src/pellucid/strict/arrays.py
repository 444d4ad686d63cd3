"""Arrays out of a file, compared with what the settings beside them announce."""

from collections.abc import Mapping

import numpy as np

Forms = dict[str, tuple[str, tuple[int, ...]]]
"""Name of an array to its type and shape."""


def read_arrays(kind: str, expected: Forms, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Compare arrays with their announced forms; they come back read-only.

    `kind` is what they belong to, for messages.

    Raises: `ValueError` if an array is missing, is one too many, has another type or shape, or is not finite.
    """
    if arrays.keys() != expected.keys():
        raise ValueError(f"{kind}: holds the arrays {sorted(arrays)[:12]}, not {sorted(expected)}")
    found = {}
    for name, (dtype, shape) in expected.items():
        array = arrays[name]
        if str(array.dtype) != dtype or array.shape != shape:
            raise ValueError(f"{kind}: {name} is {array.dtype} {array.shape}, not {dtype} {shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{kind}: {name} holds numbers that are not finite")
        found[name] = array.view()
        found[name].flags.writeable = False
    return found
