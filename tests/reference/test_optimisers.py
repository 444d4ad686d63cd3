import numpy as np
import pytest

from pellucid.reference.optimisers import (
    RULES,
    Memory,
    Numbers,
    adamw,
    gradient_descent,
    momentum,
    nesterov,
    update,
)
from pellucid.training.optimisers import OPTIMIZERS

ONE, HALF = np.array([1.0]), np.array([0.5])


def test_there_is_a_rule_for_every_optimiser():
    assert RULES.keys() == OPTIMIZERS.keys()


def test_gradient_descent_by_hand():
    after, _ = gradient_descent(ONE, HALF, Memory(), Numbers(0.1))
    assert after.tolist() == [1 - 0.1 * 0.5]
    decayed, _ = gradient_descent(ONE, HALF, Memory(), Numbers(0.1, weight_decay=0.2))
    assert decayed.tolist() == pytest.approx([1 - 0.1 * (0.5 + 0.2)])


def test_momentum_and_nesterov_by_hand():
    numbers = Numbers(0.1, momentum=0.5)
    once, memory = momentum(ONE, HALF, Memory(), numbers)
    twice, _ = momentum(once, HALF, memory, numbers)
    assert (once.tolist(), twice.tolist()) == ([0.95], pytest.approx([0.95 - 0.1 * (0.5 * 0.5 + 0.5)]))
    ahead, _ = nesterov(ONE, HALF, Memory(), numbers)
    assert ahead.tolist() == pytest.approx([1 - 0.1 * (0.5 + 0.5 * 0.5)])


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_the_first_step_of_adam_is_the_learning_rate_whatever_the_gradient(size):
    after, memory = RULES["adam"](ONE, np.array([-size]), Memory(), Numbers(0.1, epsilon=0.0))
    assert after.tolist() == pytest.approx([1.1])
    assert memory.step == 1


def test_decay_of_adamw_does_not_pass_through_the_mean_square():
    after, _ = adamw(ONE, HALF, Memory(), Numbers(0.1, weight_decay=0.2, epsilon=0.0))
    assert after.tolist() == pytest.approx([1 - 0.1 * 0.2 - 0.1])


def test_biases_are_not_decayed():
    weights = {"weight": np.ones((1, 1)), "bias": np.ones(1)}
    gradients = {name: 0 * weight for name, weight in weights.items()}
    after, memories = update(gradient_descent, weights, gradients, {}, Numbers(0.1, weight_decay=1.0))
    assert (after["weight"].item(), after["bias"].item()) == (0.9, 1.0)
    assert {memory.step for memory in memories.values()} == {1}
