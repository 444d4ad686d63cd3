"""Abstention: the promise kept in simulation, the threshold against a plain search, and its properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, fisher_exact

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


def least(max_error, level):
    """Answers, all of them right, that prove an error at a level."""
    return next(size for size in range(1, 10_000) if binom.cdf(0, size, max_error) <= level)


def passed(trusted, is_wrong, max_error, size, level):
    """The threshold of one sequence of tests, by a loop over sets and SciPy's binomial distribution."""
    order = sorted(range(len(trusted)), key=lambda place: (-trusted[place], is_wrong[place]))
    size, found = max(least(max_error, level), size), math.inf
    while size <= len(order):
        wrong = sum(is_wrong[place] for place in order[:size])
        if binom.cdf(wrong, size, max_error) > level:
            break
        lowest = trusted[order[size - 1]]
        if lowest > 0 and (size == len(order) or trusted[order[size]] < lowest):
            found = lowest
        size += 1
    return found


def searched(trusted, is_wrong, max_error):
    """The threshold as the documentation says."""
    quarter, tenth = math.ceil(len(trusted) / 4), math.ceil(len(trusted) / 10)
    if tenth < least(max_error, 0.01):
        return passed(trusted, is_wrong, max_error, quarter, 0.05)
    pairs = ((quarter, 0.04), (tenth, 0.01))
    return min(passed(trusted, is_wrong, max_error, *pair) for pair in pairs)


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


def drawn(generator, examples, share=1.0):
    """Trust of some answers, and whether each is wrong: with a share of its distrust."""
    trusted = 1 - 0.5 * generator.beta(0.5, 2, examples)
    return trusted, generator.random(examples) < share * (1 - trusted)


def fisher(first, second, threshold):
    """P-value of fewer errors among the answered of the first than among those of the second."""
    table = [
        [(wrong & (trusted >= threshold)).sum(), (~wrong & (trusted >= threshold)).sum()]
        for trusted, wrong in (first, second)
    ]
    return fisher_exact(table, "less").pvalue


@pytest.mark.parametrize("held_out_share", [1.0, 0.5, 2.0])
def test_held_out_and_test_are_taken_together_unless_their_errors_differ(held_out_share):
    generator, seen = np.random.default_rng(1), set()
    for _ in range(60):
        held_out, test = drawn(generator, 300, held_out_share), drawn(generator, 600)
        both = np.concatenate([held_out[0], test[0]]), np.concatenate([held_out[1], test[1]])
        threshold, found = promise(*both, 0.08).threshold, checked_promise(held_out, test, 0.08)
        alone = {"both": both, "test": test, "held-out": held_out}[found.basis]
        if fisher(held_out, test, threshold) <= 0.1:
            assert found.basis == "test"
        else:
            assert (found.basis == "held-out") == (fisher(test, held_out, threshold) <= 0.01)
        assert found.threshold == max(threshold, promise(*alone, 0.08).threshold)
        is_answered = alone[0] >= found.threshold
        assert (found.answered, found.wrong) == (is_answered.sum(), alone[1][is_answered].sum())
        assert found.expected.value == is_answered.mean()
        seen.add(found.basis)
    assert {1.0: "both", 0.5: "test", 2.0: "held-out"}[held_out_share] in seen


def test_a_test_of_more_errors_that_is_too_small_for_a_threshold_refutes_the_promise():
    held_out = np.linspace(0.5, 1, 400), np.zeros(400, bool)
    test = np.linspace(0.5, 1, 40), np.arange(40) % 8 == 7
    found = checked_promise(held_out, test, 0.05)
    assert (found.is_refuted, found.threshold, found.answered) == (True, math.inf, 0)
    assert found.on_test.error.value == 1 / 8
    # One of twenty wrong is not more than promised, though more than none of 400.
    found = checked_promise(held_out, (test[0][:20], np.arange(20) == 3), 0.05)
    assert (found.is_refuted, found.basis, found.answered) == (False, "both", 420)


def test_a_large_test_is_not_held_back_by_few_held_out_examples():
    """The answered share is at least 90 % of what could be answered were all errors known."""
    generator, shares = np.random.default_rng(0), []
    trusted, is_wrong = drawn(generator, 400_000)
    order = np.argsort(-trusted)
    error = np.cumsum(is_wrong[order]) / np.arange(1, len(order) + 1)
    oracle = (np.flatnonzero(error <= 0.05)[-1] + 1) / len(order)
    broken = 0
    for _ in range(60):
        found = checked_promise(drawn(generator, 500), drawn(generator, 10_000), 0.05)
        answered = trusted >= found.threshold
        shares.append(answered.mean() / oracle)
        broken += is_wrong[answered].mean() > 0.05
    assert np.mean(shares) > 0.9
    assert broken <= binom.ppf(0.999, 60, 0.05)


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
    assert found[True] <= 10


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


@pytest.mark.parametrize("examples", [3, 7, 29, 58, 77])
def test_the_smallest_error_that_so_many_could_promise_is_promised(examples):
    trusted, is_wrong = np.linspace(0.9, 0.4, examples), np.zeros(examples, bool)
    assert promise(trusted, is_wrong, least_error(examples)).answered == examples
    assert promise(trusted, is_wrong, least_error(examples) * 0.9999).answered == 0


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
    few = np.linspace(0.1, 1, 20), np.arange(20) == 0
    assert least_promise(held_out, few).max_error == 0.03
    assert least_promise((few[0], ~few[1]), few) is None


def test_a_model_that_is_sure_of_less_than_a_quarter_answers_these():
    trusted = np.linspace(1, 0.5, 2000)
    is_wrong = (np.arange(2000) >= 300) & (np.arange(2000) % 4 == 0)
    found = promise(trusted, is_wrong, 0.05)
    assert 300 <= found.answered < 400
    assert passed(trusted, is_wrong, 0.05, 500, 0.05) == math.inf


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
