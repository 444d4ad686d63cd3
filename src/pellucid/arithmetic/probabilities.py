"""Probabilities from logits, at a temperature, and averaged over models."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Float64, Int64


def softmax(
    logits: Float[np.ndarray, "examples classes"],
) -> Float[np.ndarray, "examples classes"]:
    r"""Probabilities $p_k = e^{z_k} / \sum_j e^{z_j}$ of each row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def at_temperature(
    probabilities: Float64[np.ndarray, "examples classes"], temperature: float
) -> Float64[np.ndarray, "examples classes"]:
    r"""Make probabilities bolder (below 1) or more cautious (above 1); the order of classes stays.

    $$q_k = \frac{p_k^{1/T}}{\sum_j p_j^{1/T}}$$

    Of a softmax this is the softmax of the logits divided by $T$.

    Args:
        probabilities: rows that sum to one.
        temperature: $T$, above 0; at 1 the very same array comes back.

    Returns:
        Rows that sum to one.

    Source:
        Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2.
    """
    if temperature == 1:
        return probabilities
    powers = (probabilities / probabilities.max(axis=1, keepdims=True)) ** (1 / temperature)
    tempered: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return tempered


def decided(
    probabilities: Float[np.ndarray, "examples classes"],
    classes: Sequence[str],
    threshold: Mapping[str, float],
) -> Int64[np.ndarray, " examples"]:
    """Class of each example: the most probable one (of equals the first), or by a threshold.

    `threshold` holds one of two classes, which is answered where its probability is at least so large, or
    nothing.
    """
    found: np.ndarray = probabilities.argmax(axis=1)
    for name, least in threshold.items():
        code = classes.index(name)
        found = np.where(probabilities[:, code] >= least, code, 1 - code)
    return found


def checked_threshold(value: object, classes: Sequence[str]) -> dict[str, float]:
    """A threshold as `decided` takes it, read from a file that is not trusted.

    Raises: `ValueError` if it is no object of one of two classes and a probability.
    """
    if not isinstance(value, dict) or len(value) != 1 or len(classes) != 2 or not value.keys() <= {*classes}:
        raise ValueError("'threshold' is not an object of one of two classes")
    (least,) = value.values()
    if isinstance(least, bool) or not isinstance(least, (int, float)) or not 0 <= least <= 1:
        raise ValueError("'threshold' is not a probability from 0 to 1")
    return {name: float(least) for name in value}


def weighted_mean(
    said: Sequence[Float64[np.ndarray, "n ..."]], weights: Sequence[int]
) -> Float64[np.ndarray, "n ..."]:
    r"""Mean $\sum_m w_m p_m / \sum_m w_m$ of the answers of several models about the same examples.

    `said` are probabilities or numbers, one array for each model; `weights` are their whole weights, at least
    one above 0. Summed up in the order given.
    """
    found: np.ndarray = np.zeros(said[0].shape)
    for rows, weight in zip(said, weights, strict=True):
        if weight:
            found += weight / sum(weights) * rows  # the weight itself could carry a number out of range
    return found


def trust(
    probability: Float[np.ndarray, " n"], novelty: Float[np.ndarray, " n"] | None, rate: float = 1.0
) -> Float64[np.ndarray, " n"]:
    """Trust in each answer: its probability, or 0 where the input is unfamiliar or a number is missing.

    Args:
        probability: of the answer.
        novelty: of the input; `None` where the model has no detector.
        rate: share of familiar inputs that may count as unfamiliar; those above a novelty of 1 less it do.

    Returns:
        0 to 1, from numbers rounded to 32 bits, as held-out ones are stored.
    """
    found = np.asarray(probability, np.float32).astype(np.float64)
    if novelty is not None:
        # An unfamiliar input is never answered: no rate of errors among familiar ones speaks of it.
        found = np.where(np.asarray(novelty, np.float32).astype(np.float64) <= 1 - rate, found, 0.0)
    return np.nan_to_num(found, nan=0.0)
