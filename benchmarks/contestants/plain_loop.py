"""The loop of the PyTorch tutorial: DataLoader, zero_grad, forward, backward, step."""

from collections.abc import Callable

import torch
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from contestants import LEARNING_RATE
from contestants.data import Data
from contestants.network import network_for, parameters_of


def build(name: str, data: Data) -> tuple[Callable[[str], float], int]:
    """A function that trains one epoch and returns its mean loss, and the trainable parameters."""
    images = torch.from_numpy(data.standardised()).permute(0, 3, 1, 2).contiguous()
    labels = torch.from_numpy(data.labels)
    network = network_for(name, tuple(images.shape[1:]), data.classes)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)

    def epoch(which: str) -> float:
        part = data.part(which)
        loader = DataLoader(TensorDataset(images[part], labels[part]), batch_size=data.batch, shuffle=True)
        network.train()
        total = 0.0
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(inputs), targets)
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total / len(loader)

    return epoch, parameters_of(network)
