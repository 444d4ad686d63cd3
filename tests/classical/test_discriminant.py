"""Linear discriminant analysis out of fold: as scikit-learn answers, from what the other folds taught."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from pellucid.classical import linear_fitting
from pellucid.classical.linear_fitting import discriminant_answers

CLASSES = 10


def digits(count: int = 600) -> tuple[np.ndarray, np.ndarray]:
    pixels, labels = load_digits(return_X_y=True)
    return pixels[:count].astype(np.float32), labels[:count].astype(np.int64)


@pytest.mark.parametrize("shrinkage", [0.1, 0.6])
def test_each_fold_is_answered_as_scikit_learn_answers_it(monkeypatch, shrinkage: float) -> None:
    monkeypatch.setattr(linear_fitting, "SHRINKAGES", (shrinkage,))
    monkeypatch.setattr(linear_fitting, "best_scale", lambda labels, scores: 1.0)
    rows, labels = digits()
    fold = np.arange(len(labels)) % 3
    found = discriminant_answers(rows, labels, CLASSES, fold)
    varies = rows.std(axis=0) > 0
    scaled = ((rows - rows.mean(axis=0)) / np.where(varies, rows.std(axis=0), 1)).astype(np.float64)
    for number in range(3):
        learnt = fold != number
        means = np.stack([scaled[learnt & (labels == each)].mean(axis=0) for each in range(CLASSES)])
        apart = scaled[learnt] - means[labels[learnt]]
        within = apart.T @ apart / (learnt.sum() - CLASSES)
        alike = np.trace(within) / within.shape[0]
        model = LinearDiscriminantAnalysis(
            solver="lsqr", covariance_estimator=Given(within, alike, shrinkage)
        )
        model.fit(scaled[learnt], labels[learnt])
        asked = model.predict_proba(scaled[~learnt])
        assert found[~learnt] == pytest.approx(asked, abs=1e-3)


class Given:
    """A covariance that is known."""

    def __init__(self, within: np.ndarray, alike: float, shrinkage: float) -> None:
        self.covariance_ = (1 - shrinkage) * within + shrinkage * alike * np.eye(len(within))

    def fit(self, rows: np.ndarray) -> "Given":
        return self


def test_shuffled_labels_are_not_known_and_true_ones_are() -> None:
    rows, labels = digits()
    fold = np.random.default_rng(0).permutation(len(labels)) % 5
    shuffled = np.random.default_rng(1).permutation(labels)
    right, wrong = (discriminant_answers(rows, each, CLASSES, fold) for each in (labels, shuffled))
    assert (right.argmax(axis=1) == labels).mean() > 0.9
    assert (wrong.argmax(axis=1) == shuffled).mean() < 0.2
    assert right.sum(axis=1) == pytest.approx(1)


def test_a_class_of_one_example_and_features_that_never_change_are_no_obstacle() -> None:
    rows, labels = digits(60)
    rows[:, :5] = 3.0
    labels = np.where(labels == 9, 8, labels)
    labels[0] = 9
    found = discriminant_answers(rows, labels, CLASSES, np.arange(60) % 3)
    assert np.isfinite(found).all()
    assert found[0, 9] < 0.5
    plain = discriminant_answers(np.full((60, 4), 2, np.float32), labels, CLASSES, np.arange(60) % 3)
    assert np.isfinite(plain).all()
