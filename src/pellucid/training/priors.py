r"""Prior of a trained autoencoder, fitted anew to what its encoder makes of the training images.

While the encoder still moves, the prior runs after it, and what is drawn from it looks like less than the
decoder can do. So when training is over, the mixture of each class is fitted once more, by expectation and
maximisation, to one draw for each training image. With responsibilities $r_{ik}$ of component $k$ for
draw $i$

$$w_k = \frac{1}{n} \sum_i r_{ik}, \qquad m_k = \frac{\sum_i r_{ik} z_i}{\sum_i r_{ik}}, \qquad
  s_k^2 = \frac{\sum_i r_{ik} (z_i - m_k)^2}{\sum_i r_{ik}}$$

Source: Bishop 2006, "Pattern recognition and machine learning", eq. 9.17 to 9.22; Ghosh et al. 2020, "From
variational to deterministic autoencoders", arXiv:1903.12436, section 4, for densities fitted afterwards.
"""

import numpy as np
import torch
from jaxtyping import Float64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.networks import Autoencoder
from pellucid.training.batches import Examples, to_tensor
from pellucid.training.lengths import ROWS

_MOST_DRAWS = 30_000
_ROUNDS = 60
_FEWEST_EACH = 20  # images of a component; fewer would make it a copy of them
_NEVER = -30.0  # logarithm of a weight
_LEAST_VARIANCE, _LEAST_WEIGHT = 1e-3, 1e-4

Draws = Float64[np.ndarray, "draws latent"]
Components = Float64[np.ndarray, "components latent"]


@torch.inference_mode()
def refit_prior(network: Autoencoder, examples: Examples, seed: int, device: str) -> None:
    """Fit the prior of each class to at most 30,000 training images; a fixed one stays."""
    prior = network.prior
    if not prior.means.requires_grad:
        return
    network.eval()
    positions = examples.train[:: -(-len(examples.train) // _MOST_DRAWS)]
    noise = generator(seed, Purpose.PRIOR)
    rows = []
    for block in np.split(positions, range(ROWS, len(positions), ROWS)):
        found = network.posterior(to_tensor(examples.inputs, block).to(device))
        drawn = noise.standard_normal((len(block), network.latent), dtype=np.float32)
        rows.append(found.drawn(torch.from_numpy(drawn).to(device)).double().cpu().numpy())
    draws, labels = np.concatenate(rows), examples.labels[positions]
    for code in range(len(prior.means)):
        of_class = draws[labels == code]
        count = min(prior.means.shape[1], len(of_class) // _FEWEST_EACH)
        if not count:
            continue  # too few images for one component: what was learnt in training stays
        starts = generator(seed, Purpose.PRIOR, 1 + code).permutation(len(of_class))
        weights, means, variances = _mixture(of_class, of_class[starts[:count]])
        prior.logits[code] = _NEVER  # of components that the class has too few images for
        prior.logits[code, :count] = torch.from_numpy(np.log(weights))
        prior.means[code, :count] = torch.from_numpy(means)
        prior.log_variances[code, :count] = torch.from_numpy(np.log(variances))


def _mixture(
    draws: Draws, means: Components
) -> tuple[Float64[np.ndarray, " components"], Components, Components]:
    """Weights, means and variances of a mixture, from means to start with."""
    count = len(means)
    weights = np.full(count, 1 / count)
    variances = np.tile(np.maximum(draws.var(axis=0), _LEAST_VARIANCE), (count, 1))
    for _ in range(_ROUNDS):
        responsibilities = _responsibilities(draws, weights, means, variances)
        sums = responsibilities.sum(axis=0) + 1e-9
        means = responsibilities.T @ draws / sums[:, None]
        squares = responsibilities.T @ draws**2 / sums[:, None]
        variances = np.maximum(squares - means**2, _LEAST_VARIANCE)
        weights = np.maximum(sums / len(draws), _LEAST_WEIGHT)
        weights /= weights.sum()
    return weights, means, variances


def _responsibilities(
    draws: Draws, weights: Float64[np.ndarray, " components"], means: Components, variances: Components
) -> Float64[np.ndarray, "draws components"]:
    """Probability that each draw comes from each component."""
    precisions = 1 / variances
    away = draws**2 @ precisions.T - 2 * draws @ (means * precisions).T + (means**2 * precisions).sum(axis=1)
    joint = np.log(weights) - 0.5 * (away + np.log(variances).sum(axis=1))
    joint = np.exp(joint - joint.max(axis=1, keepdims=True))
    shares: np.ndarray = joint / joint.sum(axis=1, keepdims=True)
    return shares
