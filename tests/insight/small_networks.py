"""One small network of every family, most of them trained a little, with an input for each."""

import functools

import numpy as np
import torch
from torch.nn import functional

from pellucid.bundle import ImageModel, Model, TextModel
from pellucid.insight.opened_networks import Opened, open_network
from pellucid.networks import build
from pellucid.networks.config import NetworkConfig, PatchAttention
from pellucid.targets import CLASSIFICATION, PRESENT, UNKNOWN
from small_models import (
    CLASSES,
    DIGITS,
    LABELS,
    SMALL,
    digits,
    label_model,
    number_model,
    states,
    untrained_model,
    with_labels,
)
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
    "vision-transformer": lambda: patch_model(),
    "cnn-of-numbers": lambda: number_model(),
    "cnn-of-labels": lambda: label_model().at(1.7),
}
TEXTS = {
    "bag": lambda: text_model("bag"),
    "text-cnn": lambda: text_model("text-cnn"),
    "lstm": lambda: text_model("rnn"),
    "gru": lambda: text_model("rnn", cell="gru", depth=2),
    "transformer": lambda: text_model("transformer", width=64),
    "sentence-encoder": lambda: text_model("sentence-encoder", length=32, depth=1),
    "ngram-encoder": lambda: text_model("ngram-encoder", depth=1),
    "lstm-of-numbers": lambda: text_model("rnn", ()),
    "text-cnn-of-labels": lambda: with_labels(text_model("text-cnn", LABELS)),
}
NAMES = [*IMAGES, *TEXTS]
OF_LABELS = [name for name in NAMES if name.endswith("labels")]


def patch_model(pooled: str = "both", registers: int = 2, layer_scale: bool = True) -> ImageModel:
    """A vision transformer of digits at 12 by 9 pixels, in patches of 3, its weights drawn by chance."""
    own = PatchAttention(
        seen=(12, 9), patch=3, transformer_layers=2, attention_heads=2, feed_forward=24, registers=registers,
        layer_scale=layer_scale, norm_epsilon=1e-6, pooled=pooled,
    )  # fmt: skip
    config = NetworkConfig(
        name="vision-transformer", input_shape=(1, 8, 8), outputs=len(CLASSES), activation="gelu",
        embedding=16, own=own,
    )  # fmt: skip
    network = build(config, torch.Generator().manual_seed(0))
    state = network.state_dict()
    draws = torch.Generator().manual_seed(1)
    for name, values in state.items():
        if name.endswith((".scale1.weight", ".scale2.weight", ".bias")):
            values.add_(0.2 * torch.randn(values.shape, generator=draws))
        elif name.endswith((".mean", ".std")):
            values.fill_(
                {"body.prepare.mean": 120.0, "body.prepare.std": 60.0, "head.standardise.std": 1.0}.get(
                    name, 0.0
                )
            )
    return ImageModel(network.eval(), DIGITS, CLASSES, CLASSIFICATION)


@functools.cache
def model(name: str) -> Model:
    """The model; those of classes or labels were trained for some steps."""
    made = {**IMAGES, **TEXTS}[name]()
    if made.classes:
        _train(made)
    made.network.eval()
    return made


def _train(made: ImageModel | TextModel) -> None:
    labels, of_labels = torch.from_numpy(digits()[1][:256]), torch.from_numpy(states()[:256])
    known = (of_labels != UNKNOWN).float()
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
            outputs = made.network(inputs)
            if made.target.exclusive(made.classes):
                loss = functional.cross_entropy(outputs, labels)
            else:
                present = (of_labels == PRESENT).float()
                loss = functional.binary_cross_entropy_with_logits(outputs, present, weight=known)
            loss.backward()
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


__all__ = ["CLASSES", "IMAGES", "NAMES", "OF_LABELS", "TEXTS", "asked", "model", "opened"]
