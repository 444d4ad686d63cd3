"""Measures of novelty: Mahalanobis distance of features, cosine distance from the nearest training texts."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np
import scipy.sparse
from jaxtyping import Float32, Float64, Int32

from pellucid.classical.predictors import Rows, dense
from pellucid.language.sentence import Sentence
from pellucid.safety.stored import Stored
from pellucid.safety.strict import Whole


class Measure(Stored):
    """Map from features, `columns` a row, to one or two numbers, larger for what is foreign."""

    columns: int

    @property
    @abstractmethod
    def signals(self) -> int:
        """Numbers given for each row."""

    @property
    @abstractmethod
    def _block(self) -> int:
        """Rows that are measured at a time, to bound the memory."""

    @abstractmethod
    def _measured(self, rows: Rows) -> Float64[np.ndarray, "n signals"]:
        """Signals of some rows."""

    def measure(self, rows: Rows) -> Float64[np.ndarray, "n signals"]:
        """Signals of each row of length `columns`; larger is more foreign."""
        starts = range(0, rows.shape[0], self._block)
        found = [self._measured(rows[at : at + self._block]) for at in starts]
        return np.concatenate([np.zeros((0, self.signals)), *found])


# Mahalanobis distance of features from those of the training examples.
#
# Notation: $x$ features, $s$ scale of each; $v = u - \mu$ with $u = x / s$, for a hidden layer brought to
# length 1, $u = x / \lVert x \rVert$: which units answer says more than how strongly all of them do.
# $V$ holds the $r$ directions in which training examples vary most, $L$ whitens what is left there within
# a class, $c_k$ is the centre of class $k$, and $\sigma^2$ the variance in each of the other directions.
#
# $$d^2 = \min_k \lVert v V L - c_k \rVert^2 + (\lVert v \rVert^2 - \lVert v V \rVert^2) / \sigma^2$$
#
# Of a hidden layer a second number is given, $-\ln \lVert x \rVert$: few units answer to what the network
# does not know at all, such as texts without a known word.
#
# Chosen by `benchmarks/novelty.py`, over Mahalanobis without lengths, neighbours, energy and probabilities.
#
# Source: Lee et al. 2018, arXiv:1807.03888, for the distance to class centres; Mueller and Hein 2025,
#     arXiv:2505.18032, for features of length 1.

MOST_AXES = 256  # directions
MOST_CENTRES = 1000  # classes
_MOST_COLUMNS = 10_000_000
_BLOCK_VALUES = 1 << 22
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Directions(Measure):
    """Mahalanobis distance of dense features from those of the training examples."""

    kind: ClassVar[str] = "directions"
    SIZES: ClassVar[Mapping[str, Whole]] = {
        "columns": Whole(1, _MOST_COLUMNS),
        "axes": Whole(1, MOST_AXES),
        "centres": Whole(1, MOST_CENTRES),
    }
    columns: int = field(init=False)  # features of a row
    of_layer: bool  # whether the features are a hidden layer, whose length is a signal by itself
    scale: Float32[np.ndarray, " columns"]  # what each feature is divided by; positive
    mean: Float32[np.ndarray, " columns"]  # of the scaled features of the training examples
    axes: Float32[np.ndarray, "columns axes"]  # orthonormal columns, the directions in which these vary most
    # from coordinates along the axes to those in which a class has variance 1
    whitening: Float32[np.ndarray, "axes axes"]
    centres: Float32[np.ndarray, "centres axes"]  # of each class, in whitened coordinates
    rest: Float32[np.ndarray, "1"]  # variance in every direction but the axes; 0 where there is none

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", len(self.mean))

    @property
    def signals(self) -> int:
        """Numbers given for each row."""
        return 2 if self.of_layer else 1

    @property
    def _block(self) -> int:
        return max(1, _BLOCK_VALUES // (self.columns + len(self.centres)))

    def _measured(self, rows: Rows) -> Float64[np.ndarray, "n signals"]:
        scaled, lengths = brought_to_scale(dense(rows, 0, rows.shape[0]), self.scale, self.of_layer)
        offset = scaled - self.mean
        along = (offset.astype(np.float32) @ self.axes).astype(np.float64)  # what costs most
        white = along @ self.whitening.astype(np.float64)
        centres = self.centres.astype(np.float64)
        squared = (white**2).sum(axis=1, keepdims=True) - 2 * white @ centres.T + (centres**2).sum(axis=1)
        distance: np.ndarray = np.maximum(squared.min(axis=1), 0)
        if self.rest[0] > 0:
            remaining = (offset**2).sum(axis=1) - (along**2).sum(axis=1)
            distance += np.maximum(remaining, 0) / float(self.rest[0])
        np.sqrt(distance, out=distance)
        if not self.of_layer:
            return distance[:, np.newaxis]
        return np.stack([distance, -np.log(lengths + _TINY)], axis=1)

    def _check(self) -> None:
        if not (self.scale > 0).all() or self.rest[0] < 0:
            raise ValueError("directions: a scale is not positive, or a variance is negative")


def brought_to_scale(
    rows: Float32[np.ndarray, "n columns"], scale: Float32[np.ndarray, " columns"], of_layer: bool
) -> tuple[Float64[np.ndarray, "n columns"], Float64[np.ndarray, " n"]]:
    """Features over their scale, of a hidden layer over their length too, and the length of each row."""
    scaled = rows.astype(np.float64) / scale
    lengths = np.sqrt((scaled**2).sum(axis=1))
    if of_layer:
        scaled /= np.maximum(lengths, _TINY)[:, np.newaxis]
    return scaled, lengths


# Cosine distance of a text's TF-IDF weights from the nearest training texts and the nearest class.
#
# Notation: $x$ the TF-IDF weights of a text, of length 1, or 0 where it holds no known word; $p_i$ those of
# kept training texts, of the heaviest words of each alone; $c_k$ the centre of class $k$, of its heaviest
# words alone, of length 1.
#
# The two signals are $1 - x \cdot p_{(5)}$, with $p_{(5)}$ the fifth nearest kept text, and
# $1 - \max_k x \cdot c_k$. The first knows small topics, the second what all texts of a class share.
#
# Source: Sun et al. 2022, arXiv:2204.06507, for the distance to the k-th neighbour.

MOST_KEPT = 1000  # training examples
NEIGHBOUR = 5  # the fifth nearest
_MOST_TERMS = 10_000_000  # entries that are not 0
_MOST_CENTRES = 100_000  # classes
_BLOCK = 512  # rows at a time
_MOST_VALUES = 1 << 22  # likenesses at a time


@dataclass(frozen=True, eq=False)
class Neighbours(Measure):
    """Distance of sparse features from those of the training examples."""

    kind: ClassVar[str] = "neighbours"
    SIZES: ClassVar[Mapping[str, Whole]] = {
        "kept": Whole(1, MOST_KEPT),
        "kept_entries": Whole(0, _MOST_TERMS),
        "centre": Whole(1, _MOST_CENTRES),
        "centre_entries": Whole(0, _MOST_TERMS),
    }
    columns: Annotated[int, Whole(1, _MOST_TERMS)]  # features of a row
    # features of some training examples, example by example, the small ones left out
    kept_values: Float32[np.ndarray, " kept_entries"]
    kept_columns: Int32[np.ndarray, " kept_entries"]  # the column of each, ascending within an example
    kept_ends: Int32[np.ndarray, " kept"]  # where those of each example end
    centre_values: Float32[np.ndarray, " centre_entries"]  # likewise of the centre of each class
    centre_columns: Int32[np.ndarray, " centre_entries"]  # likewise
    centre_ends: Int32[np.ndarray, " centre"]  # likewise

    @classmethod
    def of(cls, kept: scipy.sparse.csr_array, centres: scipy.sparse.csr_array) -> "Neighbours":
        """The measure by the rows of kept texts and of centres."""
        parts = {"kept": kept, "centre": centres}
        arrays = {
            **{f"{name}_ends": part.indptr[1:].astype(np.int32) for name, part in parts.items()},
            **{f"{name}_values": part.data.astype(np.float32) for name, part in parts.items()},
            **{f"{name}_columns": part.indices.astype(np.int32) for name, part in parts.items()},
        }
        return cls(columns=int(kept.shape[1]), **arrays)

    @cached_property
    def kept(self) -> scipy.sparse.csr_array:
        """Features of some training examples."""
        return _rows("kept", self.kept_values, self.kept_columns, self.kept_ends, self.columns)

    @cached_property
    def centres(self) -> scipy.sparse.csr_array:
        """Features of each class."""
        return _rows("centre", self.centre_values, self.centre_columns, self.centre_ends, self.columns)

    @property
    def signals(self) -> int:
        """Numbers given for each row."""
        return 2

    @property
    def _block(self) -> int:
        return max(1, min(_BLOCK, _MOST_VALUES // max(len(self.kept_ends), len(self.centre_ends))))

    def _measured(self, rows: Rows) -> Float64[np.ndarray, "n signals"]:
        sparse = scipy.sparse.csr_array(rows)
        likeness = (sparse @ self.kept.T).toarray()
        place = min(NEIGHBOUR, likeness.shape[1])
        neighbour = np.partition(likeness, -place, axis=1)[:, -place]
        centre = (sparse @ self.centres.T).toarray().max(axis=1)
        return 1 - np.stack([neighbour, centre], axis=1).astype(np.float64)

    def _check(self) -> None:
        self.kept, self.centres  # noqa: B018  # each refuses arrays that describe no rows


def _rows(
    name: str,
    values: Float32[np.ndarray, " entries"],
    places: Int32[np.ndarray, " entries"],
    ends: Int32[np.ndarray, " rows"],
    columns: int,
) -> scipy.sparse.csr_array:
    """Sparse rows out of their arrays; a `ValueError` where these do not describe rows of this length."""
    # Neighbours are compared, never subtracted: differences of int32 wrap around and would pass.
    if ends[0] < 0 or ends[-1] != len(values) or (ends[1:] < ends[:-1]).any():
        raise ValueError(Sentence("neighbours: the rows of {name} do not end where its entries do", name))
    starts = np.concatenate([[0], ends[:-1]])
    rises = np.concatenate([np.ones(min(1, len(places)), bool), places[1:] > places[:-1]])
    rises[starts[starts < len(places)]] = True  # a row begins anew
    if len(places) and (places.min() < 0 or places.max() >= columns or not rises.all()):
        raise ValueError(
            Sentence(
                "neighbours: columns of {name} do not ascend from 0 or more to less than {columns}",
                name,
                columns,
            )
        )
    return scipy.sparse.csr_array(
        (values, places, np.concatenate([[0], ends]).astype(np.int32)), shape=(len(ends), columns)
    )
