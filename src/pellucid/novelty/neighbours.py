r"""Cosine distance of a text's TF-IDF weights from the nearest training texts and the nearest class.

Notation: $x$ the TF-IDF weights of a text, of length 1, or 0 where it holds no known word; $p_i$ those of
kept training texts, of the heaviest words of each alone; $c_k$ the centre of class $k$, of its heaviest words
alone, of length 1.

The two signals are $1 - x \cdot p_{(5)}$, with $p_{(5)}$ the fifth nearest kept text, and
$1 - \max_k x \cdot c_k$. The first knows small topics, the second what all texts of a class share.

Source: Sun et al. 2022, arXiv:2204.06507, for the distance to the k-th neighbour.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.sparse
from jaxtyping import Float64

from pellucid.classical.features.rows import Rows
from pellucid.novelty.measures import Measure
from pellucid.strict import Fields, Forms, Whole, read_arrays

MOST_KEPT, NEIGHBOUR = 1000, 5
_MOST_COLUMNS, _MOST_CENTRES = 10_000_000, 100_000
_BLOCK, _MOST_VALUES = 512, 1 << 22
_PARTS = ("kept", "centre")


@dataclass(frozen=True, eq=False)
class Neighbours(Measure):
    """Distance of sparse features from those of the training examples.

    Attributes:
        kind: key in `MEASURES`.
        SETTINGS: bounds of what a file states.
        kept: features of some training examples, the small ones left out.
        centres: features of each class, the small ones left out.
    """

    kind: ClassVar[str] = "neighbours"
    SETTINGS: ClassVar[Fields] = {
        "columns": Whole(1, _MOST_COLUMNS),
        "kept": Whole(1, MOST_KEPT),
        "kept_entries": Whole(0, _MOST_COLUMNS),
        "centre": Whole(1, _MOST_CENTRES),
        "centre_entries": Whole(0, _MOST_COLUMNS),
    }
    kept: scipy.sparse.csr_array
    centres: scipy.sparse.csr_array

    @property
    def columns(self) -> int:
        """Features of a row."""
        return int(self.kept.shape[1])

    @property
    def signals(self) -> int:
        """Numbers given for each row."""
        return 2

    def measure(self, rows: Rows) -> Float64[np.ndarray, "n signals"]:
        """Distances to the fifth neighbour and to the nearest centre, 0 to 1 where no feature is negative."""
        sparse = scipy.sparse.csr_array(rows)
        block = max(1, min(_BLOCK, _MOST_VALUES // max(self.kept.shape[0], self.centres.shape[0])))
        found = [self._measured(sparse[at : at + block]) for at in range(0, sparse.shape[0], block)]
        return np.concatenate(found) if found else np.zeros((0, self.signals))

    def _measured(self, rows: scipy.sparse.csr_array) -> Float64[np.ndarray, "n signals"]:
        likeness = (rows @ self.kept.T).toarray()
        place = min(NEIGHBOUR, likeness.shape[1])
        neighbour = np.partition(likeness, -place, axis=1)[:, -place]
        centre = (rows @ self.centres.T).toarray().max(axis=1)
        return 1 - np.stack([neighbour, centre], axis=1).astype(np.float64)

    def arrays(self) -> dict[str, np.ndarray]:
        """Fitted arrays."""
        found: dict[str, np.ndarray] = {}
        for name, part in zip(_PARTS, (self.kept, self.centres), strict=True):
            found |= {
                f"{name}_values": part.data.astype(np.float32),
                f"{name}_columns": part.indices.astype(np.int32),
                f"{name}_ends": part.indptr[1:].astype(np.int32),
            }
        return found

    def to_json(self) -> dict[str, Any]:
        """Sizes, from which `expected` tells the forms of the arrays."""
        return {
            "columns": self.columns,
            "kept": self.kept.shape[0],
            "kept_entries": self.kept.nnz,
            "centre": self.centres.shape[0],
            "centre_entries": self.centres.nnz,
        }

    @classmethod
    def _forms(cls, stated: Mapping[str, Any]) -> Forms:
        forms: Forms = {}
        for name in _PARTS:
            rows, entries = stated[name], stated[f"{name}_entries"]
            forms |= {
                f"{name}_values": ("float32", (entries,)),
                f"{name}_columns": ("int32", (entries,)),
                f"{name}_ends": ("int32", (rows,)),
            }
        return forms

    @classmethod
    def from_parts(cls, settings: object, arrays: Mapping[str, np.ndarray]) -> "Neighbours":
        """Build the measure from a file's content, or `ValueError`, as `Stored.from_parts`."""
        found = read_arrays("neighbours", cls.expected(settings), arrays)
        assert isinstance(settings, dict)  # `expected` refused everything else
        return cls(*(_rows(name, found, settings["columns"]) for name in _PARTS))


def _rows(name: str, arrays: Mapping[str, np.ndarray], columns: int) -> scipy.sparse.csr_array:
    """Sparse rows out of their arrays.

    Raises:
        ValueError: the arrays do not describe rows of this length.
    """
    values, places, ends = (arrays[f"{name}_{part}"] for part in ("values", "columns", "ends"))
    # Neighbours are compared, never subtracted: differences of int32 wrap around and would pass.
    if ends[0] < 0 or ends[-1] != len(values) or (ends[1:] < ends[:-1]).any():
        raise ValueError(f"neighbours: the rows of {name} do not end where its entries do")
    starts = np.concatenate([[0], ends[:-1]])
    rises = np.concatenate([np.ones(min(1, len(places)), bool), places[1:] > places[:-1]])
    rises[starts[starts < len(places)]] = True  # a row begins anew
    if len(places) and (places.min() < 0 or places.max() >= columns or not rises.all()):
        raise ValueError(f"neighbours: columns of {name} do not ascend from 0 or more to less than {columns}")
    return scipy.sparse.csr_array(
        (values, places, np.concatenate([[0], ends]).astype(np.int32)), shape=(len(ends), columns)
    )
