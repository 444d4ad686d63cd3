"""Texts of similar length side by side, so that little of a batch is padding."""

import numpy as np
from jaxtyping import Int64

# Batches whose texts are sorted together: more would save little padding, fewer would mix lengths better.
CHUNK = 64
# Examples that are scored at once.
ROWS = 500
# Ids, padding included, that are scored at once: their embeddings take some tens of megabytes.
IDS = 65_536


def batches_by_length(
    order: Int64[np.ndarray, " texts"],
    lengths: Int64[np.ndarray, " texts"],
    size: int,
    count: int,
    draws: np.random.Generator,
) -> list[Int64[np.ndarray, " batch"]]:
    """Cut texts into batches of similar length, in random order; positions of each.

    The texts are sorted inside chunks of `CHUNK` batches; equally long ones stay in random order.
    A last batch of another size is left as it was drawn: sorted, it would hold the longest texts in
    every epoch.

    `order` has positions of the training split in random order, `lengths` the number of ids of each of them.
    Of `count` batches of `size` texts the last one holds what the others leave; `draws` order them.
    """
    full = count if len(order) == count * size else count - 1
    whole = full * size
    chunk = np.arange(whole) // (CHUNK * size)
    by_length = order[:whole][np.lexsort((lengths[:whole], chunk))].reshape(full, size)
    batches = list(by_length[draws.permutation(full)])
    return batches if full == count else [*batches, order[whole:]]


def blocks_by_length(lengths: Int64[np.ndarray, " texts"]) -> list[Int64[np.ndarray, " block"]]:
    """Blocks of texts of similar length: up to `ROWS` texts, and up to `IDS` ids unless a text has more."""
    order = np.argsort(lengths, kind="stable")
    blocks: list[np.ndarray] = []
    start = 0
    while start < len(order):
        widths = np.maximum(lengths[order[start : start + ROWS]], 1)
        cells = widths * np.arange(1, len(widths) + 1)
        end = start + max(1, int(np.searchsorted(cells, IDS, side="right")))
        blocks.append(order[start:end])
        start = end
    return blocks
