"""Features in blocks: computed once, found again after a kill, computed anew for other data."""

import numpy as np
import pytest

from pellucid.pipeline.learners.candidates import compute_features


class Asked:
    """Gives rows, and counts the examples it was asked about."""

    def __init__(self, fails_after=10**9):
        self.examples = 0
        self.fails_after = fails_after

    def __call__(self, positions):
        if self.examples >= self.fails_after:
            raise KeyboardInterrupt
        self.examples += len(positions)
        return np.stack([positions, positions**2], axis=1).astype(np.float32)


POSITIONS = np.arange(0, 2600, 2)


def test_rows_are_found_by_position(tmp_path):
    features = compute_features(Asked(), POSITIONS, tmp_path / "features", "a")
    some = np.array([4, 2000, 0, 4])
    assert features.of(some).tolist() == [[4, 16], [2000, 4e6], [0, 0], [4, 16]]


def test_a_broken_off_computation_goes_on(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        compute_features(Asked(fails_after=1024), POSITIONS, tmp_path, "a")
    rest = Asked()
    features = compute_features(rest, POSITIONS, tmp_path, "a")
    assert rest.examples == len(POSITIONS) - 1024
    whole = compute_features(Asked(), POSITIONS, tmp_path / "anew", "a")
    assert np.array_equal(features.rows, whole.rows)


@pytest.mark.parametrize("positions", [POSITIONS[:-1], POSITIONS + 1])
@pytest.mark.parametrize("identity", ["a", "b"])
def test_other_data_is_computed_anew(tmp_path, positions, identity):
    compute_features(Asked(), POSITIONS, tmp_path, "a")
    again = Asked()
    features = compute_features(again, positions, tmp_path, identity)
    is_same = identity == "a" and len(positions) == len(POSITIONS)
    assert again.examples == (0 if is_same else len(positions))
    if not is_same:
        assert features.rows[0].tolist() == [positions[0], positions[0] ** 2]


def test_a_damaged_block_is_computed_anew(tmp_path):
    compute_features(Asked(), POSITIONS, tmp_path, "a")
    (tmp_path / "block-000001.npy").write_bytes(b"\x93NUMPY nothing")
    again = Asked()
    features = compute_features(again, POSITIONS, tmp_path, "a")
    assert again.examples == 512
    assert features.rows[-1].tolist() == [POSITIONS[-1], float(POSITIONS[-1]) ** 2]
