import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sklearn_metrics

from labelled import labelled
from pellucid.arithmetic import accuracy, confusion_matrix, log_loss
from pellucid.arithmetic.metrics import (
    OF_CLASSES,
    OF_COUNTS,
    OF_NUMBERS,
    OF_RANKS,
    ClassCounts,
    calibration_bins,
    class_counts,
    class_value,
    expected_calibration_error,
    number_errors,
    ranked,
    rarer_class,
)
from pellucid.settings import METRICS, NUMBER_METRIC, metric_of, metrics_of
from pellucid.targets import metric_value

# Four examples by hand: labels a a b c; said a b b b.
LABELS = np.array([0, 0, 1, 2])
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.1, 0.8, 0.1], [0.0, 0.5, 0.5]])
PREDICTED = np.array([0, 1, 1, 1])


def macro_f1(labels, predicted, classes):
    return float(OF_COUNTS["macro_f1"](class_counts(labels, predicted, classes)))


def test_accuracy_by_hand():
    assert accuracy(LABELS, PROBABILITIES) == 2 / 4


def test_confusion_by_hand():
    expected = [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
    assert confusion_matrix(LABELS, PREDICTED, 3).tolist() == expected


def test_log_loss_by_hand():
    expected = -(math.log(0.7) + math.log(0.3) + math.log(0.8) + math.log(0.5)) / 4
    assert log_loss(LABELS, PROBABILITIES) == pytest.approx(expected, rel=1e-14)


def test_macro_f1_by_hand():
    # a: 2*1/(2+1); b: 2*1/(1+3); c: 0/(1+0)
    assert macro_f1(LABELS, PREDICTED, 3) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3, rel=1e-14)


def test_balanced_accuracy_by_hand():
    # Recalls: a 1/2, b 1/1, c 0/1; a fourth class without an example is left out.
    for classes in (3, 4):
        counts = class_counts(LABELS, PREDICTED, classes)
        assert float(OF_COUNTS["balanced_accuracy"](counts)) == (1 / 2 + 1 + 0) / 3


def test_calibration_error_by_hand():
    # Bins of 1/15: 0.7 and 0.8 stand alone and are right, 0.6 and 0.5 alone and are wrong.
    expected = (0.3 + 0.2 + 0.6 + 0.5) / 4
    assert expected_calibration_error(LABELS, PROBABILITIES) == pytest.approx(expected, rel=1e-12)


def test_calibration_error_within_a_bin():
    # 0.61 and 0.65 share the bin (0.6, 0.667]: one of two is right.
    probabilities = np.array([[0.61, 0.39], [0.65, 0.35]])
    assert expected_calibration_error(np.array([0, 1]), probabilities) == pytest.approx(abs(1 - 1.26) / 2)


def test_bins_are_closed_above():
    # 0.8 is the upper edge of (0.733, 0.8]; 0.79 is in the same bin, 0.81 is not.
    def error(other):
        return expected_calibration_error(np.array([0, 1]), np.array([[0.8, 0.2], [other, 1 - other]]))

    assert error(0.79) == pytest.approx(abs(0.2 - 0.79) / 2)
    assert error(0.81) == pytest.approx((0.2 + 0.81) / 2)


def test_certainty_and_impossibility():
    probabilities = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert expected_calibration_error(np.array([0, 0]), probabilities) == 0.0
    assert log_loss(np.array([0, 0]), probabilities) == 0.0
    assert log_loss(np.array([1, 1]), probabilities) == pytest.approx(-math.log(np.finfo(float).eps))


def test_a_class_that_does_not_occur_is_left_out():
    labels, predicted = np.array([0, 0, 1]), np.array([0, 1, 1])
    assert macro_f1(labels, predicted, 2) == macro_f1(labels, predicted, 7)
    with_seven = np.pad(np.eye(2)[predicted], ((0, 0), (0, 5)))
    assert accuracy(labels, with_seven) == 2 / 3


def test_a_class_that_is_only_predicted_counts_as_zero():
    assert macro_f1(np.array([0, 0]), np.array([0, 2]), 3) == pytest.approx((2 / 3 + 0) / 2)


def test_one_example():
    labels, probabilities = np.array([1]), np.array([[0.25, 0.75]])
    assert accuracy(labels, probabilities) == 1.0
    assert macro_f1(labels, np.array([1]), 2) == 1.0
    assert log_loss(labels, probabilities) == pytest.approx(-math.log(0.75))
    assert expected_calibration_error(labels, probabilities) == pytest.approx(0.25)


def test_every_metric_of_the_table_has_its_function():
    assert set(OF_COUNTS) <= set(METRICS)
    for metric in metrics_of("class"):
        value = metric_value(metric, labelled(LABELS), PROBABILITIES)
        assert metric.lowest is None or metric.lowest <= value
        assert metric.highest is None or value <= metric.highest
    numbers = number_errors(np.array([1.0, 2.0]), np.array([1.5, 2.0]))
    assert list(numbers._asdict()) == [metric.key for metric in metrics_of("number")]


def test_a_metric_that_chooses_nothing_cannot_be_asked_for():
    for setting in ("speed", "expected-calibration-error", "r2"):
        with pytest.raises(ValueError, match=f"metric: '{setting}' is not known; choose one of accuracy, "):
            metric_of(setting)
    assert metric_of("root-mean-squared-error") is NUMBER_METRIC


def test_larger_is_better_once_a_value_is_turned():
    assert METRICS["accuracy"].better(0.9) > METRICS["accuracy"].better(0.8)
    assert METRICS["log_loss"].better(0.1) > METRICS["log_loss"].better(0.2)


@st.composite
def labelled_probabilities(draw):
    examples, classes = draw(st.integers(1, 40)), draw(st.integers(2, 6))
    labels = draw(hnp.arrays(np.int64, examples, elements=st.integers(0, classes - 1)))
    weights = draw(hnp.arrays(np.float64, (examples, classes), elements=st.floats(0.001, 1.0)))
    return labels, weights / weights.sum(axis=1, keepdims=True)


@given(labelled_probabilities())
def test_parity_with_scikit_learn(case):
    labels, probabilities = case
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    every = list(range(classes))
    assert accuracy(labels, probabilities) == pytest.approx(sklearn_metrics.accuracy_score(labels, predicted))
    assert macro_f1(labels, predicted, classes) == pytest.approx(
        sklearn_metrics.f1_score(labels, predicted, average="macro", zero_division=0.0)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of classes without a label, which are left out
        balanced = sklearn_metrics.balanced_accuracy_score(labels, predicted)
    assert metric_value(METRICS["balanced_accuracy"], labelled(labels), probabilities) == pytest.approx(
        balanced
    )
    assert log_loss(labels, probabilities) == pytest.approx(
        sklearn_metrics.log_loss(labels, probabilities, labels=every)
    )
    assert np.array_equal(
        confusion_matrix(labels, predicted, classes),
        sklearn_metrics.confusion_matrix(labels, predicted, labels=every),
    )


@given(labelled_probabilities())
def test_calibration_error_equals_its_formula(case):
    labels, probabilities = case
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    total = 0.0
    for bin_number in range(15):
        inside = (confidence > bin_number / 15) & (confidence <= (bin_number + 1) / 15)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert expected_calibration_error(labels, probabilities) == pytest.approx(total, abs=2 / 15 / len(labels))
    edges = np.abs(confidence * 15 - np.round(confidence * 15)).min() > 1e-9
    if edges:
        assert expected_calibration_error(labels, probabilities) == pytest.approx(total, abs=1e-12)


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 8))
def test_rankings_have_parity_with_scikit_learn(seed, examples, levels):
    draws = np.random.default_rng(seed)
    labels = draws.permutation(np.arange(examples) % 3 == 0).astype(np.int64)
    said = draws.integers(0, levels, examples) / levels
    probabilities = np.stack([1 - said, said], axis=1)
    for key, expected in (
        ("average_precision", sklearn_metrics.average_precision_score),
        ("roc_auc", sklearn_metrics.roc_auc_score),
    ):
        found = metric_value(METRICS[key], labelled(labels), probabilities, positive=1)
        assert found == pytest.approx(expected(labels, said)), key
    rarer = metric_value(METRICS["average_precision"], labelled(labels), probabilities)
    positive = int(2 * labels.sum() <= examples)
    assert rarer == metric_value(METRICS["average_precision"], labelled(labels), probabilities, positive)


def test_rankings_of_one_class_are_guesses():
    labels, probabilities = np.zeros(4, np.int64), np.array([[0.2, 0.8]] * 4)
    assert metric_value(METRICS["roc_auc"], labelled(labels), probabilities) == 0.5
    assert metric_value(METRICS["average_precision"], labelled(labels), probabilities) == 0.0


def test_rankings_of_several_rows_of_weights_have_parity_with_scikit_learn():
    """As resampling asks: a row each, one of which leaves out what stands first."""
    labels, said = np.array([1, 0, 1, 0, 1, 0, 0]), np.array([0.9, 0.8, 0.7, 0.7, 0.4, 0.3, 0.2])
    weights = np.array([[1.0, 2, 3, 4, 5, 6, 7], [0, 0, 2, 5, 1, 3, 4], [6, 1, 0, 2, 3, 5, 1]])
    groups = ranked(labels == 1, said)(weights)
    for key, expected in (
        ("average_precision", sklearn_metrics.average_precision_score),
        ("roc_auc", sklearn_metrics.roc_auc_score),
    ):
        each = [expected(labels, said, sample_weight=row) for row in weights]
        assert OF_RANKS[key](*groups).tolist() == pytest.approx(each), key


def test_counts_of_several_samples_give_a_score_each():
    first, second = np.array([0, 1, 1, 1]), np.array([1, 2, 0, 2])
    both = ClassCounts(
        *map(np.stack, zip(*(class_counts(LABELS, each, 3) for each in (first, second)), strict=True))
    )
    assert OF_COUNTS["balanced_accuracy"](both).tolist() == pytest.approx([1 / 2, 1 / 3])
    assert OF_COUNTS["macro_f1"](both).tolist() == pytest.approx([(2 / 3 + 1 / 2) / 3, (2 / 3) / 3])


def test_metrics_of_classes_by_their_keys():
    assert OF_CLASSES["accuracy"](LABELS, PROBABILITIES).tolist() == [True, False, True, False]
    assert class_value("balanced_accuracy", LABELS, PROBABILITIES) == (1 / 2 + 1 + 0) / 3
    two = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]])
    assert class_value("average_precision", np.array([0, 0, 1]), two) == pytest.approx(1 / 2)
    assert class_value("average_precision", np.array([0, 0, 1]), two, 0) == pytest.approx((1 + 2 / 3) / 2)


def test_the_rarer_of_two_classes_is_positive_and_of_equals_the_second():
    for labels, positive in (([0, 0, 1], 1), ([1, 0, 1], 0), ([1, 0], 1), ([0, 0], 1), ([1, 1], 0)):
        assert rarer_class(np.array(labels)) == positive


def test_certainty_is_in_the_last_bin_even_where_rounding_adds_to_it():
    confidence = np.array([0.0, 1 / 15, 1 / 15 + 1e-9, 1.0, 1.0 + 1e-12])
    assert calibration_bins(confidence).tolist() == [0, 0, 1, 14, 14]


def test_errors_of_numbers_by_their_keys():
    labels, predicted = np.array([1.0, -2.0, 5.0]), np.array([4.0, -2.5, 5.0])
    assert OF_NUMBERS["mean_absolute_error"](labels, predicted).tolist() == [3, 0.5, 0]
    assert OF_NUMBERS["root_mean_squared_error"](labels, predicted).tolist() == [9, 0.25, 0]
