"""What a session asks of the training pictures before the first step."""

import numpy as np
import pytest

from pellucid.training import session as session_module
from pellucid.training.determinism import Purpose, generator


@pytest.mark.parametrize(
    ("values", "pictures"),
    [
        (10**9, 600),  # all of them, as long as they are small
        (64 * 300, 300),
        (64, 256),  # however large they are
    ],
)
def test_many_large_pictures_are_sampled(digits, start, monkeypatch, values, pictures):
    monkeypatch.setattr(session_module, "_SAMPLE_VALUES", values)
    drawn = generator(0, Purpose.SAMPLE).permutation(digits.train)[:pictures]
    standardise = start(digits, seed=0).network.standardise
    expected = digits.inputs[drawn].astype(np.float64)
    assert standardise.mean.item() == pytest.approx(expected.mean(), rel=1e-6)
    assert standardise.std.item() == pytest.approx(expected.std(), rel=1e-6)
