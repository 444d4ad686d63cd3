"""Images in containers, all the way: train, explain with training examples, predict, evaluate, a dry run."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import pellucid as package
from command_line import Command

QUICK = (
    "--model", "mlp", "--width", "8", "--epochs", "2", "--no-baselines", "--threads", "1", "--no-augment",
    "--no-groups",
)  # fmt: skip


@pytest.fixture(scope="module")
def digit_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 digits as class folders in split folders."""
    digits = load_digits(n_class=2)
    place = tmp_path_factory.mktemp("digits") / "digits"
    for row, (pixels, label) in enumerate(zip(digits.images[:300], digits.target[:300], strict=True)):
        folder = place / ("test" if row % 5 == 0 else "train") / f"of {label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 15).astype(np.uint8)).save(folder / f"{row}.png")
    return place


@pytest.fixture(scope="module")
def as_parquet(digit_files: Path) -> Path:
    """The same as a folder of Parquet files with images in cells."""
    place = digit_files.parent / "hub"
    place.mkdir()
    for split in ("train", "test"):
        paths = sorted((digit_files / split).rglob("*.png"))
        cells = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
        table = pd.DataFrame({"image": cells, "label": [path.parent.name for path in paths]})
        table.to_parquet(place / f"{split}-00000-of-00001.parquet")
    return place


@pytest.mark.slow
def test_archives_and_tables_train_as_folders_do(
    digit_files: Path, as_parquet: Path, tmp_path: Path, pellucid: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    archive = shutil.make_archive(str(digit_files), "zip", digit_files)
    runs = {}
    for name, place in (("folder", digit_files), ("zip", archive), ("parquet", as_parquet)):
        pellucid.succeed("train", str(place), "--out", str(tmp_path / name), *QUICK)
        runs[name] = json.loads((tmp_path / name / "metrics.json").read_text())["models"]["mlp"]
    # The same examples in the same order: whatever held them, the same weights.
    weights = {(tmp_path / name / "model/weights.safetensors").read_bytes() for name in runs}
    assert len(weights) == 1
    assert runs["zip"]["test"] == runs["folder"]["test"] == runs["parquet"]["test"]

    for name, place in (("zip", archive), ("parquet", as_parquet / "test-00000-of-00001.parquet")):
        run = str(tmp_path / name)
        answered = pellucid("predict", run, str(place)).stdout.splitlines()
        assert len(answered) == 1 + (300 if name == "zip" else 60)
        assert all(line.split(",")[3] == "" for line in answered[1:])
        scored = pellucid.succeed("evaluate", run, str(place), "--json")
        assert json.loads(scored.stdout)
        image = next((digit_files / "test").rglob("*.png"))
        page = tmp_path / f"{name}.html"
        said = pellucid("explain", run, str(image), "--out", str(page))
        assert "training examples most like it are not shown" not in said.stderr + page.read_text()


def test_a_dry_run_shows_what_training_would_see(
    digit_files: Path, tmp_path: Path, pellucid: Command
) -> None:
    page = tmp_path / "dry.html"
    assert pellucid("train", str(digit_files), "--dry-run", str(page)).stdout.strip() == str(page)
    text = page.read_text()
    assert text.count('<figure class="example">') == 3 * 11  # ten, and the first of the other class
    assert "Nothing was trained." in text
    assert "<script" not in text
    mails = pd.DataFrame({"text": [f"<b>mail</b> {n}, {n % 7}" for n in range(40)], "label": ["a", "b"] * 20})
    mails.to_csv(tmp_path / "mails.csv", index=False)
    assert pellucid("train", str(tmp_path / "mails.csv"), "--dry-run", str(page)).returncode == 0
    assert page.read_text().count('<blockquote class="excerpt"') > 20
    assert "<b>mail" not in page.read_text()
    assert pellucid("train", str(digit_files), "--dry-run", str(tmp_path / "x.txt")).returncode == 2


def test_a_data_set_of_python_trains_and_repeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    digits = load_digits(n_class=2)
    pairs = [
        (torch.from_numpy(pixels / 16)[None], f"of {label}")
        for pixels, label in zip(digits.images[:200], digits.target[:200], strict=True)
    ]

    class Digits(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(pairs)

        def __getitem__(self, row: int) -> object:
            return pairs[row]

    settings = {"model": "mlp", "epochs": 1, "baselines": False, "threads": 1, "quiet": True}
    run = package.train(Digits(), out=tmp_path / "run", **settings)
    assert run.metrics["data"]["train"] > 100
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["command"].startswith("pellucid.train(")
    classifier = package.ImageClassifier(model="logistic-regression").fit(Digits())
    stored = io.BytesIO()
    Image.fromarray((digits.images[0] * 15).astype(np.uint8)).save(stored, "PNG")
    (tmp_path / "one.png").write_bytes(stored.getvalue())
    assert classifier.predict(tmp_path / "one.png").tolist() == ["of 0"]
    with pytest.raises(package.UsageError, match="brings its own labels"):
        classifier.fit(Digits(), ["of 0"] * 200)
    with pytest.raises(package.UsageError, match="data: object is neither a path"):
        package.train(object(), out=tmp_path / "other")
    with pytest.raises(package.UsageError, match="from_: reads the data again later"):
        package.train(Digits(), out=tmp_path / "other", from_=str(tmp_path / "run"))
