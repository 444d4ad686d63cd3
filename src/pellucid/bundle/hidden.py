"""Width of the last hidden layer of a network."""

import torch

from pellucid.networks import Network
from pellucid.networks.families import outline


def hidden_size(network: Network) -> int:
    """Count the units of the last hidden layer without computing it."""
    config = network.config
    sketch = outline(config).eval()
    kind = torch.int64 if config.vocabulary else torch.float32
    nothing = torch.empty((1, *config.input_shape), dtype=kind, device="meta")
    return int(sketch.features(nothing).shape[1])
