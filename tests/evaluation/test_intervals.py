import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pellucid.evaluation import Interval, intervals, wilson
from pellucid.evaluation.intervals import (
    block_rows,
    percentile_interval,
    points,
    resample,
    span,
    studentised_interval,
)


def test_wilson_by_hand():
    # z = 1.96, p = 0.8, n = 10: (0.8 + z2/20 -+ z sqrt(0.016 + z2/400)) / (1 + z2/10), z2 = 3.8415
    interval = wilson(8, 10)
    assert interval.value == 0.8
    assert interval.low == pytest.approx(0.490162, abs=1e-6)
    assert interval.high == pytest.approx(0.943318, abs=1e-6)


@given(st.integers(1, 100_000), st.floats(0, 1))
def test_wilson_equals_scipy(examples, share):
    hits = round(share * examples)
    expected = stats.binomtest(hits, examples).proportion_ci(method="wilson")
    found = wilson(hits, examples)
    assert found.low == pytest.approx(expected.low, abs=1e-12)
    assert found.high == pytest.approx(expected.high, abs=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_wilson_of_one_example():
    assert wilson(1, 1).high == 1.0
    assert wilson(1, 1).low == pytest.approx(0.206549, abs=1e-6)
    assert wilson(0, 1).low == 0.0


@pytest.mark.parametrize("examples", [100, 1000, 10_000])
def test_wilson_covers_95_percent(examples):
    """Exactly, from the binomial distribution, averaged over accuracies around each point."""
    hits = np.arange(examples + 1)
    ends = np.array([wilson(int(count), examples)[1:] for count in hits])
    for middle in (0.6, 0.8, 0.9, 0.94):
        accuracies = np.linspace(middle - 0.02, middle + 0.02, 41)
        covered = [
            stats.binom.pmf(hits, examples, accuracy)[
                (ends[:, 0] <= accuracy) & (accuracy <= ends[:, 1])
            ].sum()
            for accuracy in accuracies
        ]
        assert 0.94 < np.mean(covered) < 0.96


def mean_of(values):
    """The mean as a score of weights."""
    return lambda weights: (weights @ values / len(values))[:, None]


def test_each_resample_draws_as_many_examples_as_there_are():
    sums = resample(lambda weights: weights.sum(axis=1, keepdims=True), 50, seed=3, resamples=200)
    assert sums.shape == (200, 1)
    assert (sums == 50).all()


def test_resamples_depend_on_the_seed_alone(monkeypatch):
    values = np.random.default_rng(0).random(300)
    first = resample(mean_of(values), 300, seed=1)
    monkeypatch.setattr(intervals, "_BLOCK_BYTES", 1 << 14)
    monkeypatch.setattr(intervals, "_MOST_KEPT", 0)
    assert np.allclose(resample(mean_of(values), 300, seed=1), first, rtol=1e-14)
    assert not np.allclose(resample(mean_of(values), 300, seed=2), first)


def test_resamples_are_drawn_once_for_all_models(monkeypatch):
    intervals._kept.cache_clear()
    values = np.random.default_rng(0).random((2, 5_000))
    found = [resample(mean_of(each), 5_000, seed=1) for each in (*values, values[0])]
    assert intervals._kept.cache_info().misses == 1
    monkeypatch.setattr(intervals, "_MOST_KEPT", 0)
    drawn = [resample(mean_of(each), 5_000, seed=1) for each in values]
    assert intervals._kept.cache_info().currsize == 1
    for one, other in zip(found, [*drawn, drawn[0]], strict=True):
        np.testing.assert_array_equal(one, other)
    counts = np.concatenate(intervals._kept(5_000, 1, intervals.RESAMPLES)[:1])
    assert (counts.sum(axis=1) == 5_000).all()


def test_percentiles_equal_scipys_bootstrap():
    values = np.random.default_rng(0).exponential(size=400)
    expected = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=20_000, random_state=np.random.default_rng(1)
    ).confidence_interval
    found = percentile_interval(values.mean(), resample(mean_of(values), 400, 0, resamples=20_000)[:, 0])
    width = expected.high - expected.low
    assert found.low == pytest.approx(expected.low, abs=0.03 * width)
    assert found.high == pytest.approx(expected.high, abs=0.03 * width)


def test_studentised_by_hand():
    # t runs from -2 to 2 evenly: its percentiles are -1.9 and 1.9, times the error of 3
    draws = 10 + np.linspace(-2, 2, 1001) * 0.5
    found = studentised_interval(10.0, 3.0, draws, np.full(1001, 0.5))
    assert found == pytest.approx((10.0, 10 - 1.9 * 3, 10 + 1.9 * 3))


def test_without_standard_errors_the_percentiles_serve():
    found = studentised_interval(5.0, 1.0, np.linspace(4, 6, 1001), np.zeros(1001))
    assert found == pytest.approx((5.0, 4.05, 5.95), abs=1e-3)


def test_a_score_without_a_value_has_no_interval():
    assert studentised_interval(-np.inf, 0.0, np.full(9, -np.inf), np.zeros(9)) == (-np.inf,) * 3


@pytest.mark.parametrize("examples", [1, 7, 10_000, 100_000_000])
def test_blocks_hold_every_row_in_bounded_memory(examples):
    rows = block_rows(1000, examples)
    assert sum(rows) == 1000
    assert min(rows) >= 1
    assert max(rows) == 1 or max(rows) * examples * 8 <= 16 << 20


def test_intervals_have_as_many_decimals_as_their_width_deserves():
    assert points(Interval(0.0187, 0.0108, 0.0266)) == "1.87 points [1.08, 2.66]"
    assert points(Interval(0.187, 0.108, 0.266)) == "18.7 points [10.8, 26.6]"
    assert span(Interval(0.936, 0.931, 0.941)) == "0.936 [0.931, 0.941]"
    assert span(Interval(-0.00001, -1, 1)) == "0.0 [\u22121.0, 1.0]"
    assert span(Interval(12345.0, 12000.0, 13000.0)) == "12,345 [12,000, 13,000]"
    assert span(Interval(0.0, 0.0, 0.0)) == "0 [0, 0]"


def test_an_interval_without_width_has_the_figures_of_its_value():
    assert span(Interval(0.25, 0.25, 0.25)) == "0.250 [0.250, 0.250]"
    assert span(Interval(-31.25, -31.25, -31.25), "kg") == "\u221231.3 kg [\u221231.3, \u221231.3]"
