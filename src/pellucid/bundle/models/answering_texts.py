"""Asking a text network about any number of texts: those of like length together, answers in order."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from pellucid.bundle.models.answering import answering
from pellucid.encoding import Encoder
from pellucid.networks import Network
from pellucid.networks.costs import rows_at_once

MOST_TEXTS = 4096
_MOST_ROWS, _MOST_IDS, _MULTIPLE = 256, 1 << 15, 8
_MOST_VALUES = 1 << 22


def answer_texts(
    network: Network,
    encoder: Encoder,
    texts: Sequence[str],
    answer: Callable[[Int64[Tensor, "batch length"]], Float[Tensor, "batch values"]],
) -> Float32[np.ndarray, "texts values"]:
    """Run a function of the network over texts, a bounded number of tokens at a time, in fp32.

    Texts are sorted by length inside, so that little is filled up, and the rows put back in order.

    `answer` gives one row for each text, from its token ids. The network is in evaluation mode while it is
    asked. Texts are any that UTF-8 can write.
    """
    if len(texts) == 0:
        return answer_texts(network, encoder, [""], answer)[:0]
    device = next(network.parameters()).device
    # What the dense layers of a transformer hold of a batch stays near the processor: twice as fast.
    most = min(_MOST_IDS, _MOST_VALUES // max(1, network.config.feed_forward))
    most = min(most, encoder.length * rows_at_once(network.config, most))
    found = []
    with answering(network, device):
        for block in text_blocks(texts):
            tokens = encoder.encode(block)
            order = np.argsort(tokens.lengths, kind="stable")
            rows = [
                answer(torch.from_numpy(tokens.padded(batch, _MULTIPLE)).to(device)).cpu().numpy()
                for batch in _batches(order, tokens.lengths, most)
            ]
            in_order = np.empty((len(block), rows[0].shape[1]), np.float32)
            in_order[order] = np.concatenate(rows)
            found.append(in_order)
    return np.concatenate(found)


def text_blocks(texts: Sequence[str]) -> Iterator[list[str]]:
    """Take consecutive texts block by block, at least one at a time."""
    for start in range(0, len(texts), MOST_TEXTS):
        yield list(texts[start : start + MOST_TEXTS])


def _batches(
    order: Int64[np.ndarray, " texts"], lengths: Int64[np.ndarray, " texts"], most: int
) -> Iterator[Int64[np.ndarray, " batch"]]:
    """Cut texts that are sorted by length into batches of at most so many ids, padding included."""
    start = 0
    while start < len(order):
        end = start + 1
        while (
            end < len(order)
            and end - start < _MOST_ROWS
            and (end + 1 - start) * (lengths[order[end]] + _MULTIPLE) <= most
        ):
            end += 1
        yield order[start:end]
        start = end
