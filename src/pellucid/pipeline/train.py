"""The straight way of `train`: read → check → split → train → test once → report → bundle."""

import dataclasses
import os
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.bundle.image_model import ImageModel
from pellucid.data import Check, Dataset, prepare, write_ledger
from pellucid.data.wording import count_of
from pellucid.errors import UsageError
from pellucid.pipeline.plan import (
    Plan,
    data_identity,
    examples_of,
    make_plan,
    require_same,
    versions,
)
from pellucid.pipeline.results import Tested, write_results
from pellucid.pipeline.run import Run
from pellucid.pipeline.run_folder import RunFolder
from pellucid.pipeline.stages import Stages
from pellucid.settings import Settings, parse_duration
from pellucid.training import Session
from pellucid.training.checkpoints import load_checkpoint
from pellucid.training.observers import Checkpointer, HistoryFile, StopOnSignal

_FORMAT = 1
_RESERVE_SECONDS = 3.0


def train(
    data: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
    began: float | None = None,
    **given: Any,
) -> Run:
    """Check the data, split it, train a network, test it once and write a report.

    Args:
        data: DATA: a folder, a table, an IDX folder, an `.npz` file or `sample:fashion`.
        out: folder for everything the run leaves.
        resume: go on from the last checkpoint in `out`; without one, start afresh.
        overwrite: replace what a former run left in `out`.
        quiet: print nothing.
        began: reading of `time.monotonic` from which a time limit counts; default: now.
        **given: settings by name, as in the settings reference.

    Returns:
        The finished run.

    Raises:
        UsageError: a setting is unknown or unfit, or differs from the run being resumed.
        DataError: the data is refused, or differs from that of the run being resumed.
        StorageError: `out` is taken or cannot be written to.
        DivergedError: the loss stopped being finite.
        InterruptedRun: a signal came; a checkpoint was written.
    """
    folder = RunFolder(Path(out))
    place = os.fspath(data)
    Settings.from_mapping(given, "settings")
    with folder.opened(resume, overwrite):
        if resume and folder.is_finished:
            return Run(folder.path)
        former = folder.read_json("config.json") if resume else None
        settings = _settings(given, former)
        stages = Stages(quiet=quiet, began=began)
        dataset, check = _read(place, settings, stages)
        if former is not None:
            require_same(place, former["data"], dataset)
        session, plan = _start(settings, dataset, former, stages)
        config = former or _config(place, settings, plan, dataset, given, folder.path)
        if former is None:
            folder.write_json("config.json", config)
        _train(folder, session, plan, config["data"], stages)
        _finish(folder, session, plan, dataset, check, config, stages)
        folder.prune()
    return Run(folder.path)


def _settings(given: Mapping[str, Any], former: Mapping[str, Any] | None) -> Settings:
    """The settings of this run: those given, or those of the run being resumed.

    Raises:
        UsageError: a given setting differs from the run being resumed.
    """
    if former is None:
        return Settings(**given)
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


def _read(place: str, settings: Settings, stages: Stages) -> tuple[Dataset, Check]:
    with stages.stage(f"reading and checking {place}") as stage:
        dataset, check = prepare(place, settings)
        stage.words = f"read and checked {len(dataset.labels):,} pictures from {place}"
        stage.details += check.sentences()
    return dataset, check


def _start(
    settings: Settings, dataset: Dataset, former: Mapping[str, Any] | None, stages: Stages
) -> tuple[Session, Plan]:
    """Decide, or take over, the plan and build the session at step 0."""
    examples = examples_of(dataset)
    if former is not None:
        plan = Plan.from_json(former["plan"])
        _say_versions(former["versions"], stages)
        return Session.start(plan.network, examples, plan.recipe), plan
    with stages.stage("planning") as stage:
        plan = make_plan(settings, examples)
        session = Session.start(plan.network, examples, plan.recipe)
        limit = parse_duration(settings.time_limit)
        if limit is not None:
            left = limit - (time.monotonic() - stages.began) - _RESERVE_SECONDS
            session.limit(left, scored_after=len(dataset.validation) + len(dataset.test))
            plan = dataclasses.replace(plan, recipe=session.batches.recipe)
        stage.words = f"planned {plan.name}: {_recipe_words(plan)}"
        stage.details += plan.reasons
    return session, plan


def _say_versions(before: Mapping[str, str], stages: Stages) -> None:
    for name, now in versions().items():
        if before.get(name) != now:
            stages.line(
                f"warning: {name} was {before.get(name)}, is {now}; weights may differ from an unbroken run"
            )


def _recipe_words(plan: Plan) -> str:
    recipe = plan.recipe
    parts = [
        count_of(recipe.epochs, "epoch"),
        f"{recipe.total_steps:,} steps of {recipe.batch_size}",
        f"{recipe.optimizer} {recipe.learning_rate:g}",
        recipe.schedule,
        recipe.loss,
        f"label smoothing {recipe.label_smoothing:g}",
        recipe.precision,
        count_of(recipe.threads, "thread"),
    ]
    augmentation = recipe.augmentation
    if not augmentation.is_off:
        parts.append(f"shifted by up to {augmentation.shift} px")
        if augmentation.mirror:
            parts.append("mirrored in every other epoch")
        if augmentation.erase > 0:
            parts.append(f"a rectangle erased from {100 * augmentation.erase:.0f} % of them")
    if recipe.class_weights is not None:
        parts.append("classes weighted for balance")
    return ", ".join(parts)


def _config(
    place: str,
    settings: Settings,
    plan: Plan,
    dataset: Dataset,
    given: Mapping[str, Any],
    out: Path,
) -> dict[str, Any]:
    """The content of `config.json`."""
    return {
        "format": _FORMAT,
        "command": _command(place, given, out),
        "settings": dataclasses.asdict(settings),
        "plan": plan.to_json(),
        "data": {"place": place, **data_identity(dataset), "preprocessing": dataset.preprocessing.to_json()},
        "versions": versions(),
    }


def _command(place: str, given: Mapping[str, Any], out: Path) -> str:
    """The command line that repeats this run."""
    words = ["pellucid", "train", place, "--out", str(out)]
    for name, value in given.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", str(value)]
    return shlex.join(words)


def _train(
    folder: RunFolder, session: Session, plan: Plan, identity: Mapping[str, Any], stages: Stages
) -> None:
    """Train from the newest checkpoint to the end."""
    folder.checkpoints.mkdir(exist_ok=True)
    if load_checkpoint(folder.checkpoints, session.state) is not None:
        stages.line(f"going on after step {session.state.step:,} of {plan.recipe.total_steps:,}")
    checkpointer = Checkpointer(folder.checkpoints, identity, plan.recipe.total_steps)
    stop = StopOnSignal(checkpointer)
    history = HistoryFile(folder.path / "history.jsonl")
    with stages.stage(f"training {plan.name}", spinner=False) as stage:
        with stages.training(plan.recipe) as progress, stop.listening():
            session.run([*progress, history, checkpointer, stop])
        best = session.state.best
        if best is not None:
            stage.words = f"trained {plan.name}; epoch {best.epoch} is best on validation"


def _finish(
    folder: RunFolder,
    session: Session,
    plan: Plan,
    dataset: Dataset,
    check: Check,
    config: Mapping[str, Any],
    stages: Stages,
) -> None:
    """Test once, save the model, and write what people and programs read."""
    with stages.stage("testing once and writing the report") as stage:
        ledger = write_ledger(folder.path, dataset, check)
        model = ImageModel(
            session.network,
            dataset.preprocessing,
            dataset.classes,
            mirror=plan.recipe.augmentation.mirror,
        )
        write_results(folder, model, session.state.history, Tested(dataset, check, ledger.name), config)
        run = Run(folder.path)
        stage.words = f"tested once: {run.verdict}"
    stages.line(f"report: {run.report}")
    stages.line(f"next: pellucid predict {shlex.quote(str(folder.path))} PICTURE...")
