"""`config.json`: every setting as it was used, and what a resumed run must agree with."""

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.errors import UsageError
from pellucid.pipeline.continual.training import ContinualTraining
from pellucid.pipeline.learners.backbones.option import Choice
from pellucid.pipeline.learners.network import Planned
from pellucid.pipeline.learners.plan import Plan, data_json, versions
from pellucid.pipeline.learners.preparation import encoder_json
from pellucid.pipeline.run.context import RunContext
from pellucid.settings import ROWS, Settings

_FORMAT = 1
_FLAGS = {row.name: row.flag for row in ROWS}


def settings_of(given: Mapping[str, Any], former: Mapping[str, Any] | None) -> Settings:
    """The settings of this run: those given, or those of the run being resumed.

    Args:
        given: settings by name.
        former: `config.json` of the run being resumed, or `None`.

    Returns:
        Checked settings.

    Raises:
        UsageError: a setting is unfit, or differs from the run being resumed, or that is a comparison.
    """
    if former is None:
        return Settings(**given)
    if "vary" in former:
        raise UsageError(
            "--resume: what stands there is a comparison, not a run of train; choose another --out, "
            "or use --overwrite"
        )
    before = former["settings"]
    changed = [
        f"{name} was {before.get(name)}, is {value}"
        for name, value in given.items()
        if before.get(name) != value
    ]
    if changed:
        raise UsageError(
            f"--resume: settings changed ({'; '.join(changed)}); leave them out, or use --overwrite"
        )
    return Settings(**before)


def configuration(
    place: str,
    context: RunContext,
    network: Planned | None,
    given: Mapping[str, Any],
    backbones: Sequence[Choice] = (),
    continual: ContinualTraining | None = None,
) -> dict[str, Any]:
    """The content of `config.json`.

    Args:
        place: DATA.
        context: the run.
        network: how the network is trained; `None` for a classical model alone.
        given: the settings that were given.
        backbones: the pretrained networks that take part.
        continual: what the network goes on from; `None` for a fresh one.

    Returns:
        JSON.
    """
    dataset, settings = context.dataset, context.settings
    encoder = None if network is None else network.prepared.encoder
    return {
        "format": _FORMAT,
        "command": _command(place, given, context.folder.path),
        "settings": dataclasses.asdict(settings),
        "plan": plan_json(settings, None if network is None else network.plan),
        **({} if encoder is None else {"encoder": encoder_json(encoder)}),
        **({"backbones": [each.to_json() for each in backbones]} if backbones else {}),
        "data": data_json(place, dataset),
        **({} if continual is None else {"continual": continual.to_json(dataset)}),
        "versions": versions(dataset),
    }


def plan_json(settings: Settings, plan: Plan | None) -> dict[str, Any]:
    """The plan as `config.json` has it.

    Args:
        settings: for the name of a classical model.
        plan: how the network is trained, or `None`.

    Returns:
        JSON; `network` and `recipe` are null for a classical model alone.
    """
    if plan is not None:
        return plan.to_json()
    return {"model": settings.model, "network": None, "recipe": None, "reasons": []}


def notes_of(config: Mapping[str, Any]) -> list[str]:
    """Why pretrained backbones take part in a run, and which are left out.

    Args:
        config: the content of `config.json`.

    Returns:
        A sentence or two for each.
    """
    keys = "backbones", "backbones_left_out"
    return [str(each["reason"]) for key in keys for each in config.get(key, ())]


def _command(place: str, given: Mapping[str, Any], out: Path) -> str:
    """The command line that repeats this run."""
    words = ["pellucid", "train", place, "--out", str(out)]
    for name, value in given.items():
        flag = _FLAGS[name]
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        else:
            words += [flag, str(value)]
    return shlex.join(words)
