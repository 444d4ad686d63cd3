"""Evidence lower bound of an autoencoder on held-out images, in its terms, and its active units."""

import math

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.bundle import AutoencoderModel
from pellucid.data import Dataset
from pellucid.evaluation.intervals import percentile_interval, resample

# A latent number is active where more than this share of its variance in a class is that of the means, and
# not the doubt about each image (after Burda, Grosse and Salakhutdinov 2016, arXiv:1509.00519, section 5.2).
ACTIVE_ABOVE = 0.01


def bound_scores(
    model: AutoencoderModel, dataset: Dataset, positions: Int64[np.ndarray, " n"], seed: int
) -> dict[str, dict[str, float]]:
    """Bound on some images with 95 % intervals by the bootstrap.

    `bits_per_dimension`, and in nats per image `elbo` and its terms `reconstruction` and `kl`, where the
    bound is minus their sum; nothing without images.
    """
    if not len(positions):
        return {}
    found = model.bound(np.asarray(dataset.inputs)[positions], dataset.labels[positions], seed)
    unit = math.prod(model.shape) * math.log(2)
    rows = {
        "bits_per_dimension": found.total / unit,
        "elbo": -found.total,
        "reconstruction": found.reconstruction,
        "kl": found.divergence,
    }
    return {name: _with_interval(values, seed) for name, values in rows.items()}


def active_units(model: AutoencoderModel, dataset: Dataset, positions: Int64[np.ndarray, " n"]) -> int:
    """Number of latent numbers that tell images of one class apart, by some images of the data."""
    means, variances = model.posteriors(np.asarray(dataset.inputs)[positions])
    labels = dataset.labels[positions]
    shares, weights = [], []
    for code in np.unique(labels).tolist():
        told = means[labels == code].astype(np.float64).var(axis=0)
        shares.append(told / (told + variances[labels == code].mean(axis=0)))
        weights.append(int((labels == code).sum()))
    if not shares:
        return 0
    return int((np.average(shares, axis=0, weights=weights) > ACTIVE_ABOVE).sum())


def _with_interval(values: Float64[np.ndarray, " n"], seed: int) -> dict[str, float]:
    """Mean of some numbers with its 95 % interval."""
    draws = resample(lambda weights: weights @ values[:, None] / len(values), len(values), seed)
    return percentile_interval(float(values.mean()), draws[:, 0])._asdict()
