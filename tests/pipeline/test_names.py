"""Documents of a run name its data without the folders above it; `config.json` and the ledger have them."""

import json
from pathlib import Path

import pytest
from PIL import Image

import pellucid
from pellucid.answering.explain import explain
from pellucid.data.wording import public_name, public_text
from pellucid.settings import Settings
from small_models import digits


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home folder whose name must not leave the machine, with images by class."""
    home = tmp_path_factory.mktemp("home") / "anna-private"
    pixels, labels = digits()
    pixels = pixels[..., 0] if pixels.ndim == 4 else pixels
    for at in range(160):
        folder = home / "scans" / f"{labels[at] % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[at]).save(folder / f"{at}.png")
    Image.fromarray(pixels[0]).save(home / "scans" / "0" / "copy.png")
    return home


@pytest.fixture(scope="module")
def run(home):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_CACHE_HOME", str(home.parent / "cache"))
        yield pellucid.train(home / "scans", out=home / "run", model="logistic-regression", quiet=True)


def test_no_document_of_a_run_has_the_folders_above_its_data(run, home):
    found = {
        str(path.relative_to(run.folder))
        for path in run.folder.rglob("*")
        if path.is_file() and b"anna-private" in path.read_bytes()
    }
    assert found == {"config.json", "data.jsonl"}
    assert "scans/" in (run.folder / "report.html").read_text()
    assert "scans/" in (run.folder / "test.csv").read_text()


def test_an_explanation_names_its_input_below_the_data_and_finds_it_again(run, home, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    rows = [json.loads(line) for line in (run.folder / "data.jsonl").read_text().splitlines()]
    source, out = rows[0]["source"], tmp_path / "page.html"
    done = explain(run.folder, source, out, Settings())
    assert any("its label is" in note for note in done.explanation.notes)
    assert "anna-private" not in out.read_text()
    name = source.removeprefix(f"{home}/")
    assert name.startswith("scans/")
    again = explain(run.folder, name, out, Settings())  # as the report names it, from anywhere
    assert again.explanation.notes == done.explanation.notes


def test_names_and_commands(monkeypatch):
    monkeypatch.setenv("HOME", "/home/anna")
    assert public_name("/data/x/scans/a/1.png", "/data/x/scans/") == "scans/a/1.png"
    assert public_name("/data/x/t.csv:7", "/data/x/t.csv") == "t.csv:7"
    assert public_name("/home/anna/other/1.png", "/data/x/t.csv") == str(Path("~/other/1.png"))
    assert public_name("scans/1.png", "/data/x/scans") == "scans/1.png"
    command = "pellucid train /home/anna/scans --out '/home/anna/my runs/1' --test=/home/anna/t"
    assert public_text(command) == "pellucid train ~/scans --out ~/'my runs/1' --test=~/t"
    assert public_text("see /data/home/anna/x") == "see /data/home/anna/x"
