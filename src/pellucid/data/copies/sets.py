"""Sets of examples that copies and groups hold together."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64


def together(
    pool: Int64[np.ndarray, " pool"], first: Int64[np.ndarray, " n"], groups: Sequence[str]
) -> Int64[np.ndarray, " pool"]:
    """Number the sets of examples that copies and groups hold together, by first appearance.

    `first` is the position of the first example with the same content. An empty group is none.
    """
    if not any(groups):
        _, leaders, of = np.unique(first[pool], return_index=True, return_inverse=True)
        return np.unique(leaders[of.reshape(-1)], return_inverse=True)[1].reshape(-1).astype(np.int64)
    parents = list(range(len(pool)))

    def root(member: int) -> int:
        while parents[member] != member:
            parents[member] = parents[parents[member]]
            member = parents[member]
        return member

    seen: dict[int | str, int] = {}
    for member, index in enumerate(pool.tolist()):
        for key in (int(first[index]), groups[index]):
            if key == "":
                continue
            earlier = seen.setdefault(key, member)
            if earlier != member:
                one, other = sorted((root(earlier), root(member)))
                parents[other] = one
    roots = np.array([root(member) for member in range(len(pool))], np.int64)
    return np.unique(roots, return_inverse=True)[1].reshape(-1).astype(np.int64)
