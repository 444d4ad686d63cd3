import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import functional_call
from torch.nn import functional

from pellucid.networks.text_layers import TokenConv1d
from pellucid.reference.convolution import conv1d, convolution, overlaid, patches
from pellucid.reference.pooling import winners
from reference.agreement import assert_agrees
from reference.cases import draw

IMAGE = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)  # rows 1 2 3, 4 5 6, 7 8 9
KERNEL = np.array([[[[1.0, 10.0], [100.0, 1000.0]]]])

small = st.integers(1, 3)


@st.composite
def layers(draw_from):
    """Sizes of a convolution whose kernel has room in the padded image."""
    batch, channels, filters = (draw_from(small) for _ in range(3))
    kernel, stride = ((draw_from(small), draw_from(small)) for _ in range(2))
    padding = (draw_from(st.integers(0, 2)), draw_from(st.integers(0, 2)))
    size = [
        draw_from(st.integers(max(1, side - 2 * beyond), 7))
        for side, beyond in zip(kernel, padding, strict=True)
    ]
    return (batch, channels, *size), (filters, channels, *kernel), stride, padding


def test_a_2x2_kernel_by_hand():
    # In the first patch 1 * 1 + 10 * 2 + 100 * 4 + 1000 * 5.
    assert convolution(IMAGE, KERNEL).tolist() == [[[[5421.0, 6532.0], [8754.0, 9865.0]]]]
    assert convolution(IMAGE, KERNEL, np.array([0.5]))[0, 0, 0, 0] == 5421.5


@given(layers(), st.booleans())
@settings(max_examples=40)
def test_any_shape_stride_and_padding_is_torchs(layer, biased):
    inputs, weight, stride, padding = layer
    arrays = (draw(*inputs), draw(*weight), *([draw(weight[0])] if biased else []))
    assert_agrees(
        "convolution",
        arrays,
        lambda *tensors: functional.conv2d(*tensors, stride=stride, padding=padding),
        stride=stride,
        padding=padding,
    )


@given(layers())
@settings(max_examples=25)
def test_laying_over_is_the_transpose_of_cutting_out(layer):
    inputs, (_, _, *kernel), stride, padding = layer
    image = draw(*inputs)
    seen = patches(image, tuple(kernel), stride, padding)
    parts = draw(*seen.shape, seed=1)
    back = overlaid(parts, inputs[2:], stride, padding)
    assert (seen * parts).sum() == pytest.approx((image * back).sum(), abs=1e-9)


TEXT = np.array([[[1.0], [2.0], [3.0]]])


def test_an_even_kernel_looks_one_further_to_the_right():
    pairs = conv1d(TEXT, np.array([[[1.0, 10.0]]]), np.array([0.5]))
    assert pairs[0, :, 0].tolist() == [21.5, 32.5, 3.5]
    triples = conv1d(TEXT, np.array([[[1.0, 10.0, 100.0]]]), np.array([0.0]))
    assert triples[0, :, 0].tolist() == [210.0, 321.0, 32.0]


@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 3))
@settings(max_examples=25)
def test_any_kernel_and_length_is_the_layer_of_the_networks(kernel, length, size):
    layer = TokenConv1d(size, 2, kernel).double()
    assert_agrees(
        "neighbours",
        (draw(2, length, size), draw(2, size, kernel), draw(2)),
        lambda x, w, b: functional_call(layer, {"weight": w, "bias": b}, (x,)),
    )


@given(
    st.sampled_from(["max-pool", "average-pool"]),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(3, 7), st.integers(3, 7)),
)
@settings(max_examples=30)
def test_any_window_is_torchs(kind, window, size):
    theirs = functional.max_pool2d if kind == "max-pool" else functional.avg_pool2d
    assert_agrees(kind, (draw(2, 2, *size),), lambda x: theirs(x, window), window=window)


@pytest.mark.parametrize("seed", range(3))
def test_of_equal_values_the_winner_is_torchs(seed):
    maps = np.random.default_rng(seed).integers(0, 2, size=(3, 2, 6, 6)).astype(float)
    assert_agrees("max-pool", (maps,), lambda x: functional.max_pool2d(x, (3, 2)), window=(3, 2))
    _, places = functional.max_pool2d(torch.from_numpy(maps), (3, 2), return_indices=True)
    row, column = np.moveaxis(winners(maps, window=(3, 2)), -1, 0)
    np.testing.assert_array_equal(row * 6 + column, places)
