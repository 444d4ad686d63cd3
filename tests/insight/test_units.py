"""Every unit's arithmetic is the network's own."""

import numpy as np
import pytest
import torch

from insight.small_networks import NAMES, asked, model, opened
from pellucid.insight import gradients, reference_lines, units
from pellucid.insight.opened_networks import open_network
from pellucid.insight.unfolded_layers import KnownWords
from pellucid.insight.unit_arithmetic import TOLERANCE
from pellucid.insight.units import OPENED, open_unit
from pellucid.networks import InputFacts, build, design
from pellucid.networks.text_layers import MeanAndMax
from pellucid.reference import LAYERS
from pellucid.reference.notation import Declaration
from pellucid.settings import Settings

UNITS = 400


def units_of(network, count, generator):
    """Random units of all layers, each layer as often as every other."""
    with_units = [line for line in network.lines if line.kind in OPENED]
    for number in range(count):
        line = with_units[number % len(with_units)]
        yield line.name, tuple(int(generator.integers(size)) for size in network.value(line.name).shape)


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_and_hundreds_of_units_are_the_networks_which_stays_as_it_was(name):
    made, network = model(name), opened(name)
    for layer, unit in units_of(network, UNITS, np.random.default_rng(0)):
        found = open_unit(network, layer, unit)
        assert found.network == network.value(layer)[unit]
        assert found.difference <= TOLERANCE * found.magnitude, found
    made.network.train()
    open_network(made.network, asked(name))
    assert made.network.training
    assert not made.network._forward_hooks
    made.network.eval()
    with torch.no_grad():
        answer = made.network(torch.from_numpy(asked(name)))
    np.testing.assert_allclose(network.value(network.output), answer[0], rtol=1e-6, atol=1e-6)


def test_every_kind_is_declared_once_and_opened():
    declared = {kind for kind, layer in LAYERS.items() if layer.declared}
    without_units = {kind for kind, layer in LAYERS.items() if layer.sees == "nothing"}
    answering = OPENED | without_units
    assert not declared & units._BY_HAND.keys()
    assert {kind for kind, layer in LAYERS.items() if layer.formula} == answering - declared
    learnt = {"lstm", "gru", *gradients._TERMS}
    assert not learnt & {kind for kind in declared if isinstance(LAYERS[kind].declared, Declaration)}
    assert gradients._TERMS.keys() <= answering
    kinds = {same.kind for same in reference_lines.SAME.values() if isinstance(same.kind, str)}
    assert kinds <= answering | {"dropout", reference_lines.CLOSED}
    of_training = {"batch-norm", "dropout"}
    losses = {
        kind for kind in LAYERS if kind.startswith(("cross", "binary", "squared")) or kind.endswith("-loss")
    }
    assert OPENED == LAYERS.keys() - of_training - losses - without_units


def test_a_convolution_by_hand_and_a_wrong_one():
    network = opened("cnn")
    maps, weight = network.value("body.activation"), network.weights["body.block1.conv1.weight"]
    found = open_unit(network, "body.block1.conv1", (1, 0, 3))
    (weighing,) = found.weighings
    assert weighing.patch.shape == (8, 3, 3)
    assert (weighing.patch[:, 0] == 0).all()  # beyond the upper edge
    np.testing.assert_array_equal(weighing.patch[:, 1:], maps[:, 0:2, 2:5])
    np.testing.assert_array_equal(weighing.weights, weight[1])
    np.testing.assert_allclose(weighing.channel_sums.sum(), weighing.products.sum())
    assert found.value == pytest.approx(float((weight[1, :, 1:].astype(float) * maps[:, 0:2, 2:5]).sum()))
    text = found.as_text()
    assert "body.block1.conv1 (convolution), unit (1, 0, 3)" in text
    assert "60 smaller products" in text
    assert "by channel: " in text
    assert text == repr(found)
    network = open_network(model("cnn").network, asked("cnn"))
    name = "body.block1.conv1"
    network.values[name][0, 0, 2, 3] += 1e-3
    assert not open_unit(network, name, (0, 2, 3)).agrees
    assert open_unit(network, name, (0, 2, 2)).agrees


def test_the_winner_of_a_pool_is_where_it_says():
    network = opened("cnn")
    maps = network.value("body.block1.conv1")
    found = open_unit(network, "body.block1.pool", (2, 1, 2))
    assert found.choice.window.shape == (2, 2)
    assert maps[found.choice.place] == maps[2, 2:4, 4:6].max() == found.value
    assert found.source == found.choice.place
    whole = open_unit(network, "body.global_pool", (3,))
    assert whole.choice.window.shape == network.value("body.block2.activation2").shape[1:]
    assert "of what is pooled" in whole.as_text()
    network = opened("text-cnn")
    place, channel = open_unit(network, "body.filters.pool", (9,)).choice.place
    filters = network.value("body.filters.activation")
    assert (channel, filters[place, 9]) == (9, filters[:, 9].max())


@pytest.mark.parametrize(("name", "gates"), [("lstm", 4), ("gru", 3)])
def test_gates_of_a_recurrent_unit(name, gates):
    found = open_unit(opened(name), "body.layers.forwards1", (3, 5))
    assert len(found.weighings) == 2 * gates
    assert [weighing.name.endswith("from the place") for weighing in found.weighings] == [True, False] * gates
    assert all(0 < step.value < 1 for step in found.steps[:2])
    first = open_unit(opened(name), "body.layers.forwards1", (0, 5))
    assert (first.weighings[1].patch == 0).all()  # nothing stands before the first place


@pytest.mark.parametrize("name", ["cnn", "lenet"])
def test_large_photographs_with_strides(name):
    settings = Settings(model=name, width=6)
    network = build(design(name, settings, InputFacts((3, 48, 50), 2, 1000)))
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 48, 50)).astype(np.float32)
    network.initialise_from_data(torch.from_numpy(image))
    found = open_network(network, image)
    for layer, unit in units_of(found, 200, np.random.default_rng(1)):
        assert open_unit(found, layer, unit).agrees


def test_what_cannot_be_opened_is_named():
    network = opened("text-cnn")
    with pytest.raises(ValueError, match=r"body\.filter: no layer of this name; there are body\.filters\.p"):
        open_unit(network, "body.filter", (0,))
    with pytest.raises(ValueError, match=r"head: unit \(10,\) is not within \(10,\)"):
        open_unit(network, "head", (10,))
    with pytest.raises(ValueError, match=r"head: unit \(1, 2\) is not within"):
        open_unit(network, "head", (1, 2))
    with pytest.raises(ValueError, match=r"present: is a mask or an order of tokens, and has no units"):
        open_unit(network, "body.filters.present", (0,))


def test_without_unknown_words_mean_and_maximum_are_those_of_the_network():
    torch.manual_seed(0)
    layer = MeanAndMax(12, 5)
    torch.nn.init.normal_(layer.weight)
    layer.weights.uniform_(0.1, 1.0)
    tokens, known = torch.tensor([[3, 1, 7, 3, 1, 0], [1, 1, 0, 0, 0, 0]]), KnownWords(layer)
    torch.testing.assert_close(known(torch.tensor([[3, 7, 3]])), layer(tokens[:1]))
    torch.testing.assert_close(known(torch.tensor([[1]])), layer(tokens[1:]))
