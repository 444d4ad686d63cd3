"""The straight way of `train` as a whole."""

import torch

from pellucid.pipeline import concluding
from pellucid.pipeline.train import train
from photographs import class_folders


def test_threads_bind_every_part_of_a_run_and_are_given_back(tmp_path, monkeypatch):
    seen = []

    def test_once(*given):
        seen.append(torch.get_num_threads())
        return tested(*given)

    tested = concluding.test_once
    monkeypatch.setattr(concluding, "test_once", test_once)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        photos = class_folders(tmp_path / "data", count=20, side=16)
        train(photos, out=tmp_path / "run", epochs=1, threads=2, baselines=False, quiet=True)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert seen == [2]
