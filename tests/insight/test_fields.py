"""Outside its receptive field a unit's gradient is exactly 0, and the field is no larger than needed."""

import numpy as np
import pytest
import torch

from insight.small_networks import asked, model, opened
from pellucid.insight.layer_records import receptive_field
from pellucid.insight.opened_networks import still
from pellucid.insight.units import OPENED

EXACT = ("cnn-average-no-norm", "lenet-average")
"""Networks in which every number a unit sees matters: no maximum passes one by."""


def input_gradient(name, layer, unit):
    """How a unit's value changes with each number of the input, or with each place of a text."""
    network = still(model(name).network).double()
    seen = {}
    for module_name, module in network.named_modules():
        module.register_forward_hook(
            lambda _, __, output, at=module_name: seen.update(
                {at: output[0] if isinstance(output, tuple) else output.clone()}
            )
        )
    inputs = torch.from_numpy(asked(name))
    if network.config.vocabulary:
        network(inputs)
        vectors = seen[next(at for at in seen if at.endswith("embedding"))]
        vectors.requires_grad_(True) if vectors.is_leaf else vectors.retain_grad()
    else:
        inputs = inputs.double().requires_grad_(True)
        network(inputs)
        vectors = inputs
    seen[layer][(0, *unit)].backward()
    gradient = vectors.grad
    return np.zeros(vectors.shape[1:]) if gradient is None else gradient[0].numpy()


def layers_to_ask(name):
    """Layers that torch has, above what the gradient is taken of."""
    network = opened(name)
    modules = dict(model(name).network.named_modules())
    return [
        line.name
        for line in network.lines
        if line.kind in OPENED and line.name in modules and line.kind != "embedding"
    ]


@pytest.mark.parametrize("name", ["cnn", *EXACT, "mlp", "text-cnn", "gru", "sentence-encoder"])
def test_nothing_outside_the_field_matters(name):
    network, generator = opened(name), np.random.default_rng(0)
    layers = layers_to_ask(name)
    assert any(".backwards" not in layer for layer in layers)
    for layer in layers:
        for _ in range(3):
            unit = tuple(int(generator.integers(size)) for size in network.value(layer).shape)
            if ".backwards" in layer:
                continue  # counts places from the end; asked through `back` below
            box = receptive_field(network, layer, unit)
            gradient = np.abs(input_gradient(name, layer, unit))
            seen = gradient.sum(axis=0) if gradient.ndim == 3 else gradient.sum(axis=1)
            inside = tuple(slice(low, high + 1) for low, high in box)
            outside = seen.copy()
            outside[inside] = 0
            assert (outside == 0).all(), f"{layer} {unit} sees more than {box}"
            if name in EXACT:
                rows, columns = np.nonzero(seen)
                assert box == ((rows.min(), rows.max()), (columns.min(), columns.max())), f"{layer} {unit}"


def test_fields_by_hand():
    network = opened("cnn")
    assert receptive_field(network, "inputs", (0, 3, 4)) == ((3, 3), (4, 4))
    assert receptive_field(network, "body.stem", (0, 3, 4)) == ((3, 4), (4, 5))
    assert receptive_field(network, "body.block1.conv1", (0, 0, 4)) == ((0, 2), (3, 6))
    assert receptive_field(network, "body.block1.pool", (0, 0, 2)) == ((0, 3), (3, 7))
    assert receptive_field(network, "head.linear", (7,)) == ((0, 7), (0, 7))
    length = asked("text-cnn").shape[1]
    assert receptive_field(opened("text-cnn"), "body.filters.conv4", (3, 0)) == ((2, 5),)
    assert receptive_field(opened("text-cnn"), "body.filters.pool", (3,)) == ((0, length - 1),)
    # A number beside others sees what its own part sees: filters 0 to 7 are of two tokens, 8 to 15 of three.
    assert receptive_field(opened("text-cnn"), "body.filters.activation", (3, 2)) == ((3, 4),)
    assert receptive_field(opened("text-cnn"), "body.filters.activation", (3, 9)) == ((2, 4),)
    rnn = opened("gru")
    assert receptive_field(rnn, "body.layers.states1", (3, 2)) == ((0, 3),)
    assert receptive_field(rnn, "body.layers.states1", (3, 12)) == ((3, length - 1),)
    assert receptive_field(rnn, "body.layers.forwards1", (3, 0)) == ((0, 3),)
    assert receptive_field(rnn, "body.layers.back1", (3, 0)) == ((3, length - 1),)
    assert receptive_field(rnn, "body.layers.forwards2", (3, 0)) == ((0, length - 1),)
    assert receptive_field(opened("bag"), "head", (3,)) == ((0, asked("bag").shape[1] - 1),)
    with pytest.raises(ValueError, match="odd: no layer of this name"):
        receptive_field(rnn, "odd", (0,))
