"""The main commands in Chinese, one after the other on one small run: no line is left in English."""

import re
from pathlib import Path

import numpy as np
import pytest

from command_line import within
from reports.test_all_in_chinese import english
from small_models import digits

RUN = ("--model", "logistic-regression", "--threads", "1", "--no-learning-curve")
# Lines that programs read, and what the tests name: rows of answers, paths, commands to copy.
READ_BY_PROGRAMS = re.compile(r"^\S*,.*|^\S+$|pellucid \S+ .*|python -m pellucid\S* .*")


def lines_of(*words: object, code: int = 0) -> list[str]:
    """What a command prints, joined where it is wrapped, without what programs read."""
    done = within(*words)
    assert done.returncode == code, done.stderr
    whole = re.sub(r"\n  (?=\S)", " ", done.stdout + done.stderr)
    return [READ_BY_PROGRAMS.sub("", line).strip() for line in whole.splitlines()]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A small run made in Chinese, and what its training printed."""
    folder = tmp_path_factory.mktemp("chinese")
    pixels, labels = digits()
    split = {"x_train": pixels[:300], "y_train": labels[:300], "x_test": pixels[500:600]}
    np.savez(folder / "digits.npz", **split, y_test=labels[500:600])
    (folder / "broken.png").write_bytes(b"no image")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_LANGUAGE", "zh")
        lines = lines_of("train", folder / "digits.npz", "--out", folder / "run", *RUN)
    return folder, lines


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_LANGUAGE", "zh")


def test_training_speaks_chinese(run: tuple[Path, list[str]]) -> None:
    assert english(run[1]) == []
    assert any("报告" in line for line in run[1])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("evaluate", "run", "digits.npz"), 0),
        (("inspect", "digits.npz"), 0),
        (("predict", "run", "digits.npz", "--out", "answers.csv"), 0),
        (("predict", "run", "broken.png"), 3),
        (("compare", "run", "run", "digits.npz"), 0),
        (("compare", "run", "run"), 2),
        (("export", "run", "--out", "app.xyz"), 2),
        (("serve", "nowhere.onnx"), 4),
        (("tune", "digits.npz", "--out", "tuned", "--trials", "0"), 2),
        (("train", "nowhere.csv", "--out", "other"), 3),
        (("train", "digits.npz", "--no-such"), 2),
        (("train", "digits.npz", "\u2014\u2014model"), 2),
        (("train", "digits.npz", "other.npz"), 2),
        ((), 2),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else None,
)
def test_a_command_speaks_chinese(
    run: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int
) -> None:
    monkeypatch.chdir(run[0])
    lines = lines_of(*words, code=code)
    assert any(re.search("[\u4e00-\u9fff]", line) for line in lines)
    assert english(lines) == []
