"""What a session asks of the training images before the first step."""

import numpy as np
import pytest

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.training import session as session_module
from training.sessions import After, same, weights_of


@pytest.mark.parametrize(
    ("values", "images"),
    [
        (10**9, 600),  # all of them, as long as they are small
        (64 * 300, 300),
        (64, 256),  # however large they are
    ],
)
def test_many_large_images_are_sampled(digits, start, monkeypatch, values, images):
    monkeypatch.setattr(session_module, "_SAMPLE_VALUES", values)
    drawn = generator(0, Purpose.WHITENING).permutation(digits.train)[:images]
    standardise = start(digits, seed=0).network.standardise
    expected = digits.inputs[drawn].astype(np.float64)
    assert standardise.mean.item() == pytest.approx(expected.mean(), rel=1e-6)
    assert standardise.std.item() == pytest.approx(expected.std(), rel=1e-6)


@pytest.mark.core
@pytest.mark.parametrize("keeps_best", [True, False])
def test_the_weights_of_the_best_epoch_or_of_the_last(digits, start, keeps_best):
    session = start(digits, epochs=3, learning_rate=0.02, schedule="constant")
    last = {}

    def keep(state):
        if len(state.history) == 1:
            state.best.score = 2.0  # no later epoch can be better
        last.update(weights_of(state.network))

    found = session.run([After(epoch=keep)], keeps_best=keeps_best).state_dict()
    assert session.state.best.epoch == 1
    assert same(found, session.state.best.weights if keeps_best else last)
