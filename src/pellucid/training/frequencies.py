"""Document frequencies of ids over the training texts: they weigh the words of a bag."""

import numpy as np
from jaxtyping import Int64
from scipy.sparse import csr_matrix

from pellucid.encoding.tokens.ragged import Tokens

_IDS = 4_000_000  # counted at once, so that memory does not grow with the data


def text_frequencies(tokens: Tokens, positions: Int64[np.ndarray, " texts"]) -> Int64[np.ndarray, " ids"]:
    """For each id of the vocabulary the number of texts at `positions` that hold it, repeats not counted."""
    counts = np.zeros(tokens.vocabulary, np.int64)
    ends = np.cumsum(tokens.lengths[positions])
    blocks = np.split(positions, np.searchsorted(ends, np.arange(_IDS, int(ends[-1:].sum()), _IDS)))
    for block in blocks:
        lengths = tokens.lengths[block]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        ids = tokens.ids[np.repeat(tokens.offsets[block] - offsets[:-1], lengths) + np.arange(offsets[-1])]
        shape = (len(block), tokens.vocabulary)
        by_id = csr_matrix((np.ones(len(ids), np.int8), ids, offsets), shape=shape).tocsc()
        # Texts stand in order below each id, so that one that holds an id twice stands there in a row.
        is_first = np.concatenate([[True], by_id.indices[1:] != by_id.indices[:-1]])[: len(ids)]
        starts = by_id.indptr[:-1]
        is_first[starts[starts < by_id.indptr[1:]]] = True
        seen = np.concatenate([[0], np.cumsum(is_first)])
        counts += np.diff(seen[by_id.indptr])
    return counts
