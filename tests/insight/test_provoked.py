"""Real trainings that provoke each finding, and sound ones that give none."""

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from pellucid.evaluation import judge_label_issues
from pellucid.insight.findings import FINDINGS, Course, find
from pellucid.targets import REGRESSION
from provoked_runs import digits, exclusive_or, history

PLAIN = {"augment": False, "label_smoothing": 0.0, "weight_decay": 0.0}


def names(examples, **given):
    """Train by some settings; names of what is found."""
    counts = np.bincount(examples.labels[examples.train]) if examples.classes else np.zeros(1)
    chance = float(counts.max() / len(examples.train))
    return [finding.name for finding in find(Course(history(examples, **given), chance))]


ILL = {
    "vanishing-gradients": lambda: names(
        digits(), depth=12, width=32, activation="sigmoid", batch_norm=False, epochs=5, optimizer="sgd"
    ),
    "exploding-gradients": lambda: names(digits(), depth=40, width=8, epochs=4),
    "dead-units": lambda: names(digits(), learning_rate=10.0, epochs=8),
    "saturated-units": lambda: names(
        digits(), learning_rate=0.3, activation="tanh", batch_norm=False, epochs=8
    ),
    "learning-rate-too-high": lambda: names(digits(), learning_rate=1.0, optimizer="sgd", depth=3, epochs=10),
    "learning-rate-too-low": lambda: names(digits(), learning_rate=1e-4, optimizer="sgd", epochs=4),
    "overfitting": lambda: names(
        digits(200, 300, flipped=0.2), width=512, epochs=30, schedule="constant", **PLAIN
    ),
    "generalisation-gap": lambda: names(digits(60, 300), width=256, epochs=15, **PLAIN),
    "underfitting": lambda: names(exclusive_or(), depth=0, epochs=20),
    "cut-short": lambda: names(digits(), epochs=4, learning_rate=1e-3, schedule="constant"),
}


# The rules are checked on histories made by hand (`test_findings.py`); by default few trainings are run.
QUICK = ("learning-rate-too-low", "dead-units", "cut-short", "softmax regression", "exclusive or")


def of_each(runs):
    return [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in runs]


@pytest.mark.parametrize("name", of_each(ILL))
def test_a_training_that_goes_wrong_gives_its_finding(name):
    assert name in ILL[name]()


def test_flipped_labels_give_their_finding():
    examples = digits(900, 0)
    rows = examples.inputs[examples.train].reshape(len(examples.train), -1) / 255
    labels = examples.labels[examples.train]

    def found(labels):
        judge = LogisticRegression(C=1.0, max_iter=500)
        probabilities = cross_val_predict(judge, rows, labels, cv=3, method="predict_proba")
        judged = judge_label_issues(labels, probabilities)
        seen = Course([], label_issues=len(judged.found), examined=judged.examined, agreed=judged.agreed)
        return [each.name for each in find(seen)]

    draws = np.random.default_rng(0)
    shifts = np.where(draws.random(len(labels)) < 0.2, draws.integers(1, 10, len(labels)), 0)
    assert found((labels + shifts) % 10) == ["suspicious-labels"]
    assert found(labels) == []


def test_every_finding_has_a_run_that_provokes_it():
    assert {look.__name__.replace("_", "-") for look in FINDINGS} == {*ILL, "suspicious-labels"}


SOUND = {
    "mlp": lambda: names(digits(), epochs=20),
    "cnn": lambda: names(digits(), model="cnn", width=16),
    "tanh": lambda: names(digits(), activation="tanh"),
    "sigmoid": lambda: names(digits(), activation="sigmoid", batch_norm=False),
    "gd": lambda: names(digits(), optimizer="gd", epochs=60),
    "softmax regression": lambda: names(digits(), depth=0),
    "exclusive or": lambda: names(exclusive_or()),
    "numbers": lambda: names(
        dataclasses.replace(
            digits(),
            labels=digits().inputs.mean(axis=(1, 2, 3), dtype=np.float64),
            classes=0,
            target=REGRESSION,
        )
    ),
}


@pytest.mark.parametrize("name", of_each(SOUND))
def test_a_sound_training_gives_none(name):
    assert SOUND[name]() == []
