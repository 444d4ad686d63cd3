"""What is special to each family: its rule, its numbers and what it can and cannot learn."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from pellucid.networks import InputFacts, build, design
from pellucid.settings import Settings

FASHION = InputFacts((1, 28, 28), 10, 55_000)


def parameters(name, settings, shape, classes=10, examples=60_000):
    """Count all parameters of the network designed for such data."""
    network = build(design(name, settings, InputFacts(shape, classes, examples)))
    return sum(parameter.numel() for parameter in network.parameters())


def trained(network, inputs, labels, steps):
    """The network after full-batch Adam."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        functional.cross_entropy(network(inputs), labels).backward()
        optimizer.step()
    return network.eval()


XOR = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR_LABELS = torch.tensor([0, 1, 1, 0])


@pytest.mark.parametrize(("depth", "correct"), [(0, {1, 2, 3}), (1, {4}), (3, {4})])
def test_xor_needs_a_hidden_layer(depth, correct):
    settings = Settings(depth=depth, width=8, activation="tanh", batch_norm=False)
    network = build(design("mlp", settings, InputFacts((2,), 2, 4)))
    network.initialise_from_data(XOR)
    answers = trained(network, XOR, XOR_LABELS, steps=150)(XOR).argmax(1)
    assert (answers == XOR_LABELS).sum().item() in correct


def test_depth_0_is_softmax_regression_and_with_two_classes_one_unit():
    network = build(design("mlp", Settings(depth=0), InputFacts((3,), 2, 10)))
    assert isinstance(network.head, nn.Linear)
    values = torch.tensor([[1.0, -2.0, 0.5]])
    assert torch.equal(network.features(values), values)
    unit = network.head.weight[1] - network.head.weight[0]
    by_hand = torch.sigmoid(values @ unit)
    torch.testing.assert_close(network(values).softmax(1)[:, 1], by_hand)


@pytest.mark.parametrize(
    ("shape", "examples", "widths"),
    [
        ((4,), 120, (32, 32)),  # iris: at least 32
        ((64,), 1437, (128, 128)),  # digits as a table: twice 64
        ((13,), 20, (32, 32)),
        ((300,), 200, (256, 256)),  # 1,024 but for the 200 examples
        ((1, 28, 28), 60_000, (512, 512)),  # at most 512
    ],
)
def test_mlp_is_sized_by_its_rule(shape, examples, widths):
    assert design("mlp", Settings(), InputFacts(shape, 3, examples)).widths == widths


def test_mlp_parameters_by_hand():
    plain = Settings(width=5, depth=2, batch_norm=False)
    assert parameters("mlp", plain, (3,), classes=2) == (3 * 5 + 5) + (5 * 5 + 5) + (5 * 2 + 2)
    normed = Settings(width=5, depth=2)
    assert parameters("mlp", normed, (3,), classes=2) == (3 * 5 + 10) + (5 * 5 + 10) + (5 * 2 + 2)


def test_lenet_has_the_classic_number_of_parameters():
    by_hand = (25 * 6 + 6) + (25 * 6 * 16 + 16) + (400 * 120 + 120) + (120 * 84 + 84) + (84 * 10 + 10)
    assert parameters("lenet", Settings(batch_norm=False), (1, 28, 28)) == by_hand == 61_706


@pytest.mark.parametrize(
    ("shape", "flat"),
    [
        ((1, 8, 8), 16 * 2 * 2),  # 8 → 4, padded 4 → 2
        ((1, 12, 12), 16 * 3 * 3),  # 12 → 6, padded 6 → 3
        ((1, 16, 16), 16 * 2 * 2),  # 16 → 8, 4 → 2
        ((1, 28, 28), 16 * 5 * 5),  # 28 → 14, 10 → 5
        ((3, 32, 32), 16 * 6 * 6),  # 32 → 16, 12 → 6
        ((3, 64, 64), 16 * 5 * 5),  # window 3: 64 → 21, 17 → 5
        ((3, 256, 256), 16 * 6 * 6),  # window 6: 256 → 42, 38 → 6
        ((1, 8, 64), 16 * 2 * 5),  # each axis by itself
    ],
)
def test_lenet_adapts_to_the_image(shape, flat):
    network = build(design("lenet", Settings(), InputFacts(shape, 10, 100)))
    assert network.body.linear3.in_features == flat
    assert network.eval()(torch.zeros(1, *shape)).shape == (1, 10)


def test_lenet_width_and_depth():
    config = design("lenet", Settings(width=12, depth=3), InputFacts((1, 28, 28), 10, 100))
    assert config.widths == (12, 32, 64, 240, 168)
    deep = design("lenet", Settings(depth=7), InputFacts((1, 28, 28), 10, 100))
    assert deep.widths == (6, 16, 32, 64, 128, 128, 128, 120, 84)
    assert build(config).eval()(torch.zeros(1, 1, 28, 28)).shape == (1, 10)


@pytest.mark.parametrize(
    ("shape", "examples", "stem", "widths", "halvings"),
    [
        ((1, 8, 8), 60_000, (8, 2, 1), (96, 128), 1),  # 7 → 3, and one block without halving
        ((1, 8, 8), 1_437, (8, 2, 1), (80, 96), 1),  # three quarters: 72 and 96 in sixteens
        ((1, 16, 16), 60_000, (8, 2, 1), (96, 128), 2),  # 15 → 7 → 3
        ((1, 28, 28), 55_000, (8, 2, 1), (32, 96, 128), 3),  # 27 → 13 → 6 → 3
        ((1, 28, 28), 2_000, (8, 2, 1), (32, 96, 128), 3),
        ((1, 28, 28), 1_999, (8, 2, 1), (32, 80, 96), 3),
        ((3, 32, 32), 22_500, (24, 2, 1), (48, 128, 192), 3),  # 31 → 15 → 7 → 3
        ((3, 48, 80), 22_500, (24, 2, 2), (48, 128, 192), 3),  # 24 → 12 → 6 → 3
        ((1, 96, 96), 22_500, (32, 4, 4), (32, 96, 128), 3),  # 24 → 12 → 6 → 3
        ((3, 256, 256), 22_500, (64, 4, 4), (32, 48, 128, 192), 4),  # 64 → 32 → 16 → 8 → 4
    ],
)
def test_cnn_is_sized_by_its_rule(shape, examples, stem, widths, halvings):
    config = design("cnn", Settings(), InputFacts(shape, 10, examples))
    assert (config.own.stem_filters, config.own.stem_kernel, config.own.stem_stride) == stem
    assert config.widths == widths
    assert config.own.pooled_blocks == halvings


@pytest.mark.parametrize(
    ("settings", "widths", "halvings"),
    [
        (Settings(preset="best"), (64, 128, 256), 3),
        (Settings(width=8), (8, 24, 32), 3),
        (Settings(depth=5), (32, 96, 128, 128, 128), 3),
        (Settings(width=1, depth=1), (1,), 1),
    ],
)
def test_cnn_preset_width_and_depth(settings, widths, halvings):
    config = design("cnn", settings, FASHION)
    assert config.widths == widths
    assert config.own.pooled_blocks == halvings
    assert build(config).eval()(torch.zeros(1, 1, 28, 28)).shape == (1, 10)


def test_cnn_parameters_by_hand():
    # Widths 4, 12, 16; stem of 8 filters; two norms in each block, two numbers a channel.
    stem, norms = 8 * 4, 2 * 2 * (4 + 12 + 16)
    blocks = 9 * (8 * 4 + 4 * 4) + 9 * (4 * 12 + 12 * 12) + 9 * (12 * 16 + 16 * 16)
    head = 16 * 10 + 10
    assert parameters("cnn", Settings(width=4), (1, 28, 28)) == stem + norms + blocks + head


@pytest.mark.parametrize(("outputs", "units"), [(1, 64), (2, 64), (7, 64), (8, 128), (52, 128)])
def test_a_bag_is_narrower_for_few_classes_and_for_numbers(outputs, units):
    facts = InputFacts((20,), outputs, 500, vocabulary=50, groups=(2, 30, 50))
    assert design("bag", Settings(), facts).widths == (units,)
    assert design("bag", Settings(preset="best"), facts).widths == (256,)
    assert design("bag", Settings(width=48), facts).widths == (48,)
