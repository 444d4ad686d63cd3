"""Sets of examples that copies, siblings and groups hold together."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64


def together(
    pool: Int64[np.ndarray, " pool"], first: Int64[np.ndarray, " n"], groups: Sequence[str]
) -> Int64[np.ndarray, " pool"]:
    """Number the sets of examples that copies, siblings and groups hold together, by first appearance.

    `first` is the position of the first example that each one stays with. An empty group is none.
    """
    if any(groups):
        first = linked(first, first_of_groups(groups))
    _, leaders, of = np.unique(first[pool], return_index=True, return_inverse=True)
    return np.unique(leaders[of.reshape(-1)], return_inverse=True)[1].reshape(-1).astype(np.int64)


def first_of_groups(groups: Sequence[str]) -> Int64[np.ndarray, " n"]:
    """For each example the position of the first one of its group; its own where it has none."""
    seen: dict[str, int] = {}
    return np.array(
        [seen.setdefault(group, index) if group else index for index, group in enumerate(groups)], np.int64
    )


def linked(*firsts: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Join sets that share an example: for each example the first position of the joined set."""
    places = np.arange(len(firsts[0]), dtype=np.int64)
    pairs = [np.stack([places, first], axis=1)[first != places] for first in firsts]
    return first_of_sets(len(places), np.concatenate(pairs))


def first_of_sets(count: int, pairs: Int64[np.ndarray, "pairs 2"]) -> Int64[np.ndarray, " count"]:
    """For each of `count` examples the first position that pairs link it to, in any number of steps."""
    first = np.arange(count, dtype=np.int64)
    while len(pairs):
        roots = np.sort(first[pairs], axis=1)
        apart = roots[:, 0] != roots[:, 1]
        pairs, roots = pairs[apart], roots[apart]
        # Each later root hangs on an earlier one, so that no circle can arise; then all point to the root.
        np.minimum.at(first, roots[:, 1], roots[:, 0])
        while not np.array_equal(first, first[first]):
            first = first[first]
    return first
