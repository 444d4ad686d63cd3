"""Runs on image files, to be exported."""

import pytest

from pellucid.pipeline.train import train
from small_models import write_digits


@pytest.fixture(scope="session")
def run_on_digits(tmp_path_factory):
    """A function that trains an mlp for an epoch on so many image files of 8 x 8."""

    def trained(count, **given):
        folder = tmp_path_factory.mktemp("images")
        write_digits(folder, range(count), by_class=True)
        out = tmp_path_factory.mktemp("runs") / "run"
        train(folder, out=out, model="mlp", epochs=1, threads=1, learning_curve=False, quiet=True, **given)
        return out

    return trained
