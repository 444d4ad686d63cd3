"""Standardisation of features before a model learns from them."""

import numpy as np
from jaxtyping import Float32

_BLOCK_VALUES = 1 << 21
_SMALLEST = 1e-6


def scaling(
    features: Float32[np.ndarray, "n d"], one_unit: bool
) -> tuple[Float32[np.ndarray, " d"], Float32[np.ndarray, " d"]]:
    """Mean of each feature, and the factor that brings the mean variance to one.

    Features of `one_unit`, as pixels are, keep their proportions; others are each brought to variance one.
    A feature that does not change, but for rounding, gets the factor 0: it has nothing to say.
    """
    rows = max(1, _BLOCK_VALUES // features.shape[1])
    starts = range(0, len(features), rows)
    nothing = np.zeros(features.shape[1])
    mean = sum((features[at : at + rows].sum(axis=0, dtype=np.float64) for at in starts), nothing) / len(
        features
    )
    square = sum((((features[at : at + rows] - mean) ** 2).sum(axis=0) for at in starts), nothing) / len(
        features
    )
    deviation = np.sqrt(square)
    changes = deviation > _SMALLEST * np.maximum(np.abs(mean), np.finfo(np.float32).tiny)
    if one_unit and changes.any():
        deviation[:] = np.sqrt(square[changes].mean())
    scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=changes)
    return mean.astype(np.float32), scale.astype(np.float32)


def standardise(
    features: Float32[np.ndarray, "n d"], mean: Float32[np.ndarray, " d"], scale: Float32[np.ndarray, " d"]
) -> Float32[np.ndarray, "n d"]:
    """Features less their mean, times their scale; new rows."""
    shifted: np.ndarray = features - mean
    shifted *= scale
    return shifted
