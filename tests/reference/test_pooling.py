import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from pellucid.reference.pooling import average_pool_backward, max_pool, max_pool_backward, winners
from reference.agreement import assert_agrees
from reference.cases import draw

MAPS = np.array([[[[1.0, 2.0, 9.0], [3.0, 6.0, 9.0], [9.0, 9.0, 9.0]]]])  # only the first four fill a window


def test_pools_by_hand():
    assert max_pool(MAPS, window=(2, 2)).tolist() == [[[[6.0]]]]
    assert winners(MAPS, window=(2, 2))[0, 0, 0, 0].tolist() == [1, 1]
    of_maps = max_pool_backward(np.array([[[[5.0]]]]), MAPS, window=(2, 2))
    assert of_maps[0, 0].tolist() == [[0, 0, 0], [0, 5, 0], [0, 0, 0]]
    of_maps = average_pool_backward(np.array([[[[8.0]]]]), MAPS, window=(2, 2))
    assert of_maps[0, 0].tolist() == [[2, 2, 0], [2, 2, 0], [0, 0, 0]]


def test_winners_are_told_in_the_image():
    image = np.zeros((1, 1, 4, 6))
    image[0, 0, [0, 1, 3, 2], [1, 4, 0, 5]] = 1
    assert winners(image, window=(2, 3))[0, 0].tolist() == [[[0, 1], [1, 4]], [[3, 0], [2, 5]]]


@given(
    st.sampled_from(["max-pool", "average-pool"]),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(3, 7), st.integers(3, 7)),
)
@settings(max_examples=30)
def test_any_window_is_torchs(kind, window, size):
    theirs = functional.max_pool2d if kind == "max-pool" else functional.avg_pool2d
    assert_agrees(kind, (draw(2, 2, *size),), lambda x: theirs(x, window), window=window)


@pytest.mark.parametrize("seed", range(3))
def test_of_equal_values_the_winner_is_torchs(seed):
    maps = np.random.default_rng(seed).integers(0, 2, size=(3, 2, 6, 6)).astype(float)
    assert_agrees("max-pool", (maps,), lambda x: functional.max_pool2d(x, (3, 2)), window=(3, 2))
    _, places = functional.max_pool2d(torch.from_numpy(maps), (3, 2), return_indices=True)
    row, column = np.moveaxis(winners(maps, window=(3, 2)), -1, 0)
    np.testing.assert_array_equal(row * 6 + column, places)
