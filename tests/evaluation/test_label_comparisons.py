"""Comparisons of models of several labels: by hand, under the null, and in the verdicts' words."""

from itertools import product

import numpy as np
import pytest

from evaluation.draws import drawn_labels
from pellucid.arithmetic.metrics import label_counts, label_macro_f1, micro_f1
from pellucid.evaluation import Groups
from pellucid.evaluation.label_comparisons import (
    _merits,
    compare_labels,
    label_exchange_p_value,
    precision_p_value,
)


def flipped(labels, share, seed):
    """Decisions that are wrong in so many cells."""
    wrong = np.random.default_rng(seed).random(labels.shape) < share
    return np.where(wrong, 1 - np.maximum(labels, 0), np.maximum(labels, 0)).astype(np.int8)


def exact_p_value(metric, labels, first, second, sets):
    """Share of all ways to exchange the answers of sets that differ as much as those at hand."""

    def gap(exchanged):
        where = np.array(exchanged)[sets][:, None]
        pair = np.where(where, second, first), np.where(where, first, second)
        one, other = (float(metric(label_counts(labels, each))) for each in pair)
        return abs(one - other)

    seen = gap([False] * (sets.max() + 1))
    return np.mean([gap(each) >= seen - 1e-12 for each in product([False, True], repeat=sets.max() + 1)])


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize(("key", "metric"), [("micro_f1", micro_f1), ("macro_f1", label_macro_f1)])
def test_exchanging_answers_comes_near_to_trying_all_ways(key, metric, grouped):
    labels, _ = drawn_labels(10, 4, seed=2, unknown=0.1)
    first, second = flipped(labels, 0.1, 0), flipped(labels, 0.3, 1)
    sets = np.arange(10) // 2 if grouped else np.arange(10)
    expected = exact_p_value(metric, labels, first, second, sets)
    groups = Groups.of_sets(sets) if grouped else None
    found = label_exchange_p_value(key, labels, (first, second), 3, groups)
    assert found == pytest.approx(expected, abs=0.035)
    assert 0.01 < expected < 0.9


@pytest.mark.parametrize("key", ["micro_f1", "macro_f1"])
def test_p_values_of_equal_models_are_uniform(key):
    """Of 200 below 0.05 more than 21 happen once in a thousand; the share below 0.5 likewise."""
    found = []
    for seed in range(200):
        labels, _ = drawn_labels(60, 4, seed=seed)
        pair = flipped(labels, 0.2, 2 * seed), flipped(labels, 0.2, 2 * seed + 1)
        found.append(label_exchange_p_value(key, labels, pair, seed))
    assert np.mean(np.array(found) <= 0.05) <= 21 / 200
    assert 0.38 < np.mean(np.array(found) <= 0.5) < 0.62


def test_verdicts_and_their_json():
    labels, _ = drawn_labels(1500, 5, unknown=0.1)
    # of the cells that are right 3 in the middle model are wrong besides
    good, nearly, bad = flipped(labels, 0.05, 0), flipped(labels, 0.05, 0), flipped(labels, 0.2, 1)
    nearly[:3] = 1 - good[:3]
    ahead, level, behind = compare_labels(labels, {"svm": good, "cnn": bad, "mlp": nearly})
    expected = micro_f1(label_counts(labels, good)) - micro_f1(label_counts(labels, bad))
    assert ahead.difference.value == pytest.approx(float(expected))
    assert ahead.difference.low < expected < ahead.difference.high
    assert ahead.verdict.startswith("svm is better than cnn: a difference of ")
    assert ahead.verdict.endswith("] of micro-F1")
    assert "svm and mlp differ by" in level.verdict
    assert behind.verdict.startswith("cnn is worse than mlp")
    assert {*ahead.to_json()} == {"a", "b", "micro_f1_difference", "p_value", "p_value_holm", "verdict"}
    assert ahead.adjusted == pytest.approx(3 * ahead.p_value)
    few = compare_labels(labels[:12], {"svm": good[:12], "cnn": bad[:12]})[0]
    assert "inconclusive: svm and cnn disagree on" in few.verdict
    assert "of 12 examples, a difference of" in few.verdict


def test_cells_that_nobody_knows_decide_nothing():
    labels, said = drawn_labels(200, 5, unknown=0.3)
    first = (said >= 0.4).astype(np.int8)
    second = np.where(labels < 0, 1 - first, first).astype(np.int8)
    (found,) = compare_labels(labels, {"a": first, "b": second})
    assert (tuple(found.difference), found.p_value) == ((0, 0, 0), 1.0)


def test_alone_and_without_examples():
    labels, said = drawn_labels(20)
    assert compare_labels(labels, {"a": (said >= 0.5).astype(np.int8)}) == ()
    with pytest.raises(ValueError, match="no example to compare on"):
        compare_labels(labels[:0], {"a": labels[:0], "b": labels[:0]})


def test_intervals_hold_the_true_difference():
    """Of 100 at 95 %, fewer than 87 hold it once in a thousand."""
    many, _ = drawn_labels(100_000, 5, seed=999)
    truth = float(
        micro_f1(label_counts(many, flipped(many, 0.1, 0)))
        - micro_f1(label_counts(many, flipped(many, 0.2, 1)))
    )
    held = 0
    for seed in range(100):
        labels, _ = drawn_labels(150, 5, seed=seed)
        pair = {"a": flipped(labels, 0.1, 10 + seed), "b": flipped(labels, 0.2, 1000 + seed)}
        low, high = compare_labels(labels, pair)[0].difference[1:]
        held += low <= truth <= high
    assert held >= 87


def test_groups_that_repeat_an_example_say_no_more_than_it():
    labels, _ = drawn_labels(40, 5)
    pair = {"a": flipped(labels, 0.1, 0), "b": flipped(labels, 0.2, 1)}
    repeated = {name: np.repeat(each, 10, axis=0) for name, each in pair.items()}
    groups = Groups.of_sets(np.repeat(np.arange(40), 10))
    once = compare_labels(labels, pair)[0]
    grouped = compare_labels(np.repeat(labels, 10, axis=0), repeated, groups)[0]
    plain = compare_labels(np.repeat(labels, 10, axis=0), repeated)[0]
    assert grouped.p_value == pytest.approx(once.p_value, abs=0.02)
    assert plain.p_value < grouped.p_value
    width = once.difference.high - once.difference.low
    assert grouped.difference.high - grouped.difference.low == pytest.approx(width, rel=0.15)


def test_rankings_are_compared_by_resampled_examples():
    labels, said = drawn_labels(300, 4, unknown=0.1)
    noise = np.random.default_rng(77).normal(size=said.shape)
    blurred = 1 / (1 + np.exp(-np.log(said / (1 - said)) - 3 * noise))
    assert precision_p_value(labels, (said, blurred), 0) < 0.01
    assert precision_p_value(labels, (said, said**3), 0) == 1.0  # the same order
    slightly = np.clip(said + 0.01 * noise, 0, 1)
    assert precision_p_value(labels, (said, slightly), 0) > 0.05


def test_merits_are_log_likelihoods_of_known_labels_by_every_answer():
    labels = np.array([[1, 0, -1], [0, 1, 1]], np.int8)
    said = np.array([[0.7, 0.2, 0.9], [0.4, 0.6, 0.1]])
    expected = [
        [np.log([0.7, 0.8]).mean(), np.log([0.3, 0.2, 0.9]).mean()],
        [np.log([0.4, 0.4]).mean(), np.log([0.6, 0.6, 0.1]).mean()],
    ]
    np.testing.assert_allclose(_merits(labels, said), expected, rtol=1e-12)
