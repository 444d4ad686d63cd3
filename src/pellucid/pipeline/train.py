"""The straight way of `train`: read → check → split → train → calibrate → recommend → test once → report."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.data import Check, Dataset, prepare
from pellucid.files import make_folder
from pellucid.pipeline.comparing.folds import require_foldable
from pellucid.pipeline.continual.contradictions import require_place_of_its_own
from pellucid.pipeline.continual.metrics import continual_sentences
from pellucid.pipeline.continual.plan import plan_on
from pellucid.pipeline.continual.starting_point import keep
from pellucid.pipeline.continual.training import ContinualTraining, begin, read_on, recall
from pellucid.pipeline.judging.concluding import classical_names, conclude, with_backbone
from pellucid.pipeline.judging.findings import findings_line
from pellucid.pipeline.learners.backbones.available import chosen
from pellucid.pipeline.learners.backbones.building import Built, build_on, tune_further
from pellucid.pipeline.learners.backbones.limits import Cost
from pellucid.pipeline.learners.backbones.option import Choice
from pellucid.pipeline.learners.baselines import has_baselines, train_baselines
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.limits import Allotted, allotted, costs_of, share_out, within_limit
from pellucid.pipeline.learners.network import Planned, planned, train_network
from pellucid.pipeline.learners.on_network import on_network
from pellucid.pipeline.learners.plan import require_same, versions
from pellucid.pipeline.learners.preparation import material_of
from pellucid.pipeline.learners.refusals import require_fitting_inputs, require_fitting_model
from pellucid.pipeline.run.configuration import configuration, settings_of
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.finished import Run
from pellucid.pipeline.run.folder import RunFolder
from pellucid.pipeline.run.results import write_results
from pellucid.pipeline.run.signals import interruptible
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import CLASSICAL, Settings, name_of
from pellucid.training.determinism import choose_threads, pinned


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
    """Check the data, split it, train a network and its classical baselines, test them once, report.

    Args:
        data: DATA: a folder, a table, an IDX folder, an `.npz` file or `sample:fashion`.
        out: folder for everything the run leaves.
        resume: go on from what is finished in `out`; without a checkpoint, start afresh.
        overwrite: replace what a former run left in `out`.
        quiet: print nothing.
        began: reading of `time.monotonic` from which a time limit counts; default: now.
        **given: settings by name, as in the settings reference; `from_` names a run to go on from.

    Returns:
        The finished run.

    Raises:
        UsageError: a setting is unknown or unfit, or differs from the run being resumed.
        DataError: the data is refused, or differs from that of the run being resumed.
        ModelFileError: the run to go on from holds no model, or a damaged one.
        StorageError: `out` is taken or cannot be written to.
        DivergedError: the loss stopped being finite.
        InterruptedRun: a signal came; what was finished is kept.
    """
    folder = RunFolder(Path(out))
    place = os.fspath(data)
    checked = Settings.from_mapping(given, "settings")
    given = {name: value for name in map(name_of, given) if (value := getattr(checked, name)) is not None}
    require_place_of_its_own(checked, folder.path, is_network=checked.model not in CLASSICAL)
    with folder.opened(resume, overwrite), interruptible(folder.path):
        if resume and folder.is_finished:
            folder.prune()  # a kill may have come between the last file and this
            return Run(folder.path)
        former = folder.read_json("config.json") if resume else None
        settings = settings_of(given, former)
        stages = Stages(quiet=quiet, began=began)
        with pinned(choose_threads(settings)):
            _work(place, given, settings, former, folder, stages)
    return Run(folder.path)


def _work(
    place: str,
    given: Mapping[str, Any],
    settings: Settings,
    former: Mapping[str, Any] | None,
    folder: RunFolder,
    stages: Stages,
) -> None:
    """Everything between an empty folder, or what a killed run left in it, and the finished run."""
    continual = begin(settings, given, folder.checkpoints, former)
    dataset, check = _read(place, settings, stages, continual)
    context = RunContext(folder, dataset, settings, stages)
    _require_fitting(place, former, context)
    backbones = _backbones(continual, former, context)
    continual, network = _planned(continual, former, context)
    costs = costs_of(backbones, context)
    config = dict(former or configuration(place, context, network, given, backbones, continual))
    if former is None:
        folder.write_json("config.json", config)
    baselines, config = _allotted(network, backbones, costs, config, context)
    make_folder(folder.checkpoints)
    if continual is not None:
        keep(continual.start, folder.checkpoints)
    candidates = train_baselines(
        baselines.names, dataset, settings, folder.checkpoints, stages, baselines.seconds
    )
    backbones, config = share_out(backbones, costs, config, context)
    built = [build_on(choice, context) for choice in backbones]
    network, config, neural = _train_neural(network, backbones, config, context)
    built = _tuned(built, network, context)
    on_backbones = [candidate for each in built for candidate in each.candidates]
    outcome = conclude([*candidates, *neural, *on_backbones], network, continual, check, config, context)
    with stages.stage("writing models and report"):
        write_results(folder, with_backbone(outcome, built))
    folder.prune()
    _say_end(Run(folder.path), dataset, stages, outcome.continual)


def _require_fitting(place: str, former: Mapping[str, Any] | None, context: RunContext) -> None:
    """Refuse settings that contradict the data, and data other than that of the run being resumed.

    Raises:
        UsageError: a setting does.
        DataError: the data is another, or cannot be divided into folds.
    """
    dataset, settings = context.dataset, context.settings
    require_fitting_model(settings, dataset.target)
    require_fitting_inputs(settings, material_of(dataset).takes)
    require_foldable(dataset, settings)
    if former is not None:
        require_same(place, former["data"], dataset)
        _say_versions(former["versions"], dataset, context.stages)


def _allotted(
    network: Planned | None,
    backbones: Sequence[Choice],
    costs: Sequence[Cost],
    config: dict[str, Any],
    context: RunContext,
) -> tuple[Allotted, dict[str, Any]]:
    """The classical models to train, with their time, and the configuration that holds both."""
    folder, dataset, settings, stages = context
    names = classical_names(settings, dataset)
    if network is None and not backbones:
        return Allotted(names, None), config
    needed = sum(each.needed(each.least) for each in costs) if settings.builds_on_backbone else 0.0
    baselines = allotted(names, settings, config, stages, needed)
    if baselines.seconds is not None:
        config = {**config, **baselines.to_json()}
        folder.write_json("config.json", config)
    return baselines, config


def _train_neural(
    network: Planned | None, backbones: Sequence[Choice], config: dict[str, Any], context: RunContext
) -> tuple[Planned | None, dict[str, Any], list[Candidate]]:
    """Train the network within its time, and simple models on its last hidden layer; nothing without one."""
    if network is None:
        return None, config, []
    folder, dataset, settings, stages = context
    set_aside = sum(each.granted.seconds_after for each in backbones if each.granted is not None)
    network, config = within_limit(folder, network, dataset, config, stages, set_aside)
    candidates = [train_network(folder, network, dataset, config["data"], stages)]
    if has_baselines(settings, dataset):
        candidates += on_network(dataset, candidates[-1], settings, stages)
    return network, config, candidates


def _tuned(built: Sequence[Built], network: Planned | None, context: RunContext) -> list[Built]:
    """Fine-tune every backbone, its records of the history behind those of the network."""
    history: list[Mapping[str, Any]] = [] if network is None else [*network.session.state.history]
    found = []
    for each in built:
        found.append(tune_further(each, history, context))
        history += found[-1].history
    return found


def _read(
    place: str, settings: Settings, stages: Stages, continual: ContinualTraining | None
) -> tuple[Dataset, Check]:
    with stages.stage(f"reading and checking {place}") as stage:
        dataset, check = (
            prepare(place, settings) if continual is None else read_on(continual, place, settings)
        )
        stage.words = f"read and checked {len(dataset.labels):,} {dataset.noun}s from {place}"
        stage.details += check.sentences()
    return dataset, check


def _backbones(
    continual: ContinualTraining | None, former: Mapping[str, Any] | None, context: RunContext
) -> tuple[Choice, ...]:
    """The pretrained networks that take part; none where a trained one goes on."""
    if continual is not None:
        return ()
    backbones = chosen(context.settings, material_of(context.dataset), former)
    for each in backbones:
        if not each.is_asked_for and (context.settings.time_limit is None or each.granted is not None):
            context.stages.paragraph(each.reason)
    return backbones


def _planned(
    continual: ContinualTraining | None, former: Mapping[str, Any] | None, context: RunContext
) -> tuple[ContinualTraining | None, Planned | None]:
    """The network to train, a fresh one or one that goes on with what it rehearses; or none."""
    _, dataset, settings, stages = context
    if continual is None:
        is_other = settings.model in CLASSICAL or settings.builds_on_backbone
        return None, None if is_other else planned(settings, dataset, former, stages)
    continual = recall(continual, dataset, settings, former, stages)
    return continual, plan_on(continual, dataset, settings, former, stages)


def _say_versions(before: Mapping[str, str], dataset: Dataset, stages: Stages) -> None:
    for name, now in versions(dataset).items():
        if before.get(name) != now:
            stages.line(
                f"warning: {name} was {before.get(name)}, is {now}; weights may differ from an unbroken run"
            )


def _say_end(run: Run, dataset: Dataset, stages: Stages, continual: Mapping[str, Any] | None) -> None:
    stages.paragraph(run.verdict)
    stages.paragraph(str(run.metrics["reason"]))
    for sentence in [] if continual is None else continual_sentences(continual):
        stages.paragraph(sentence)
    found = findings_line(run.metrics.get("findings"))
    if found is not None:
        stages.paragraph(found)
    stages.line(f"report: {run.report}")
    folder = shlex.quote(str(run.folder))
    new, one = dataset.input_kind.examples, dataset.input_kind.example
    stages.line(f"look inside: pellucid explain {folder} {one} --out page.html")
    stages.line(f"next: pellucid predict {folder} {new}")
