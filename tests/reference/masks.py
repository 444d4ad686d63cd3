"""Dropout of torch with masks that the reference knows."""

import numpy as np
import torch
from torch import nn

from pellucid.networks import Network
from pellucid.reference.dense import draw_mask


def draws_of(network: Network, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Have dropout use masks of ours; the dict always holds those of the last forward pass."""
    masks: dict[str, np.ndarray] = {}

    def hook_of(name):
        def hook(layer, inputs, output):
            if not layer.training:
                return output
            masks[f"{name}.mask"] = draw_mask(tuple(output.shape), layer.p, generator)
            return torch.from_numpy(masks[f"{name}.mask"]) * inputs[0] / (1 - layer.p)

        return hook

    for name, layer in network.named_modules():
        if isinstance(layer, nn.Dropout):
            layer.register_forward_hook(hook_of(name))
    return masks
