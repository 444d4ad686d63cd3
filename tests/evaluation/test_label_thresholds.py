"""Thresholds of several labels: by hand, in simulation, and decisions that flatter nobody."""

import numpy as np
import pytest

from evaluation.draws import drawn_labels
from labelled import labelled
from pellucid.arithmetic.metrics import label_counts, label_macro_f1, micro_f1
from pellucid.evaluation.label_scores import (
    HIGHEST,
    LOWEST,
    cross_fitted_decisions,
    fit_thresholds,
)
from pellucid.targets import MULTILABEL


def log_odds(threshold):
    return np.log(threshold / (1 - threshold))


def test_a_label_by_hand():
    """Own and common: F1 is 1 from 0.6 on, so 0.5. All three answers promise most: 2 * 1.9 / (1.9 + 3)."""
    labels = np.array([[1], [1], [0]], np.int8)
    probabilities = np.array([[0.9], [0.6], [0.4]])
    promised = 2 * 1.9 / (1.9 + 3) / 2
    rest = (log_odds(0.5) + log_odds(promised)) / 2
    expected = 1 / (1 + np.exp(-(2 / 32 * log_odds(0.5) + 30 / 32 * rest)))
    assert fit_thresholds(labels, probabilities).tolist() == pytest.approx([expected], abs=5e-5)


def test_a_frequent_label_has_its_own_and_a_rare_one_leans_on_the_others():
    generator = np.random.default_rng(0)
    labels = np.zeros((4000, 2), np.int8)
    labels[:2000, 0] = labels[:2, 1] = 1
    # the frequent label is certain at 0.2; of the rare one all probabilities lie below it
    probabilities = np.where(labels == 1, 0.25, 0.15) + generator.uniform(-0.04, 0.04, labels.shape)
    frequent, rare = fit_thresholds(labels, probabilities)
    assert frequent == pytest.approx(0.2, abs=0.02)
    assert labels[:, 1].sum() == 2
    assert 0.05 < rare < 0.2


@pytest.mark.parametrize("stated", [0.6, 1.0, 2.0])
@pytest.mark.parametrize("examples", [100, 1000])
def test_they_are_better_than_one_half_on_new_examples(stated, examples):
    ahead = []
    others, said = drawn_labels(20_000, 8, stated, seed=99)
    for seed in range(10):
        thresholds = fit_thresholds(*drawn_labels(examples, 8, stated, seed, unknown=0.1))
        counts = label_counts(others, (said >= thresholds).astype(np.int8))
        plain = label_counts(others, MULTILABEL.labels(said))
        ahead.append([float(score(counts) - score(plain)) for score in (label_macro_f1, micro_f1)])
    macro, micro = np.mean(ahead, axis=0)
    assert macro > 0.02
    assert micro > 0
    assert np.min(ahead) > -0.03


def test_they_are_bounded_and_short():
    labels, probabilities = drawn_labels(300, 6, 4.0)
    found = fit_thresholds(labels, probabilities)
    assert np.array_equal(found, np.round(found, 4))
    tiny = fit_thresholds(labels, probabilities * 1e-6)
    huge = fit_thresholds(np.ones_like(labels), 1 - probabilities * 1e-6)
    assert (tiny == LOWEST).all()
    assert (huge >= LOWEST).all()
    assert (huge <= HIGHEST).all()


def test_where_little_is_known():
    labels, probabilities = drawn_labels(50, 3)
    assert fit_thresholds(labels[:0], probabilities[:0]).tolist() == [0.5, 0.5, 0.5]
    labels[:, 1] = -1
    found = fit_thresholds(labels, probabilities)
    assert found[1] != found[0]
    # cells that nobody knows take no part
    probabilities[:, 1] = 0.123
    assert np.array_equal(fit_thresholds(labels, probabilities), found)
    nowhere = fit_thresholds(np.zeros_like(labels), probabilities)
    assert ((nowhere > 0.02) & (nowhere <= 0.5)).all()


def test_decisions_are_by_the_thresholds_of_others():
    """On noise, thresholds on the very examples score more than on new ones; cross-fitted ones do not."""
    generator = np.random.default_rng(5)
    gaps = {"own": [], "cross-fitted": []}
    for seed in range(40):
        labels = (generator.random((40, 4)) < 0.3).astype(np.int8)
        said = generator.random((40, 4))
        thresholds = fit_thresholds(labels, said)
        later, asked = (generator.random((4000, 4)) < 0.3).astype(np.int8), generator.random((4000, 4))
        fair = micro_f1(label_counts(later, (asked >= thresholds).astype(np.int8)))
        own = micro_f1(label_counts(labels, (said >= thresholds).astype(np.int8)))
        crossed = micro_f1(label_counts(labels, cross_fitted_decisions(labelled(labels), said, seed)))
        gaps["own"].append(float(own - fair))
        gaps["cross-fitted"].append(float(crossed - fair))
    assert np.mean(gaps["own"]) > np.mean(gaps["cross-fitted"]) + 0.01
    assert abs(np.mean(gaps["cross-fitted"])) < 0.03


def test_decisions_are_the_same_for_the_same_seed():
    labels, said = drawn_labels(100)
    first = cross_fitted_decisions(labelled(labels), said, 3)
    assert np.array_equal(first, cross_fitted_decisions(labelled(labels), said, 3))
    assert first.dtype == np.int8
    assert not np.array_equal(first, cross_fitted_decisions(labelled(labels), said, 4))
