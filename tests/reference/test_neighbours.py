import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import functional_call

from pellucid.networks.text_layers import TokenConv1d
from pellucid.reference.convolution import conv1d, conv1d_backward
from reference.agreement import assert_agrees
from reference.cases import draw

TEXT = np.array([[[1.0], [2.0], [3.0]]])


def test_an_even_kernel_looks_one_further_to_the_right():
    pairs = conv1d(TEXT, np.array([[[1.0, 10.0]]]), np.array([0.5]))
    assert pairs[0, :, 0].tolist() == [21.5, 32.5, 3.5]
    triples = conv1d(TEXT, np.array([[[1.0, 10.0, 100.0]]]), np.array([0.0]))
    assert triples[0, :, 0].tolist() == [210.0, 321.0, 32.0]


def test_gradients_by_hand():
    weight = np.array([[[1.0, 10.0]]])
    of_vectors, of_weight, of_bias = conv1d_backward(np.ones((1, 3, 1)), TEXT, weight, np.zeros(1))
    assert of_vectors[0, :, 0].tolist() == [1.0, 11.0, 11.0]
    assert of_weight[0, 0].tolist() == [1 + 2 + 3, 2 + 3 + 0]
    assert of_bias.tolist() == [3.0]


@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 3))
@settings(max_examples=25)
def test_any_kernel_and_length_is_the_layer_of_the_networks(kernel, length, size):
    layer = TokenConv1d(size, 2, kernel).double()
    assert_agrees(
        "neighbours",
        (draw(2, length, size), draw(2, size, kernel), draw(2)),
        lambda x, w, b: functional_call(layer, {"weight": w, "bias": b}, (x,)),
    )
