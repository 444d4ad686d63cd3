"""Refusals of models: impossible temperatures, parts that disagree, inputs of another form."""

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

import numpy as np
from jaxtyping import Shaped, UInt8
from torch import Tensor

from pellucid.arithmetic.finite import require_finite
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.data.labels.texts import is_encodable
from pellucid.data.texts.store import Texts
from pellucid.encoding import Encoder
from pellucid.errors import DataError
from pellucid.networks import NetworkConfig

# Inputs that models are asked about: images or feature vectors as one array, or texts.
Inputs: TypeAlias = Shaped[np.ndarray, "examples ..."] | Sequence[str]

Answers = TypeVar("Answers", Tensor, np.ndarray)

LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.01, 100.0


def checked_temperature(temperature: float, classes: Sequence[str]) -> float:
    """Refuse a temperature that no fit gives.

    There are no `classes` where numbers are predicted.

    Raises: `ValueError` if it is not finite, out of bounds, or not 1 in a model of numbers.
    """
    if not LEAST_TEMPERATURE <= temperature <= MOST_TEMPERATURE:
        raise ValueError(
            f"temperature: {str(temperature)[:40]} is outside {LEAST_TEMPERATURE:g} to {MOST_TEMPERATURE:g}"
        )
    if temperature != 1 and not classes:
        raise ValueError(f"temperature: {temperature} in a model of numbers, where only 1 has a meaning")
    return float(temperature)


def finite_answers(answers: Answers) -> Answers:
    """Refuse numbers of a model that are not finite, though its weights are; they are no answers.

    Raises: `NotFiniteError` with their places among the inputs that were asked about together.
    """
    require_finite(answers.numpy(force=True) if isinstance(answers, Tensor) else answers)
    return answers


def require_agreement(config: NetworkConfig, encoder: Encoder) -> None:
    """Refuse a network and an encoder that do not speak of the same ids.

    Raises: `ValueError` if the network takes other inputs, or knows more or fewer ids.
    """
    if config.vocabulary != encoder.vocabulary:
        raise ValueError(f"the network knows {config.vocabulary} tokens, the vocabulary {encoder.vocabulary}")
    if tuple(config.input_shape) != (encoder.length,):
        raise ValueError(
            f"the network takes {tuple(config.input_shape)}, but texts have at most {encoder.length} tokens"
        )


def require_images(
    inputs: Inputs, preprocessing: Preprocessing
) -> UInt8[np.ndarray, "examples height width channels"]:
    """Refuse what the preprocessing of a model did not make.

    Raises: `DataError` with what was found and what is expected.
    """
    expected = (preprocessing.height, preprocessing.width, preprocessing.channels)
    if (
        not isinstance(inputs, np.ndarray)
        or inputs.ndim != 4
        or inputs.shape[1:] != expected
        or inputs.dtype != np.uint8
    ):
        raise DataError(
            f"images: found {_form(inputs)}, expected uint8 of shape "
            f"(n, {', '.join(map(str, expected))}); pass them through the model's preprocessing"
        )
    return inputs


def require_vectors(inputs: Inputs, length: int) -> Shaped[np.ndarray, "examples features"]:
    """Refuse what is no array of feature vectors of a length; 0 where any length will do.

    Raises: `DataError` with what was found and what is expected.
    """
    if (
        not isinstance(inputs, np.ndarray)
        or inputs.ndim != 2
        or (length and inputs.shape[1] != length)
        or inputs.dtype != np.float32
    ):
        raise DataError(f"features: found {_form(inputs)}, expected float32 of shape (n, {length or 'any'})")
    return inputs


def require_texts(inputs: object) -> Sequence[str]:
    """Refuse what is no list of texts, and give the same texts; an array of them as a list.

    Raises: `DataError` if it is a single text or no list, or holds something that is no text or that UTF-8
    cannot write; with its position, from 0.
    """
    if isinstance(inputs, Texts):
        return inputs
    if isinstance(inputs, np.ndarray) and inputs.ndim == 1 and inputs.dtype.kind in "UO":
        inputs = inputs.tolist()
    if isinstance(inputs, str):
        raise DataError("texts: found a single text, expected a list of them; put it into a list")
    if not isinstance(inputs, Sequence) or isinstance(inputs, (bytes, bytearray, memoryview)):
        raise DataError(f"texts: found {_form(inputs)}, expected a list of texts")
    for position, text in enumerate(inputs):
        if not isinstance(text, str):
            raise DataError(
                f"texts: {type(text).__name__} at position {position}, expected a text; leave it out"
            )
        if not is_encodable(text):
            raise DataError(
                f"texts: half a character (a lone surrogate) in the text at position {position}; "
                "read its source anew in the right encoding, or leave it out"
            )
    return inputs


def _form(inputs: object) -> str:
    """Type and shape, for messages."""
    if isinstance(inputs, np.ndarray):
        return f"{inputs.dtype} of shape {inputs.shape}"
    return type(inputs).__name__
