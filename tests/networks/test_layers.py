import numpy as np
import pytest
import torch
from torch import nn

from pellucid.networks import layers as layers
from pellucid.networks.initialisation import initialise_layers
from pellucid.networks.layers import (
    Add,
    Divide,
    GlobalPool,
    Rescale,
    ResidualBlock,
    Standardise,
    make_activation,
    make_pool,
)


def test_standardise_by_hand():
    layer = Standardise((2, 1, 2))
    images = torch.tensor([[[[0.0, 2.0]], [[10.0, 10.0]]], [[[4.0, 6.0]], [[30.0, 30.0]]]])
    layer.fit(images)
    assert layer.mean.flatten().tolist() == [3.0, 20.0]  # of 0 2 4 6, and of 10 10 30 30
    assert layer.std.flatten().tolist() == pytest.approx([5**0.5, 10.0])
    assert layer(images)[0, 1].tolist() == [[-1.0, -1.0]]


def test_standardise_agrees_with_numpy_on_offset_features_over_several_chunks():
    values = np.random.default_rng(0).normal([1e6, 0.0, -3.0], [10.0, 1e-9, 4.0], size=(2500, 3))
    values = values.astype(np.float32)
    layer = Standardise((3,))
    layer.fit(torch.from_numpy(values))
    np.testing.assert_allclose(layer.mean, values.astype(np.float64).mean(0), rtol=1e-6)
    np.testing.assert_allclose(layer.std, values.astype(np.float64).std(0), rtol=1e-6)
    assert layer(torch.from_numpy(values)).std(0).tolist() == pytest.approx([1, 1, 1], rel=1e-2)


def test_standardise_takes_large_images_a_few_at_a_time_and_leaves_its_input_alone(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (7, 3, 20, 30)).astype(np.float32)
    monkeypatch.setattr(layers, "_CHUNK_VALUES", 4000)  # two images
    layer, values = Standardise((3, 20, 30)), torch.from_numpy(images.copy())
    layer.fit(values)
    np.testing.assert_allclose(layer.mean.flatten(), images.mean((0, 2, 3), dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(layer.std.flatten(), images.std((0, 2, 3), dtype=np.float64), rtol=1e-6)
    layer(values).add_(1)
    np.testing.assert_array_equal(values.numpy(), images)


@pytest.mark.parametrize("constant", [0.0, 0.1, 255.0, -1e20])
def test_a_constant_feature_becomes_zero(constant):
    values = torch.full((1025, 1), constant)
    layer = Standardise((1,))
    layer.fit(values)
    assert layer.std.item() == 1.0
    assert layer(values).abs().max() <= abs(constant) * 1e-7


def test_pools_by_hand():
    maps = torch.tensor([[[[1.0, 2.0, 9.0], [3.0, 6.0, 9.0]]]])  # the odd last column falls away
    for pooling, value in (("max", 6.0), ("average", 3.0)):
        assert make_pool(pooling, (2, 2))(maps).tolist() == [[[[value]]]]
        assert GlobalPool(pooling)(maps[..., :2]).item() == value


def test_divide_and_add_by_hand():
    assert Divide(4.0)(torch.tensor([[2.0, 8.0]])).tolist() == [[0.5, 2.0]]
    maps = torch.ones(1, 1, 1, 1)
    assert Add()(maps, torch.full((1, 1, 1, 1), 2.0)) is maps
    assert maps.item() == 3.0


@pytest.mark.parametrize(
    ("name", "below", "above"),
    [
        ("relu", 0.0, 2.0),
        ("leaky-relu", -0.01, 2.0),
        ("gelu", -0.158655, 1.9545),  # x times the normal distribution function at x
        ("sigmoid", 0.268941, 0.880797),
        ("tanh", -0.761594, 0.964028),
    ],
)
def test_activations_at_minus_one_and_two(name, below, above):
    values = make_activation(name)(torch.tensor([-1.0, 2.0]))
    assert values.tolist() == pytest.approx([below, above], abs=1e-5)


def test_residual_block_by_hand():
    block = ResidualBlock((1, 1), pool=nn.MaxPool2d(2), activation="relu", batch_norm=False)
    for conv, centre in ((block.conv1, -2.0), (block.conv2, -0.5)):
        nn.init.zeros_(conv.weight)
        nn.init.zeros_(conv.bias)
        with torch.no_grad():
            conv.weight[0, 0, 1, 1] = centre
    image = torch.tensor([[[[1.0, -5.0], [2.0, 3.0]]]])
    assert block(image).item() == 5.0  # the pool of -2 x is 10, then 10 - 0.5 * 10


def test_the_same_gradient_as_without_in_place_layers():
    block = ResidualBlock((3, 5), pool=nn.AvgPool2d(2), activation="relu", batch_norm=True).double()
    initialise_layers(block, "relu", torch.Generator().manual_seed(0))
    images = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    images.requires_grad_()
    assert torch.autograd.gradcheck(block, (images,))


@pytest.mark.parametrize(
    ("activation", "variance"),
    [
        ("relu", 2 / 600),
        ("leaky-relu", 2 / (1 + 0.01**2) / 600),
        ("gelu", 2 / 600),
        ("sigmoid", 4**2 * 2 / (600 + 400)),
        ("tanh", 2 / (600 + 400)),
        ("softmax", 1 / (3 * 600)),
    ],
)
def test_variance_of_the_first_weights_follows_the_papers(activation, variance):
    dense, before_norm = nn.Linear(600, 400), nn.Linear(600, 400, bias=False)
    for layer in (dense, before_norm):
        initialise_layers(layer, activation, torch.Generator().manual_seed(0))
    assert dense.weight.var().item() == pytest.approx(variance, rel=0.02)
    assert dense.bias.abs().max() == 0
    assert before_norm.weight.var().item() == pytest.approx(variance / 6, rel=0.02)


def test_a_deep_relu_stack_neither_fades_nor_explodes():
    stack = nn.Sequential(*[part for _ in range(30) for part in (nn.Linear(256, 256), nn.ReLU())])
    generator = torch.Generator().manual_seed(0)
    initialise_layers(stack, "relu", generator)
    values = stack(torch.randn(64, 256, generator=generator))
    assert 0.2 < values.square().mean() < 5


def test_first_filters_of_a_block_start_as_the_identity():
    block = ResidualBlock((2, 3), pool=nn.Identity(), activation="relu", batch_norm=True)
    initialise_layers(block, "relu", torch.Generator().manual_seed(0))
    image = torch.rand(1, 2, 4, 4, generator=torch.Generator().manual_seed(1))
    assert torch.equal(block.conv1(image)[:, :2], image)
    narrowing = ResidualBlock((5, 4), pool=nn.Identity(), activation="relu", batch_norm=True)
    initialise_layers(narrowing, "relu", torch.Generator().manual_seed(0))
    images = torch.rand(1, 5, 4, 4, generator=torch.Generator().manual_seed(1))
    assert torch.equal(narrowing.conv1(images)[:, :2], images[:, :2])
    assert narrowing.conv1.weight[2:].count_nonzero() == narrowing.conv1.weight[2:].numel()
    single = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1, bias=False))
    initialise_layers(single, "relu", torch.Generator().manual_seed(0))
    assert torch.equal(single(image)[:, :2], image)


def test_rescale_by_hand():
    layer = Rescale()
    layer.fit(torch.tensor([2.0, 4.0, 6.0, 8.0]).double())
    assert (layer.mean.item(), layer.std.item()) == (5.0, pytest.approx(5**0.5))
    assert layer(torch.tensor([[0.0], [2.0]])).flatten().tolist() == pytest.approx([5.0, 5.0 + 2 * 5**0.5])
    layer.fit(torch.tensor([1000.0, 1001.0]).double())
    narrow = layer(torch.tensor([[0.5]], dtype=torch.bfloat16))  # computed in float32 whatever comes in
    assert narrow.dtype == torch.float32
    assert narrow.item() == 1000.75


@pytest.mark.parametrize("numbers", [[3.0, 3.0], [1e9, 1e9 + 1], [1e-50, 2e-50]])
def test_rescale_refuses_numbers_that_float32_cannot_tell_apart(numbers):
    layer = Rescale()
    with pytest.raises(ValueError, match=r"rescale: standard deviation .* too little for float32"):
        layer.fit(torch.tensor(numbers).double())
    assert (layer.mean.item(), layer.std.item()) == (0.0, 1.0)
