"""The loop of the PyTorch tutorial on texts: DataLoader, zero_grad, forward, backward, step."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from contestants import EMBEDDING, FILTERS, HIDDEN, KERNELS, LEARNING_RATE
from contestants.data import Texts
from contestants.network import parameters_of


class TextNetwork(nn.Module):
    """Embeddings, an LSTM in both directions or convolutions, pools over the text, a dense layer.

    The data names the network, and gives the numbers of ids and classes.
    """

    def __init__(self, data: Texts) -> None:
        super().__init__()
        self.embedding = nn.Embedding(data.vocabulary, EMBEDDING)
        self.lstm: nn.Module | None = None
        self.convolutions = nn.ModuleList()
        if data.network == "rnn":
            self.lstm = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True, bidirectional=True)
            features = 4 * HIDDEN
        else:
            self.convolutions.extend(
                nn.Conv1d(EMBEDDING, FILTERS, kernel, padding="same") for kernel in KERNELS
            )
            features = FILTERS * len(KERNELS)
        self.dense = nn.Linear(features, data.classes)

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits."""
        words = self.embedding(ids)
        if self.lstm is not None:
            states = self.lstm(words)[0]
            pooled = torch.cat([states.amax(dim=1), states.mean(dim=1)], dim=1)
        else:
            words = words.transpose(1, 2)
            pooled = torch.cat([each(words).relu().amax(dim=2) for each in self.convolutions], dim=1)
        logits: Tensor = self.dense(pooled)
        return logits


def build(name: str, data: Texts) -> tuple[Callable[[str], float], int]:
    """A function that trains one epoch and returns its mean loss, and the trainable parameters."""
    ids, labels = torch.from_numpy(data.ids), torch.from_numpy(data.labels)
    network = TextNetwork(data)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)

    def epoch(which: str) -> float:
        part = data.part(which)
        loader = DataLoader(TensorDataset(ids[part], labels[part]), batch_size=data.batch, shuffle=True)
        network.train()
        total = 0.0
        for inputs, targets in loader:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=name.endswith("-bf16")):
                logits = network(inputs).float()
            loss = functional.cross_entropy(logits, targets)
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total / len(loader)

    return epoch, parameters_of(network)
