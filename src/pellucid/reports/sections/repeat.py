"""Reproduction of the run: settings, versions and command."""

from collections.abc import Mapping
from typing import Any

from pellucid.reports.facts import ReportFacts
from pellucid.settings import ROWS

# Settings that a run on texts has, but that do nothing there.
_OF_IMAGES = ("image_size", "resize", "pooling", "batch_norm", "augment", "mirror", "augmentation")
# Settings that do nothing in a run that predicts.
_OF_GENERATORS = ("latent", "beta")


def build(facts: ReportFacts) -> Mapping[str, Any]:
    """Give the command, settings and versions that make the run again.

    Content of `page/repeat.html`.
    """
    meanings = {row.name: row.meaning for row in ROWS}
    idle = (
        *(_OF_IMAGES if facts.noun == "text" else ()),
        *(_OF_GENERATORS if facts.generated is None else ()),
    )
    rows = [
        (name, _shown(value), meanings.get(name, ""))
        for name, value in facts.settings.items()
        if name not in idle
    ]
    return {
        "command": facts.command,
        "settings": rows,
        "versions": sorted(facts.versions.items()),
        "seed": facts.metrics.get("seed"),
    }


def _shown(value: Any) -> str:
    """A setting's value as people write it."""
    if value is None:
        return "by rule"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {each}" for name, each in value.items())
    return str(value)
