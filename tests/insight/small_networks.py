"""One small network of every family, most of them trained a little, with an input for each."""

import functools

import numpy as np
import torch
from torch.nn import functional

from pellucid.bundle import ImageModel, Model, TextModel
from pellucid.insight.opened_networks import Opened, open_network
from small_models import CLASSES, SMALL, digits, number_model, untrained_model
from text_models import text_model, texts

IMAGES = {
    "cnn": lambda: untrained_model("cnn"),
    "cnn-average-no-norm": lambda: untrained_model(
        "cnn", pooling="average", batch_norm=False, activation="leaky-relu"
    ),
    SMALL: lambda: untrained_model(SMALL),
    "lenet": lambda: untrained_model("lenet", activation="tanh"),
    "lenet-average": lambda: untrained_model("lenet", pooling="average", activation="sigmoid", width=4),
    "mlp": lambda: untrained_model("mlp", width=16),
    "softmax-regression": lambda: untrained_model("mlp", depth=0),
    "cnn-of-numbers": lambda: number_model(),
}
TEXTS = {
    "bag": lambda: text_model("bag"),
    "text-cnn": lambda: text_model("text-cnn"),
    "lstm": lambda: text_model("rnn"),
    "gru": lambda: text_model("rnn", cell="gru", depth=2),
    "sentence-encoder": lambda: text_model("sentence-encoder", length=32, depth=1),
    "lstm-of-numbers": lambda: text_model("rnn", ()),
}
NAMES = [*IMAGES, *TEXTS]
OF_CLASSES = [name for name in NAMES if not name.endswith("numbers")]


@functools.cache
def model(name: str) -> Model:
    """The model; those of classes were trained for some steps."""
    made = {**IMAGES, **TEXTS}[name]()
    if made.classes:
        _train(made)
    made.network.eval()
    return made


def _train(made: ImageModel | TextModel) -> None:
    labels = torch.from_numpy(digits()[1][:256])
    if isinstance(made, TextModel):
        inputs = torch.from_numpy(made.encoder.encode(texts()[:256]).padded(np.arange(256), 8))
    else:
        inputs = torch.from_numpy(digits()[0][:256]).permute(0, 3, 1, 2).float()
    weights = [each for each in made.network.parameters() if each.requires_grad]
    optimiser = torch.optim.Adam(weights, lr=0.01)
    made.network.train()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(12):
            optimiser.zero_grad()
            functional.cross_entropy(made.network(inputs), labels).backward()
            optimiser.step()


def asked(name: str, number: int = 300) -> np.ndarray:
    """An input of a model, as its network takes it."""
    made = model(name)
    if isinstance(made, TextModel):
        return made.encoder.encode([texts()[number]]).padded(np.array([0]), 1)
    return digits()[0][number : number + 1].transpose(0, 3, 1, 2).astype(np.float32)


@functools.cache
def opened(name: str) -> Opened:
    """A network opened on its input."""
    return open_network(model(name).network, asked(name))


__all__ = ["CLASSES", "IMAGES", "NAMES", "OF_CLASSES", "TEXTS", "asked", "model", "opened"]
