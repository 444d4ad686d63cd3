"""Settings of a run, and the command that repeats it."""

import dataclasses
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.errors import UsageError
from pellucid.pipeline.run.journal import NOTES, Journal
from pellucid.settings import ROWS, Settings

_FLAGS = {row.name: row.flag for row in ROWS}


def settings_of(given: Mapping[str, Any], journal: Journal) -> Settings:
    """Settings of this run, checked: those given, or those of the run being resumed.

    Raises: `UsageError` if a setting is unfit, or differs from the run being resumed, or that is a
    comparison.
    """
    if "design" in journal:
        raise UsageError(
            "--resume: what stands there is a comparison, not a run of train; choose another --out, "
            "or use --overwrite"
        )
    settings = journal.decided(
        "settings", lambda: Settings(**given), dataclasses.asdict, lambda saved: Settings(**saved)
    )
    require_unchanged(given, settings)
    return settings


def require_unchanged(given: Mapping[str, Any], before: Settings) -> None:
    """Refuse settings that differ from those a run was started with.

    Raises: `UsageError` naming each that differs.
    """
    changed = [
        f"{name} was {getattr(before, name)}, is {value}"
        for name, value in given.items()
        if getattr(before, name) != value
    ]
    if changed:
        raise UsageError(
            f"--resume: settings changed ({'; '.join(changed)}); leave them out, or use --overwrite"
        )


def command_of(place: str, given: Mapping[str, Any], out: Path) -> str:
    """The command line that repeats a run."""
    words = ["pellucid", "train", place, "--out", str(out)]
    for name, value in given.items():
        flag = _FLAGS[name]
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        else:
            words += [flag, json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)]
    return shlex.join(words)


def call_of(place: str, given: Mapping[str, Any], out: Path) -> str:
    """The call in Python that repeats a run on a data set that was handed over."""
    words = [place, f"out={str(out)!r}", *(f"{name}={value!r}" for name, value in given.items())]
    return f"pellucid.train({', '.join(words)})"


def notes_of(config: Mapping[str, Any]) -> list[str]:
    """Sentences on pretrained backbones, on a network made narrower, and on what a time limit leaves out."""
    keys = "backbones", "backbones_left_out"
    of_backbones = [str(each["reason"]) for key in keys for each in config.get(key, ())]
    narrowed = [str(config["narrowed"])] if "narrowed" in config else []
    return [*of_backbones, *narrowed, *map(str, config.get(NOTES, ()))]
