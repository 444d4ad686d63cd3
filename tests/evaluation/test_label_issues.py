import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from pellucid.evaluation import find_label_issues


def test_by_hand():
    # thresholds: class 0 (0.9 + 0.8 + 0.2) / 3 = 0.63, class 1 (0.8 + 0.4 + 0.45) / 3 = 0.55
    of_one = np.array([0.1, 0.2, 0.8, 0.8, 0.4, 0.45])
    probabilities = np.stack([1 - of_one, of_one], axis=1)
    (found,) = find_label_issues(np.array([0, 0, 0, 1, 1, 1]), probabilities)
    assert found[:2] == (2, 1)
    assert found[2:] == pytest.approx((0.8, 0.2))


def test_the_likeliest_come_first():
    probabilities = np.array([[0.9, 0.1]] * 4 + [[0.1, 0.9]] * 4 + [[0.05, 0.95], [0.2, 0.8]])
    labels = np.array([0] * 4 + [1] * 4 + [0, 0])
    found = find_label_issues(labels, probabilities)
    assert [each.position for each in found][:1] == [8]
    margins = [each.probability_of_label - each.probability for each in found]
    assert margins == sorted(margins)


def test_no_example_and_a_class_without_labels():
    assert find_label_issues(np.zeros(0, np.int64), np.zeros((0, 3))) == []
    assert find_label_issues(np.array([0, 0]), np.array([[0.1, 0.1, 0.8], [0.8, 0.1, 0.1]])) == []


@pytest.mark.parametrize("planted", [0, 89])
def test_planted_errors_among_digits(planted):
    """Five per cent wrong labels are found, and clean data raise few alarms."""
    pixels, truth = load_digits(return_X_y=True)
    generator = np.random.default_rng(0)
    wrong = generator.choice(len(truth), planted, replace=False)
    labels = truth.astype(np.int64)
    labels[wrong] = (labels[wrong] + generator.integers(1, 10, planted)) % 10
    model = LogisticRegression(max_iter=200)
    probabilities = cross_val_predict(model, pixels / 16, labels, cv=5, method="predict_proba")
    found = find_label_issues(labels, probabilities)
    hits = [each for each in found if each.position in set(wrong.tolist())]
    if planted:
        assert len(hits) / len(found) >= 0.8
        assert len(hits) / planted >= 0.7
        assert sum(each.suggested == truth[each.position] for each in hits) >= 0.9 * len(hits)
    else:
        assert len(found) <= 0.01 * len(labels)
