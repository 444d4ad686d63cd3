"""Abstention: the promise kept in simulation, the threshold against a plain search, and its properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from pellucid.arithmetic.probabilities import trust
from pellucid.evaluation.promises import (
    checked_promise,
    error_curve,
    kept_on,
    least_error,
    least_examples,
    least_promise,
    promise,
)

TRUST = st.floats(0, 1) | st.sampled_from([0.0, 0.25, 0.5, 1.0])
ANSWERS = st.lists(st.tuples(TRUST, st.booleans()), min_size=1, max_size=120)
ERRORS = st.floats(0.01, 0.6)


def arrays(answers):
    trusted, is_wrong = zip(*answers, strict=True)
    return np.array(trusted), np.array(is_wrong)


def searched(trusted, is_wrong, max_error):
    """The threshold as the module says, by a loop over sets and SciPy's binomial distribution."""
    order = sorted(range(len(trusted)), key=lambda place: (-trusted[place], is_wrong[place]))
    size, found = (
        max(math.ceil(math.log(0.05) / math.log(1 - max_error)), math.ceil(len(order) / 4)),
        math.inf,
    )
    while size <= len(order):
        wrong = sum(is_wrong[place] for place in order[:size])
        if binom.cdf(wrong, size, max_error) > 0.05:
            break
        lowest = trusted[order[size - 1]]
        if lowest > 0 and (size == len(order) or trusted[order[size]] < lowest):
            found = lowest
        size += 1
    return found


@given(ANSWERS, st.sampled_from([0.03, 0.07, 0.11, 0.3, 0.55]))
def test_the_threshold_equals_a_plain_search(answers, max_error):
    trusted, is_wrong = arrays(answers)
    assert promise(trusted, is_wrong, max_error).threshold == searched(trusted, is_wrong, max_error)


@given(ANSWERS, ERRORS)
def test_equal_trust_is_answered_together_and_trust_0_never(answers, max_error):
    trusted, is_wrong = arrays(answers)
    found = promise(trusted, is_wrong, max_error)
    assert found.answered == (trusted >= found.threshold).sum()
    assert found.wrong == is_wrong[trusted >= found.threshold].sum()
    assert found.threshold > 0


@pytest.mark.parametrize(("max_error", "examples"), [(0.05, 150), (0.05, 600), (0.1, 60), (0.1, 600)])
def test_the_promise_is_broken_in_at_most_5_of_100_draws(max_error, examples):
    """Trust is even up to 1, an answer of trust t wrong with 1 - t: above x the error is (1 - x) / 2."""
    lowest = 1 - 4 * max_error
    draws = np.random.default_rng(0)
    broken = answered = 0
    for _ in range(800):
        trusted = lowest + (1 - lowest) * draws.random(examples)
        found = promise(trusted, draws.random(examples) > trusted, max_error)
        broken += found.answered > 0 and (1 - found.threshold) / 2 > max_error
        answered += found.answered > 0
    assert broken <= binom.ppf(0.999, 800, 0.05)
    assert answered > 15


@given(ANSWERS, ANSWERS, ERRORS)
def test_the_stricter_threshold_of_both_splits_is_used_and_the_test_keeps_what_is_promised(
    answers, tests, max_error
):
    held_out, test = arrays(answers), arrays(tests)
    found = checked_promise(held_out, test, max_error)
    alone = [promise(*each, max_error) for each in (held_out, test)]
    least = max(alone[0].threshold, alone[1].threshold) if alone[1].answered else alone[0].threshold
    is_answered = test[0] >= least
    wrong = int(test[1][is_answered].sum())
    assert found.is_refuted == (wrong > max_error * is_answered.sum())
    assert found.threshold == (math.inf if found.is_refuted else least)
    assert (found.is_confirmed, found.tested) == (alone[1].answered > 0, len(tests))
    assert found.answered == (held_out[0] >= found.threshold).sum()


def test_a_promise_that_held_out_answers_flatter_is_kept_on_the_test():
    """Held-out answers are wrong 30 % less often than those of the test: what selection leaves behind."""
    draws = np.random.default_rng(0)
    trust_of = lambda: 1 - 0.5 * draws.beta(0.5, 2, 1000)  # noqa: E731
    found = {False: 0, True: 0}
    for _ in range(200):
        splits = []
        for share in (0.7, 1.0, 1.0):
            trusted = trust_of()
            splits.append((trusted, draws.random(1000) < share * (1 - trusted)))
        for is_checked in found:
            made = checked_promise(splits[0], splits[1] if is_checked else None, 0.05)
            asked = kept_on(made.threshold, *splits[2])
            found[is_checked] += asked.error is not None and asked.error.low > 0.05
    assert found[False] > 20
    assert found[True] <= 2


def test_all_right_and_all_wrong():
    trusted = np.linspace(0.5, 1, 60)
    assert promise(trusted, np.zeros(60, bool), 0.05).answered == 60
    assert promise(trusted, np.zeros(60, bool), 0.04).answered == 0
    assert promise(trusted, np.ones(60, bool), 0.05).threshold == math.inf
    assert promise(np.ones(60), np.zeros(60, bool), 0.05).threshold == 1
    assert promise(np.zeros(60), np.zeros(60, bool), 0.05).answered == 0


def test_how_many_examples_a_promise_takes():
    assert [least_examples(each) for each in (0.01, 0.05, 0.1)] == [299, 59, 29]
    assert least_examples(least_error(100)) == 100
    assert 0.95**59 <= 0.05 < 0.95**58


def test_no_examples_promise_nothing():
    none = np.zeros(0)
    assert promise(none, none > 0, 0.5).answered == 0
    assert error_curve(none, none > 0) == ()
    assert least_promise((none, none > 0)) is None
    some = np.ones(60), np.zeros(60, bool)
    assert checked_promise(some, (none, none > 0), 0.05) == promise(*some, 0.05)


def test_the_least_promise_in_whole_per_cent():
    held_out = np.linspace(0.1, 1, 100), np.zeros(100, bool)
    found = least_promise(held_out)
    assert (found.max_error, found.answered) == (0.03, 100)
    few = np.linspace(0.1, 1, 20), np.arange(20) == 19
    assert least_promise(held_out, few).max_error == 0.05


def test_an_unfamiliar_input_is_not_trusted():
    novelty = np.array([0.0, 0.5, 0.95, 0.951, 1.0])
    found = trust(np.full(5, 0.8), novelty, 0.05)
    assert found == pytest.approx([0.8, 0.8, 0.8, 0.0, 0.0], abs=1e-5)
    assert trust(np.array([0.5, 1.0]), None).tolist() == [0.5, 1.0]


def test_a_missing_number_is_not_trusted():
    found = trust(np.array([np.nan, 0.5, 0.5]), np.array([0.1, np.nan, 0.1]), 0.05)
    assert found.tolist() == [0.0, 0.0, 0.5]
    assert not (found[:2] >= 0.1).any()


def test_the_curve_ends_with_all_answers_and_its_error():
    draws = np.random.default_rng(0)
    trusted = draws.random(1000)
    is_wrong = draws.random(1000) > trusted
    points = error_curve(trusted, is_wrong)
    assert [point.answered for point in points] == list(range(50, 1001, 50))
    assert points[-1].error.value == is_wrong.mean()
    for point in points:
        kept = kept_on(point.threshold, trusted, is_wrong)
        assert (kept.answered.value, kept.error) == (point.share, point.error)


def test_a_model_that_trusts_all_answers_alike_has_one_point():
    (point,) = error_curve(np.full(40, 0.6), np.arange(40) < 10)
    assert (point.share, point.error.value) == (1.0, 0.25)
    assert kept_on(0.7, np.full(40, 0.6), np.arange(40) < 10).error is None


def test_the_first_set_is_a_quarter_of_all_rounded_up():
    """Two wrong of 60 do not prove an error of 10 %, two of 61 do: of 241 a quarter is 61."""
    trusted = np.linspace(1, 0.5, 241)
    is_wrong = np.zeros(241, bool)
    is_wrong[[3, 7]] = is_wrong[61:] = True
    assert binom.cdf(2, 60, 0.1) > 0.05 > binom.cdf(2, 61, 0.1)
    found = promise(trusted, is_wrong, 0.1)
    assert (found.answered, found.wrong) == (61, 2)
