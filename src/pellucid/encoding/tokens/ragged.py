"""Token ids of many texts of different lengths, in one flat array."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, Integer

# Ids that no token has: what fills short texts up, and what stands for everything never seen.
PADDING, UNKNOWN = 0, 1


@dataclass(frozen=True, eq=False)
class Tokens:
    """Token ids of many texts, one after the other.

    Attributes:
        ids: of all texts one after the other, each from 1 to `vocabulary` - 1; may be a memory map.
        offsets: where each text starts in `ids`, and where the last one ends.
        vocabulary: how many ids there are, padding and unknown included.
        length: most ids of a text; longer texts were cut.
    """

    ids: Integer[np.ndarray, " ids"]
    offsets: Int64[np.ndarray, " starts"]
    vocabulary: int
    length: int

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Int64[np.ndarray, " texts"]:
        """Number of ids of each text; 0 where nothing of it is left."""
        return np.diff(self.offsets)

    def padded(
        self, positions: Int64[np.ndarray, " batch"], multiple: int = 1
    ) -> Int64[np.ndarray, "batch longest"]:
        """Batch in the order of `positions`, filled up with `PADDING` to a multiple of `multiple`."""
        starts, ends = self.offsets[positions], self.offsets[positions + 1]
        longest = int((ends - starts).max(initial=1))
        columns = np.arange(-(-longest // multiple) * multiple)
        places = starts[:, None] + columns
        inside = places < ends[:, None]
        batch = np.zeros(places.shape, np.int64)
        batch[inside] = self.ids[places[inside]]
        return batch
