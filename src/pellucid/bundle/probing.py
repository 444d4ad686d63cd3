"""A first question to a model that was just read: weights may be finite and its answers not."""

import math
from collections.abc import Sequence

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Int64
from torch import Tensor

from pellucid.budgets import MEMORY
from pellucid.bundle.checks import Inputs, finite_answers
from pellucid.bundle.model import Model
from pellucid.bundle.models.classical import ClassicalModel
from pellucid.bundle.models.generator import Generator
from pellucid.bundle.models.on_network import OnNetwork
from pellucid.encoding.tokens.ragged import UNKNOWN
from pellucid.errors import ModelFileError
from pellucid.networks import Network, NetworkConfig
from pellucid.tasks import CLASSIFICATION, TEXTS

# Bytes that one probability takes until it is written, and inputs that are answered at a time.
_OUTPUT_BYTES, _ROWS = 72, 256

_KNOWN = 64
_TEXTS = ("", "a", "The quick brown fox jumps over 13 lazy dogs!")


def require_affordable_classes(classes: Sequence[str]) -> None:
    """Refuse more classes than one block of answers has room for.

    Raises: `ValueError` with the figures.
    """
    needed = _OUTPUT_BYTES * _ROWS * len(classes)
    if needed > MEMORY.value():
        raise ValueError(
            f"{len(classes):,} classes: their probabilities would take {needed / 1e9:,.1f} GB "
            f"for {_ROWS} inputs; {MEMORY.remedy}"
        )


def require_answers(model: Model, place: str) -> None:
    """Ask a model about a few plain inputs, and make an image with one that makes some.

    Raises: `ModelFileError` if a number that it gives is not finite, or it cannot answer.
    """
    try:
        with np.errstate(all="ignore"):
            _ask(model)
    except ModelFileError as error:
        raise ModelFileError(f"{place}: {str(error).removeprefix('model: ')}") from error
    except (ArithmeticError, LookupError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelFileError(f"{place}: cannot answer ({reason}); use an undamaged copy") from error


def _ask(model: Model) -> None:
    inputs = _plain(model)
    network = getattr(model, "network", None)
    if isinstance(network, Network) and network.config.vocabulary:
        with torch.inference_mode():
            finite_answers(network(_known(network.config)))
    if isinstance(model, ClassicalModel) and model.tfidf is not None:
        finite_answers(model.predictor.predict(_some_of(model.predictor.inputs)))
    if isinstance(model, Generator):
        model.sample(np.zeros(1, np.int64), seed=0)
        model.transform(inputs)
    elif isinstance(model, OnNetwork):
        model.said_of(model.outputs_and_seen(inputs)[:, : model.network.config.outputs])
    elif model.target is CLASSIFICATION:
        model.predict_proba(inputs)
    else:
        model.predict_values(inputs)


def _known(config: NetworkConfig) -> Int64[Tensor, "rows length"]:
    """Ids from all over a vocabulary, since plain words may be unknown: the first, and some far apart."""
    length = min(config.input_shape[0], _KNOWN)
    spread = np.linspace(UNKNOWN, config.vocabulary - 1, 2 * length).astype(np.int64)
    first = np.minimum(np.arange(UNKNOWN + 1, UNKNOWN + 1 + length), config.vocabulary - 1)
    return torch.from_numpy(np.stack([first, spread[::2], spread[1::2]]))


def _some_of(columns: int) -> scipy.sparse.csr_array:
    """One row of TF-IDF with features from all over a vocabulary, since plain texts may hold none of them."""
    chosen = np.unique(np.linspace(0, columns - 1, min(columns, _KNOWN)).astype(np.int64))
    values = np.full(len(chosen), 1 / math.sqrt(max(1, len(chosen))), np.float32)
    return scipy.sparse.csr_array((values, chosen, [0, len(chosen)]), shape=(1, columns))


def _plain(model: Model) -> Inputs:
    """Inputs without anything special: black, white and grey; short texts; vectors of zeros and ones."""
    if model.input_kind is TEXTS:
        return list(_TEXTS)
    prepared = model.preprocessing
    if prepared is not None:
        shape = (prepared.height, prepared.width, prepared.channels)
        ramp = np.linspace(0, 255, int(np.prod(shape))).reshape(shape).astype(np.uint8)
        return np.stack([np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), ramp])
    length = getattr(model, "features", None)
    size = length if isinstance(length, int) else getattr(model, "length", 0)
    return np.stack([np.zeros(size or 1, np.float32), np.ones(size or 1, np.float32)])
