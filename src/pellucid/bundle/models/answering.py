"""Asking a model about any number of inputs, block by block."""

import contextlib
import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float, Float32, Shaped
from torch import Tensor, nn

from pellucid.networks import Network
from pellucid.networks.costs import rows_at_once

_MOST_IMAGES, _MOST_ROWS = 128, 4096
# Pixels of a block as a backbone sees them: more would fall out of the processor's cache.
_MOST_SEEN = 1 << 19
MOST_VALUES = 1 << 22
_GROUP = 64


def answer_in_batches(
    network: nn.Module,
    inputs: Shaped[np.ndarray, "examples ..."],
    answer: Callable[[Float[Tensor, "batch ..."]], Float[Tensor, "batch values"]],
) -> Float32[np.ndarray, "examples values"]:
    """Run a function of the network over a bounded number of inputs at a time, in fp32.

    A memory-mapped array is read batch by batch and never copied whole.

    Inputs are uint8 images (n, height, width, channels) or float32 features (n, features); `answer` gives one
    row for each. The network is in evaluation mode while it is asked.
    """
    if len(inputs) == 0:
        return answer_in_batches(network, np.zeros((1, *inputs.shape[1:]), inputs.dtype), answer)[:0]
    device = next(network.parameters()).device
    found = []
    with answering(network, device):
        for block in blocks(inputs, _most(network, inputs)):
            batch = torch.from_numpy(_filled_up(block)).to(device)
            if batch.ndim == 4:
                batch = batch.permute(0, 3, 1, 2)
            found.append(answer(batch.float()).cpu().numpy()[: len(block)])
    return np.concatenate(found)


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
    rows = min(most, max(1, MOST_VALUES // max(1, inputs[0].size)))
    for start in range(0, len(inputs), rows):
        yield np.array(inputs[start : start + rows])


@contextlib.contextmanager
def answering(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Hold a network in evaluation mode and plain fp32 for a while; everything is put back afterwards."""
    was_training = network.training
    network.eval()
    try:
        with (
            torch.inference_mode(),
            torch.autocast(device.type, enabled=False),
            torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False),
        ):
            yield
    finally:
        network.train(was_training)
