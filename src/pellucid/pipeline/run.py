"""A finished run as an object."""

import html
import json
from functools import cached_property
from pathlib import Path
from typing import Any

from pellucid.bundle import load
from pellucid.bundle.image_model import ImageModel


class Run:
    """What a run left in its folder; shows itself in a notebook.

    Args:
        folder: the run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The content of `metrics.json`."""
        return dict(json.loads((self.folder / "metrics.json").read_text(encoding="utf-8")))

    @property
    def report(self) -> Path:
        """Path of `report.html`."""
        return self.folder / "report.html"

    @cached_property
    def model(self) -> ImageModel:
        """The recommended model."""
        return load(self.folder)

    @property
    def verdict(self) -> str:
        """The outcome in one sentence."""
        name = self.metrics["recommended"]
        accuracy = self.metrics["models"][name]["test"]["accuracy"]
        tested = self.metrics["data"]["test"]
        return (
            f"{name} names {100 * accuracy['value']:.1f} % of {tested:,} test pictures right "
            f"(95 % interval {100 * accuracy['low']:.1f} to {100 * accuracy['high']:.1f} %)."
        )

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}): {self.verdict}"

    def _repr_html_(self) -> str:
        link = html.escape(self.report.as_posix())
        return f'<p>{html.escape(self.verdict)} <a href="{link}">report.html</a></p>'
