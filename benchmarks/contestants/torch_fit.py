"""The networks in PyTorch, trained by the loop of its tutorial, by fastai and by skorch."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from contestants import EMBEDDING, FILTERS, HIDDEN, KERNELS, LEARNING_RATE, WIDTHS, Data

Epoch = Callable[[slice], float]


def six_convolutions(input_shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    """Layers from standardised images of (channels, height, width) to logits; Pellucid trains them too."""
    incoming, height, width = input_shape
    layers: list[nn.Module] = []
    for number, outgoing in enumerate(WIDTHS, start=1):
        layers += [nn.Conv2d(incoming, outgoing, 3, padding=1, bias=False), nn.BatchNorm2d(outgoing)]
        layers += [nn.ReLU(inplace=True), *([] if number % 2 else [nn.MaxPool2d(2)])]
        incoming = outgoing
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(incoming * (height // 8) * (width // 8), classes))


class TextNetwork(nn.Module):
    """Embeddings, an LSTM in both directions or convolutions, pools over the text, a dense layer."""

    def __init__(self, data: Data) -> None:
        super().__init__()
        self.embedding = nn.Embedding(data.vocabulary, EMBEDDING)
        is_recurrent = data.network == "rnn"
        self.lstm = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True, bidirectional=True) if is_recurrent else None
        kernels = () if is_recurrent else KERNELS
        self.convolutions = nn.ModuleList(nn.Conv1d(EMBEDDING, FILTERS, k, padding="same") for k in kernels)
        self.dense = nn.Linear(4 * HIDDEN if is_recurrent else FILTERS * len(KERNELS), data.classes)

    def forward(self, ids: Tensor) -> Tensor:
        words = self.embedding(ids)
        if self.lstm is not None:
            states = self.lstm(words)[0]
            pools = [states.amax(dim=1), states.mean(dim=1)]
        else:
            pools = [each(words.transpose(1, 2)).relu().amax(dim=2) for each in self.convolutions]
        logits: Tensor = self.dense(torch.cat(pools, dim=1))
        return logits


class InBfloat16(nn.Module):
    """The same network under bf16 autocast, images channels last, as Pellucid trains it."""

    def __init__(self, network: nn.Module, images: bool) -> None:
        super().__init__()
        self.format = torch.channels_last if images else torch.contiguous_format
        self.network = network.to(memory_format=self.format)

    def forward(self, inputs: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits: Tensor = self.network(inputs.contiguous(memory_format=self.format))
        return logits.float()


def parameters_of(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def build(name: str, data: Data) -> tuple[Epoch, int]:
    """A function that trains on a part and returns its loss, and the trainable parameters."""
    if data.network:
        inputs, network = torch.from_numpy(data.inputs), TextNetwork(data)
    else:
        inputs = torch.from_numpy(data.standardised()).permute(0, 3, 1, 2).contiguous()
        network = six_convolutions(tuple(inputs.shape[1:]), data.classes)
    if name.endswith("-bf16"):
        network = InBfloat16(network, images=not data.network)
    loop = _LOOPS[name.removesuffix("-bf16")]
    return loop(network, inputs, torch.from_numpy(data.labels), data), parameters_of(network)


def _plain(network: nn.Module, inputs: Tensor, labels: Tensor, data: Data) -> Epoch:
    """The loop of the PyTorch tutorial: DataLoader, zero_grad, forward, backward, step."""
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)

    def epoch(part: slice) -> float:
        loader = DataLoader(TensorDataset(inputs[part], labels[part]), batch_size=data.batch, shuffle=True)
        network.train()
        total = 0.0
        for some, targets in loader:
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(some), targets)
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total / len(loader)

    return epoch


def _fastai(network: nn.Module, inputs: Tensor, labels: Tensor, data: Data) -> Epoch:
    """`Learner.fit` with its default callbacks and optimiser.

    Without worker processes, which fastai would start anew for every epoch, too dear for a short one.
    """
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.losses import CrossEntropyLossFlat

    def loaders(part: slice) -> DataLoaders:
        train, nothing = (TensorDataset(inputs[each], labels[each]) for each in (part, slice(0)))
        return DataLoaders.from_dsets(train, nothing, bs=data.batch, num_workers=0, device="cpu")

    by_part = {str(part): loaders(part) for part in (data.part(False), data.part(True))}
    start = next(iter(by_part.values()))
    learner = Learner(start, network, loss_func=CrossEntropyLossFlat(), lr=LEARNING_RATE)

    def epoch(part: slice) -> float:
        learner.dls = by_part[str(part)]
        learner.fit(1)
        return float(learner.recorder.smooth_loss.value)

    return epoch


def _skorch(network: nn.Module, inputs: Tensor, labels: Tensor, data: Data) -> Epoch:
    """`NeuralNetClassifier.partial_fit` at its defaults, without a validation split."""
    from skorch import NeuralNetClassifier

    given = {"criterion": nn.CrossEntropyLoss, "optimizer": torch.optim.Adam, "lr": LEARNING_RATE}
    given |= {"batch_size": data.batch, "max_epochs": 1, "train_split": None, "iterator_train__shuffle": True}
    classifier, images = NeuralNetClassifier(network, **given), inputs.numpy()

    def epoch(part: slice) -> float:
        classifier.partial_fit(images[part], data.labels[part])
        return float(classifier.history[-1]["train_loss"])

    return epoch


_LOOPS = {"pytorch": _plain, "fastai": _fastai, "skorch": _skorch}
