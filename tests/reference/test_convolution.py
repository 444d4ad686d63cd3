import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from pellucid.reference.convolution import convolution, convolution_backward, overlaid, patches
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


def test_gradients_by_hand():
    only_last = np.array([[[[0.0, 0.0], [0.0, 1.0]]]])
    of_inputs, of_weight, of_bias = convolution_backward(only_last, IMAGE, KERNEL)
    assert of_inputs[0, 0].tolist() == [[0, 0, 0], [0, 1, 10], [0, 100, 1000]]
    assert of_weight[0, 0].tolist() == [[5, 6], [8, 9]]  # the patch that the last unit saw
    assert of_bias.tolist() == [1.0]


def test_weights_are_shared_by_all_places_and_pixels_by_all_patches():
    of_inputs, of_weight, of_bias = convolution_backward(np.ones((1, 1, 2, 2)), IMAGE, KERNEL)
    assert of_weight[0, 0].tolist() == [[1 + 2 + 4 + 5, 2 + 3 + 5 + 6], [4 + 5 + 7 + 8, 5 + 6 + 8 + 9]]
    assert of_inputs[0, 0, 1].tolist() == [101, 1111, 1010]  # the middle one stands in all four patches
    assert of_bias.tolist() == [4.0]


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
