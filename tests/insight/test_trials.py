"""The tests of explanations tell good ones from bad ones."""

import numpy as np
import pytest

from pellucid.insight.attribution import ORDERS, Bench, rank_correlation

WEIGHTS = np.array([5.0, 0, 3, 0, 0, -1, 0, 8, 0, 0, 2, 0])


class Sum:
    """A model that adds up what every piece is worth."""

    shape = (len(WEIGHTS),)

    def ask(self, kept):
        return kept @ WEIGHTS


def test_the_truth_passes():
    trial = Bench(Sum()).test(WEIGHTS, [np.roll(WEIGHTS, 5), -np.arange(12.0)])
    assert trial.beaten == ORDERS == len(trial.random)
    assert trial.is_faithful
    assert trial.curves.deletion[0] == trial.curves.insertion[-1] == WEIGHTS.sum()
    assert trial.curves.deletion[-1] == trial.curves.insertion[0] == 0
    assert repr(trial).startswith("faithful here: gain ")


def test_what_is_reversed_shows_nothing_or_shows_the_input_alone_fails():
    reversed_ = Bench(Sum()).test(-WEIGHTS)
    assert reversed_.beaten < ORDERS
    assert reversed_.curves.gain < 0
    assert "not faithful here" in repr(reversed_)
    assert "no weights to shuffle" in repr(reversed_)
    nothing = Bench(Sum()).test(np.zeros(12), [np.zeros(12)])
    assert (nothing.shows_nothing, nothing.likeness, nothing.is_faithful) == (True, 0, False)
    # An edge detector shows the input, or its dark for bright, whatever the weights.
    trial = Bench(Sum()).test(WEIGHTS, [WEIGHTS, -WEIGHTS])
    assert trial.follows_answer
    assert trial.likeness == pytest.approx(1.0)
    assert not trial.is_faithful


@pytest.mark.parametrize("seed", range(3))
def test_a_random_explanation_fails(seed):
    draws = np.random.default_rng(100 + seed)
    assert not Bench(Sum()).test(draws.normal(size=12)).follows_answer


def test_the_gain_of_a_piece_that_is_all_by_hand():
    class One:
        shape = (2,)

        def ask(self, kept):
            return kept[:, 0].astype(float)

    trial = Bench(One()).test(np.array([1.0, 0.0]))
    assert trial.curves.shares.tolist() == [0, 0.5, 1]
    assert trial.curves.deletion.tolist() == [1, 0, 0]
    assert trial.curves.insertion.tolist() == [0, 1, 1]
    assert trial.curves.gain == pytest.approx(0.5)


def test_rank_correlations_by_hand():
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([10.0, 20, 90])) == pytest.approx(1)
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([3.0, 2, 1])) == pytest.approx(-1)
    assert rank_correlation(np.array([1.0, 2, 3]), np.zeros(3)) == 0
    ties = rank_correlation(np.array([1.0, 1, 2]), np.array([1.0, 2, 3]))
    assert ties == pytest.approx(np.corrcoef([1.5, 1.5, 3], [1, 2, 3])[0, 1])
