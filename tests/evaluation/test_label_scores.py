"""Scores of several labels: the values of the formulas, with intervals that hold the truth."""

import numpy as np
import pytest

from evaluation.draws import drawn_labels
from labelled import answered, labelled
from pellucid.arithmetic.metrics import label_average_precisions, label_counts
from pellucid.evaluation import Groups, label_scores, reliability, score, score_slices, wilson, worth
from pellucid.evaluation.calibration import calibration_error
from pellucid.settings.metrics import metrics_of
from pellucid.targets import metric_value

METRICS = metrics_of("labels")


def test_values_are_those_of_the_formulas():
    labels, said = drawn_labels(300, 6, unknown=0.2)
    predicted = (said >= 0.3).astype(np.int8)
    found = score(labelled(labels), said, predicted=predicted)
    assert list(found.to_json()) == [metric.key for metric in METRICS]
    for metric in METRICS:
        value, low, high = found[metric.key]
        assert value == pytest.approx(metric_value(metric, labelled(labels), said, predicted=predicted)), (
            metric.key
        )
        assert low <= value <= high
    counts, precisions = label_counts(labels, predicted), label_average_precisions(labels, said)
    for place, each in enumerate(found.per_label):
        hits, support, answered = (int(count[place]) for count in counts)
        assert (each.support, each.known) == (support, int((labels[:, place] >= 0).sum()))
        assert (each.precision, each.recall) == (wilson(hits, answered), wilson(hits, support))
        assert each.f1.value == pytest.approx(2 * hits / (support + answered))
        assert each.average_precision.value == pytest.approx(precisions[place])
        assert each.f1.low < each.f1.value < each.f1.high
        assert each.average_precision.low < each.average_precision.value < each.average_precision.high
        assert 0 <= each.expected_calibration_error < 0.2
    assert found.confusion is None
    assert found.per_label_json()[2]["recall"] == found.per_label[2].recall._asdict()


def test_what_cannot_be_scored_is_none():
    labels = np.array([[1, 0, -1, 1], [0, 0, -1, 1], [1, 0, -1, 1]], np.int8)
    said = np.array([[0.9, 0.8, 0.5, 0.1], [0.2, 0.1, 0.5, 0.2], [0.7, 0.3, 0.5, 0.3]])
    found = score(labelled(labels), said)
    first, nowhere, unknown, everywhere = found.per_label_json()
    assert [name for name, each in first.items() if each is None] == []
    assert (nowhere["support"], nowhere["precision"]["value"]) == (0, 0)
    assert [nowhere[name] for name in ("recall", "f1", "average_precision")] == [None] * 3
    assert unknown["known"] == 0
    assert [name for name, each in unknown.items() if each is None] == list(unknown)[2:]
    assert (everywhere["precision"], everywhere["average_precision"]) == (None, None)
    assert everywhere["recall"]["value"] == everywhere["f1"]["value"] == 0
    same = score(labelled(np.ones((4, 2), np.int8)), np.full((4, 2), 0.5))
    assert {metric.key for metric in METRICS} - {*same.intervals} == {
        "mean_average_precision",
        "ranking_average_precision",
    }
    with pytest.raises(ValueError, match="no example to score"):
        score(labelled(labels[:0]), said[:0])


@pytest.mark.slow
def test_intervals_hold_the_truth():
    """Of 100 intervals at 95 % each, fewer than 87 hold it once in a thousand."""
    many, stated = drawn_labels(100_000, 5, 1.3, seed=999, unknown=0.1)
    keys = [metric.key for metric in METRICS if metric.key != "expected_calibration_error"]
    truth = {metric.key: metric_value(metric, labelled(many), stated) for metric in METRICS}
    held = dict.fromkeys(keys, 0)
    for seed in range(100):
        found = score(*answered(*drawn_labels(250, 5, 1.3, seed, unknown=0.1)))
        for key in keys:
            held[key] += found[key].low <= truth[key] <= found[key].high
    assert min(held.values()) >= 87, held


def test_labels_of_one_example_are_not_independent():
    labels, said = drawn_labels(400, 1, 2.0)
    once = calibration_error(labelled(labels), said)
    five = calibration_error(labelled(np.repeat(labels, 5, axis=1)), np.repeat(said, 5, axis=1))
    assert five.value == pytest.approx(once.value)
    assert five.high - five.low == pytest.approx(once.high - once.low, rel=0.25)
    apart = calibration_error(*answered(*drawn_labels(2000, 1, 2.0)))
    assert apart.high - apart.low < 0.7 * (five.high - five.low)


def test_calibration_error_of_true_probabilities_may_be_none():
    lows = [
        calibration_error(*answered(*drawn_labels(200, 5, seed=seed, unknown=0.1)), seed).low
        for seed in range(60)
    ]
    assert sum(low == 0 for low in lows) >= 54


def test_steps_of_average_precision_are_fine_enough(monkeypatch):
    labels, said = drawn_labels(3000, 3)
    coarse = score(labelled(labels), said)
    monkeypatch.setattr(label_scores, "_MOST_STEPS", 10_000)
    exact = score(labelled(labels), said)
    for one, other in zip(coarse.per_label, exact.per_label, strict=True):
        width = other.average_precision.high - other.average_precision.low
        assert one.average_precision == pytest.approx(other.average_precision, abs=0.03 * width)


def test_by_groups_intervals_are_never_narrower():
    labels, said = drawn_labels(60, 4)
    repeated, repeated_said = np.repeat(labels, 5, axis=0), np.repeat(said, 5, axis=0)
    groups = Groups.of_sets(np.repeat(np.arange(60), 5))
    plain, grouped = (
        score(labelled(repeated), repeated_said),
        score(labelled(repeated), repeated_said, groups=groups),
    )
    for key, each in grouped.intervals.items():
        assert each.low <= plain[key].low <= plain[key].high <= each.high, key
    wider = grouped["micro_f1"].high - grouped["micro_f1"].low
    assert wider > 1.5 * (plain["micro_f1"].high - plain["micro_f1"].low)
    first, alone = grouped.per_label[-1], plain.per_label[-1]
    assert first.recall.low < alone.recall.low
    assert first.f1.low < alone.f1.low
    value = worth(groups, labelled(repeated), repeated_said)
    assert value.independent == pytest.approx(60, rel=0.1)
    everything = worth(groups, labelled(repeated), repeated_said, repeated)
    assert everything.correlation == pytest.approx(0.5)  # all right: nothing is known of it


def test_slices_are_scored_by_subset_accuracy():
    labels, said = drawn_labels(80, 3)
    values = ["even", "odd"] * 40
    predicted = labels.copy()
    predicted[1::2, 0] = 1 - labels[1::2, 0]
    found = score_slices("parity", values, labelled(labels), said, predicted=predicted)
    assert found.metric == "subset_accuracy"
    assert [(each.value, each.score.value, each.is_worse) for each in found.parts] == [
        ("odd", 0, True),
        ("even", 1, False),
    ]
    plain = score_slices("parity", values, labelled(labels), said)
    right = (labels == (said >= 0.5)).all(axis=1)
    assert {each.value: each.score.value for each in plain.parts} == {
        "even": right[::2].mean(),
        "odd": right[1::2].mean(),
    }


def test_reliability_compares_probabilities_of_labels_with_how_often_they_are_present():
    labels = np.array([[1, 0], [0, 0], [0, -1], [1, 1]], np.int8)
    said = np.array([[0.9, 0.1], [0.1, 0.1], [0.1, 0.5], [0.9, 0.5]])
    low, middle, high = reliability(labelled(labels), said).bins
    assert (low.examples, low.confidence, low.accuracy.value) == (4, pytest.approx(0.1), 0)
    assert (middle.examples, middle.confidence, middle.accuracy.value) == (1, 0.5, 1)
    assert (high.examples, high.confidence, high.accuracy.value) == (2, 0.9, 1)
    assert reliability(labelled(labels), said).error.value == pytest.approx((4 * 0.1 + 0.5 + 2 * 0.1) / 7)
