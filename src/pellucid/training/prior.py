"""The prior of an autoencoder fitted anew after training: a Gaussian mixture for each class, by EM."""

import numpy as np
import torch
from jaxtyping import Float64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.networks import Autoencoder
from pellucid.pieces import in_pieces
from pellucid.training.batches import ROWS, Examples, to_tensor

_MOST_DRAWS = 30_000  # training images
_ROUNDS = 60  # of expectation and maximisation
_FEWEST_EACH = 20  # images of a component; fewer would make it a copy of them
_NEVER = -30.0  # logarithm of a weight
_LEAST_VARIANCE = 1e-3  # of a component
_LEAST_WEIGHT = 1e-4  # of a component

Draws = Float64[np.ndarray, "draws latent"]
Components = Float64[np.ndarray, "components latent"]


@torch.no_grad()
def refit_prior(network: Autoencoder, examples: Examples, seed: int, device: str) -> None:
    r"""Fit the prior of each class of a trained autoencoder anew, to at most 30,000 training images.

    While the encoder still moves, the prior runs after it, and what is drawn from it looks like less than the
    decoder can do. So the mixture of each class is fitted once more, by expectation and maximisation, to one
    draw for each training image. With responsibilities $r_{ik}$ of component $k$ for draw $i$

    $$w_k = \frac{1}{n} \sum_i r_{ik}, \qquad m_k = \frac{\sum_i r_{ik} z_i}{\sum_i r_{ik}}, \qquad
      s_k^2 = \frac{\sum_i r_{ik} (z_i - m_k)^2}{\sum_i r_{ik}}$$

    A fixed prior stays.

    Source: Bishop 2006, "Pattern recognition and machine learning", eq. 9.17 to 9.22; Ghosh et al. 2020,
        "From variational to deterministic autoencoders", arXiv:1903.12436, section 4, for fitting afterwards.
    """
    prior = network.prior
    if not prior.means.requires_grad:
        return
    network.eval()
    positions = examples.train[:: -(-len(examples.train) // _MOST_DRAWS)]
    noise = generator(seed, Purpose.PRIOR).standard_normal((len(positions), network.latent), np.float32)

    @torch.inference_mode()
    def drawn(block: slice) -> np.ndarray:
        found = network.posterior(to_tensor(examples.inputs, positions[block]).to(device))
        return found.drawn(torch.from_numpy(noise[block]).to(device)).double().cpu().numpy()

    blocks = [slice(start, start + ROWS) for start in range(0, len(positions), ROWS)]
    draws, labels = np.concatenate(in_pieces(drawn, blocks)), examples.labels[positions]
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
        # Probability that each draw comes from each component.
        precisions = 1 / variances
        away = (
            draws**2 @ precisions.T - 2 * draws @ (means * precisions).T + (means**2 * precisions).sum(axis=1)
        )
        joint = np.log(weights) - 0.5 * (away + np.log(variances).sum(axis=1))
        joint = np.exp(joint - joint.max(axis=1, keepdims=True))
        responsibilities: np.ndarray = joint / joint.sum(axis=1, keepdims=True)
        sums = responsibilities.sum(axis=0) + 1e-9
        means = responsibilities.T @ draws / sums[:, None]
        squares = responsibilities.T @ draws**2 / sums[:, None]
        variances = np.maximum(squares - means**2, _LEAST_VARIANCE)
        weights = np.maximum(sums / len(draws), _LEAST_WEIGHT)
        weights /= weights.sum()
    return weights, means, variances
