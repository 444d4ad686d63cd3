"""Measures of foreignness against the formulas by hand, and on digits."""

import numpy as np
import pytest
import scipy.sparse

from novelty_made import detector, digits, weights
from pellucid.novelty import fit_measure
from pellucid.novelty.detectors import LEAST_EXAMPLES
from pellucid.novelty.measures import Directions, Neighbours


def directions(**given) -> Directions:
    """In the plane: axis 1 has variance 4, axis 2 lies beside it with variance 1; one centre at 0."""
    parts = {
        "of_layer": False,
        "scale": [1, 1],
        "mean": [1, 2],
        "axes": [[1], [0]],
        "whitening": [[0.5]],
        "centres": [[0]],
        "rest": [1],
    } | given
    of_layer = parts.pop("of_layer")
    return Directions(of_layer=of_layer, **{name: np.array(each, np.float32) for name, each in parts.items()})


@pytest.mark.parametrize(
    ("row", "distance"),
    [([1, 2], 0), ([3, 2], 1), ([1, 5], 3), ([5, 4], np.sqrt(4 + 4))],
)
def test_distance_by_hand(row, distance):
    assert directions().measure(np.array([row], np.float32))[0] == pytest.approx(distance)


def test_the_nearest_centre_counts():
    both = directions(centres=[[0], [2]])
    # five along the axis is 2.5 whitened, 0.5 beyond the second centre
    np.testing.assert_allclose(both.measure(np.array([[6, 2]], np.float32))[0], 0.5)


def test_a_layer_is_brought_to_length_one_and_its_weakness_told():
    layer = directions(of_layer=True, mean=[0.6, 0.8], rest=[0])
    rows = np.array([[3, 4], [6, 8], [0, 0]], np.float32)
    found = layer.measure(rows)
    np.testing.assert_allclose(found[:2, 0], 0, atol=1e-6)
    np.testing.assert_allclose(found[:2, 1], [-np.log(5), -np.log(10)])
    assert found[2, 1] > 20  # nothing answers at all


def test_a_fitted_distance_is_that_of_the_shared_covariance():
    rows, labels = digits()
    rows = rows[:, rows.std(axis=0) > 1]  # pixels that vary, so that the covariance can be inverted
    found = fit_measure(rows[:900], labels[:900], "image").measure(rows[900:950])[:, 0]
    means = np.stack([rows[:900][labels[:900] == code].mean(axis=0) for code in range(10)])
    inside = rows[:900] - means[labels[:900]]
    covariance = inside.T @ inside / (900 - 10)
    covariance += 0.01 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    offsets = rows[900:950, None] - means
    by_hand = np.einsum("nki,ij,nkj->nk", offsets, np.linalg.inv(covariance), offsets).min(axis=1)
    np.testing.assert_allclose(found, np.sqrt(by_hand), rtol=1e-3)


@pytest.mark.parametrize("columns", [300, 3000])
def test_of_many_features_the_directions_of_most_variance_are_kept(columns):
    chance = np.random.default_rng(0)
    mixing = chance.normal(size=(8, columns))
    rows = (chance.normal(size=(200, 8)) @ mixing).astype(np.float32)
    measure = fit_measure(rows, np.zeros(200, np.int64), "image")
    size = sum(array.nbytes for array in measure.arrays().values())
    assert size < 2_000_000
    inside = (chance.normal(size=(50, 8)) @ mixing).astype(np.float32)
    beside = inside + chance.normal(size=inside.shape).astype(np.float32)
    assert measure.measure(inside).max() < measure.measure(beside).min()


def test_a_feature_that_never_varies_does_no_harm():
    rows = digits()[0]
    assert (rows[:, 0] == 0).all()
    assert np.isfinite(fit_measure(rows[:500], digits()[1][:500], "values").measure(rows[500:600])).all()


@pytest.mark.parametrize("columns", [8, 300])
def test_examples_that_are_all_equal_have_a_measure(columns):
    rows = np.ones((40, columns), np.float32)
    measure = fit_measure(rows, np.arange(40) % 2, "image")
    assert measure.measure(rows).max() < measure.measure(rows + 1).min()


def test_neighbours_by_hand():
    kept = scipy.sparse.csr_array(np.eye(6, 8, dtype=np.float32))
    centres = scipy.sparse.csr_array(np.full((1, 8), 0.5, np.float32))
    rows = scipy.sparse.csr_array(np.array([[0.6, 0.8, 0, 0, 0, 0, 0, 0], [0] * 8], np.float32))
    found = Neighbours.of(kept, centres).measure(rows)
    # only two kept rows are like the first at all, so its fifth neighbour is as far as can be
    np.testing.assert_allclose(found, [[1, 1 - 0.7], [1, 1]], atol=1e-6)


def test_few_kept_rows_stand_in_for_the_fifth():
    kept = scipy.sparse.csr_array(np.eye(2, dtype=np.float32))
    found = Neighbours.of(kept, kept).measure(scipy.sparse.csr_array(np.array([[1, 0]], np.float32)))
    np.testing.assert_allclose(found, [[1, 0]])


def test_texts_without_a_known_word_are_as_foreign_as_can_be():
    rows, foreign, labels = weights()
    found = fit_measure(rows[:400], labels[:400], "values").measure(foreign)
    np.testing.assert_allclose(found[:2], 1)


def test_of_each_kept_row_the_heaviest_features_stay():
    rows = np.random.default_rng(0).random((1100, 300)).astype(np.float32)
    rows[:, ::2] = 0
    kept = fit_measure(scipy.sparse.csr_array(rows), np.zeros(1100, np.int64), "values").kept
    assert kept.shape == (1000, 300)
    assert set(np.diff(kept.indptr)) == {40}
    first = kept[[0]].toarray()[0]
    whole = next(row for row in rows if np.isin(first[first > 0], row).all())
    np.testing.assert_array_equal(np.sort(whole)[-40:], np.sort(first)[-40:])


@pytest.mark.parametrize("sort", ["layer", "image", "values"])
def test_no_inputs_give_no_numbers(sort):
    measure = detector(sort).measure
    assert measure.measure(np.zeros((0, 64), np.float32)).shape == (0, measure.signals)


def test_no_texts_give_no_numbers():
    rows, _, labels = weights()
    assert fit_measure(rows, labels, "values").measure(rows[:0]).shape == (0, 2)


def test_too_few_examples_have_no_measure():
    rows, labels = digits()
    few = LEAST_EXAMPLES - 1
    assert fit_measure(rows[:few], labels[:few], "values") is None
    assert fit_measure(rows[:100, :0], labels[:100], "values") is None


def test_the_same_examples_give_the_same_measure():
    rows, labels = digits()
    one, other = (fit_measure(rows[:500], labels[:500], "layer").arrays() for _ in range(2))
    assert all((one[name] == other[name]).all() for name in one)
