"""Scores of several labels: parity with scikit-learn where all are known, by hand where some are not."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from labelled import labelled
from pellucid.arithmetic.metrics import (
    is_subset_right,
    label_average_precisions,
    label_calibration_error,
    label_counts,
    label_log_loss_terms,
    label_macro_f1,
    micro_f1,
    ranked_labels,
    ranking_precision_terms,
    sample_f1_terms,
)
from pellucid.settings.metrics import METRICS, metrics_of
from pellucid.targets import metric_value

# Four examples and three labels; the last label is present nowhere, two cells are unknown.
LABELS = np.array([[1, 0, 0], [1, 1, -1], [0, 0, 0], [-1, 1, 0]], np.int8)
PROBABILITIES = np.array([[0.9, 0.6, 0.1], [0.4, 0.8, 0.9], [0.2, 0.1, 0.3], [0.7, 0.5, 0.6]])
PREDICTED = np.array([[1, 1, 0], [0, 1, 1], [0, 0, 0], [1, 1, 1]], np.int8)


def drawn(seed, examples=200, labels=6, levels=20):
    """Labels without unknown cells, and probabilities with ties that know something of them."""
    generator = np.random.default_rng(seed)
    found = (generator.random((examples, labels)) < np.linspace(0.05, 0.6, labels)).astype(np.int8)
    found[0], found[1] = 1, 0
    said = np.clip(0.35 * found + 0.6 * generator.random(found.shape), 0.001, 0.999)
    return found, np.round(said * levels) / (levels + 1)


def test_every_metric_by_hand():
    counts = label_counts(LABELS, PREDICTED)
    assert counts.hits.tolist() == [1, 2, 0]
    assert counts.labelled.tolist() == [2, 2, 0]
    assert counts.predicted.tolist() == [1, 3, 1]
    assert float(micro_f1(counts)) == pytest.approx(2 * 3 / (4 + 5))
    assert float(label_macro_f1(counts)) == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert ranked_labels(LABELS).tolist() == [True, True, False]
    assert sample_f1_terms(LABELS, PREDICTED).tolist() == pytest.approx([2 / 3, 2 / 3, 1, 2 / 3])
    assert is_subset_right(LABELS, PREDICTED).tolist() == [False, False, True, False]
    # label 0 ranks 1 1 0; label 1 ranks 1 0 1 0
    precisions = label_average_precisions(LABELS, PROBABILITIES)
    assert precisions[:2].tolist() == pytest.approx([1, (1 + 2 / 3) / 2])
    assert np.isnan(precisions[2])
    # the second example has no absent label, the third no present one; the fourth ranks 0 1
    assert ranking_precision_terms(LABELS, PROBABILITIES).tolist() == pytest.approx(
        [1, np.nan, np.nan, 1 / 2], nan_ok=True
    )
    losses = [
        -np.log([0.9, 0.4, 0.9]).mean(),
        -np.log([0.4, 0.8]).mean(),
        -np.log([0.8, 0.9, 0.7]).mean(),
        -np.log([0.5, 0.4]).mean(),
    ]
    assert label_log_loss_terms(LABELS, PROBABILITIES).tolist() == pytest.approx(losses)
    # Of each bin the sum; only 0.1 and 0.6 are in it twice.
    gaps = [0.2, 0.1, 0.2, 0.6, 0.5, 0.2, 0.3, 1.2]
    assert label_calibration_error(LABELS, PROBABILITIES) == pytest.approx(sum(gaps) / 10)


def test_an_example_without_answers_leaves_the_others_theirs():
    said = PROBABILITIES.copy()
    said[3, 1] = np.nan
    found = ranking_precision_terms(LABELS, said)
    assert found.tolist() == pytest.approx([1, np.nan, np.nan, np.nan], nan_ok=True)


def test_only_a_label_that_is_here_and_not_there_can_be_ranked():
    labels = np.array([[1, 1, 0, -1], [1, 0, 0, 1], [1, -1, 0, -1]], np.int8)
    assert ranked_labels(labels).tolist() == [False, True, False, False]


@pytest.mark.parametrize("seed", range(5))
def test_parity_with_scikit_learn(seed):
    labels, said = drawn(seed)
    predicted = (said >= 0.5).astype(np.int8)
    some = labels.any(axis=1) & ~labels.all(axis=1)
    expected = {
        "micro_f1": sklearn_metrics.f1_score(labels, predicted, average="micro"),
        "macro_f1": sklearn_metrics.f1_score(labels, predicted, average="macro"),
        "sample_f1": sklearn_metrics.f1_score(labels, predicted, average="samples", zero_division=1),
        "subset_accuracy": sklearn_metrics.accuracy_score(labels, predicted),
        "mean_average_precision": sklearn_metrics.average_precision_score(labels, said, average="macro"),
        "ranking_average_precision": sklearn_metrics.label_ranking_average_precision_score(
            labels[some], said[some]
        ),
        "log_loss": np.mean([sklearn_metrics.log_loss(y, p) for y, p in zip(labels.T, said.T, strict=True)]),
    }
    for key, value in expected.items():
        assert metric_value(METRICS[key], labelled(labels), said) == pytest.approx(value), key


@pytest.mark.parametrize("metric", metrics_of("labels"), ids=lambda metric: metric.key)
def test_an_unknown_cell_changes_nothing(metric):
    labels, said = drawn(7)
    masked = labels.copy()
    masked[np.random.default_rng(1).random(labels.shape) < 0.2] = -1
    masked[:, 0] = labels[:, 0]
    rubbish = np.where(masked < 0, np.random.default_rng(2).random(said.shape), said)
    decisions = np.where(masked < 0, 1 - (said >= 0.5), said >= 0.5).astype(np.int8)
    value = metric_value(metric, labelled(masked), said)
    assert metric_value(metric, labelled(masked), rubbish, predicted=decisions) == pytest.approx(
        value, abs=1e-12
    )
    assert metric_value(metric, labelled(labels), said) != pytest.approx(value, abs=1e-12)


def test_decisions_decide_and_probabilities_rank():
    labels, said = drawn(3)
    nothing = np.zeros_like(labels)
    changed = {
        metric.key
        for metric in metrics_of("labels")
        if metric_value(metric, labelled(labels), said)
        != metric_value(metric, labelled(labels), said, predicted=nothing)
    }
    assert changed == {"micro_f1", "macro_f1", "sample_f1", "subset_accuracy"}


def test_where_there_is_nothing_to_find():
    absent, said = np.zeros((3, 2), np.int8), np.full((3, 2), 0.25)
    values = {metric.key: metric_value(metric, labelled(absent), said) for metric in metrics_of("labels")}
    assert values == pytest.approx(
        {
            "micro_f1": 1,
            "macro_f1": 0,
            "sample_f1": 1,
            "subset_accuracy": 1,
            "mean_average_precision": 0,
            "ranking_average_precision": 0,
            "log_loss": -np.log(0.75),
            "expected_calibration_error": 0.25,
        }
    )


def test_a_model_that_was_not_asked_has_no_terms():
    labels, said = drawn(4)
    said[5] = np.nan
    for terms in (label_log_loss_terms(labels, said), ranking_precision_terms(labels, said)):
        assert np.isnan(terms[5])
