"""Averages chosen greedily: weights that can be derived by hand, and answers that flatter nobody."""

import numpy as np

from labelled import labelled
from pellucid.arithmetic import log_loss
from pellucid.arithmetic.probabilities import weighted_mean
from pellucid.bundle.held_out import MOST_MEMBERS
from pellucid.evaluation.recommendation import chosen_weights, cross_fitted_average


def of_two(*probabilities):
    """Probabilities of two classes from those of the first."""
    first = np.array(probabilities)
    return np.stack([first, 1 - first], axis=1)


def noisy(count, models, seed=0, classes=3):
    """Labels, and models that each know them through noise of their own."""
    draws = np.random.default_rng(seed)
    labels = draws.integers(0, classes, count)
    signal = 1.2 * np.eye(classes)[labels]
    logits = signal + draws.normal(size=(models, count, classes))
    powers = np.exp(logits)
    return labels, list(powers / powers.sum(axis=2, keepdims=True))


def test_the_mean_of_two_numbers_that_are_off_to_either_side():
    """Errors -1 and +2: the mean that errs least takes the first twice, and errs by nothing."""
    labels = np.zeros(6)
    weights = chosen_weights(labelled(labels), [labels - 1, labels + 2, labels + 5])
    assert weights.tolist() == [2, 1, 0]


def test_a_model_that_no_other_helps_stands_alone():
    right, unsure = of_two(0.99, 0.99, 0.01), of_two(0.5, 0.5, 0.5)
    assert chosen_weights(labelled(np.array([0, 0, 1])), [unsure, right]).tolist() == [0, 1]


def test_two_that_are_sure_of_different_halves_count_alike():
    one, other = of_two(0.9, 0.2), of_two(0.2, 0.9)
    assert chosen_weights(labelled(np.array([0, 0])), [one, other]).tolist() == [1, 1]


def test_of_equals_the_first_is_taken():
    one = of_two(0.8, 0.7)
    assert chosen_weights(labelled(np.array([0, 0])), [one, one.copy()]).tolist() == [1, 0]


def test_there_are_at_most_five_members():
    labels, said = noisy(400, 9)
    weights = chosen_weights(labelled(labels), said)
    assert (weights > 0).sum() == MOST_MEMBERS
    assert np.gcd.reduce(weights) == 1


def test_an_average_serves_examples_that_did_not_choose_it():
    labels, said = noisy(600, 4)
    answers = cross_fitted_average(labelled(labels), said)
    assert log_loss(labels, answers) < min(log_loss(labels, each) for each in said) - 0.05


def test_answers_that_know_nothing_are_not_flattered():
    """Chosen on the examples that judge, noise looks better than it is; chosen on others it does not."""
    draws = np.random.default_rng(3)
    labels, models = draws.integers(0, 2, 100), [draws.dirichlet([2, 2], 100) for _ in range(30)]
    weights = chosen_weights(labelled(labels), models)
    flattered = log_loss(labels, weighted_mean(models, weights.tolist()))
    honest = log_loss(labels, cross_fitted_average(labelled(labels), models))
    assert flattered < np.log(2) - 0.03 < np.log(2) < honest


def test_the_parts_follow_from_the_seed():
    labels, said = noisy(200, 5)
    first = cross_fitted_average(labelled(labels), said, 1)
    assert np.array_equal(first, cross_fitted_average(labelled(labels), said, 1))
    assert not np.array_equal(first, cross_fitted_average(labelled(labels), said, 2))
