"""The real networks, walked: every value and every gradient equals torch's."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from pellucid.insight.reference_lines import SAME, taken_apart, weights_of
from pellucid.networks.config import ACTIVATIONS
from pellucid.reference import Line, walk, walk_back
from pellucid.settings import Settings
from reference.masks import draws_of
from reference.real_networks import IS_SPAM, images, of_images, of_texts, tokens
from small_models import SMALL

OF_IMAGES = [
    Settings(activation=activation, pooling=pooling, batch_norm=norm, dropout=dropout, width=4)
    for activation in ACTIVATIONS
    for pooling, norm, dropout in [("max", True, 0.0), ("average", False, 0.4)]
]
OF_TEXTS = [
    ("bag", Settings(width=4)),
    ("bag", Settings(width=4, depth=2, activation="gelu", dropout=0.0)),
    ("text-cnn", Settings(width=3)),
    ("text-cnn", Settings(width=3, depth=1, activation="tanh")),
    ("transformer", Settings(width=8)),
    ("transformer", Settings(width=64, depth=1, activation="relu", dropout=0.0)),
    ("sentence-encoder", Settings()),
    ("sentence-encoder", Settings(depth=1, width=6, activation="relu", dropout=0.0)),
    ("ngram-encoder", Settings()),
    ("ngram-encoder", Settings(depth=1, width=6, activation="gelu", dropout=0.0)),
    *[("rnn", Settings(width=3, depth=depth, cell=cell)) for cell in ("lstm", "gru") for depth in (1, 2)],
]
both_modes = pytest.mark.parametrize("training", [True, False], ids=["training", "answering"])


def recorded(network):
    """What comes out of each layer, before the next may write over it."""
    seen = {}
    for name, layer in network.named_modules():
        if type(layer) in SAME:

            def record(layer, inputs, output, name=name):
                seen[name] = (output if isinstance(output, torch.Tensor) else output[0]).detach().clone()

            layer.register_forward_hook(record)
    return seen


ACTIVE_LAST = {"body.filters.activation": "body.filters.pool"}
"""Activations that come behind a maximum while a network learns, and the maximum, which equals theirs."""


def assert_walks(network, inputs, labels, training):
    """Walk through the network, and compare each value and each gradient with torch's."""
    network.train(training)
    masks = draws_of(network, np.random.default_rng(0))
    seen = recorded(network)
    weights = weights_of(network)
    lines, last = taken_apart(network)
    outputs = network(torch.from_numpy(inputs))
    if labels.dtype == np.float64:
        loss = ((outputs[:, 0] - torch.from_numpy(labels)) / 3).square().mean()
        lines.append(Line("loss", "squared-error", (last, "labels"), {"unit": 3.0}))
    else:
        loss = functional.cross_entropy(outputs, torch.from_numpy(labels))
        lines.append(Line("loss", "cross-entropy", (last, "labels")))
    loss.backward()
    values = walk(lines, {**weights, **masks, "inputs": inputs, "labels": labels})
    assert values["loss"] == pytest.approx(loss.item(), abs=1e-10)
    asleep = {
        name for name, layer in network.named_modules() if isinstance(layer, nn.Dropout) and not training
    }
    for name in seen.keys() - asleep:
        by_hand = values[ACTIVE_LAST.get(name, name) if training else name]
        np.testing.assert_allclose(by_hand, seen[name], rtol=1e-10, atol=1e-10, err_msg=name)
    gradients = walk_back(lines, values, {"loss": 1.0})
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            np.testing.assert_allclose(gradients[name], parameter.grad, rtol=1e-10, atol=1e-10, err_msg=name)


@pytest.mark.parametrize(
    ("name", "settings", "training"),
    [
        (name, settings, (row + column) % 2 == 0)
        for column, name in enumerate(["cnn", SMALL, "lenet", "mlp"])
        for row, settings in enumerate(OF_IMAGES)
        if (row // 2 + column) % 2 == 0
    ],
)
def test_networks_of_digits(name, settings, training):
    batch = images((1, 8, 8), 5)
    assert_walks(of_images(name, settings, batch, 5), batch, np.arange(5), training)


@pytest.mark.parametrize("name", ["cnn", SMALL, "lenet", "mlp"])
@both_modes
def test_networks_of_numbers_and_of_photographs_of_odd_sizes(name, training):
    batch = images((3, 13, 9), 4)
    network = of_images(name, Settings(width=4), batch, 1)
    assert_walks(network, batch, np.array([3.0, -1.0, 4.0, 1.5]), training)


@pytest.mark.parametrize("name", ["cnn", SMALL, "lenet"])
def test_large_photographs_with_strides(name):
    batch = images((3, 48, 50), 2)
    network = of_images(name, Settings(width=4), batch, 2)
    assert_walks(network, batch, np.array([1, 0]), training=False)


def test_softmax_regression_on_features():
    rows = images((1, 8, 8), 5).reshape(5, 64)
    assert_walks(of_images("mlp", Settings(depth=0), rows, 5), rows, np.arange(5), training=False)


@pytest.mark.parametrize(("name", "settings"), OF_TEXTS)
@both_modes
def test_networks_of_texts(name, settings, training):
    ids = tokens(with_pairs=name == "bag")
    assert_walks(of_texts(name, settings), ids, IS_SPAM, training)


@pytest.mark.parametrize(("name", "settings"), OF_TEXTS[::2])
def test_networks_of_numbers_from_texts(name, settings):
    ids = tokens(with_pairs=name == "bag")
    assert_walks(of_texts(name, settings, outputs=1), ids, np.arange(8.0) - 2, training=True)
