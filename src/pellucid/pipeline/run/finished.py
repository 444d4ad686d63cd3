"""A finished run as an object, which shows itself in a notebook."""

import html
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pellucid.arithmetic.rounding import per_cent, percent
from pellucid.bundle import Model, load_any
from pellucid.errors import StorageError
from pellucid.reports.numbers import Score, interval, scored, seconds, size
from pellucid.reports.text import visible
from pellucid.reports.verdicts.generator import verdict_of_generator
from pellucid.settings import METRICS
from pellucid.strict import MOST_BYTES, Object, read_json
from pellucid.tasks import GENERATION

_NOUNS = {"image": "image", "text": "text"}
_CELL = "text-align: left; padding: 2px 12px 2px 0"


class Run:
    """Results in the folder of a finished run; shows itself in a notebook.

    Args:
        folder: the run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The content of `metrics.json`."""
        path = self.folder / "metrics.json"
        try:
            return Object().read("metrics", read_json(path, MOST_BYTES))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise StorageError(f"{path}: {reason}; use an undamaged copy") from error

    @property
    def report(self) -> Path:
        """Path of `report.html`."""
        return self.folder / "report.html"

    @cached_property
    def model(self) -> Model:
        """The recommended model."""
        return load_any(self.folder)

    @property
    def verdict(self) -> str:
        """The outcome in one sentence."""
        name, tested = self.metrics["recommended"], self.metrics["data"]["test"]
        test = self.metrics["models"][name].get("test") or {}
        of_what, continual = "", self.metrics.get("continual") or {}
        together = continual.get("all_classes")
        if together is not None:
            test, tested, of_what = together["test"], together["examples"], " of old and new data"
        elif continual.get("missing_classes"):
            of_what = " of the new data"
        noun = f"test {self._noun}{'' if tested == 1 else 's'}{of_what}"
        accuracy, error = Score.read(test.get("accuracy")), Score.read(test.get("mean_absolute_error"))
        if accuracy is not None:
            low, high = (per_cent(end, accuracy.value) for end in (accuracy.low, accuracy.high))
            return (
                f"{name} classifies {percent(accuracy.value)} of {tested:,} {noun} correctly "
                f"(95 % interval {low} to {high} %)."
            )
        if error is not None:
            ends = interval(error)
            return f"{name} has a mean absolute error of {scored(error)} on {tested:,} {noun}" + (
                f" (95 % interval {ends})." if ends else "."
            )
        if self.metrics["task"].endswith(GENERATION.name):
            return verdict_of_generator(self.metrics)
        return f"{name} was trained, and nothing was left to test it on."

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}): {self.verdict}"

    def _repr_html_(self) -> str:
        """The verdict, the models with their intervals, and the way to the report.

        Colours are the notebook's own, so that it reads in light and dark themes. Foreign texts are escaped.
        """
        titles = self._scores
        heads = "".join(_head(each) for each in ("Model", *titles.values(), "Trained in", "Size"))
        rows = "".join(
            _row(name, entry, titles, is_recommended=name == self.metrics["recommended"])
            for name, entry in self.metrics["models"].items()
        )
        return (
            f"<p><strong>{_shown(self.verdict)}</strong></p>{self._findings}"
            f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
            f'<p>Report: <a href="{_address(self.report)}">{_shown(self.report.as_posix())}</a>. '
            "In square brackets: 95 % intervals.</p>"
        )

    @property
    def _findings(self) -> str:
        """Sentences of the test that speak against the choice, or against what validation said."""
        found = (self.metrics.get(key) for key in ("contradiction", "disagreement"))
        return "".join(f"<p>{_shown(str(each['words']))}</p>" for each in found if each)

    @property
    def _noun(self) -> str:
        return _NOUNS.get(str(self.metrics.get("task", "image")).split("-")[0], "example")

    @property
    def _scores(self) -> Mapping[str, str]:
        """The scores that the run measured, with their titles."""
        measured = {name for entry in self.metrics["models"].values() for name in entry.get("test") or {}}
        shown = [each for each in METRICS.values() if each.target != "class" or not each.is_error]
        return {each.key: f"Test {each.words}" for each in shown if each.key in measured}


def _row(name: str, entry: Mapping[str, Any], titles: Mapping[str, str], *, is_recommended: bool) -> str:
    """A model's line of the table."""
    words = f"<strong>{_shown(name)}</strong>, recommended" if is_recommended else _shown(name)
    if entry.get("saw_fewer"):
        words += f"; saw {entry['train_examples']:,} examples only"
    test = entry.get("test") or {}
    cells = [words]
    for score in (Score.read(test.get(title)) for title in titles):
        cells.append(f"{scored(score)} {interval(score)}".strip())
    cells += [seconds(entry.get("train_seconds")), size(entry.get("bytes"))]
    return "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells) + "</tr>"


def _head(title: str) -> str:
    return f'<th scope="col" style="{_CELL}">{html.escape(title)}</th>'


def _shown(text: str) -> str:
    """A foreign text, escaped, its invisible characters shown."""
    return html.escape(str(visible(text)))


def _address(path: Path) -> str:
    """Link to a file: from the folder the notebook runs in where it lies there, otherwise absolute."""
    try:
        near = path.resolve().relative_to(Path.cwd().resolve())
    except ValueError:
        return html.escape(path.resolve().as_uri())
    return html.escape(quote(os.fsencode(near.as_posix())))
