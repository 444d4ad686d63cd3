"""Scores on the validation split after each epoch, in fp32 whatever training uses."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from pellucid.evaluation.metrics import confusion_matrix, log_loss, macro_f1
from pellucid.networks import Network
from pellucid.training.batches import Examples, to_tensor
from pellucid.training.state import Record

_BATCH = 500


def validator(network: Network, examples: Examples, device: str) -> Callable[[], Record]:
    """Make the function that scores the network as it stands.

    Args:
        network: put into evaluation mode while it is scored.
        examples: their validation split is used.
        device: where the network lives.

    Returns:
        A function giving `validation_loss` (log loss), `validation_accuracy` and
        `validation_macro_f1`, or, for numbers, `validation_loss` (mean squared error of standardised
        numbers), `validation_root_mean_squared_error`, `validation_mean_absolute_error` and
        `validation_r2`; an empty record when there is no validation split.
    """
    score = _score_numbers if examples.is_numbers else _score_classes

    def validate() -> Record:
        return score(network, examples, device) if len(examples.validation) else {}

    return validate


def _score_classes(network: Network, examples: Examples, device: str) -> Record:
    probabilities = _outputs(network, examples, device).softmax(dim=1).cpu().numpy()
    labels = examples.labels[examples.validation]
    predicted = probabilities.argmax(axis=1)
    counts = confusion_matrix(labels, predicted, examples.classes)
    return {
        "validation_loss": log_loss(labels, probabilities),
        "validation_accuracy": float(np.trace(counts) / len(labels)),
        "validation_macro_f1": macro_f1(labels, predicted, examples.classes),
    }


def _score_numbers(network: Network, examples: Examples, device: str) -> Record:
    assert network.rescale is not None
    labels = examples.labels[examples.validation]
    errors = _outputs(network, examples, device)[:, 0].cpu().numpy() - labels
    squared = float(np.square(errors).mean())
    return {
        "validation_loss": squared / float(network.rescale.std) ** 2,
        "validation_root_mean_squared_error": squared**0.5,
        "validation_mean_absolute_error": float(np.abs(errors).mean()),
        "validation_r2": _r2(labels, squared),
    }


def _r2(labels: Float64[np.ndarray, " examples"], mean_squared_error: float) -> float:
    r"""Share of the variance that is explained, $1 - \text{MSE} / \sigma_y^2$.

    Of labels that are all equal there is none to explain: 1 for exact predictions, else 0.
    """
    variance = float(labels.var())
    if variance > 0.0:
        return 1.0 - mean_squared_error / variance
    return 1.0 if mean_squared_error == 0.0 else 0.0


@torch.inference_mode()
def _outputs(network: Network, examples: Examples, device: str) -> Tensor:
    """What the network says on the validation split, in float64."""
    network.eval()
    rows = [
        network(to_tensor(examples.inputs[examples.validation[start : start + _BATCH]]).to(device))
        for start in range(0, len(examples.validation), _BATCH)
    ]
    return torch.cat(rows).double()
