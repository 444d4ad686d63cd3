"""A finished run as an object: one sentence, and a table that a notebook shows."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pellucid.pipeline.finished_run import Run


class Shown(HTMLParser):
    """The elements, links and text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.styles: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.styles += [value or "" for name, value in attrs if name == "style"]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(f"{each} " for each in self.words).split())


def entry(test: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"test": test, "train_examples": 900, "train_seconds": 41.23, "bytes": 1_143_000, **more}


def made(folder: Path, models: dict[str, Any], task: str = "image-classification", tested: int = 2000) -> Run:
    metrics = {
        "task": task, "recommended": next(iter(models)), "data": {"test": tested}, "models": models,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    return Run(folder)


ACCURACY = {"value": 0.9364, "low": 0.9312, "high": 0.9411}
ERROR = {"value": 12.34, "low": 11.2, "high": 13.5}


def test_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    baseline = entry({"accuracy": {"value": 0.8, "low": 0.78, "high": 0.82}}, saw_fewer=True)
    run = made(tmp_path / "my run", {"cnn": entry({"accuracy": ACCURACY}), "svm": baseline})
    sentence = "cnn classifies 93.6 % of 2,000 test images correctly (95 % interval 93.1 to 94.1 %)."
    assert run.verdict == sentence
    assert repr(run) == f"Run({str(tmp_path / 'my run')!r}): {sentence}"
    shown = Shown(run._repr_html_())
    assert sentence in shown.text
    assert "Model Test accuracy Trained in Size" in shown.text
    assert "cnn , recommended 0.936 [0.931, 0.941] 41.2 s 1.14 MB" in shown.text
    assert "svm; saw 900 examples only 0.800 [0.780, 0.820]" in shown.text
    assert shown.links == ["my%20run/report.html"]


def test_numbers(tmp_path: Path) -> None:
    test = {"mean_absolute_error": ERROR, "root_mean_squared_error": ERROR, "r2": {"value": 0.91}}
    run = made(tmp_path, {"ridge": entry(test)}, "image-regression")
    assert run.verdict.replace("\u00a0", " ") == (
        "ridge has a mean absolute error of 12.3 on 2,000 test images (95 % interval [11.2, 13.5])."
    )
    shown = Shown(run._repr_html_())
    assert "Test mean absolute error Test root mean squared error Test R²" in shown.text
    assert "12.3 [11.2, 13.5] 12.3 [11.2, 13.5] 0.910" in shown.text


def test_nothing_tested(tmp_path: Path) -> None:
    run = made(tmp_path, {"cnn": entry({})}, tested=0)
    assert run.verdict == "cnn was trained, and nothing was left to test it on."
    assert "Model Trained in Size" in Shown(run._repr_html_()).text


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a\u202eb"])
def test_foreign_names_are_text(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name.replace("/", "_")
    shown = Shown(made(folder, {name: entry({"accuracy": ACCURACY})})._repr_html_())
    assert set(shown.tags) <= {"p", "strong", "table", "thead", "tbody", "tr", "th", "td", "a"}
    assert name.replace("\u202e", "⟨U+202E⟩") in shown.text
    assert "\u202e" not in shown.text
    assert shown.links[0].startswith("file:///")


def test_colours_are_left_to_the_notebook(tmp_path: Path) -> None:
    shown = Shown(made(tmp_path, {"cnn": entry({"accuracy": ACCURACY})})._repr_html_())
    assert shown.styles
    assert not any("color" in style or "background" in style for style in shown.styles)
