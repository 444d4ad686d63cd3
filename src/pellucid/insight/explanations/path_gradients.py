r"""Integrated gradients: the slope collected on the straight way from a baseline to the input.

$$a_i = (x_i - x'_i) \int_0^1 \frac{\partial F(x' + \alpha (x - x'))}{\partial x_i} \, d\alpha, \qquad
  \sum_i a_i = F(x) - F(x')$$

The integral is a mean over the middles of equal steps; their number is doubled until the sum on the right
holds to one hundredth, or 512 (64 through a backbone, where each takes longer) are reached. $F$ is the
log-odds of the class, $z_k - \ln \sum_{j \ne k} e^{z_j}$, or the number that is predicted. The baseline of an
image is its mean colour; of a text the vectors of its tokens are 0, and of a bag of n-grams the sum is its
bias alone.

Source: Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks", ICML, eq. 1 to 3 and
proposition 1 (completeness).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn

from pellucid.insight.layers.opening import still
from pellucid.networks import Network
from pellucid.networks.layers.texts import WeighedSum

_FEWEST, _MOST, _MOST_OF_BACKBONE, _ENOUGH = 32, 512, 64, 0.01
_VALUES_AT_ONCE = 1 << 21


class Collected(NamedTuple):
    """Integrated gradients of one input, and how complete they are.

    Attributes:
        scores: $a_i$, one for each pixel, or for each token.
        total: $F(x) - F(x')$.
        missing: how far the scores' sum is from it, as a share of the larger of both.
        steps: how many were taken.
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
        given.append(layer.bias + scaled.sum(1) if isinstance(layer, WeighedSum) else scaled)
        return log_odds(asked(tokens.expand(len(alphas), -1)), target)

    found = _collect(answers, vectors, vectors.numel(), _MOST)
    replaces.remove()
    scores = found.scores[0].sum(axis=1)
    if isinstance(layer, WeighedSum):  # it takes ids in ascending order
        scores[np.argsort(ids, kind="stable")] = scores.copy()
    return found._replace(scores=scores)


def has_way(network: Network) -> bool:
    """Tell a network of texts whose answer changes steadily on the way from no text to a text.

    The mean and maximum of pretrained vectors (`word-vectors`) are brought to length one: the whole way up to
    the text they are the same, and there is nothing to collect.
    """
    return any(isinstance(layer, (nn.Embedding, WeighedSum)) for layer in network.modules())


@torch.no_grad()
def _vectors(network: Network, tokens: Tensor) -> tuple[nn.Module, Tensor]:
    """Layer that turns ids into vectors, and the vectors of these (1, ids, numbers)."""
    for layer in network.modules():
        if isinstance(layer, nn.Embedding):
            return layer, layer(tokens)
        if isinstance(layer, WeighedSum):
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
        apart = abs(float(scores.sum()) - total)
        missing = apart / max(abs(total), abs(float(scores.sum())), 1e-12)
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
