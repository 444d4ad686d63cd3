"""Sheets of what a generator has learnt so far."""

import numpy as np
import pytest
from PIL import Image

from generators import begin
from pellucid.training.observers import Snapshots, read_snapshots


def images(channels):
    """Three images, each of one grey level."""
    return np.repeat(np.array([10, 120, 250], np.uint8), 8 * 8 * channels).reshape(3, 8, 8, channels)


@pytest.mark.parametrize("channels", [1, 3])
def test_sheets_are_written_after_evenly_spaced_epochs_and_read_back(tmp_path, channels):
    asked = []

    def make():
        asked.append(1)
        return images(channels)

    snapshots, state = Snapshots(tmp_path / "samples", make, 12), begin(epochs=12).state
    for epoch in range(12):
        state.history.append({"epoch": epoch + 1})
        snapshots.after_epoch(state)
    names = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert len(names) == len(asked) == 8
    assert (names[0], names[-1]) == ("epoch-0001.png", "epoch-0012.png")
    with Image.open(tmp_path / "samples" / names[0]) as sheet:
        assert sheet.size == (24, 8)
    found = read_snapshots(tmp_path / "samples", (8, 8, channels))
    assert next(iter(found)) == 1
    assert np.array_equal(np.stack(found[12]), images(channels))


def test_a_folder_that_is_not_there_has_no_sheets(tmp_path):
    assert read_snapshots(tmp_path / "nothing", (8, 8, 1)) == {}
