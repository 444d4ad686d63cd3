"""The straight way of `train`: read → check → split → train → calibrate → recommend → test once → report."""

import os
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.data import Check, Dataset, prepare, write_ledger
from pellucid.data.wording import count_of
from pellucid.files import make_folder
from pellucid.pipeline.configuration import configuration, plan_json, settings_of
from pellucid.pipeline.curve import WITH_CURVE, draw_curve, is_wanted
from pellucid.pipeline.entrants import Entrant, calibrated, recommended
from pellucid.pipeline.fitting import require_fitting_model
from pellucid.pipeline.folds import cross_validate, require_foldable
from pellucid.pipeline.neural import limited, recipe_words, train_network
from pellucid.pipeline.outcome import Outcome
from pellucid.pipeline.plan import Plan, examples_of, make_plan, require_same, versions
from pellucid.pipeline.results import write_results
from pellucid.pipeline.rivals import on_network, rival_names, train_rivals
from pellucid.pipeline.run import Run
from pellucid.pipeline.run_folder import RunFolder
from pellucid.pipeline.signals import interruptible
from pellucid.pipeline.stages import Stages
from pellucid.pipeline.suspects import find_suspects
from pellucid.pipeline.testing import test_once
from pellucid.settings import CLASSICAL, Settings, parse_duration
from pellucid.training import Session

_RESERVE_SECONDS, _RESERVE_FOR_RIVALS = 3.0, 6.0


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
    """Check the data, split it, train a network and its classical rivals, test them once, report.

    Args:
        data: DATA: a folder, a table, an IDX folder, an `.npz` file or `sample:fashion`.
        out: folder for everything the run leaves.
        resume: go on from what is finished in `out`; without a checkpoint, start afresh.
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
        InterruptedRun: a signal came; what was finished is kept.
    """
    folder = RunFolder(Path(out))
    place = os.fspath(data)
    Settings.from_mapping(given, "settings")
    with folder.opened(resume, overwrite), interruptible(folder.path):
        if resume and folder.is_finished:
            return Run(folder.path)
        former = folder.read_json("config.json") if resume else None
        settings = settings_of(given, former)
        stages = Stages(quiet=quiet, began=began)
        dataset, check = _read(place, settings, stages)
        require_fitting_model(settings, is_numbers=dataset.is_numbers)
        require_foldable(dataset, settings)
        if former is not None:
            require_same(place, former["data"], dataset)
            _say_versions(former["versions"], stages)
        plan, session = _plan(settings, dataset, former, stages)
        config = former or configuration(place, settings, plan, dataset, given, folder.path)
        if former is None:
            folder.write_json("config.json", config)
        make_folder(folder.checkpoints)
        entrants = train_rivals(_classical(settings, dataset), dataset, settings, folder.checkpoints, stages)
        if plan is not None and session is not None:
            plan, config = _within_limit(folder, session, plan, dataset, config, stages)
            network = train_network(folder, session, plan, dataset, config["data"], stages)
            entrants.append(network)
            if settings.rivals:
                entrants += on_network(dataset, network, settings, stages)
        outcome = _conclude(folder, entrants, plan, session, (dataset, check), config, stages)
        with stages.stage("writing models and report"):
            write_results(folder, outcome)
        folder.prune()
        _say_end(Run(folder.path), stages)
    return Run(folder.path)


def _read(place: str, settings: Settings, stages: Stages) -> tuple[Dataset, Check]:
    with stages.stage(f"reading and checking {place}") as stage:
        dataset, check = prepare(place, settings)
        stage.words = f"read and checked {len(dataset.labels):,} pictures from {place}"
        stage.details += check.sentences()
    return dataset, check


def _plan(
    settings: Settings, dataset: Dataset, former: Mapping[str, Any] | None, stages: Stages
) -> tuple[Plan | None, Session | None]:
    """Decide, or take over, how the network is trained; a classical model alone needs neither."""
    if settings.model in CLASSICAL:
        return None, None
    examples = examples_of(dataset)
    if former is not None:
        plan = Plan.from_json(former["plan"])
        return plan, Session.start(plan.network, examples, plan.recipe)
    with stages.stage("planning") as stage:
        plan = make_plan(settings, examples)
        session = Session.start(plan.network, examples, plan.recipe)
        stage.words = f"planned {plan.name}: {recipe_words(plan)}"
        stage.details += plan.reasons
    return plan, session


def _classical(settings: Settings, dataset: Dataset) -> tuple[str, ...]:
    """The classical models to train: one alone, the network's rivals, or none."""
    if settings.model in CLASSICAL:
        return (settings.model,)
    return rival_names(dataset) if settings.rivals else ()


def _trained_by_folds(settings: Settings, plan: Plan | None, dataset: Dataset) -> tuple[str, ...]:
    """The models that cross-validation trains anew: the network and its rivals, or one alone."""
    return (*_classical(settings, dataset), *(() if plan is None else (plan.name,)))


def _within_limit(
    folder: RunFolder,
    session: Session,
    plan: Plan,
    dataset: Dataset,
    config: dict[str, Any],
    stages: Stages,
) -> tuple[Plan, dict[str, Any]]:
    """Turn what is left of a time limit into steps, once; the number is saved and reused."""
    settings = Settings(**config["settings"])
    limit = parse_duration(settings.time_limit)
    if limit is None or config.get("is_limited"):
        return plan, config
    left = _for_network(settings, limit - (time.monotonic() - stages.began))
    plan = limited(session, plan, left, dataset)
    stages.line(f"{plan.recipe.total_steps:,} steps fit into {settings.time_limit}")
    config = {**config, "plan": plan_json(settings, plan), "is_limited": True}
    folder.write_json("config.json", config)
    return plan, config


def _for_network(settings: Settings, seconds: float) -> float:
    """What the network may take of the seconds left: the rest is for what comes after it."""
    reserve = _RESERVE_SECONDS + (_RESERVE_FOR_RIVALS if settings.rivals else 0.0)
    return (seconds - reserve) / (WITH_CURVE if is_wanted(settings) else 1.0)


def _say_versions(before: Mapping[str, str], stages: Stages) -> None:
    for name, now in versions().items():
        if before.get(name) != now:
            stages.line(
                f"warning: {name} was {before.get(name)}, is {now}; weights may differ from an unbroken run"
            )


def _conclude(
    folder: RunFolder,
    entrants: Sequence[Entrant],
    plan: Plan | None,
    session: Session | None,
    data: tuple[Dataset, Check],
    config: Mapping[str, Any],
    stages: Stages,
) -> Outcome:
    """Calibrate and recommend on validation, draw the learning curve, and look at the test split once."""
    dataset, check = data
    settings = Settings(**config["settings"])
    entrants = calibrated(entrants, dataset)
    recommendation = recommended(entrants, dataset, settings.metric, settings.seed)
    curve = (
        draw_curve(entrants, recommendation.name, plan, dataset, settings, stages)
        if is_wanted(settings)
        else None
    )
    folds = cross_validate(
        dataset, settings, _trained_by_folds(settings, plan, dataset), folder.checkpoints, stages
    )
    with stages.stage("testing every model once") as stage:
        tested = test_once(entrants, dataset)
        stage.words = (
            f"tested {count_of(len(entrants), 'model')} once, on {count_of(len(dataset.test), 'picture')}"
        )
    suspects = None
    if not dataset.is_numbers:
        chosen = next(each for each in entrants if each.name == recommendation.name)
        said = tested[recommendation.name].answers
        suspects = find_suspects(dataset, chosen, said, settings, stages)
    return Outcome(
        dataset=dataset,
        check=check,
        ledger=write_ledger(folder.path, dataset, check).name,
        config=config,
        history=[] if session is None else session.state.history,
        network=None if plan is None else plan.network,
        entrants=entrants,
        recommendation=recommendation,
        tested=tested,
        curve=curve,
        suspects=suspects,
        folds=folds,
    )


def _say_end(run: Run, stages: Stages) -> None:
    stages.paragraph(run.verdict)
    stages.paragraph(str(run.metrics["reason"]))
    stages.line(f"report: {run.report}")
    stages.line(f"next: pellucid predict {shlex.quote(str(run.folder))} PICTURE...")
