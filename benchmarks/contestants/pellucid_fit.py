"""Pellucid: its own batches, step and loop, precision by its own rule; around the same network."""

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from contestants import EMBEDDING, FILTERS, HIDDEN, KERNELS, LEARNING_RATE, Data
from contestants.torch_fit import parameters_of, six_convolutions
from pellucid.encoding.encoder import Tokens
from pellucid.networks import NetworkConfig
from pellucid.networks.config import Filters, Recurrent
from pellucid.networks.layers import Standardise
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from pellucid.training import Batches, Examples, Session, State, Surroundings, choose_recipe, fit
from pellucid.training.batches import to_tensor
from pellucid.training.hardware import choose_precision, choose_threads, keep_freed_memory, pinned
from pellucid.training.optimisers import build_optimizer
from pellucid.training.steps import make_step


class FromPixels(nn.Sequential):
    """Standardise raw pixel values, then the network: the form every network of Pellucid has."""

    def __init__(self, network: nn.Module, pixels: np.ndarray) -> None:
        _, height, width, channels = pixels.shape
        super().__init__(Standardise((channels, height, width)), network)
        self[0].fit(to_tensor(pixels, np.arange(len(pixels))))

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = super().forward(inputs)
        return logits


def build(name: str, data: Data) -> tuple[Callable[[slice], float], int]:
    """A function that trains on a part and returns its mean loss, and the trainable parameters."""
    keep_freed_memory()
    settings = Settings(
        optimizer="adam",
        learning_rate=LEARNING_RATE,
        schedule="constant",
        label_smoothing=0.0,
        batch_size=data.batch,
        epochs=1,
        augment=name.endswith("-augmented") if not data.network else None,
        precision="fp32" if name.endswith("-fp32") else "auto",
    )
    inputs = _tokens(data) if data.network else data.inputs
    nothing = np.zeros(0, np.int64)
    examples = Examples(
        inputs, data.labels, np.arange(len(data.labels)), nothing, data.classes, CLASSIFICATION
    )
    around = Surroundings(
        train_labels=data.labels,
        classes=data.classes,
        target=CLASSIFICATION,
        precision=choose_precision(settings, "cpu"),
        device="cpu",
        threads=choose_threads(settings),
        **_kind_of(data),
    )
    recipe = dataclasses.replace(choose_recipe(settings, around), class_weights=None)
    if data.network:
        recipe = dataclasses.replace(recipe, word_dropout=0.0)
        session = Session.start(_config(data), examples, recipe)
        network, optimizer = session.network, session.state.optimizer
    else:
        _, height, width, channels = data.inputs.shape
        network = FromPixels(six_convolutions((channels, height, width), data.classes), data.inputs)
        network = network.to(memory_format=torch.channels_last)
        optimizer = build_optimizer(network, recipe)

    def epoch(part: slice) -> float:
        batches = Batches(dataclasses.replace(examples, train=examples.train[part]), recipe)
        batches.recipe = dataclasses.replace(recipe, total_steps=batches.per_epoch)
        state = State(network, optimizer)
        with pinned(recipe.threads):
            step = make_step(network, optimizer, batches.recipe, batches.examples)
            fit(state, step, batches, dict)
        return float(state.history[-1]["train_loss"])

    return epoch, parameters_of(network)


def _kind_of(data: Data) -> dict[str, object]:
    if data.network:
        return {"takes": "texts", "model": data.network}
    return {
        "takes": "images",
        "model": "cnn",
        "shortest_side": min(data.inputs.shape[1:3]),
        "mirror_keeps_class": True,
    }


def _tokens(data: Data) -> Tokens:
    offsets = np.concatenate([[0], np.cumsum((data.inputs != 0).sum(axis=1))])
    return Tokens(data.inputs[data.inputs != 0], offsets, data.vocabulary, data.inputs.shape[1])


def _config(data: Data) -> NetworkConfig:
    is_recurrent = data.network == "rnn"
    return NetworkConfig(
        name=data.network,
        input_shape=(data.inputs.shape[1],),
        outputs=data.classes,
        vocabulary=data.vocabulary,
        embedding=EMBEDDING,
        widths=(HIDDEN,) if is_recurrent else (FILTERS,),
        own=Recurrent(cell="lstm") if is_recurrent else Filters(kernels=KERNELS),
    )
