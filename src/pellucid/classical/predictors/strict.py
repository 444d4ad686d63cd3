"""Settings and arrays of a saved predictor, each read as if an attacker had written it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

MOST = {
    "outputs": 100_000,
    "columns": 100_000,
    "inputs": 10_000_000,
    "space": 100_000,
    "points": 10_000_000,
    "trees": 10_000,
    "nodes": 50_000_000,
    "leaves": 50_000_000,
    "entries": 100_000_000,
}
"""Largest admitted number of each thing that a predictor may count."""

Forms = dict[str, tuple[str, tuple[int, ...]]]
"""Name of an array to its type and shape."""


def read_settings(kind: str, settings: object, counts: tuple[str, ...]) -> dict[str, Any]:
    """Read the settings of a predictor: what it counts, and whether it predicts a number.

    Args:
        kind: of predictor, for messages.
        settings: what `json.loads` returned; exactly `number` and the counts are to be there.
        counts: names of whole numbers from 1 (for `nodes` from 0) to their entry in `MOST`.

    Returns:
        The checked settings.

    Raises:
        ValueError: a key is unknown or missing, or a value is of the wrong type or out of bounds.
    """
    if not isinstance(settings, dict):
        raise ValueError(f"{kind}: {type(settings).__name__} found, an object expected")
    names = {"number", *counts}
    if settings.keys() != names:
        unknown = sorted(str(name)[:40] for name in settings.keys() - names)[:5]
        raise ValueError(f"{kind}: unknown keys {unknown}, missing keys {sorted(names - settings.keys())}")
    if not isinstance(settings["number"], bool):
        raise ValueError(f"{kind}: number must be true or false")
    for name in counts:
        value, least = settings[name], 0 if name == "nodes" else 1
        if type(value) is not int or not least <= value <= MOST[name]:
            raise ValueError(f"{kind}: {name} must be a whole number from {least} to {MOST[name]}")
    if settings["number"] and settings["outputs"] != 1:
        raise ValueError(f"{kind}: {settings['outputs']} outputs where a single number is predicted")
    return settings


def read_arrays(kind: str, expected: Forms, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Check arrays against the forms that the settings announce.

    Args:
        kind: of predictor, for messages.
        expected: the form of every array.
        arrays: what a file held.

    Returns:
        The same arrays, read-only.

    Raises:
        ValueError: an array is missing, is one too many, has another type or shape, or is not finite.
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


def require_classes(kind: str, classes: np.ndarray, outputs: int) -> None:
    """Check that the classes of columns are distinct, ascending and among the outputs.

    Raises: `ValueError` if they are not.
    """
    if classes[0] < 0 or classes[-1] >= outputs or (np.diff(classes) <= 0).any():
        raise ValueError(f"{kind}: classes must ascend from 0 or more to less than {outputs}")
