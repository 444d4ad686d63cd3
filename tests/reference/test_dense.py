import numpy as np

from pellucid.reference.dense import dense, dense_backward

INPUTS, WEIGHT, BIAS = np.array([[1.0, 2.0]]), np.array([[3.0, -1.0], [0.5, 4.0]]), np.array([10.0, 20.0])


def test_two_units_by_hand():
    # 3 * 1 - 1 * 2 + 10 = 11, and 0.5 * 1 + 4 * 2 + 20 = 28.5
    assert dense(INPUTS, WEIGHT, BIAS).tolist() == [[11.0, 28.5]]
    assert dense(INPUTS, WEIGHT).tolist() == [[1.0, 8.5]]


def test_gradients_by_hand():
    of_inputs, of_weight, of_bias = dense_backward(np.array([[1.0, 100.0]]), INPUTS, WEIGHT, BIAS)
    assert of_inputs.tolist() == [[1 * 3 + 100 * 0.5, 1 * -1 + 100 * 4]]
    assert of_weight.tolist() == [[1.0, 2.0], [100.0, 200.0]]
    assert of_bias.tolist() == [1.0, 100.0]
