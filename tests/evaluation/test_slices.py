"""Scores by the values of a column: worst first, intervals that hold together, small values pooled."""

import numpy as np
import pytest
from scipy import stats

from labelled import labelled
from pellucid.evaluation import score_slices


def answers_of(hits: np.ndarray) -> np.ndarray:
    """Probabilities of two classes that are right about class 0 where told."""
    return np.where(hits[:, None], [0.9, 0.1], [0.1, 0.9])


def test_values_stand_worst_first_each_with_its_simultaneous_interval():
    values = ["a"] * 50 + ["b"] * 100 + ["c"] * 3
    hits = np.concatenate([np.arange(50) < 45, np.arange(100) < 60, np.ones(3, bool)])
    found = score_slices("land", values, labelled(np.zeros(153, np.int64)), answers_of(hits))
    assert [(part.value, part.examples) for part in found.parts] == [("b", 100), ("a", 50)]
    # two intervals of 97.5 % each
    expected = stats.binomtest(60, 100).proportion_ci(confidence_level=0.975, method="wilson")
    assert found.parts[0].score == pytest.approx((0.6, expected.low, expected.high))
    assert found.pooled is None
    assert found.left_out == (1, 3)
    assert found.metric == "accuracy"


def test_small_values_are_pooled_where_they_are_enough_together():
    values = ["a"] * 40 + [f"small {index // 5}" for index in range(30)]
    found = score_slices("land", values, labelled(np.zeros(70, np.int64)), answers_of(np.arange(70) % 2 == 0))
    assert found.pooled is not None
    assert (found.pooled.examples, found.pooled_values, found.left_out) == (30, 6, (0, 0))
    assert found.to_json()["pooled"]["values"] == 6


def test_errors_of_numbers_have_the_interval_of_student():
    draws = np.random.default_rng(0)
    labels = draws.normal(size=90)
    answers = labels + np.repeat([0.1, 1.0, 0.5], 30) * draws.normal(size=90)
    found = score_slices("land", list(np.repeat(["a", "b", "c"], 30)), labelled(labels), answers)
    assert [part.value for part in found.parts] == ["b", "c", "a"]
    errors = np.abs(answers - labels)[30:60]
    low, high = stats.t.interval(1 - 0.05 / 3, 29, errors.mean(), errors.std(ddof=1) / np.sqrt(30))
    assert found.parts[0].score == pytest.approx((errors.mean(), low, high))
    assert found.parts[0].is_worse
    assert not found.parts[2].is_worse


def test_where_all_are_alike_one_value_is_called_worse_seldom():
    draws = np.random.default_rng(1)
    values = [f"v{index % 20}" for index in range(2000)]
    alarms = 0
    for _ in range(200):
        hits = draws.random(2000) < 0.8
        found = score_slices("land", values, labelled(np.zeros(2000, np.int64)), answers_of(hits))
        alarms += any(part.is_worse for part in found.parts)
    assert alarms <= 14  # at most 5 % of 200, with chance: 95 % of binomial draws are below that
