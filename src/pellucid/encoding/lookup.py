"""Lookup from names of pieces of text to ids."""

import numpy as np
from jaxtyping import Int32, UInt64

from pellucid.encoding.tokens.ragged import UNKNOWN

FIRST = 2
"""The first id that stands for a piece of text."""


class Lookup:
    """Ascending ids by name.

    Args:
        names: all different, in the order of their ids.
        first: id of the first.

    Raises:
        ValueError: two names are equal.
    """

    def __init__(self, names: UInt64[np.ndarray, " entries"], first: int = FIRST) -> None:
        order = np.argsort(names, kind="stable")
        self._names = names[order]
        self._ids = (order + first).astype(np.int32)
        if len(names) > 1 and (self._names[1:] == self._names[:-1]).any():
            raise ValueError("two entries of the vocabulary have the same name")

    def find(self, names: UInt64[np.ndarray, " pieces"]) -> Int32[np.ndarray, " pieces"]:
        """Ids of names; `UNKNOWN` where there is none."""
        if not len(self._names):
            return np.full(len(names), UNKNOWN, np.int32)
        places = np.searchsorted(self._names, names)
        places[places == len(self._names)] = 0
        return np.where(self._names[places] == names, self._ids[places], np.int32(UNKNOWN))
