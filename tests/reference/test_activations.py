import math

import numpy as np
import pytest
import torch

from pellucid.networks.layers import make_activation
from pellucid.reference import LAYERS
from pellucid.reference.activations import sigmoid, softmax, softmax_backward

TORCH_AT_ZERO = {"relu": 0.0, "leaky-relu": 0.01, "gelu": 0.5, "sigmoid": 0.25, "tanh": 1.0}


@pytest.mark.parametrize(
    ("kind", "below", "above"),
    [
        ("relu", 0.0, 2.0),
        ("leaky-relu", -0.01, 2.0),
        ("gelu", -0.158655, 1.9545),  # x times the normal distribution function at x
        ("sigmoid", 1 / (1 + math.e), 1 / (1 + math.e**-2)),
        ("tanh", -0.761594, 0.964028),
        ("softplus", math.log1p(math.exp(-1)), 2 + math.log1p(math.exp(-2))),
    ],
)
def test_values_at_minus_one_and_two(kind, below, above):
    assert LAYERS[kind].forward(np.array([-1.0, 2.0])).tolist() == pytest.approx([below, above], abs=1e-5)


@pytest.mark.parametrize("kind", TORCH_AT_ZERO)
def test_the_slope_at_zero_is_torchs(kind):
    (ours,) = LAYERS[kind].backward(np.ones(1), np.zeros(1))
    zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    make_activation(kind)(zero * 1).backward()
    assert ours == zero.grad.item() == pytest.approx(TORCH_AT_ZERO[kind])


def test_sigmoid_neither_overflows_nor_vanishes():
    far = sigmoid(np.array([-1e3, -700.0, 0.0, 1e3]))
    assert far[[0, 2, 3]].tolist() == [0.0, 0.5, 1.0]
    assert far[1] == pytest.approx(math.exp(-700))


def test_softmax_by_hand():
    # e^0, e^ln 3: a quarter and three quarters.
    logits = np.array([[0.0, math.log(3)]])
    assert softmax(logits)[0].tolist() == pytest.approx([0.25, 0.75])
    assert softmax_backward(np.array([[1.0, 0.0]]), logits)[0].tolist() == pytest.approx([3 / 16, -3 / 16])
    assert softmax(np.array([[1e300, 0.0], [-1e300, 0.0]])).tolist() == [[1.0, 0.0], [0.0, 1.0]]
