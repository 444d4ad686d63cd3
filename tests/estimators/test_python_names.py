"""Flags in messages become parameters where Python is asked."""

from pathlib import Path

import pytest

import pellucid
from pellucid.settings import in_python


@pytest.mark.parametrize(
    ("flags", "parameters"),
    [
        ("--min-examples: a.csv has no classes", "min_examples: a.csv has no classes"),
        ("fewer than --min-examples 5", "fewer than min_examples=5"),
        ("give --target labels.", "give target='labels'."),
        ("--epochs, --width: steer networks; --model is svm", "epochs, width: steer networks; model is svm"),
        ("leave them out with --skip-bad", "leave them out with skip_bad=True"),
        ("(--no-groups turns this off)", "(groups=False turns this off)"),
        ("needs --vectors FILE; give it", "needs vectors=FILE; give it"),
        ("go on with --resume, or --overwrite", "go on with resume=True, or overwrite=True"),
        ("--from: no run", "from_: no run"),
        ("a -- b, --unheard-of 3 and x--y", "a -- b, --unheard-of 3 and x--y"),
    ],
)
def test_flags_become_parameters(flags: str, parameters: str) -> None:
    assert in_python(flags) == parameters


def test_what_an_estimator_lacks_is_said_to_be_of_train() -> None:
    message = "name one with --label-column, or give --label-column NAME or --epochs 3"
    assert in_python(message, ["epochs"]) == (
        "name one with label_column of pellucid.train, or give label_column=NAME or epochs=3"
    )


def test_errors_of_estimators_and_of_train_name_parameters(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\none,a\ntwo,b\n")
    with pytest.raises(pellucid.UsageError, match=r"^TextClassifier: epochs: 0 is outside"):
        pellucid.TextClassifier(epochs=0).fit(["a", "b"], ["a", "b"])
    with pytest.raises(pellucid.UsageError, match=r"^settings: epochs: 0 is outside"):
        pellucid.train(tmp_path / "a.csv", out=tmp_path / "out", epochs=0)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(pellucid.PellucidError) as caught:
        pellucid.train(tmp_path / "a.csv", out=tmp_path / "out")
    assert "--" not in str(caught.value)


def test_lines_of_a_run_in_python_name_parameters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of copies that are kept together the command says how that is turned off."""
    texts = [
        f"{word} is what this text number {number} is about"
        for number in range(30)
        for word in ("red", "blue")
    ]
    rows = [f"{text}{stop},{text[0]}" for text in texts for stop in ("", "!")]
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *rows]))
    pellucid.train(tmp_path / "a.csv", out=tmp_path / "out", model="majority", baselines=False)
    said = " ".join(capsys.readouterr().err.split())
    assert "groups=False turns this off" in said
    assert "--no-groups" not in said
