"""Temperatures and averages of several labels, with cells that nobody knows."""

import numpy as np
import pytest

from evaluation.draws import drawn_labels
from labelled import answered, labelled
from pellucid.arithmetic.metrics import label_log_loss_terms
from pellucid.arithmetic.probabilities import sigmoid_at_temperature, weighted_mean
from pellucid.evaluation import cross_fitted, fit_temperature
from pellucid.evaluation.recommendation import chosen_weights, cross_fitted_average


@pytest.mark.parametrize("stated", [0.5, 1.0, 2.5])
def test_the_temperature_undoes_overstatement(stated):
    assert fit_temperature(*answered(*drawn_labels(8_000, stated=stated, unknown=0.2))) == pytest.approx(
        stated, rel=0.05
    )


def test_no_other_temperature_is_likelier():
    labels, probabilities = drawn_labels(40, stated=2.0, unknown=0.1)

    def against(temperature):
        said = sigmoid_at_temperature(probabilities, temperature)
        cells = label_log_loss_terms(labels, said) * (labels >= 0).sum(axis=1)
        return cells.sum() + np.log(temperature) ** 2 / (2 * 0.5**2)

    found = against(fit_temperature(labelled(labels), probabilities))
    assert all(found <= against(np.exp(log)) + 1e-6 for log in np.linspace(np.log(0.05), np.log(20), 200))


def test_certain_and_unknown_cells_say_nothing():
    labels, probabilities = drawn_labels(300, stated=2.0)
    fitted = fit_temperature(labelled(labels), probabilities)
    certain = np.repeat([[0.0, 1.0, 0.0, 1.0, 0.0]], 50, axis=0)
    more = np.tile(np.array([0, 1, 1, 0, -1], np.int8), (50, 1))
    with_more = np.concatenate([labels, more]), np.concatenate([probabilities, certain])
    assert fit_temperature(*answered(*with_more)) == pytest.approx(fitted)
    assert fit_temperature(labelled(labels[:0]), probabilities[:0]) == 1.0
    assert fit_temperature(labelled(np.full_like(labels, -1)), probabilities) == 1.0
    assert fit_temperature(labelled(np.zeros_like(labels)), probabilities) == 1.0


def test_temperatures_of_few_examples_are_those_of_the_others():
    labels, probabilities = drawn_labels(100, stated=2.5)
    found = cross_fitted(labelled(labels), probabilities, fit_temperature(labelled(labels), probabilities))
    logits = np.log(found / (1 - found)) / np.log(probabilities / (1 - probabilities))
    temperatures = np.unique(np.round(1 / logits, 6))
    assert 2 <= len(temperatures) <= 5
    assert label_log_loss_terms(labels, found).mean() < label_log_loss_terms(labels, probabilities).mean()
    many = drawn_labels(500)
    assert np.array_equal(cross_fitted(*answered(*many), 2.0), sigmoid_at_temperature(many[1], 2.0))


def test_two_models_that_know_different_labels_count_alike():
    labels = np.tile(np.array([[1, 0], [0, 1]], np.int8), (10, 1))
    first, second = (np.where(labels == 1, 0.9, 0.1) for _ in range(2))
    first[:, 0], second[:, 1] = 0.5, 0.5
    assert chosen_weights(labelled(labels), [np.full((20, 2), 0.5), first, second]).tolist() == [0, 1, 1]
    labels[:, 0] = -1  # only what the first model knows is scored any more
    assert chosen_weights(labelled(labels), [np.full((20, 2), 0.5), first, second]).tolist() == [0, 1, 0]


def test_an_average_serves_examples_that_did_not_choose_it():
    labels, first = drawn_labels(200, seed=1, unknown=0.1)
    second = np.clip(first + np.random.default_rng(3).normal(scale=0.2, size=first.shape), 0.01, 0.99)
    weights = chosen_weights(labelled(labels), [first, second])
    chosen = label_log_loss_terms(labels, weighted_mean([first, second], weights.tolist())).mean()
    alone = [label_log_loss_terms(labels, each).mean() for each in (first, second)]
    assert chosen <= min(alone) + 1e-12
    found = label_log_loss_terms(labels, cross_fitted_average(labelled(labels), [first, second])).mean()
    assert chosen - 1e-12 <= found < max(alone)
