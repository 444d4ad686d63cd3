"""Prediction sets: coverage by simulation, the cutoff against a plain count, and what a set always holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from labelled import labelled
from pellucid.evaluation.promises import checked_on, class_sets, coverage_of, least_for_sets


def made(draws, examples, classes=4):
    """Probabilities that are honest: each label is drawn from its own."""
    said = draws.dirichlet(np.full(classes, 0.5), size=examples)
    labels = (said.cumsum(axis=1) < draws.random((examples, 1))).sum(axis=1)
    return np.minimum(labels, classes - 1), said


@pytest.mark.parametrize(("coverage", "examples"), [(0.95, 19), (0.95, 200), (0.8, 50)])
def test_sets_hold_the_truth_as_often_as_was_asked(coverage, examples):
    """Mean coverage over draws lies at or above what was asked, and less than 1 / (n + 1) above."""
    draws = np.random.default_rng(0)
    held, intervals = [], []
    for _ in range(400):
        labels, said = made(draws, examples + 200)
        cutoff = coverage_of(labelled(labels[:examples]), said[:examples], coverage).cutoff
        held.append((said[np.arange(len(labels)), labels] >= cutoff)[examples:].mean())
        numbers = draws.standard_t(3, examples + 200)
        width = coverage_of(labelled(numbers[:examples]), np.zeros(examples), coverage).cutoff
        intervals.append((np.abs(numbers[examples:]) <= width).mean())
    for found in (held, intervals):
        slack = 3.5 * np.std(found) / np.sqrt(len(found))
        assert coverage - slack <= np.mean(found) <= coverage + 1 / (examples + 1) + slack


@given(st.integers(19, 300), st.sampled_from([0.5, 0.8, 0.9, 0.95]), st.integers(0, 10**6))
def test_the_cutoff_leaves_out_as_few_as_it_may(examples, coverage, seed):
    labels, said = made(np.random.default_rng(seed), examples)
    said = said.astype(np.float32)
    cutoff = coverage_of(labelled(labels), said, coverage).cutoff
    of_truth = said[np.arange(examples), labels]
    needed = (examples + 1) * coverage
    assert (of_truth >= cutoff).sum() >= needed - 1e-6
    assert (of_truth > cutoff).sum() < needed


def test_sets_that_the_test_refutes_are_widened_so_that_they_cover_enough_there():
    draws = np.random.default_rng(0)
    refuted = 0
    for _ in range(300):
        labels, said = made(draws, 500)
        found = coverage_of(labelled(labels[:200]), said[:200], 0.9)
        test = labelled(labels[200:]), said[200:]
        checked = checked_on(found, *test, said[200:].argmin(axis=1))
        refuted += checked.is_refuted
        covered = round(300 * checked.on_test.value)
        assert checked.is_refuted == (binom.cdf(covered, 300, 0.9) <= 0.05)
        of_test = coverage_of(*test, 0.9).cutoff
        assert checked.cutoff == (min(found.cutoff, of_test) if checked.is_refuted else found.cutoff)
    assert 0 < refuted < 60
    numbers = draws.standard_t(3, 400)
    found = coverage_of(labelled(numbers[:200]), np.zeros(200), 0.9)
    wider = checked_on(found, labelled(2 * numbers[200:]), np.zeros(200), np.zeros(200))
    assert wider.is_refuted
    assert not wider.is_void
    assert (np.abs(2 * numbers[200:]) <= wider.cutoff).mean() >= 0.9
    few = checked_on(found, labelled(np.full(8, 99.0)), np.zeros(8), np.zeros(8))
    assert few.is_void


def test_how_many_examples_sets_take():
    assert [least_for_sets(each) for each in (0.5, 0.9, 0.95, 0.99)] == [1, 9, 19, 99]
    labels, said = made(np.random.default_rng(0), 19)
    assert coverage_of(labelled(labels), said, 0.95).cutoff == np.float32(said[np.arange(19), labels].min())


@given(st.integers(1, 30), st.floats(0, 1), st.integers(0, 10**6))
def test_a_set_holds_the_answer_and_the_most_probable_class_comes_first(examples, cutoff, seed):
    _, said = made(np.random.default_rng(seed), examples)
    answers = said.argmin(axis=1)
    for row, answer, held in zip(
        said.astype(np.float32), answers, class_sets(said, answers, cutoff), strict=True
    ):
        assert answer in held
        assert set(held) - {answer} == set(np.flatnonzero(row >= cutoff)) - {answer}
        assert list(row[held]) == sorted(row[held], reverse=True)


def test_the_spread_of_the_coverage_is_that_of_beta():
    labels, said = made(np.random.default_rng(0), 199)
    reach = coverage_of(labelled(labels), said, 0.95).reach
    assert reach == pytest.approx((0.95, *beta(190, 10).ppf([0.025, 0.975])))
