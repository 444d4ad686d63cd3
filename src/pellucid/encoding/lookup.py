"""Lookup from names of pieces of text to ids."""

import numpy as np
from jaxtyping import Int32, UInt64

from pellucid.encoding.tokens.ragged import UNKNOWN

# The first id that stands for a piece of text.
FIRST = 2

_BITS = 64
_MOST_IN_BUCKET = 16  # more than chance puts together: names were made to collide


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
        # Names are spread evenly, so that their first bits say nearly where they stand.
        self._shift = np.uint64(_BITS - max(1, len(names).bit_length()))
        heads = (self._names >> self._shift).astype(np.int64)
        sizes = np.bincount(heads, minlength=1 << int(_BITS - int(self._shift)))
        self._starts = (np.cumsum(sizes) - sizes).astype(np.int32)
        self._steps = int(sizes.max(initial=0))

    def find(self, names: UInt64[np.ndarray, " pieces"]) -> Int32[np.ndarray, " pieces"]:
        """Ids of names; `UNKNOWN` where there is none."""
        if not len(self._names):
            return np.full(len(names), UNKNOWN, np.int32)
        if self._steps > _MOST_IN_BUCKET:
            places = np.searchsorted(self._names, names)
        else:
            places = self._near(names)
        places[places == len(self._names)] = 0
        return np.where(self._names[places] == names, self._ids[places], np.int32(UNKNOWN))

    def _near(self, names: UInt64[np.ndarray, " pieces"]) -> Int32[np.ndarray, " pieces"]:
        """Positions of the first kept names that are not smaller, from where equal first bits begin."""
        places: np.ndarray = self._starts[names >> self._shift]
        last = len(self._names) - 1
        left = np.arange(len(names))
        for _ in range(self._steps):
            here = places[left]
            left = left[(self._names[np.minimum(here, last)] < names[left]) & (here <= last)]
            if not len(left):
                break
            places[left] += 1
        return places
