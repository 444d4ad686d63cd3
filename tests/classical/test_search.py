"""Set-ups that chance cannot tell apart: the first, which usually serves best, is taken."""

import numpy as np
import pytest

from pellucid.classical.by_target import as_good, settled
from pellucid.classical.training_set import Configuration


def taken(scores, losses):
    configurations = [Configuration("tf-idf", str(number), score) for number, score in enumerate(scores)]
    return settled(configurations, np.array(losses))


@pytest.mark.parametrize(
    ("further", "chosen"),
    [
        ([0.0, 0.0, 0.0, 0.0], 0),  # the same
        ([0.3, -0.3, 0.3, -0.26], 0),  # 0.01 of 0.6: less than 2 %
        ([0.4, 0.0, 0.4, 0.0], 1),  # 0.2 of 0.6, though four examples cannot prove it
        ([-0.2, -0.1, -0.2, -0.1], 0),  # better
        ([0.02, 0.01, 0.01, 0.02], 1),  # 0.015 of 0.6: more than 2 %
    ],
)
def test_the_first_is_taken_whose_loss_exceeds_the_smallest_by_a_negligible_part(further, chosen):
    least = np.array([0.5, 1.0, 0.2, 0.7])
    assert taken([0.75, 0.75], [least + further, least]) == chosen


@pytest.mark.parametrize(("errors", "chosen"), [([1.009, 1.0, 1.2], 0), ([1.02, 1.0, 1.0], 1)])
def test_of_numbers_the_first_is_taken_whose_error_is_as_small(errors, chosen):
    assert as_good([Configuration("tf-idf", str(error), -error) for error in errors]) == chosen


def test_a_set_up_that_the_metric_tells_apart_is_not_taken():
    """0.9 of 100 has a standard error of 0.03."""
    losses = np.full((3, 100), 0.4)
    assert taken([0.86, 0.88, 0.9], losses) == 1
    assert taken([0.86, 0.86, 0.9], losses) == 2


def test_among_those_alike_the_least_loss_decides_what_is_far():
    near = np.tile([0.2, 0.4], 50)
    far, farther = near + np.tile([0.0, 0.02], 50) + 0.5, near + 1.0
    assert taken([0.9, 0.9, 0.9], [farther, far, near]) == 2
    assert taken([0.9, 0.9, 0.9], [farther, near + np.tile([0.3, -0.3], 50), near]) == 1
