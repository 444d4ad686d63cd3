"""Attribution by gradients: integrated gradients from a baseline, and Grad-CAM of the last maps."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn
from torch.nn import functional

from pellucid.insight.opened_networks import still
from pellucid.networks import Network
from pellucid.networks.layers import GlobalPool
from pellucid.networks.text_layers import EmbeddingBag

_FEWEST, _MOST, _MOST_OF_BACKBONE, _ENOUGH = 32, 512, 64, 0.01
_VALUES_AT_ONCE = 1 << 21


class Collected(NamedTuple):
    """Integrated gradients of one input, and how complete they are.

    `scores`: $a_i$, one for each pixel, or for each token; `total`: $F(x) - F(x')$; `missing`: how far the
    scores' sum is from it, as a share of the larger of both; `steps`: how many were taken.
    """

    scores: Float64[np.ndarray, "..."]
    total: float
    missing: float
    steps: int


def log_odds(outputs: Float[Tensor, "batch outputs"], target: int | None) -> Float[Tensor, " batch"]:
    """Log-odds of the class `target` for each row of logits, or the predicted number where it is `None`."""
    if target is None:
        return outputs[:, 0]
    others = torch.cat([outputs[:, :target], outputs[:, target + 1 :]], 1)
    return outputs[:, target] - others.logsumexp(1)


def integrated_gradients_of_image(
    network: Network,
    image: Float[np.ndarray, "channels height width"],
    baseline: Float[np.ndarray, "channels height width"],
    target: int | None,
) -> Collected:
    """Score every raw pixel, added up over the channels, on the way from the baseline to the image."""
    asked = still(network)
    end, start = (torch.from_numpy(each.astype(np.float32))[None] for each in (image, baseline))

    def answers(alphas: Tensor, way: Tensor) -> Tensor:
        return log_odds(asked(start + alphas[:, None, None, None] * way), target)

    seen = 3 * math.prod(network.config.seen) if network.config.seen else image.size
    most = _MOST_OF_BACKBONE if network.config.seen else _MOST
    found = _collect(answers, end - start, max(image.size, seen), most)
    return found._replace(scores=found.scores[0].sum(axis=0))


def integrated_gradients_of_text(
    network: Network, ids: Int64[np.ndarray, " ids"], target: int | None
) -> Collected:
    """Score every id of a text, in their order; without padding.

    Raises: `ValueError` where the network has no such way (`has_way`).
    """
    asked = still(network)
    tokens = torch.from_numpy(ids)[None]
    layer, vectors = _vectors(asked, tokens)
    given: list[Tensor] = []
    replaces = layer.register_forward_hook(lambda _, __, ___: given[-1])

    def answers(alphas: Tensor, way: Tensor) -> Tensor:
        scaled = alphas[:, None, None] * way
        given.append(layer.bias + scaled.sum(1) if isinstance(layer, EmbeddingBag) else scaled)
        return log_odds(asked(tokens.expand(len(alphas), -1)), target)

    found = _collect(answers, vectors, vectors.numel(), _MOST)
    replaces.remove()
    scores = found.scores[0].sum(axis=1)
    if isinstance(layer, EmbeddingBag):  # it takes ids in ascending order
        scores[np.argsort(ids, kind="stable")] = scores.copy()
    return found._replace(scores=scores)


def has_way(network: Network) -> bool:
    """Tell a network of texts whose answer changes steadily on the way from no text to a text.

    The mean and maximum of pretrained vectors (`word-vectors`) are brought to length one: the whole way up to
    the text they are the same, and there is nothing to collect.
    """
    return any(isinstance(layer, (nn.Embedding, EmbeddingBag)) for layer in network.modules())


@torch.no_grad()
def _vectors(network: Network, tokens: Tensor) -> tuple[nn.Module, Tensor]:
    """Layer that turns ids into vectors, and the vectors of these (1, ids, numbers)."""
    for layer in network.modules():
        if isinstance(layer, nn.Embedding):
            return layer, layer(tokens)
        if isinstance(layer, EmbeddingBag):
            ids = tokens.sort(dim=1).values
            return layer, layer.weigh(ids)[:, :, None] * layer.weight[ids]
    raise ValueError("no vectors of ids that the way leads along")


def _collect(answers: Callable[[Tensor, Tensor], Tensor], way: Tensor, size: int, most: int) -> Collected:
    """Integrate with more and more steps, at most so many, until the scores add up to the difference.

    `size` is how many numbers the network sees at each step.
    """
    with torch.no_grad():
        first, last = answers(torch.tensor([0.0, 1.0]), way).double().tolist()
    total, steps = last - first, _FEWEST
    while True:
        slope = _mean_slope(answers, way, steps, size)
        scores = (slope * way.double()).numpy()
        difference = abs(float(scores.sum()) - total)
        missing = difference / max(abs(total), abs(float(scores.sum())), 1e-12)
        if missing <= _ENOUGH or steps >= most:
            return Collected(scores, total, missing, steps)
        steps *= 2


def _mean_slope(answers: Callable[[Tensor, Tensor], Tensor], way: Tensor, steps: int, size: int) -> Tensor:
    """Mean of the gradient at the middles of equal steps."""
    at_once = max(1, _VALUES_AT_ONCE // (16 * size))
    total = torch.zeros_like(way, dtype=torch.float64)
    for alphas in torch.split((torch.arange(steps) + 0.5) / steps, at_once):
        # The slope at a point of the way is that of the way's own values, divided by how far it went.
        moved = (way.expand(len(alphas), *way.shape[1:])).clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(answers(alphas, moved).sum(), moved)
        spread = alphas.view(-1, *[1] * (way.ndim - 1))
        total += (gradient.double() / spread.double()).sum(0, keepdim=True)
    return total / steps


def has_maps(network: Network) -> bool:
    """True of convolutional networks of images; false of perceptrons and networks of texts."""
    return any(isinstance(layer, nn.Conv2d) for layer in network.modules()) and _last(network) is not None


def grad_cam(
    network: Network, image: Float[np.ndarray, "channels height width"], target: int | None
) -> Float64[np.ndarray, "height width"]:
    r"""Grad-CAM of raw pixels for a class, or for a predicted number where `target` is `None`.

    The last maps $A$, each weighted by its mean gradient, and the positive part of their sum:
    $\alpha_k = \frac{1}{RC} \sum_{rc} \partial F / \partial A_{krc}$ and
    $G_{rc} = \max(0, \sum_k \alpha_k A_{krc})$.

    Source: Selvaraju et al. 2017, "Grad-CAM: visual explanations from deep networks", ICCV, eq. 1 and 2.
    """
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
