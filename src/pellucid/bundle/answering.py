"""Asking a network about any number of inputs: batch by batch, in fp32 and evaluation mode."""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Shaped
from torch import Tensor

from pellucid.networks import Network

_MOST_PICTURES, _MOST_ROWS = 128, 4096
_MOST_VALUES = 1 << 22


def answer_in_batches(
    network: Network,
    inputs: Shaped[np.ndarray, "examples ..."],
    answer: Callable[[Float[Tensor, "batch ..."]], Float[Tensor, "batch values"]],
) -> Float32[np.ndarray, "examples values"]:
    """Run a function of the network over a bounded number of inputs at a time.

    A memory-mapped array is read batch by batch and never copied whole.

    Args:
        network: put into evaluation mode while it is asked.
        inputs: uint8 pictures (n, height, width, channels) or float32 features (n, features).
        answer: from inputs as the network takes them to one row for each.

    Returns:
        The rows.
    """
    if len(inputs) == 0:
        return answer_in_batches(network, np.zeros((1, *inputs.shape[1:]), inputs.dtype), answer)[:0]
    device = next(network.parameters()).device
    most = _MOST_PICTURES if inputs.ndim == 4 else _MOST_ROWS
    rows = min(most, max(1, _MOST_VALUES // inputs[0].size))
    found = []
    with _answering(network, device):
        for start in range(0, len(inputs), rows):
            batch = torch.from_numpy(np.array(inputs[start : start + rows])).to(device)
            if batch.ndim == 4:
                batch = batch.permute(0, 3, 1, 2)
            found.append(answer(batch.float()).cpu().numpy())
    return np.concatenate(found)


@contextlib.contextmanager
def _answering(network: Network, device: torch.device) -> Iterator[None]:
    """Evaluation mode and plain fp32 for a while; everything is put back afterwards."""
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


def softmax(
    logits: Float64[np.ndarray, "examples classes"],
) -> Float64[np.ndarray, "examples classes"]:
    r"""Probabilities $p_k = e^{z_k} / \sum_j e^{z_j}$ of each row.

    Args:
        logits: one row for each example.

    Returns:
        Rows that sum to one.
    """
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return probabilities
