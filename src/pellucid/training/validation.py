"""Scores on the validation split after each epoch, in fp32 whatever training uses."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from pellucid.evaluation.metrics import confusion_matrix, log_loss, macro_f1
from pellucid.training.batches import Examples, to_tensor
from pellucid.training.state import Record

_BATCH = 500


def validator(network: nn.Module, examples: Examples, device: str) -> Callable[[], Record]:
    """Make the function that scores the network as it stands.

    Args:
        network: put into evaluation mode while it is scored.
        examples: their validation split is used.
        device: where the network lives.

    Returns:
        A function giving `validation_loss` (log loss), `validation_accuracy` and
        `validation_macro_f1`; an empty record when there is no validation split.
    """

    def validate() -> Record:
        if len(examples.validation) == 0:
            return {}
        probabilities = _probabilities(network, examples, device)
        labels = examples.labels[examples.validation]
        predicted = probabilities.argmax(axis=1)
        counts = confusion_matrix(labels, predicted, examples.classes)
        return {
            "validation_loss": log_loss(labels, probabilities),
            "validation_accuracy": float(np.trace(counts) / len(labels)),
            "validation_macro_f1": macro_f1(labels, predicted, examples.classes),
        }

    return validate


@torch.inference_mode()
def _probabilities(network: nn.Module, examples: Examples, device: str) -> np.ndarray:
    network.eval()
    rows = [
        network(to_tensor(examples.inputs[examples.validation[start : start + _BATCH]]).to(device))
        for start in range(0, len(examples.validation), _BATCH)
    ]
    return torch.cat(rows).double().softmax(dim=1).cpu().numpy()
