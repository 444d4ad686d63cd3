"""Settings of a saved predictor: its counts, and whether it predicts a number."""

from typing import Any

import numpy as np

from pellucid.strict import Truth, Whole, read_object

COUNTS = {
    "outputs": Whole(1, 100_000),
    "columns": Whole(1, 100_000),
    "inputs": Whole(1, 10_000_000),
    "space": Whole(1, 100_000),
    "points": Whole(1, 10_000_000),
    "trees": Whole(1, 10_000),
    "nodes": Whole(0, 50_000_000),
    "leaves": Whole(1, 50_000_000),
    "entries": Whole(1, 100_000_000),
}
"""Bounds of each thing that a predictor may count."""


def read_settings(kind: str, settings: object, counts: tuple[str, ...]) -> dict[str, Any]:
    """Read the settings of a predictor.

    Args:
        kind: of predictor, for messages.
        settings: what JSON held; exactly `number` and the counts are to be there.
        counts: names of fields of `COUNTS`.

    Returns:
        The checked settings.

    Raises:
        ValueError: a key is unknown or missing, or a value is of the wrong type or out of bounds.
    """
    read = read_object(kind, settings, {"number": Truth(), **{name: COUNTS[name] for name in counts}})
    if read["number"] and read["outputs"] != 1:
        raise ValueError(f"{kind}: {read['outputs']} outputs where a single number is predicted")
    return read


def require_classes(kind: str, classes: np.ndarray, outputs: int) -> None:
    """Refuse classes of columns that are not distinct, ascending and among the outputs.

    Args:
        kind: of predictor, for messages.
        classes: positions among the outputs.
        outputs: number of them.

    Raises:
        ValueError: they are not.
    """
    if classes[0] < 0 or classes[-1] >= outputs or (np.diff(classes) <= 0).any():
        raise ValueError(f"{kind}: classes must ascend from 0 or more to less than {outputs}")
