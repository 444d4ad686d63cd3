"""What a model refuses: impossible temperatures, questions it cannot answer, inputs of another form."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped

from pellucid.data.preprocessing import Preprocessing
from pellucid.errors import DataError

LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.01, 100.0


def checked_temperature(temperature: float, classes: Sequence[str]) -> float:
    """Refuse a temperature that no fit gives.

    Args:
        temperature: what a model is to have.
        classes: its classes; none where it predicts numbers.

    Returns:
        The temperature.

    Raises:
        ValueError: it is not finite, out of bounds, or not 1 in a model of numbers.
    """
    if not LEAST_TEMPERATURE <= temperature <= MOST_TEMPERATURE:
        raise ValueError(
            f"temperature: {str(temperature)[:40]} is outside {LEAST_TEMPERATURE:g} to {MOST_TEMPERATURE:g}"
        )
    if temperature != 1 and not classes:
        raise ValueError(f"temperature: {temperature} in a model of numbers, where only 1 has a meaning")
    return float(temperature)


def require_classes(classes: Sequence[str]) -> None:
    """Refuse to speak of probabilities where a number is predicted.

    Args:
        classes: of the model.

    Raises:
        DataError: there are none.
    """
    if not classes:
        raise DataError("model: it predicts numbers and has no probabilities; use predict_values")


def require_numbers(classes: Sequence[str]) -> None:
    """Refuse to speak of numbers where classes are predicted.

    Args:
        classes: of the model.

    Raises:
        DataError: there are some.
    """
    if classes:
        raise DataError("model: it predicts classes and no numbers; use predict_proba")


def require_pictures(pixels: Shaped[np.ndarray, "..."], preprocessing: Preprocessing) -> None:
    """Refuse arrays that the preprocessing of a model did not make.

    Args:
        pixels: what a model was given.
        preprocessing: the model's.

    Raises:
        DataError: with what was found and what is expected.
    """
    expected = (preprocessing.height, preprocessing.width, preprocessing.channels)
    if pixels.ndim != 4 or pixels.shape[1:] != expected or pixels.dtype != np.uint8:
        raise DataError(
            f"pictures: found {pixels.dtype} of shape {pixels.shape}, expected uint8 of shape "
            f"(n, {', '.join(map(str, expected))}); pass them through the model's preprocessing"
        )


def require_vectors(rows: Shaped[np.ndarray, "..."], length: int) -> None:
    """Refuse arrays that are not feature vectors of a length.

    Args:
        rows: what a model was given.
        length: numbers in one vector; 0 where any length will do.

    Raises:
        DataError: with what was found and what is expected.
    """
    if rows.ndim != 2 or (length and rows.shape[1] != length) or rows.dtype != np.float32:
        raise DataError(
            f"features: found {rows.dtype} of shape {rows.shape}, expected float32 of shape "
            f"(n, {length or 'any'})"
        )
