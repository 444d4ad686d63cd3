"""The binomial distribution of our own against SciPy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import bdtr, betaincinv
from scipy.stats import hypergeom

from pellucid.arithmetic.probabilities import at_most, at_most_drawn, at_most_growing, beta_quantile


def test_by_hand():
    assert at_most(1, 3, 0.5) == pytest.approx(0.5)  # (1 + 3) / 8
    np.testing.assert_allclose(at_most_growing(np.array([0, 1, 1]), 1, 0.5), [0.5, 0.75, 0.5])
    assert beta_quantile(1, 1, 0.3) == pytest.approx(0.3)  # one uniform draw
    assert len(at_most_growing(np.zeros(0, np.int64), 7, 0.1)) == 0


@given(
    st.lists(st.booleans(), min_size=1, max_size=400),
    st.integers(1, 9_000),
    st.floats(0.001, 0.999),
    st.randoms(use_true_random=False),
)
def test_growing_counts_are_those_of_scipy(more, first, share, draws):
    begun = draws.randint(0, first)
    hits = begun + np.cumsum([0, *more[1:]])
    expected = bdtr(hits, np.arange(first, first + len(hits)), share)
    np.testing.assert_allclose(at_most_growing(hits, first, share), expected, atol=1e-11)


@given(st.integers(1, 10_000), st.floats(0.0001, 0.9999), st.floats(0.01, 0.99))
def test_quantiles_are_those_of_scipy(examples, place, tail):
    rank = 1 + int(place * examples)
    assert beta_quantile(rank, examples, tail) == pytest.approx(
        betaincinv(rank, examples + 1 - rank, tail), abs=1e-9
    )


@given(st.data())
def test_marked_ones_among_the_drawn_equal_scipy_hypergeometric(data):
    total = data.draw(st.integers(0, 300))
    drawn, marked = data.draw(st.integers(0, total)), data.draw(st.integers(0, total))
    hits = data.draw(st.integers(max(0, drawn + marked - total), min(drawn, marked)))
    expected = hypergeom.cdf(hits, total, marked, drawn) if total else 1.0
    assert at_most_drawn(hits, drawn, marked, total) == pytest.approx(expected, rel=1e-9)
