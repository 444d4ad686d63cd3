"""Networks written out as lines: numbers by hand, and every path of the chain rule."""

import math

import numpy as np
import pytest

from pellucid.reference import Line, numerical_gradient, walk, walk_back, walk_on
from pellucid.reference.walk import best_step

PERCEPTRON = [
    Line("hidden", "dense", ("inputs", "hidden.weight", "hidden.bias")),
    Line("bent", "relu", ("hidden",)),
    Line("logits", "dense", ("bent", "logits.weight")),
    Line("loss", "cross-entropy", ("logits", "labels")),
]
GIVEN = {
    "inputs": np.array([[2.0]]),
    "labels": np.array([0]),
    "hidden.weight": np.array([[1.0], [-1.0]]),
    "hidden.bias": np.array([1.0, 0.0]),
    "logits.weight": np.array([[0.0, 5.0], [math.log(3) / 3, 7.0]]),
}


def test_a_perceptron_by_hand():
    before = dict(GIVEN)
    values = walk(PERCEPTRON, GIVEN)
    assert GIVEN.keys() == before.keys()
    assert values["hidden"].tolist() == [[3.0, -2.0]]
    assert values["bent"].tolist() == [[3.0, 0.0]]
    assert values["logits"][0].tolist() == pytest.approx([0.0, math.log(3)])  # a quarter and three quarters
    assert values["loss"] == pytest.approx(math.log(4))
    gradients = walk_back(PERCEPTRON, values, {"loss": 1.0})
    assert gradients["logits"][0].tolist() == pytest.approx([-0.75, 0.75])
    np.testing.assert_allclose(gradients["logits.weight"], [[-2.25, 0.0], [2.25, 0.0]])
    of_bent = 0.75 * math.log(3) / 3
    assert gradients["hidden"][0].tolist() == pytest.approx([of_bent, 0.0])  # the second unit is shut
    assert gradients["hidden.weight"].ravel().tolist() == pytest.approx([2 * of_bent, 0.0])
    assert gradients["hidden.bias"].tolist() == pytest.approx([of_bent, 0.0])
    assert gradients["inputs"].item() == pytest.approx(of_bent)
    assert "labels" not in gradients


def test_a_value_taken_twice_collects_from_both_paths():
    lines = [
        Line("bent", "tanh", ("inputs",)),
        Line("sum", "add", ("bent", "inputs")),  # the shortcut goes around the tanh
        Line("twice", "add", ("sum", "sum")),
    ]
    values = walk(lines, {"inputs": np.array([[0.5]])})
    gradients = walk_back(lines, values, {"twice": np.array([[1.0]])})
    assert gradients["sum"].item() == 2.0
    assert gradients["inputs"].item() == pytest.approx(2 * (1 - math.tanh(0.5) ** 2 + 1))


def test_the_gradient_of_one_logit_and_walking_on():
    values = walk(PERCEPTRON, GIVEN)
    gradients = walk_back(PERCEPTRON, values, {"logits": np.array([[0.0, 1.0]])})
    assert "loss" not in gradients
    assert gradients["inputs"].item() == pytest.approx(math.log(3) / 3)
    after = walk_on(PERCEPTRON, values, "bent", np.array([[0.0, 0.0]]))
    assert after["hidden"] is values["hidden"]
    assert after["logits"].tolist() == [[0.0, 0.0]]
    assert after["loss"] == pytest.approx(math.log(2))


@pytest.mark.parametrize("name", ["inputs", "hidden.weight", "hidden", "bent", "logits.weight", "logits"])
def test_every_gradient_is_the_difference_of_walking_on(name):
    values = walk(PERCEPTRON, GIVEN)

    def loss(array):
        return walk_on(PERCEPTRON, values, name, array)["loss"]

    gradients = walk_back(PERCEPTRON, values, {"loss": 1.0})
    np.testing.assert_allclose(numerical_gradient(loss, values[name]), gradients[name], rtol=1e-8, atol=1e-9)


def test_layers_and_values_that_are_not_there_are_named():
    with pytest.raises(ValueError, match=r"odd: 'cube' is no kind of layer; choose one of dense, conv"):
        walk([Line("odd", "cube", ("inputs",))], GIVEN)
    with pytest.raises(ValueError, match=r"bent: nothing before it gives hidden; there are inputs, labels"):
        walk(PERCEPTRON[1:], GIVEN)
    with pytest.raises(ValueError, match=r"hiden: no value of this name; there are inputs, .*, loss"):
        walk_on(PERCEPTRON, walk(PERCEPTRON, GIVEN), "hiden", np.zeros((1, 2)))


def test_a_square_has_no_error_but_rounding():
    at = np.array([[1.0, -2.0], [0.0, 3.0]])
    kept = at.copy()
    gradient = numerical_gradient(lambda x: float((x**2).sum()), at, step=0.5)
    np.testing.assert_allclose(gradient, 2 * at, atol=1e-14)
    np.testing.assert_array_equal(at, kept)


def test_the_error_is_the_two_parts_that_its_file_names():
    # exp at 0: every derivative is 1, so the quotient is off by h^2 / 6, until rounding takes over.
    def error(step):
        return abs(numerical_gradient(lambda x: math.exp(x[0]), np.zeros(1), step)[0] - 1)

    for step in (1e-1, 1e-2, 1e-3):
        assert error(step) == pytest.approx(step**2 / 6, rel=0.01)
    smallest = error(None)
    assert smallest < 1e-10
    assert error(1e-3) > 100 * smallest
    assert error(1e-10) > 100 * smallest


def test_steps_grow_with_the_number_and_with_what_its_arithmetic_cannot_tell():
    assert best_step(0.0, np.dtype(np.float64)) == pytest.approx(6.06e-6, rel=0.01)
    assert best_step(-1e3, np.dtype(np.float64)) == pytest.approx(6.06e-3, rel=0.01)
    assert best_step(0.0, np.dtype(np.float32)) == pytest.approx(4.92e-3, rel=0.01)


def test_single_precision_gives_some_digits_and_a_kink_the_mean_of_both_slopes():
    gradient = numerical_gradient(lambda x: float(np.sin(x).sum()), np.array([0.5], np.float32))
    assert gradient.dtype == np.float32
    assert gradient[0] == pytest.approx(math.cos(0.5), abs=1e-4)
    assert numerical_gradient(lambda x: max(0.0, x[0]), np.zeros(1)).tolist() == pytest.approx([0.5])
