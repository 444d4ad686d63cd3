import numpy as np
import pytest

from pellucid.reference.dense import dense, dense_backward, dense_unit

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


def test_a_unit_opened():
    unit = dense_unit(INPUTS[0], WEIGHT[1], float(BIAS[1]))
    assert unit.products.tolist() == [0.5, 8.0]
    assert (unit.bias, unit.value) == (20.0, 28.5)


def test_every_unit_opened_is_the_layer():
    generator = np.random.default_rng(0)
    inputs, weight, bias = (generator.normal(size=shape) for shape in ((4, 6), (3, 6), (3,)))
    outputs = dense(inputs, weight, bias)
    assert outputs.shape == (4, 3)
    for n, o in np.ndindex(outputs.shape):
        assert dense_unit(inputs[n], weight[o], float(bias[o])).value == pytest.approx(
            outputs[n, o], abs=1e-12
        )
