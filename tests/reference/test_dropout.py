import numpy as np
import pytest

from pellucid.reference.dense import draw_mask, dropout, dropout_backward


def test_by_hand():
    mask = np.array([True, False])
    assert dropout(np.array([3.0, 5.0]), mask, probability=0.75).tolist() == [12.0, 0.0]
    of_inputs, of_mask = dropout_backward(np.array([1.0, 1.0]), np.array([3.0, 5.0]), mask, probability=0.75)
    assert of_inputs.tolist() == [4.0, 0.0]
    assert of_mask is None


def test_a_mask_is_drawn_from_its_generator_and_keeps_the_mean():
    mask = draw_mask((200, 500), 0.3, np.random.default_rng(1))
    assert np.array_equal(mask, draw_mask((200, 500), 0.3, np.random.default_rng(1)))
    assert mask.mean() == pytest.approx(0.7, abs=4 * np.sqrt(0.3 * 0.7 / mask.size))
    assert dropout(np.ones(mask.shape), mask, probability=0.3).mean() == pytest.approx(1.0, abs=0.01)
    assert draw_mask((50,), 0.0, np.random.default_rng(1)).all()
