import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from pellucid.arithmetic import number_errors


def test_by_hand():
    # Errors 1, -1, 2: squares 1, 1, 4; the labels lie 1, 0, 1 from their mean.
    found = number_errors(np.array([1.0, 2.0, 3.0]), np.array([2.0, 1.0, 5.0]))
    assert found == pytest.approx((4 / 3, 2**0.5, 1 - 6 / 2))


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=2, max_size=50))
def test_parity_with_scikit_learn(pairs):
    labels, predicted = np.array(pairs).T
    found = number_errors(labels, predicted)
    expected = sklearn_metrics.root_mean_squared_error(labels, predicted)
    assert found.root_mean_squared_error == pytest.approx(expected, abs=1e-12)
    assert found.mean_absolute_error == pytest.approx(
        sklearn_metrics.mean_absolute_error(labels, predicted), abs=1e-12
    )
    if labels.std() > 1e-3:
        assert found.r2 == pytest.approx(sklearn_metrics.r2_score(labels, predicted), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("said", "r2"), [(2.0, 1.0), (2.5, 0.0)])
def test_equal_labels_leave_nothing_to_explain(said, r2):
    assert number_errors(np.full(3, 2.0), np.full(3, said)).r2 == r2
