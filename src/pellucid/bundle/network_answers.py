"""Asking a network about any number of images, texts or features, block by block."""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64, Shaped
from torch import Tensor, nn

from pellucid.bundle.model import Inputs
from pellucid.encoding import Encoder, Tokens
from pellucid.networks import Network
from pellucid.networks.costs import rows_at_once
from pellucid.pieces import in_pieces

_MOST_IMAGES = 128  # of one block
_MOST_ROWS = 4096  # feature vectors of one block
# Pixels of a block as a backbone sees them: more would fall out of the processor's cache.
_MOST_SEEN = 1 << 19
MOST_VALUES = 1 << 22
_GROUP = 64
# Inputs that several models are asked about at a time, or of which features are computed.
MOST_EXAMPLES = 1024


def answer_in_batches(
    network: nn.Module,
    inputs: Shaped[np.ndarray, "examples ..."],
    answer: Callable[[Float[Tensor, "batch ..."]], Float[Tensor, "batch values"]],
) -> Float32[np.ndarray, "examples values"]:
    """Run a function of the network over a bounded number of inputs at a time, in fp32 and evaluation mode.

    Inputs are uint8 images (n, height, width, channels) or float32 features (n, features); a memory-mapped
    array is read batch by batch and never copied whole. `answer` gives one row for each.
    """
    if len(inputs) == 0:
        return answer_in_batches(network, np.zeros((1, *inputs.shape[1:]), inputs.dtype), answer)[:0]
    device = next(network.parameters()).device
    rows = rows_of_block(inputs, _most(network, inputs))

    def ask(start: int) -> np.ndarray:
        block = np.array(inputs[start : start + rows])  # which may be a memory map
        with plain(device):
            batch = torch.from_numpy(_filled_up(block)).to(device)
            if batch.ndim == 4:
                batch = batch.permute(0, 3, 1, 2)
            return answer(batch.float()).cpu().numpy()[: len(block)]

    with answering(network, device):
        return np.concatenate(in_pieces(ask, range(0, len(inputs), rows)))


def _most(network: nn.Module, inputs: Shaped[np.ndarray, "examples ..."]) -> int:
    """Examples of a block; a backbone sees images larger than they are stored."""
    most = _MOST_ROWS if inputs.ndim != 4 else _MOST_IMAGES
    if not isinstance(network, Network):
        return most
    seen = network.config.seen
    if seen and inputs.ndim == 4:
        most = max(1, min(most, _MOST_SEEN // math.prod(seen)))
    return rows_at_once(network.config, most)


def _filled_up(block: Shaped[np.ndarray, "block ..."]) -> Shaped[np.ndarray, "rows ..."]:
    """Fill a block of feature vectors up with zeros, to whole groups of rows.

    Matrix products then treat every row alike: its answer is the same alone and among others, to the
    last bit. Very long vectors, and images, would cost too much.
    """
    if block.ndim != 2 or block.shape[1] * _GROUP > MOST_VALUES:
        return block
    return np.pad(block, ((0, -len(block) % _GROUP), (0, 0)))


def blocks(
    inputs: Shaped[np.ndarray, "examples ..."], most: int = _MOST_ROWS
) -> Iterator[Shaped[np.ndarray, "block ..."]]:
    """Copy inputs, which may be a memory map, block by block into memory.

    A block has 1 to `most` consecutive examples; large inputs come fewer at a time.
    """
    rows = rows_of_block(inputs, most)
    for start in range(0, len(inputs), rows):
        yield np.array(inputs[start : start + rows])


def rows_of_block(inputs: Shaped[np.ndarray, "examples ..."], most: int) -> int:
    """Examples that a block of one or more inputs has: 1 to `most`."""
    return min(most, max(1, MOST_VALUES // max(1, math.prod(inputs.shape[1:]))))


def input_blocks(inputs: Inputs) -> Iterator[Inputs]:
    """Take checked inputs of any kind, perhaps a memory map, in blocks of consecutive ones."""
    if not isinstance(inputs, np.ndarray):
        yield from text_blocks(inputs)
    elif len(inputs):
        yield from blocks(inputs, MOST_EXAMPLES)


@contextlib.contextmanager
def answering(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Keep a network in evaluation mode and plain fp32 for a while; everything is put back afterwards."""
    was_training = network.training
    network.eval()
    try:
        with plain(device), torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
            yield
    finally:
        network.train(was_training)


@contextlib.contextmanager
def plain(device: torch.device) -> Iterator[None]:
    """Compute in fp32 and without gradients, a setting that each thread has of its own."""
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        yield


# Asking a text network about any number of texts: those of like length together, answers in order.

MOST_TEXTS = 4096
_MOST_IN_BATCH = 256  # texts
_MOST_IDS = 1 << 15  # of a batch with its padding
_MULTIPLE = 8  # ids that a length is rounded up to
_MOST_VALUES = 1 << 22


def answer_texts(
    network: Network,
    encoder: Encoder,
    texts: Sequence[str],
    answer: Callable[[Int64[Tensor, "batch length"]], Float[Tensor, "batch values"]],
) -> Float32[np.ndarray, "texts values"]:
    """Run a function of the network over texts, a bounded number of tokens at a time, in fp32.

    Texts are any that UTF-8 can write. They are sorted by length inside, so that little is filled up, and the
    rows put back in order. `answer` gives one row for each text, from its token ids.
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

            def ask(batch: Int64[np.ndarray, " batch"], tokens: Tokens = tokens) -> np.ndarray:
                ids = torch.from_numpy(tokens.padded(batch, _MULTIPLE)).to(device)
                with plain(device):
                    return answer(ids).cpu().numpy()

            rows = in_pieces(ask, list(_batches(order, tokens.lengths, most)))
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
            and end - start < _MOST_IN_BATCH
            and (end + 1 - start) * (lengths[order[end]] + _MULTIPLE) <= most
        ):
            end += 1
        yield order[start:end]
        start = end
