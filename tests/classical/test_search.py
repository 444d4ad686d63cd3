"""Set-ups that chance cannot tell apart: the first, which usually serves best, is taken."""

import numpy as np
import pytest

from pellucid.classical.lesson import Configuration
from pellucid.classical.search import _settled


def taken(scores, losses):
    configurations = [Configuration("tf-idf", str(number), score) for number, score in enumerate(scores)]
    found = _settled(configurations, np.array(losses))
    assert [each.score for each in found] == list(scores)
    (chosen,) = [number for number, each in enumerate(found) if each.chosen]
    return chosen


@pytest.mark.parametrize(
    ("further", "chosen"),
    [
        ([0.0, 0.0, 0.0, 0.0], 0),  # the same
        ([0.3, -0.1, 0.3, -0.1], 0),  # 0.1 +- 0.1: one standard error, no more
        ([0.4, 0.0, 0.4, 0.0], 1),  # 0.2 +- 0.1: more than one
        ([-0.2, -0.1, -0.2, -0.1], 0),  # better
        ([0.01, 0.01, 0.01, 0.01], 1),  # by little, but always
    ],
)
def test_the_first_is_taken_where_its_loss_is_within_one_standard_error(further, chosen):
    least = np.array([0.5, 1.0, 0.2, 0.7])
    assert taken([0.75, 0.75], [least + further, least]) == chosen


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
