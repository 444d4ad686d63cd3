import math

import numpy as np
import pytest

from pellucid.reference.walk import best_step, numerical_gradient


def test_a_square_has_no_error_but_rounding():
    at = np.array([[1.0, -2.0], [0.0, 3.0]])
    kept = at.copy()
    gradient = numerical_gradient(lambda x: float((x**2).sum()), at, step=0.5)
    np.testing.assert_allclose(gradient, 2 * at, atol=1e-14)
    np.testing.assert_array_equal(at, kept)


def test_the_error_is_the_two_parts_that_its_file_names():
    # exp at 0: every derivative is 1, so the quotient is off by h^2 / 6, until rounding takes over.
    def error(step):
        return abs(numerical_gradient(lambda x: math.exp(x[0]), np.zeros(1), step)[0] - 1)

    for step in (1e-1, 1e-2, 1e-3):
        assert error(step) == pytest.approx(step**2 / 6, rel=0.01)
    smallest = error(None)
    assert smallest < 1e-10
    assert error(1e-3) > 100 * smallest
    assert error(1e-10) > 100 * smallest


def test_steps_grow_with_the_number_and_with_what_its_arithmetic_cannot_tell():
    assert best_step(0.0, np.dtype(np.float64)) == pytest.approx(6.06e-6, rel=0.01)
    assert best_step(-1e3, np.dtype(np.float64)) == pytest.approx(6.06e-3, rel=0.01)
    assert best_step(0.0, np.dtype(np.float32)) == pytest.approx(4.92e-3, rel=0.01)


def test_single_precision_gives_some_digits():
    gradient = numerical_gradient(lambda x: float(np.sin(x).sum()), np.array([0.5], np.float32))
    assert gradient.dtype == np.float32
    assert gradient[0] == pytest.approx(math.cos(0.5), abs=1e-4)


def test_at_a_kink_it_is_the_mean_of_both_slopes():
    assert numerical_gradient(lambda x: max(0.0, x[0]), np.zeros(1)).tolist() == pytest.approx([0.5])
