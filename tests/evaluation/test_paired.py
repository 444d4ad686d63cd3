import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from pellucid.evaluation import mcnemar
from pellucid.evaluation.comparisons import (
    WIDEST,
    WIDEST_RELATIVE,
    _variance,
    compare_all,
    compare_numbers,
    flip_p_values,
    paired_interval,
)


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_equals_statsmodels(only_a, only_b):
    expected = statsmodels_mcnemar([[5, only_a], [only_b, 5]], exact=True).pvalue
    assert mcnemar(only_a, only_b) == pytest.approx(min(1.0, expected), rel=1e-9)


def test_mcnemar_by_hand():
    assert mcnemar(1, 7) == pytest.approx(2 * (1 + 8) / 2**8)
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(150, 86) == mcnemar(86, 150)


def test_interval_of_published_examples():
    # Airway hyper-responsiveness of 21 children, Bentur et al. 2009, as in Fagerland, Lydersen and
    # Laake 2014, "Recommended tests and confidence intervals for paired binomial proportions".
    found = paired_interval(1, 7, 21)
    assert (round(found.low, 3), round(found.high, 3)) == (-0.517, -0.026)
    # Approval of a prime minister, Agresti 2002, table 10.1: -0.04, about -0.06 to -0.02.
    found = paired_interval(86, 150, 1600)
    assert [round(end, 2) for end in found] == [-0.04, -0.06, -0.02]


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 200))
def test_ends_of_the_interval_lie_on_its_inequality(only_a, only_b, rest):
    examples = max(1, only_a + only_b + rest)
    found = paired_interval(only_a, only_b, examples)
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high
    for end in (found.low, found.high):
        if abs(end) < 1:
            gap = only_a - only_b - examples * end
            variance = _variance(only_a, only_b, examples, end)
            assert gap**2 == pytest.approx(1.959964**2 * variance, rel=1e-4, abs=1e-6)
    mirrored = paired_interval(only_b, only_a, examples)
    assert (-mirrored.high, -mirrored.low) == pytest.approx((found.low, found.high), abs=1e-9)


def test_interval_where_nothing_sets_the_models_apart():
    # z2 / (n + z2)
    assert paired_interval(0, 0, 30) == pytest.approx((0, -3.8415 / 33.8415, 3.8415 / 33.8415), abs=1e-5)


@pytest.mark.parametrize(
    ("examples", "apart", "delta"), [(100, 0.2, 0.05), (300, 0.08, 0.02), (600, 0.05, 0.0)]
)
def test_the_interval_covers_95_percent(examples, apart, delta):
    """Exactly, over every outcome of the two counts."""
    first, second = (apart + delta) / 2, (apart - delta) / 2
    most = int(examples * apart + 8 * np.sqrt(examples * apart))
    counts = np.arange(most + 1)
    in_all = stats.binom.pmf(counts, examples, apart)
    covered = 0.0
    for total in counts[in_all > 1e-6]:
        chances = stats.binom.pmf(np.arange(total + 1), total, first / (first + second))
        ends = [paired_interval(int(a), int(total - a), examples) for a in range(total + 1)]
        covered += in_all[total] * sum(
            chance for chance, end in zip(chances, ends, strict=True) if end.low <= delta <= end.high
        )
    assert 0.93 <= covered <= 0.97


def answers(labels, share_wrong, seed):
    wrong = np.random.default_rng(seed).random(len(labels)) < share_wrong
    return np.where(wrong, (labels + 1) % 3, labels)


LABELS = np.arange(2000) % 3


def test_verdicts_of_two_thousand_examples():
    predicted = {
        "svm": answers(LABELS, 0.12, 1),
        "cnn": answers(LABELS, 0.05, 2),
        "mlp": answers(LABELS, 0.05, 3),
    }
    svm_cnn, svm_mlp, cnn_mlp = compare_all(LABELS, predicted)
    assert (svm_cnn.a, svm_cnn.b, cnn_mlp.a, cnn_mlp.b) == ("svm", "cnn", "cnn", "mlp")
    assert svm_cnn.difference.value < 0
    assert svm_cnn.verdict.startswith("svm is worse than cnn: a difference of \u2212")
    assert " points [" in svm_cnn.verdict
    assert max(svm_cnn.adjusted, svm_mlp.adjusted) <= 0.05
    assert cnn_mlp.verdict.startswith("inconclusive: cnn and mlp differ by ")
    document = svm_cnn.to_json()
    assert list(document) == ["a", "b", "accuracy_difference", "p_value", "p_value_holm", "verdict"]
    assert document["accuracy_difference"]["value"] == svm_cnn.difference.value


def test_too_few_examples():
    labels = LABELS[:40]
    predicted = {"a": labels, "b": np.where(np.arange(40) < 3, (labels + 1) % 3, labels)}
    (found,) = compare_all(labels, predicted)
    assert found.verdict.startswith("inconclusive: a and b disagree on 3 of 40 examples")
    assert found.p_value == 0.25


@pytest.mark.parametrize("swapped", [False, True])
def test_either_end_of_the_interval_may_reach_too_far(swapped):
    """The far end lies on the side of the better model: above zero where it is named first, else below."""
    labels = LABELS[:100]
    good, bad = labels, np.where(np.arange(100) < 4, (labels + 1) % 3, labels)
    (found,) = compare_all(labels, {"a": bad, "b": good} if swapped else {"a": good, "b": bad})
    near, far = sorted([abs(found.difference.low), abs(found.difference.high)])
    assert (found.difference.value < 0) == swapped
    assert near < WIDEST < far
    assert found.verdict.startswith("inconclusive: a and b disagree on 4 of 100 examples")


@pytest.mark.parametrize("swapped", [False, True])
def test_either_end_of_the_interval_of_numbers_may_reach_too_far(swapped):
    labels = np.random.default_rng(0).normal(size=40)
    good, bad = labels + 0.5, labels + 0.5 + 0.5 * (np.arange(40) < 4)
    (found,) = compare_numbers(labels, {"a": bad, "b": good} if swapped else {"a": good, "b": bad})
    near, far = sorted([abs(found.difference.low), abs(found.difference.high)])
    assert (found.difference.value > 0) == swapped
    assert near < WIDEST_RELATIVE * labels.std() < far
    assert found.verdict.startswith("inconclusive: a and b on only 40 examples, a difference in error of ")


def test_a_pair_that_stands_out_only_alone():
    labels = np.zeros(1000, np.int64)
    wrong = {"a": np.arange(10, 25), "b": np.arange(28, 32), "c": np.arange(15, 24)}
    predicted = {name: np.isin(np.arange(1000), rows).astype(np.int64) for name, rows in wrong.items()}
    found = compare_all(labels, predicted)[0]
    assert found.p_value <= 0.05 < found.adjusted
    assert "would be significant alone, but among 3 comparisons" in found.verdict


def test_identical_models():
    (found,) = compare_all(LABELS, {"a": LABELS, "b": LABELS})
    assert (found.difference.value, found.p_value, found.adjusted) == (0.0, 1.0, 1.0)
    assert found.verdict == (
        "inconclusive: a and b differ by 0.00 points [\u22120.19, 0.19], which could be chance"
    )
    numbers = np.arange(50.0)
    (found,) = compare_numbers(numbers, {"a": numbers + 1, "b": numbers + 1})
    assert (found.difference, found.p_value) == ((0.0, 0.0, 0.0), 1.0)


def test_two_examples():
    (found,) = compare_all(np.array([0, 1]), {"a": np.array([0, 1]), "b": np.array([1, 0])})
    assert found.verdict.startswith("inconclusive: a and b ")
    (found,) = compare_numbers(np.array([0.0, 1.0]), {"a": np.array([0.0, 1.1]), "b": np.array([3.0, 4.0])})
    assert found.p_value == 0.5
    assert found.verdict.startswith("inconclusive: a and b ")


def test_no_example_and_one_model():
    with pytest.raises(ValueError, match="no example to compare on"):
        compare_all(LABELS[:0], {"a": LABELS[:0]})
    with pytest.raises(ValueError, match="no example to compare on"):
        compare_numbers(np.zeros(0), {})
    assert compare_all(LABELS, {"a": LABELS}) == ()
    assert compare_numbers(np.zeros(3), {"a": np.ones(3)}) == ()


def test_numbers():
    generator = np.random.default_rng(0)
    labels = 10 * generator.normal(size=800)
    predicted = {
        name: labels + spread * generator.normal(size=800) for name, spread in [("a", 3), ("b", 2), ("c", 2)]
    }
    a_b, _, b_c = compare_numbers(labels, predicted, seed=1)
    assert a_b.difference.value == pytest.approx(
        np.sqrt(((predicted["a"] - labels) ** 2).mean()) - np.sqrt(((predicted["b"] - labels) ** 2).mean())
    )
    assert a_b.verdict.startswith("a is worse than b: a difference in error of ")
    assert "root_mean_squared_error_difference" in a_b.to_json()
    assert b_c.verdict.startswith("inconclusive: b and c, a difference in error of ")
    assert compare_numbers(labels, predicted, seed=1)[0] == a_b


def test_sign_flips_equal_scipys_permutation_test():
    differences = np.random.default_rng(3).normal(0.4, 1, size=(10, 1))
    expected = stats.permutation_test(
        (differences[:, 0],), np.sum, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert flip_p_values(differences, 0)[0] == pytest.approx(expected, abs=1e-12)
    many = np.random.default_rng(4).normal(0.1, 1, size=(400, 1))
    expected = stats.permutation_test(
        (many[:, 0],), np.sum, permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(0)
    ).pvalue
    assert flip_p_values(many, 0)[0] == pytest.approx(expected, abs=0.015)


def test_more_examples_than_groups():
    differences = np.random.default_rng(5).normal(size=(25_001, 1))
    expected = stats.ttest_1samp(differences[:, 0], 0).pvalue
    assert flip_p_values(differences, 0)[0] == pytest.approx(expected, abs=0.03)


def test_false_alarms_of_sign_flips_are_as_rare_as_said():
    alarms = np.concatenate(
        [flip_p_values(np.random.default_rng(s).normal(size=(60, 100)), s) <= 0.05 for s in range(5)]
    )
    assert 0.03 <= alarms.mean() <= 0.075


def test_ten_thousand_examples_and_seven_models_take_little_time():
    labels = np.arange(10_000) % 3
    predicted = {f"model-{k}": answers(labels, 0.1, k) for k in range(7)}
    began = time.process_time()
    assert len(compare_all(labels, predicted)) == 21
    assert time.process_time() - began < 1
    numbers = {name: found.astype(np.float64) for name, found in predicted.items()}
    began = time.process_time()
    compare_numbers(labels.astype(np.float64), numbers)
    assert time.process_time() - began < 2
