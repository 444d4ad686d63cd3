"""Settings that continual training has no room for are refused, with what to leave out."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.bundle import TextModel
from pellucid.errors import UsageError
from pellucid.pipeline.continual.starting_point import StartingPoint
from pellucid.settings import ROWS, Row, Settings, parse_image_size

# Settings that a trained network has decided once and for all.
_OF_THE_NETWORK = tuple(
    row
    for row in ROWS
    if (row.group == "network" and row.name != "from_")
    or row.name in ("task", "target", "image_size", "resize")
)


def require_place_of_its_own(settings: Settings, out: Path, *, is_network: bool) -> None:
    """Refuse what `--from` cannot go with, before anything in the run's folder is touched.

    Raises: `UsageError` naming what to leave out.
    """
    if settings.from_ is None:
        if settings.rehearse is not None:
            flag = "--rehearse" if settings.rehearse else "--no-rehearse"
            raise UsageError(f"{flag}: belongs to --from RUN; give it, or leave this out")
        return
    if not is_network:
        raise UsageError(
            f"--from: continues training a network, and --model {settings.model} is none; leave one out"
        )
    if settings.folds is not None:
        raise UsageError(
            "--folds: trains every model afresh, and --from continues training one; leave one of them out"
        )
    if settings.learning_curve:
        raise UsageError(
            "--learning-curve: trains the network afresh on parts of the data, and --from continues training "
            "a trained one; leave one of them out"
        )
    source, target = os.path.realpath(settings.from_), os.path.realpath(out)
    if os.path.commonpath([source, target]) == target:
        raise UsageError(
            f"--out: {out} holds the network that continues training, and would be written over; choose "
            "another --out"
        )


def require_no_contradiction(given: Mapping[str, Any], start: StartingPoint) -> None:
    """Refuse settings that would make another network than the one that continues training.

    Raises: `UsageError` naming them, and how it is there.
    """
    joined = ",".join(start.model.joined_columns)
    if joined and given.get("input_column") is None:
        raise UsageError(
            f"--from {start.place}: its network reads texts that are joined from columns; "
            f"give --input-column {joined!r}"
        )
    found = [row for row in _OF_THE_NETWORK if row.name in given and not _agrees(row, given[row.name], start)]
    if not found:
        return
    facts = _facts(start)
    known = [row for row in found if facts.get(row.name) is not None]
    named = [f"{row.key.replace('_', '-')} {facts[row.name]}" for row in known]
    there = f" ({', '.join(named)})" if named else ""
    raise UsageError(
        f"{', '.join(row.flag for row in found)}: continual training keeps the network of {start.place} as "
        f"it is{there}; leave {'it' if len(found) == 1 else 'them'} out"
    )


def _agrees(row: Row, value: Any, start: StartingPoint) -> bool:
    """True where a setting says what is so anyway, or what the run of the network was given."""
    former: Mapping[str, Any] = {} if start.config is None else start.config["settings"]
    if value is None or value == "auto" or (row.name in former and value == former[row.name]):
        return True
    fact = _facts(start).get(row.name)
    if row.name == "image_size" and fact is not None:
        return parse_image_size(value) == parse_image_size(fact)
    return fact is not None and str(value) == str(fact)


def _facts(start: StartingPoint) -> dict[str, Any]:
    """The settings that can be read off a network; of the others only its run knows."""
    model, config = start.model, start.network.config
    facts = {
        "task": model.input_kind.task,
        "target": model.target.noun,
        "model": config.name,
        "activation": config.activation,
        "dropout": config.dropout,
    }
    if model.preprocessing is not None:
        size = f"{model.preprocessing.height}x{model.preprocessing.width}"
        facts["resize"] = "stretch" if model.preprocessing.stretch else "fit"
        return {**facts, "image_size": size, "pooling": config.pooling, "batch_norm": config.batch_norm}
    assert isinstance(model, TextModel)  # what has no preprocessing takes texts
    tokens = model.encoder.to_json().get("tokens")
    return {**facts, "length": model.encoder.length, "tokens": tokens, "cell": config.cell or None}
