r"""Grad-CAM: the last maps, each weighted by its mean gradient, and the positive part of their sum.

$$\alpha_k = \frac{1}{RC} \sum_{r,c} \frac{\partial F}{\partial A_{krc}}, \qquad
  G_{rc} = \max\Bigl(0, \sum_k \alpha_k A_{krc}\Bigr)$$

with $A$ the maps before the network pools or flattens them, and $F$ as in `path_gradients.py`.

Source: Selvaraju et al. 2017, "Grad-CAM: visual explanations from deep networks", ICCV, eq. 1 and 2.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn
from torch.nn import functional

from pellucid.insight.explanations.path_gradients import log_odds
from pellucid.insight.layers.opening import still
from pellucid.networks import Network
from pellucid.networks.layers.shared import GlobalPool


def has_maps(network: Network) -> bool:
    """True of convolutional networks of images; false of perceptrons and networks of texts."""
    return any(isinstance(layer, nn.Conv2d) for layer in network.modules()) and _last(network) is not None


def grad_cam(
    network: Network, image: Float[np.ndarray, "channels height width"], target: int | None
) -> Float64[np.ndarray, "height width"]:
    """Grad-CAM of raw pixels for a class, or for a predicted number where `target` is `None`."""
    asked = still(network).requires_grad_(True)
    kept: list[Tensor] = []
    last = _last(asked)
    assert last is not None  # has_maps
    last.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
    answer = log_odds(asked(torch.from_numpy(image.astype(np.float32))[None]), target)
    (gradient,) = torch.autograd.grad(answer.sum(), kept[0])
    weighed = functional.relu((gradient.mean((2, 3), keepdim=True) * kept[0]).sum(1, keepdim=True))
    drawn = functional.interpolate(weighed.detach(), image.shape[1:], mode="bilinear", align_corners=False)
    found: np.ndarray = drawn[0, 0].double().numpy()
    return found


def _last(network: Network) -> nn.Module | None:
    """Layer that takes the last maps; in a backbone the pool at its end, where that takes channels first."""
    if network.config.backbone:
        pools = [each for each in network.modules() if type(each).__name__ == "SelectAdaptivePool2d"]
        takes_rows = pools and getattr(pools[-1].pool, "dim", (2, 3)) == (2, 3)
        return pools[-1] if takes_rows else None
    layers: Sequence[nn.Module] = [
        layer for layer in network.modules() if isinstance(layer, (GlobalPool, nn.Flatten))
    ]
    return layers[-1] if layers else None
