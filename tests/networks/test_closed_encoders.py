"""Closed encoders: what they give becomes features; shapes need no file."""

import numpy as np
import pytest
import torch

from pellucid.networks import NetworkConfig, as_text, describe
from pellucid.networks.closed_encoders import ClosedEncoder, pooled
from pellucid.networks.config import ClosedFile
from pellucid.networks.costs import hidden_units

OWN = ClosedFile(seen=(16, 16), size=100, sha256="0" * 64, output="answer", features=12)
CONFIG = NetworkConfig(name="closed-encoder", input_shape=(1, 8, 8), outputs=4, own=OWN)


@pytest.mark.parametrize(
    ("answer", "features"),
    [
        (np.array([[1.0, 2.0]]), [1, 2]),
        (np.array([[[1.0, 2.0], [3.0, 6.0], [5.0, 10.0]]]), [1, 2, 4, 8]),
        (np.array([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [0.0, 4.0]]]]), [3, 1]),
    ],
    ids=["a vector", "tokens", "maps"],
)
def test_what_comes_out_becomes_features(answer, features):
    assert pooled(answer.astype(np.float32)).tolist() == features


def test_shapes_are_known_without_a_file():
    assert hidden_units(CONFIG) == 12
    assert [row.output_shape for row in describe(CONFIG)] == [(3, 16, 16), (12,), (12,), (4,)]
    assert "closed encoder" in as_text(describe(CONFIG))
    assert ClosedEncoder(OWN)(torch.empty(0, 3, 16, 16)).shape == (0, 12)
    assert NetworkConfig.from_json(CONFIG.to_json()) == CONFIG
    assert CONFIG.is_closed
