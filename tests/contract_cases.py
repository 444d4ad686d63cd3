"""Networks of images and of texts under every setting, each with eight inputs to answer."""

from functools import cache

import numpy as np
import torch
from sklearn.datasets import load_sample_image
from torch.nn import functional

from pellucid.input_kinds import IMAGES, TEXTS
from pellucid.networks import NETWORKS, InputFacts, build
from pellucid.networks.config import ACTIVATIONS, POOLINGS
from pellucid.settings import Settings
from small_models import SMALL, designed

VOCABULARY = 40
OF_IMAGES, OF_TEXTS = (
    [name for name, family in NETWORKS.items() if family.input_kind is kind] for kind in (IMAGES, TEXTS)
)
OF_IMAGES.append(SMALL)
# Every activation with and without norms; poolings, and dropout with one of them, in turn with either.
IMAGE_SETTINGS = {
    f"{activation}-{POOLINGS[turn]}-norm{batch_norm:d}": Settings(
        activation=activation,
        pooling=POOLINGS[turn],
        batch_norm=batch_norm,
        dropout=0.3 * turn,
        width=8,
    )
    for number, activation in enumerate(ACTIVATIONS)
    for batch_norm in (True, False)
    for turn in [(number + batch_norm) % 2]
}
_TEXT_SETTINGS = [
    *[("bag", Settings(activation=activation, width=8, depth=2)) for activation in ACTIVATIONS],
    *[("text-cnn", Settings(activation=activation, width=8, depth=1)) for activation in ACTIVATIONS],
    *[("rnn", Settings(cell=cell, width=8, depth=depth)) for cell in ("lstm", "gru") for depth in (1, 2)],
    *[("transformer", Settings(activation=activation, width=8, depth=1)) for activation in ACTIVATIONS],
    *[("sentence-encoder", Settings(activation=activation, width=8, depth=1)) for activation in ACTIVATIONS],
    *[("ngram-encoder", Settings(activation=activation, width=8, depth=1)) for activation in ACTIVATIONS],
    *[("word-vectors", Settings(activation=activation, width=8, depth=2)) for activation in ACTIVATIONS],
    *[(name, Settings(dropout=0.0)) for name in OF_TEXTS],
]
IMAGE_CASES = {
    f"{name}-{words}": (name, settings)
    for name in OF_IMAGES
    for words, settings in IMAGE_SETTINGS.items()
    if name != SMALL or settings.activation == "gelu"  # its layers are those of the others
}
TEXT_CASES = {
    f"{name}-{made.activation or made.cell or 'default'}-{made.depth}-{made.dropout}": (name, made)
    for name, made in _TEXT_SETTINGS
}
"""Name and settings of a network by the name of the case."""

NUMBERS = torch.tensor([3.5, -20.0, 7.25, 40.0, 0.0, 11.5, 2.0, -6.75]).double()
"""Numbers to predict for eight inputs."""


def in_turn(cases, case):
    """Eight classes or a number, in turn from one case to the next."""
    return (8, 1)[list(cases.values()).index(case) % 2]


LENGTHS = (12, 1, 7, 3, 12, 5, 2, 9)


@cache
def photograph():
    """A real colour photograph, channels first, 0 to 255."""
    return torch.from_numpy(np.ascontiguousarray(load_sample_image("flower.jpg").transpose(2, 0, 1)))


def crops(shape=(3, 16, 16), count=8):
    """Pieces of the photograph in the shape asked for."""
    channels, height, width = shape
    places = [(7 + 40 * number, 11 + 60 * number) for number in range(count)]
    pieces = [photograph()[:channels, top : top + height, left : left + width] for top, left in places]
    return torch.stack(pieces).float()


def texts():
    """Ids of eight texts of different lengths, some ids unknown, and padding behind them."""
    generator = torch.Generator().manual_seed(5)
    ids = torch.randint(1, VOCABULARY, (8, max(LENGTHS)), generator=generator)
    ids[1, 0] = 7
    return torch.where(torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS).unsqueeze(1), ids, 0)


def inputs_of(name):
    """Eight inputs for a network."""
    return texts() if name in OF_TEXTS else crops()


def started(name, settings, inputs=None, outputs=8, numbers=NUMBERS):
    """The network designed for these inputs, by default its own eight, and started from them."""
    inputs = inputs_of(name) if inputs is None else inputs
    if name in OF_TEXTS:
        facts = InputFacts((20,), outputs, 1000, vocabulary=VOCABULARY, groups=(2, 25, VOCABULARY))
    else:
        facts = InputFacts(tuple(inputs.shape[1:]), outputs, 1000)
    network = build(designed(name, settings, facts), torch.Generator().manual_seed(3))
    network.initialise_from_data(inputs, numbers if outputs == 1 else None)
    if name in OF_TEXTS:
        network.weigh_ids(torch.stack([(inputs == id).any(1).sum() for id in range(VOCABULARY)]), 8)
    return network


def loss_of(network, inputs):
    """How far the answers for eight inputs are off."""
    answers = network(inputs)
    if answers.shape[1] > 1:
        return functional.cross_entropy(answers, torch.arange(8))
    return ((answers[:, 0] - NUMBERS) / NUMBERS.std()).square().mean()
