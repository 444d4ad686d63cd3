"""Probabilities by hand and by each other's formulas; distributions beside SciPy's."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from pellucid.arithmetic.probabilities import (
    LEVEL,
    at_most,
    at_most_drawn,
    at_most_growing,
    at_temperature,
    chi_squared_tail,
    holm,
    of_all,
    require_finite,
    sigmoid,
    sigmoid_at_temperature,
    softmax,
    stored,
    trust,
    weighted_mean,
)
from pellucid.errors import NotFiniteError

LOGITS = np.array([[0.5, -1.5, 2.0], [3.0, 3.0, -2.0]])


def test_a_softmax_by_hand_and_of_logits_beyond_any_power():
    assert softmax(np.log([[1.0, 3.0, 4.0], [9.0, 1.0, 10.0]])).tolist() == [
        pytest.approx([0.125, 0.375, 0.5]),
        pytest.approx([0.45, 0.05, 0.5]),
    ]
    assert softmax(np.array([[2000.0, 1000.0], [-1000.0, -1000.0]])).tolist() == [[1, 0], [0.5, 0.5]]


def test_a_sigmoid_by_hand_and_of_logits_beyond_any_power():
    assert sigmoid(np.log([1.0, 3.0, 0.25])) == pytest.approx([0.5, 0.75, 0.2])
    assert sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist() == [0, 0.5, 1]


@pytest.mark.parametrize("temperature", [0.4, 2.5])
def test_a_temperature_divides_the_logits(temperature):
    assert at_temperature(softmax(LOGITS), temperature) == pytest.approx(softmax(LOGITS / temperature))
    several = sigmoid_at_temperature(sigmoid(LOGITS), temperature)
    assert several == pytest.approx(sigmoid(LOGITS / temperature))
    # Powers of these alone would all be 0.
    tiny = np.array([[3e-300, 1e-300]]), np.array([[1e-300, 1 - 1e-16]])
    assert at_temperature(tiny[0], 0.5).tolist() == [pytest.approx([0.9, 0.1])]
    beside = at_temperature(np.array([[3e-300, 1e-300], [0.8, 0.2]]), 0.5)
    assert beside.tolist() == [pytest.approx([0.9, 0.1]), pytest.approx([16 / 17, 1 / 17])]
    assert np.isfinite(sigmoid_at_temperature(tiny[1], 0.01)).all()


def test_at_a_temperature_of_one_the_very_same_array_comes_back():
    probabilities = softmax(LOGITS)
    assert at_temperature(probabilities, 1.0) is probabilities
    assert sigmoid_at_temperature(probabilities, 1.0) is probabilities


@pytest.mark.parametrize("shape", [(4, 3), (4,)])
def test_the_weighted_mean(shape):
    draws = np.random.default_rng(0)
    one, other, third = draws.random(shape), draws.random(shape), np.full(shape, np.nan)
    np.testing.assert_allclose(weighted_mean([one, other, third], [3, 1, 0]), 0.75 * one + 0.25 * other)
    assert np.array_equal(weighted_mean([one, other], [0, 1]), other)


def test_numbers_as_large_as_a_model_may_answer_have_a_mean():
    """A weight carried them out of range; fuzzing found it in a changed model folder."""
    largest = np.array([1e308, -1e308])
    assert weighted_mean([largest, np.zeros(2)], [2, 1]) == pytest.approx(largest / 1.5)
    assert np.isfinite(weighted_mean([largest] * 3, [7, 2, 11])).all()


def test_labels_are_right_together_with_the_product_of_their_probabilities():
    found = of_all(
        np.array([[0.9, 0.2, 0.5], [0.3, 0.6, 0.7]], np.float32), np.array([[1, 0, 1], [0, 0, -1]])
    )
    assert found.dtype == np.float64
    assert found == pytest.approx([0.9 * 0.8 * 0.5, 0.7 * 0.4 * 0.3], rel=1e-6)


def test_what_is_unfamiliar_or_missing_is_not_trusted():
    probability, novelty = np.array([0.7, 0.6, np.nan, 0.9]), np.array([0.75, 0.8, 0.1, np.nan])
    assert trust(probability, None).tolist() == pytest.approx([0.7, 0.6, 0, 0.9])
    assert trust(probability, novelty, 0.25).tolist() == pytest.approx([0.7, 0, 0, 0])
    assert trust(probability, np.array([0.0, 0.1, 0, 0])).tolist() == pytest.approx([0.7, 0, 0, 0.9])
    assert trust(np.array([0.1]), None)[0] == np.float32(0.1)
    assert trust(np.array([0.5]), np.array([0.9 + 1e-12]), 1 - float(np.float32(0.9)))[0] == 0.5


def test_chances_are_never_above_1():
    assert {at_most(trials, trials, 0.2) for trials in range(1, 60)} == {at_most(7, 3, 0.2)} == {1.0}
    assert at_most(0, 3, 0.2) == pytest.approx(0.8**3)
    assert max(at_most(trials - 1, trials, 1e-9) for trials in range(1, 40)) == 1.0
    assert max(at_most_drawn(drawn, drawn, 20, 40) for drawn in range(1, 20)) == 1.0
    assert at_most_drawn(2, 5, 3, 9) == pytest.approx(stats.hypergeom.cdf(2, 9, 3, 5))
    assert at_most_drawn(4, 5, 6, 8) == pytest.approx(stats.hypergeom.cdf(4, 8, 6, 5))  # 3 at least


def test_chances_grow_with_trials_as_each_alone_has_them():
    hits = np.array([3, 3, 4, 5, 5, 5])
    expected = [stats.binom.cdf(hit, trials, 0.2) for hit, trials in zip(hits, range(3, 9), strict=True)]
    assert at_most_growing(hits, 3, 0.2) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7])
def test_the_tail_of_chi_squared_is_that_of_scipy(degrees):
    for value in (0.03, 1.7, 6.0, 40.0):
        assert chi_squared_tail(value, degrees) == pytest.approx(stats.chi2.sf(value, degrees), rel=1e-12)
    assert chi_squared_tail(0.0, degrees) == chi_squared_tail(-1e-17, degrees) == 1.0
    assert chi_squared_tail(1e-30, degrees) <= 1.0


def test_a_tail_whose_terms_add_up_to_more_than_1_is_1():
    assert {chi_squared_tail(0.12380318840613994, degrees) for degrees in (19, 21, 23)} == {1.0}


def test_five_in_a_hundred_false_alarms_are_admitted():
    assert LEVEL == 0.05


@pytest.mark.parametrize("tests", [*range(1, 9), 21])
def test_holm_equals_statsmodels(tests):
    p_values = np.random.default_rng(tests).beta(0.3, 2, size=tests).round(2).tolist()
    expected = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(expected.tolist(), abs=1e-12)


def test_inputs_whose_answers_are_not_finite_are_named():
    answers = np.ones((4, 2, 3))
    require_finite(answers)
    answers[1, 0, 2], answers[3, 1, 1] = np.inf, np.nan
    with pytest.raises(NotFiniteError, match="for input 2 is not a finite number") as caught:
        require_finite(answers)
    assert caught.value.places == (1, 3)
    with pytest.raises(NotFiniteError, match="for input 3 is"):
        require_finite(np.array([0.0, 1.0, np.nan]))


def test_probabilities_are_stored_in_32_bits():
    assert stored(np.array([[0.1, 0.9]])).dtype == np.float32
