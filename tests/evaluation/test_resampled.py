import math

import numpy as np
import pytest
from scipy import stats

from pellucid.evaluation import corrected_interval, corrected_p_value


def test_by_hand():
    # mean 0.8, variance 0.01, J = 3, n2/n1 = 1/2: error sqrt((1/3 + 1/2) 0.01), t(2) = 4.302653
    found = corrected_interval(np.array([0.7, 0.8, 0.9]), train=100, test=50)
    spread = 4.302653 * math.sqrt((1 / 3 + 1 / 2) * 0.01)
    assert found == pytest.approx((0.8, 0.8 - spread, 0.8 + spread), abs=1e-6)
    assert corrected_interval(np.array([0.7, 0.8, 0.9]), 100, 50, bounds=(0.0, 1.0)).high == 1.0


def test_without_overlap_it_is_the_t_test():
    differences = np.array([0.02, 0.05, -0.01, 0.03, 0.04])
    expected = stats.ttest_1samp(differences, 0).pvalue
    assert corrected_p_value(differences, train=10**12, test=1) == pytest.approx(expected, rel=1e-6)


def test_interval_and_p_value_agree():
    differences = np.array([0.02, 0.05, 0.01, 0.03, 0.04])
    for shift in np.linspace(-0.05, 0.05, 21):
        found = corrected_interval(differences + shift, 80, 20)
        assert (found.low > 0 or found.high < 0) == (corrected_p_value(differences + shift, 80, 20) < 0.05)


def test_equal_differences():
    assert corrected_p_value(np.zeros(5), 80, 20) == 1.0
    assert corrected_p_value(np.full(5, 0.1), 80, 20) == 1 / 16


def test_too_few_folds():
    with pytest.raises(ValueError, match="found 1, but a variance needs at least two"):
        corrected_interval(np.array([0.5]), 10, 10)
    with pytest.raises(ValueError, match="neither may be empty"):
        corrected_p_value(np.array([0.5, 0.4]), 0, 10)


def test_overlapping_training_sets_raise_fewer_false_alarms():
    """Ten-fold cross-validation of two learners that are equally good: means of half the training sets."""
    corrected = naive = 0
    for trial in range(300):
        rows = np.random.default_rng(trial).normal(size=(100, 3))
        folds = np.arange(100) % 10
        differences = []
        for fold in range(10):
            train, test = rows[folds != fold], rows[folds == fold]
            gap = (test[:, 2] - train[:, 0].mean()) ** 2 - (test[:, 2] - train[:, 1].mean()) ** 2
            differences.append(gap.mean())
        corrected += corrected_p_value(np.array(differences), 90, 10) <= 0.05
        naive += stats.ttest_1samp(differences, 0).pvalue <= 0.05
    assert corrected / 300 <= 0.08
    assert corrected <= naive
