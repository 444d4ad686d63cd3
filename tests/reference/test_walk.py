"""Networks written out as lines: numbers by hand, and every path of the chain rule."""

import math

import numpy as np
import pytest

from pellucid.reference import Line, numerical_gradient, walk, walk_back, walk_on

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
    values = walk(PERCEPTRON, GIVEN)
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


def test_what_was_given_is_left_alone():
    before = dict(GIVEN)
    values = walk(PERCEPTRON, GIVEN)
    assert GIVEN.keys() == before.keys()
    assert values.keys() - GIVEN.keys() == {"hidden", "bent", "logits", "loss"}


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


def test_the_gradient_of_one_logit():
    values = walk(PERCEPTRON, GIVEN)
    gradients = walk_back(PERCEPTRON, values, {"logits": np.array([[0.0, 1.0]])})
    assert "loss" not in gradients
    assert gradients["inputs"].item() == pytest.approx(math.log(3) / 3)


@pytest.mark.parametrize("name", ["inputs", "hidden.weight", "hidden", "bent", "logits.weight", "logits"])
def test_every_gradient_is_the_difference_of_walking_on(name):
    values = walk(PERCEPTRON, GIVEN)

    def loss(array):
        return walk_on(PERCEPTRON, values, name, array)["loss"]

    gradients = walk_back(PERCEPTRON, values, {"loss": 1.0})
    np.testing.assert_allclose(numerical_gradient(loss, values[name]), gradients[name], rtol=1e-8, atol=1e-9)


def test_walking_on_keeps_what_stands_before():
    values = walk(PERCEPTRON, GIVEN)
    after = walk_on(PERCEPTRON, values, "bent", np.array([[0.0, 0.0]]))
    assert after["hidden"] is values["hidden"]
    assert after["logits"].tolist() == [[0.0, 0.0]]
    assert after["loss"] == pytest.approx(math.log(2))


def test_a_layer_that_is_not_there_is_told():
    with pytest.raises(ValueError, match=r"odd: 'cube' is no kind of layer; choose one of dense, conv"):
        walk([Line("odd", "cube", ("inputs",))], GIVEN)


def test_a_value_that_is_not_there_is_told():
    with pytest.raises(ValueError, match=r"bent: nothing before it gives hidden; there are inputs, labels"):
        walk(PERCEPTRON[1:], GIVEN)
    with pytest.raises(ValueError, match=r"hiden: no value of this name; there are inputs, .*, loss"):
        walk_on(PERCEPTRON, walk(PERCEPTRON, GIVEN), "hiden", np.zeros((1, 2)))
