"""skorch: `NeuralNetClassifier.partial_fit` at its defaults, without a validation split."""

from collections.abc import Callable

import torch
from skorch import NeuralNetClassifier
from torch import nn

from contestants import LEARNING_RATE
from contestants.data import Data
from contestants.network import network_for, parameters_of


def build(name: str, data: Data) -> tuple[Callable[[str], float], int]:
    """A function that trains one epoch and returns its mean loss, and the trainable parameters."""
    images = torch.from_numpy(data.standardised()).permute(0, 3, 1, 2).contiguous().numpy()
    network = network_for(name, images.shape[1:], data.classes)
    classifier = NeuralNetClassifier(
        network,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=LEARNING_RATE,
        batch_size=data.batch,
        max_epochs=1,
        train_split=None,
        iterator_train__shuffle=True,
    )

    def epoch(which: str) -> float:
        part = data.part(which)
        classifier.partial_fit(images[part], data.labels[part])
        return float(classifier.history[-1]["train_loss"])

    return epoch, parameters_of(network)
