"""A run again: its model that answers, and its training examples, to be compared with a new input."""

import dataclasses
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pellucid.answering.incoming import incoming_rows
from pellucid.bundle import Inputs, Model, model_folder
from pellucid.data.ledger import USED, read_ledger
from pellucid.data.listing import TRAIN, Listing
from pellucid.data.sources.labelled import read_data
from pellucid.data.split_rules import FIRST_SPLIT_RULE, SPLIT_RULE
from pellucid.data.wording import public_name, quoted, some
from pellucid.errors import PellucidError, UsageError
from pellucid.insight.explanation import MOST_COMPARED, Like, nearest
from pellucid.insight.opened_networks import one_thread
from pellucid.language.sentence import Sentence
from pellucid.safety.strict import MOST_BYTES, read_json
from pellucid.settings import Settings, likely_meant
from pellucid.targets import MULTILABEL, UNKNOWN

_SHOWN = 8
# Errors of files of a run that are missing or damaged: a model folder has none of them.
_UNREADABLE = (OSError, ValueError, KeyError, TypeError)


def most_alike(folder: Path, model: Model, inputs: Inputs) -> tuple[list[Like], int, tuple[str, ...]]:
    """Find the training examples nearest to one input in the last hidden layer, at most eight, nearest first.

    With them the number of those compared, and sentences about what could not be done. `folder` is that of a
    run, or of a model of it.
    """
    run = run_of(folder)
    if run is None or getattr(model, "network", None) is None:
        return [], 0, ()
    try:
        listing, rows = rows_of(run, (TRAIN,), MOST_COMPARED)
        with one_thread():
            like, compared = _nearest_of(model, inputs, listing, rows)
    except _UNREADABLE as error:
        is_known = isinstance(error, (PellucidError, ChangedData))
        reason = str(error).rstrip(".") if is_known else "the run's files cannot be read"
        return [], 0, (Sentence("The training examples most like it are not shown: {reason}.", reason),)
    return like, compared, ()


def _nearest_of(model: Model, inputs: Inputs, listing: Listing, rows: list[int]) -> tuple[list[Like], int]:
    """The nearest of some rows, and how many could be compared."""
    hidden, kept, shown = [], [], []
    following = iter(rows)
    for block in incoming_rows(model, listing, rows).blocks:
        usable = [row for error, row in zip(block.errors, following, strict=False) if not error]
        if usable:
            hidden.append(model.transform(block.inputs))
            kept += usable
            shown += list(block.inputs)
    if not kept:
        raise ChangedData("none of them can be read any more")
    return [
        Like(listing.names[kept[each.row]], str(listing.labels[kept[each.row]]), each.share, shown[each.row])
        for each in nearest(model.transform(inputs), np.concatenate(hidden), _SHOWN)
    ], len(kept)


def known_label(folder: Path, name: str) -> str | None:
    """The label of an input of a run's own data; `None` where the run does not know the input.

    `folder` is that of a run, or of a model of it; a path may be written in another way than when the run
    was made.
    """
    run = run_of(folder)
    if run is None:
        return None
    try:
        wanted = os.path.abspath(name)
        known = (str(row["label"]) for row in read_ledger(run) if os.path.abspath(row["source"]) == wanted)
        return next(known, None)
    except _UNREADABLE:
        return None


def _place_of(folder: Path) -> str:
    """DATA of a run as the user gave it, by its folder or that of a model; empty where it is not known."""
    run = run_of(folder)
    try:
        return "" if run is None else str(read_json(run / "config.json", MOST_BYTES)["data"]["place"])
    except _UNREADABLE:
        return ""


def shown_name(folder: Path, name: str) -> str:
    """Name of an input as a page shows it: without the folders above it, or above DATA of the run.

    `folder` is that of a run, or of a model of it.
    """
    shown = public_name(name, _place_of(folder) or name)
    return os.path.basename(shown) if os.path.isabs(shown) or shown.startswith("~") else shown


def whole_name(folder: Path, name: str) -> str:
    """The path of an input that is named as a run names it, below DATA; any other as it is."""
    place = _place_of(folder)
    own = re.split(rf"[{re.escape(os.sep)}:]", name, maxsplit=1)[0]  # DATA's own name, where it is one of its
    if not os.path.isabs(place) or os.path.lexists(own) or own != os.path.basename(os.path.abspath(place)):
        return name
    return os.path.join(os.path.dirname(os.path.abspath(place)), name)


def known_states(folder: Path, name: str, classes: Sequence[str]) -> tuple[int, ...] | None:
    """State of each of a model's labels of an input of a run's own data; `None` where it is not known.

    The ledger has the labels that are present; which of the others nobody has looked at is in the data alone.
    """
    run, wanted = run_of(folder), os.path.abspath(name)
    if run is None:
        return None
    try:
        config = read_json(run / "config.json", MOST_BYTES)
        listing = read_data(str(config["data"]["place"]), Settings(**config["settings"]))
        labels, sources = listing.coded, map(os.path.abspath, listing.sources)
        row = next((row for row, source in enumerate(sources) if source == wanted), None)
    except _UNREADABLE:
        return None
    if labels.target is not MULTILABEL or row is None:
        return None
    states = dict(zip(labels.names, labels.values[row].tolist(), strict=True))
    found = tuple(states.get(each, UNKNOWN) for each in classes)
    return found if any(each != UNKNOWN for each in found) else None


def is_data_of(run: Path, place: str, rows: int) -> bool:
    """True where data of so many rows is what a run itself was made from; false of a model folder."""
    try:
        former = read_json(run / "config.json", MOST_BYTES)["data"]
        counted = sum(int(former[split]) for split in ("train", "validation", "test"))
        return os.path.realpath(former["place"]) == os.path.realpath(place) and rows >= counted
    except _UNREADABLE:
        return False


def split_rule_of_run(run: Path) -> int:
    """Number of the rule by which a run's splits were cut; the first where it does not say a known one."""
    try:
        found = read_json(run / "config.json", MOST_BYTES).get("split_rule")
    except _UNREADABLE:
        return SPLIT_RULE
    return SPLIT_RULE if found == SPLIT_RULE else FIRST_SPLIT_RULE


class ChangedData(ValueError):
    """Refusal of training data that is no longer what the run was made from."""


def run_of(folder: Path) -> Path | None:
    """The run that a folder is, or lies in."""
    for candidate in (folder, folder.parent, folder.parent.parent):
        if (candidate / "config.json").is_file() and (candidate / "metrics.json").is_file():
            return candidate
    return None


def rows_of(run: Path, splits: Sequence[str], most: int) -> tuple[Listing, list[int]]:
    """The data of a run, read again, and a sample of at most so many rows that it used in some splits.

    Raises: `ChangedData` if the data is another than the run's; what reading raises.
    """
    config = read_json(run / "config.json", MOST_BYTES)
    known = {row["id"]: row for row in read_ledger(run) if row["split"] in splits and row["fate"] == USED}
    chosen = np.sort(np.random.default_rng(0).permutation(np.array(sorted(known), np.int64))[:most])
    place = str(config["data"]["place"])
    listing = read_data(place, Settings(**config["settings"]))
    rows: list[int] = chosen.tolist()
    for row in rows:
        if row >= len(listing) or listing.sources[row] != known[row]["source"]:
            raise ChangedData(Sentence("{place} is no longer the data that the run was made from", place))
    labels = list(listing.labels)  # as the run learned them, some of which were corrected
    for row in rows:
        labels[row] = known[row]["label"]
    return dataclasses.replace(listing, labels=labels), rows


# The model of a run that answers, and its name: the recommended one, or another that was trained.

_MODELS = "models"
_RECOMMENDED = "model"
_NAMES_SHOWN = 10


class ModelOfRun(NamedTuple):
    """Model folder, and what its run records about it."""

    folder: Path
    name: str | None = None  # `None` of a model folder that lies in no run
    recommended: str | None = None  # name of the model that the run recommends, where it is known
    others: tuple[str, ...] = ()  # names of the other models of the run


def model_of(place: str | Path, name: str | None = None) -> ModelOfRun:
    """Find the model that answers in a run or a model folder: the one of that `name`, or the recommended one.

    Raises: `UsageError` if a name is given, but `place` is no run, or has no model of this name;
    `ModelFileError` if there is no model at all.
    """
    if name is None:
        folder = model_folder(place)
    else:
        trained = _trained(Path(place))
        if not trained:
            raise UsageError(
                "--model: {place} is no finished run, so there is none to choose; leave it out", place
            )
        if name not in trained:
            raise UsageError(
                "--model: {name} is no model of {place}{name2}; choose one of {trained}",
                quoted(name),
                place,
                likely_meant(name, trained),
                some(trained, _NAMES_SHOWN),
            )
        folder = Path(place) / _MODELS / name
    above = folder.absolute().parent
    run = above.parent if above.name == _MODELS else above
    trained, recommended = _trained(run), recommended_by(run)
    found = recommended if above == run and folder.name == _RECOMMENDED else folder.name
    if found not in trained:
        return ModelOfRun(folder)
    return ModelOfRun(folder, found, recommended, tuple(each for each in trained if each != found))


def _trained(run: Path) -> list[str]:
    """Names of the models that lie in a run."""
    models = run / _MODELS
    if not (run / "metrics.json").is_file() or not models.is_dir():
        return []
    return sorted(each.name for each in models.iterdir() if each.is_dir())


def recommended_by(run: Path) -> str | None:
    """Name of the model that a run recommends; `None` of a model folder, or a run that was not finished."""
    try:
        found = read_json(run / "metrics.json", MOST_BYTES)["recommended"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None
