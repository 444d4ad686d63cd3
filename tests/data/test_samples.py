"""The bundled slice of Fashion-MNIST is what its README says."""

import gzip
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import write_reference

from pellucid.data.samples import FASHION_CLASSES, FASHION_FOLDER, read_sample
from pellucid.errors import DataError


def test_the_sample_is_stratified() -> None:
    listing = read_sample("sample:fashion")
    for split, each in (("train", 1000), ("test", 200)):
        labels = [
            label for label, where in zip(listing.labels, listing.splits, strict=True) if where == split
        ]
        assert Counter(labels) == dict.fromkeys(FASHION_CLASSES, each)


def test_pixels_are_real_pictures() -> None:
    load = read_sample("sample:fashion").load_pixels
    assert load is not None
    pixels = load()
    assert pixels.shape == (12_000, 28, 28, 1)
    assert 60 < pixels.mean() < 85
    assert len(np.unique(pixels.reshape(12_000, -1), axis=0)) > 11_990


def test_the_bundle_is_small_and_carries_its_licence() -> None:
    assert sum(path.stat().st_size for path in FASHION_FOLDER.iterdir()) < 5_500_000
    assert "Zalando" in (FASHION_FOLDER / "LICENSE").read_text()


def test_other_samples_are_refused() -> None:
    with pytest.raises(DataError, match="sample:flowers: no such sample; there is sample:fashion"):
        read_sample("sample:flowers")


@pytest.mark.slow
def test_the_script_makes_the_bundle(fashion_mnist: Path, tmp_path: Path) -> None:
    script = write_reference.ROOT / "tools" / "make_fashion_sample.py"
    subprocess.run([sys.executable, str(script), str(fashion_mnist), "--out", str(tmp_path)], check=True)
    for path in tmp_path.iterdir():
        made, bundled = path.read_bytes(), (FASHION_FOLDER / path.name).read_bytes()
        assert gzip.decompress(made) == gzip.decompress(bundled)
    assert len(list(tmp_path.iterdir())) == 4
