import numpy as np
import pytest

from labelled import labelled
from pellucid.evaluation import score

NAMES = ["mean_absolute_error", "root_mean_squared_error", "r2"]


def test_by_hand():
    # errors 1, -1, 2: 4/3, sqrt(6/3); the labels' squared distances from 2 add up to 2
    scores = score(labelled(np.array([1.0, 2.0, 3.0])), np.array([2.0, 1.0, 5.0]))
    assert scores["mean_absolute_error"].value == pytest.approx(4 / 3)
    assert scores["root_mean_squared_error"].value == pytest.approx(np.sqrt(2))
    assert scores["r2"].value == pytest.approx(1 - 6 / 2)
    assert scores.examples == 3
    assert list(scores.to_json()) == NAMES


def test_perfect_answers():
    scores = score(labelled(np.arange(9.0)), np.arange(9.0))
    assert scores["root_mean_squared_error"] == (0.0, 0.0, 0.0)
    assert scores["r2"] == (1.0, 1.0, 1.0)


def test_one_and_no_example():
    one = score(labelled(np.array([1.0])), np.array([3.0]))
    assert one["mean_absolute_error"] == (2.0, 2.0, 2.0)
    with pytest.raises(ValueError, match="no example to score"):
        score(labelled(np.zeros(0)), np.zeros(0))


def coverage(examples, trials):
    """How often each interval holds the truth; errors normal of deviation 1, labels of deviation 2."""
    truth = {"mean_absolute_error": np.sqrt(2 / np.pi), "root_mean_squared_error": 1.0, "r2": 0.75}
    held = dict.fromkeys(NAMES, 0)
    for trial in range(trials):
        generator = np.random.default_rng(trial)
        labels = 2 * generator.normal(size=examples)
        found = score(labelled(labels), labels + generator.normal(size=examples), trial).to_json()
        for name in NAMES:
            held[name] += found[name]["low"] <= truth[name] <= found[name]["high"]
    return {name: count / trials for name, count in held.items()}


def test_intervals_hold_the_truth_most_of_the_time():
    assert min(coverage(100, 40).values()) > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("examples", [100, 1000])
def test_intervals_hold_the_truth_95_percent_of_the_time(examples):
    found = coverage(examples, 300)
    assert all(0.915 <= share <= 0.985 for share in found.values()), found
