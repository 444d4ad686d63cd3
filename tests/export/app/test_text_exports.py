"""`export --out app.html` of runs on texts: proved in a browser, or refused before any work."""

import csv
from pathlib import Path

import pytest

from app_pages import page
from command_line import within
from pellucid.bundle import load
from pellucid.errors import ModelFileError
from pellucid.export.app.exporting import export_app, prove_app
from pellucid.export.app.kinds import KINDS
from pellucid.export.proof import held_out_examples
from pellucid.pipeline.train import train
from small_models import digits
from text_models import texts

GIVEN = {"epochs": 1, "threads": 1, "learning_curve": False, "quiet": True}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on texts, with classical models beside the network."""
    folder = tmp_path_factory.mktemp("texts")
    with (folder / "texts.csv").open("w", newline="", encoding="utf-8") as file:
        rows = zip(texts()[:400], digits()[1].tolist(), strict=False)
        csv.writer(file).writerows([("text", "label"), *((text, f"digit {label}") for text, label in rows)])
    out = folder / "run"
    train(folder / "texts.csv", out=out, model="bag", width=8, folds=0, **GIVEN)
    return out


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bag", "svm", "random-forest", "logistic-regression", "majority"])
def test_pages_of_a_run_are_proved_on_original_texts(
    chromium: str, run: Path, tmp_path: Path, name: str
) -> None:
    if not (run / "models" / name).is_dir():
        pytest.skip(f"the run has trained no {name}")
    done = export_app(str(run), tmp_path / "app.html", name)
    assert done.proof is not None
    assert done.proof.examples == len(held_out_examples(str(run), run / "models" / name).rows)
    assert done.proof.difference < 1e-3


@pytest.mark.slow
def test_a_page_that_answers_otherwise_is_refused_with_examples(chromium: str, run: Path) -> None:
    model = load(run / "models" / "bag")
    examples = held_out_examples(str(run), run / "models" / "bag", 20)
    content = page(load(run / "models" / "bag").at(9.0))
    with pytest.raises(ModelFileError, match=r"disagrees with the model on .*held-out texts .*texts\.csv:\d"):
        prove_app(model, KINDS["texts"], content, examples, chromium)


@pytest.mark.slow
def test_the_command_says_what_it_proved(chromium: str, run: Path, tmp_path: Path) -> None:
    done = within.succeed("export", run, "--model", "bag", "--out", tmp_path / "app.html")
    assert "it gave the labels of the model on" in done.stderr
    assert "held-out texts" in done.stderr
