"""Near copies as sets: chains of pairs, each member confirmed on content.

Near copies come in pairs. Where A is nearly B, and B nearly C, A and C may have little in common: a chain
of such steps would in the end hold innocent examples. So a set grows from its first member, and takes in
only what is at most two steps of a near copy away from that member; what is farther begins a set of its own.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Int64

from pellucid.data.copies.sets import first_of_sets

# Tells which pairs of positions still resemble each other.
Resemble = Callable[[Int64[np.ndarray, "pairs 2"]], Bool[np.ndarray, " pairs"]]


def confirmed_chains(
    count: int, pairs: Int64[np.ndarray, "pairs 2"], resemble: Resemble
) -> Int64[np.ndarray, "links 2"]:
    """Link near copies to the first member of their set.

    `pairs` are near copies among `count` examples; `resemble` is asked about members that are no near copy
    of the first one themselves.
    """
    links = [np.zeros((0, 2), np.int64)]
    while len(pairs):
        first = first_of_sets(count, pairs)
        members = np.unique(pairs)
        members = members[first[members] != members]
        direct = pairs[first[pairs[:, 1]] == pairs[:, 0]][:, 1]
        far = np.setdiff1d(members, direct)
        asked = np.stack([first[far], far], axis=1)
        is_in = np.zeros(count, bool)
        is_in[first[members]] = is_in[direct] = True
        is_in[far] = resemble(asked)
        taken = members[is_in[members]]
        links.append(np.stack([first[taken], taken], axis=1))
        # Only pairs of two that stand outside can make further sets.
        pairs = pairs[~is_in[pairs].any(axis=1)]
    return np.concatenate(links)
