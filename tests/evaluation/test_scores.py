import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.draws import drawn
from labelled import answered, labelled
from pellucid.arithmetic import accuracy, confusion_matrix, log_loss
from pellucid.arithmetic.metrics import OF_COUNTS, expected_calibration_error
from pellucid.evaluation import score
from pellucid.evaluation.scores import _resampled
from pellucid.settings import METRICS, metrics_of
from pellucid.targets import metric_value
from small_models import digits, trained_model

NAMES = [metric.key for metric in metrics_of("class")]


def macro_f1(labels, probabilities):
    return metric_value(METRICS["macro_f1"], labelled(labels), probabilities)


def test_scores_of_a_real_model():
    pixels, labels = digits()
    probabilities = trained_model().predict_proba(pixels[1000:])
    scores = score(labelled(labels[1000:]), probabilities)
    predicted = probabilities.argmax(axis=1)
    assert scores["accuracy"].value == accuracy(labels[1000:], probabilities)
    assert scores["macro_f1"].value == pytest.approx(macro_f1(labels[1000:], probabilities))
    assert scores["log_loss"].value == pytest.approx(log_loss(labels[1000:], probabilities))
    assert scores["expected_calibration_error"].value == pytest.approx(
        expected_calibration_error(labels[1000:], probabilities)
    )
    assert np.array_equal(scores.confusion, confusion_matrix(labels[1000:], predicted, 10))
    assert scores.examples == 797
    for interval in scores.intervals.values():
        assert interval.low <= interval.value <= interval.high
        assert interval.low < interval.high


def test_json_has_the_form_of_metrics_json():
    document = score(*answered(*drawn(100, 3))).to_json()
    assert list(document) == NAMES
    for entry in document.values():
        assert list(entry) == ["value", "low", "high"]
        assert all(type(number) is float for number in entry.values())


def test_the_seed_decides():
    labels, probabilities = drawn(200, 4)
    assert (
        score(labelled(labels), probabilities, 1).to_json()
        == score(labelled(labels), probabilities, 1).to_json()
    )
    assert (
        score(labelled(labels), probabilities, 1)["log_loss"]
        != score(labelled(labels), probabilities, 2)["log_loss"]
    )


def test_perfect_answers():
    labels = np.arange(30) % 3
    scores = score(labelled(labels), np.eye(3)[labels])
    assert scores["accuracy"][::2] == (1.0, 1.0)
    assert scores["accuracy"].low == pytest.approx(0.88649, abs=1e-5)
    assert scores["macro_f1"] == (1.0, 1.0, 1.0)
    assert scores["log_loss"] == (0.0, 0.0, 0.0)
    assert scores["expected_calibration_error"][:2] == (0.0, 0.0)


def test_wrong_answers_of_full_certainty_stay_finite():
    labels = np.zeros(5, np.int64)
    scores = score(labelled(labels), np.eye(2)[[1] * 5])
    assert scores["accuracy"].value == 0.0
    assert all(np.isfinite(list(entry.values())).all() for entry in scores.to_json().values())


def test_one_example():
    scores = score(labelled(np.array([1])), np.array([[0.4, 0.6]]))
    assert scores["accuracy"].value == 1.0
    assert scores["macro_f1"] == (1.0, 1.0, 1.0)
    assert scores["log_loss"] == pytest.approx((-np.log(0.6),) * 3)
    assert scores["expected_calibration_error"].value == pytest.approx(0.4)


def test_no_example():
    with pytest.raises(ValueError, match="no example to score"):
        score(labelled(np.zeros(0, np.int64)), np.zeros((0, 3)))


@given(st.integers(0, 10_000), st.integers(2, 7), st.integers(1, 30))
def test_weights_stand_for_repeated_examples(seed, classes, examples):
    labels, probabilities = drawn(examples, classes, seed=seed)
    picked = np.random.default_rng(seed).integers(examples, size=examples)
    weights = np.bincount(picked, minlength=examples).astype(float)
    found = _resampled(labels, probabilities, probabilities.argmax(axis=1))(weights[None])[0]
    for name, value in zip((*OF_COUNTS, "log_loss"), found, strict=True):
        expected = metric_value(METRICS[name], labelled(labels[picked]), probabilities[picked])
        assert value == pytest.approx(expected), name


def test_ten_thousand_examples_take_little_time_and_memory():
    labels, probabilities = drawn(10_000, 10)
    began = time.process_time()
    score(labelled(labels), probabilities)
    assert time.process_time() - began < 1
    tracemalloc.start()
    score(labelled(labels), probabilities)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 120e6


def coverage(examples, classes, stated, trials):
    """How often each interval holds the score that 400,000 other examples give."""
    labels, probabilities = drawn(400_000, classes, stated, seed=1)
    truth = {each.key: metric_value(each, labelled(labels), probabilities) for each in metrics_of("class")}
    held = dict.fromkeys(NAMES, 0)
    for trial in range(trials):
        found = score(*answered(*drawn(examples, classes, stated, seed=100 + trial)), seed=trial).to_json()
        for name in NAMES:
            held[name] += found[name]["low"] <= truth[name] <= found[name]["high"]
    return {name: count / trials for name, count in held.items()}


def test_intervals_hold_the_truth_most_of_the_time():
    found = coverage(300, 4, 1.3, trials=40)
    assert min(found.values()) > 0.85, found


@pytest.mark.slow
def test_intervals_hold_the_truth_95_percent_of_the_time():
    """150 trials: the spread of a coverage of 0.95 is 0.018."""
    found = coverage(1000, 10, 1.3, trials=150)
    for name in NAMES:
        assert 0.905 <= found[name] <= 0.995, found


@pytest.mark.slow
def test_the_calibration_interval_holds_zero_when_calibration_is_perfect():
    assert coverage(1000, 10, 1.0, trials=100)["expected_calibration_error"] >= 0.92


def test_rankings_of_two_classes_have_intervals():
    labels, probabilities = drawn(400, 2, seed=3)
    rare = np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:12]])
    labels, probabilities = labels[rare], probabilities[rare]
    found = score(labelled(labels), probabilities)
    for key in ("average_precision", "roc_auc"):
        value = metric_value(METRICS[key], labelled(labels), probabilities, positive=1)
        assert found[key].value == value
        assert found[key].low < value < found[key].high
    assert score(labelled(labels), probabilities, positive=0)["average_precision"].value > 0.95
    assert "roc_auc" not in score(labelled(labels[labels == 0]), probabilities[labels == 0]).intervals
    assert "roc_auc" not in score(*answered(*drawn(50, 3))).intervals
