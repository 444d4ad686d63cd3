"""The straight way of `train`: read → check → split → train → calibrate → recommend → test once → report."""

import dataclasses
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.data import Check, Dataset, prepare, write_ledger
from pellucid.data.wording import count_of
from pellucid.files import make_folder
from pellucid.pipeline.backbones import Choice, chosen
from pellucid.pipeline.configuration import configuration, settings_of
from pellucid.pipeline.contradictions import require_place_of_its_own
from pellucid.pipeline.curve import draw_curve, is_wanted
from pellucid.pipeline.detecting import with_detectors
from pellucid.pipeline.entrants import Entrant, calibrated
from pellucid.pipeline.findings import findings_line
from pellucid.pipeline.folds import cross_validate, require_foldable
from pellucid.pipeline.going_on import GoingOn, begin, read_on, recall, recommended_on
from pellucid.pipeline.going_on_metrics import going_on_metrics, going_on_said
from pellucid.pipeline.going_on_plan import plan_on
from pellucid.pipeline.limits import Allotted, allotted, within_limit
from pellucid.pipeline.neural import Planned, planned, train_network
from pellucid.pipeline.on_backbone import Built, build_on
from pellucid.pipeline.on_network import on_network
from pellucid.pipeline.outcome import Outcome
from pellucid.pipeline.plan import require_same, versions
from pellucid.pipeline.preparation import material_of
from pellucid.pipeline.refusals import require_fitting_inputs, require_fitting_model
from pellucid.pipeline.results import write_results
from pellucid.pipeline.rivals import has_rivals, rival_names, train_rivals
from pellucid.pipeline.run import Run
from pellucid.pipeline.run_folder import RunFolder
from pellucid.pipeline.scene import Scene
from pellucid.pipeline.signals import interruptible
from pellucid.pipeline.stages import Stages
from pellucid.pipeline.stand_ins import judge_detectors
from pellucid.pipeline.starting_point import keep
from pellucid.pipeline.suspects import find_suspects
from pellucid.pipeline.testing import test_once, text_facts
from pellucid.settings import CLASSICAL, Settings, name_of


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
        going = begin(settings, given, folder.checkpoints, former)
        dataset, check = _read(place, settings, stages, going)
        require_fitting_model(settings, is_numbers=dataset.is_numbers)
        require_fitting_inputs(settings, material_of(dataset).takes)
        require_foldable(dataset, settings)
        if former is not None:
            require_same(place, former["data"], dataset)
            _say_versions(former["versions"], dataset, stages)
        backbone = _backbone(going, settings, dataset, former, stages)
        going, network = _planned(going, settings, dataset, former, stages)
        config = former or configuration(
            place, settings, network, dataset, given, folder.path, backbone, going
        )
        names = _classical(settings, dataset)
        is_alone = network is None and backbone is None
        rivals = Allotted(names, None) if is_alone else allotted(names, settings, config, stages)
        config = {**config, **rivals.to_json()}
        if former is None:
            folder.write_json("config.json", config)
        make_folder(folder.checkpoints)
        if going is not None:
            keep(going.start, folder.checkpoints)
        scene = Scene(folder, dataset, settings, stages)
        entrants = train_rivals(rivals.names, dataset, settings, folder.checkpoints, stages, rivals.seconds)
        network, config, neural = _train_neural(network, config, scene)
        history = [] if network is None else network.session.state.history
        built = Built() if backbone is None else build_on(backbone, history, scene)
        outcome = _conclude(
            folder, [*entrants, *neural, *built.entrants], network, going, (dataset, check), config, stages
        )
        outcome = _with_backbone(outcome, backbone, built)
        with stages.stage("writing models and report"):
            write_results(folder, outcome)
        folder.prune()
        _say_end(Run(folder.path), dataset, stages, outcome.going_on)
    return Run(folder.path)


def _train_neural(
    network: Planned | None, config: dict[str, Any], scene: Scene
) -> tuple[Planned | None, dict[str, Any], list[Entrant]]:
    """Train the network within its time, and simple models on its last hidden layer; nothing without one."""
    if network is None:
        return None, config, []
    folder, dataset, settings, stages = scene
    network, config = within_limit(folder, network, dataset, config, stages)
    entrants = [train_network(folder, network, dataset, config["data"], stages)]
    if has_rivals(settings, dataset):
        entrants += on_network(dataset, entrants[-1], settings, stages)
    return network, config, entrants


def _read(place: str, settings: Settings, stages: Stages, going: GoingOn | None) -> tuple[Dataset, Check]:
    with stages.stage(f"reading and checking {place}") as stage:
        dataset, check = prepare(place, settings) if going is None else read_on(going, place, settings)
        stage.words = f"read and checked {len(dataset.labels):,} {dataset.noun}s from {place}"
        stage.details += check.sentences()
    return dataset, check


def _backbone(
    going: GoingOn | None,
    settings: Settings,
    dataset: Dataset,
    former: Mapping[str, Any] | None,
    stages: Stages,
) -> Choice | None:
    """The pretrained network that takes part; none where a trained one goes on."""
    backbone = None if going is not None else chosen(settings, material_of(dataset), former)
    if backbone is not None and not backbone.is_asked_for:
        stages.paragraph(backbone.reason)
    return backbone


def _planned(
    going: GoingOn | None,
    settings: Settings,
    dataset: Dataset,
    former: Mapping[str, Any] | None,
    stages: Stages,
) -> tuple[GoingOn | None, Planned | None]:
    """The network to train, a fresh one or one that goes on with what it rehearses; or none."""
    if going is None:
        is_other = settings.model in CLASSICAL or settings.builds_on_backbone
        return None, None if is_other else planned(settings, dataset, former, stages)
    going = recall(going, dataset, settings, former, stages)
    return going, plan_on(going, dataset, settings, former, stages)


def _classical(settings: Settings, dataset: Dataset) -> tuple[str, ...]:
    """The classical models to train: one alone, the network's rivals, or none."""
    if settings.model in CLASSICAL:
        return (settings.model,)
    return rival_names(dataset) if has_rivals(settings, dataset) else ()


def _trained_by_folds(settings: Settings, network: Planned | None, dataset: Dataset) -> tuple[str, ...]:
    """The models that cross-validation trains anew: the network and its rivals, or one alone."""
    names = [] if network is None else [network.plan.name]
    if settings.builds_on_backbone:
        names = [str(settings.backbone)]
    return (*_classical(settings, dataset), *names)


def _say_versions(before: Mapping[str, str], dataset: Dataset, stages: Stages) -> None:
    for name, now in versions(dataset).items():
        if before.get(name) != now:
            stages.line(
                f"warning: {name} was {before.get(name)}, is {now}; weights may differ from an unbroken run"
            )


def _conclude(
    folder: RunFolder,
    entrants: Sequence[Entrant],
    network: Planned | None,
    going: GoingOn | None,
    data: tuple[Dataset, Check],
    config: Mapping[str, Any],
    stages: Stages,
) -> Outcome:
    """Calibrate and recommend on validation, draw the learning curve, and look at the test split once."""
    dataset, check = data
    settings = Settings(**config["settings"])
    entrants = calibrated(entrants, dataset)
    with stages.stage("learning what the training data looks like, so that foreign inputs can be told"):
        entrants = with_detectors(entrants, material_of(dataset), settings.seed)
    recommendation = recommended_on(going, entrants, dataset, settings)
    curve = (
        draw_curve(entrants, recommendation.name, network, dataset, settings, stages)
        if is_wanted(settings) and (network is not None or has_rivals(settings, dataset))
        else None
    )
    folds = cross_validate(
        dataset, settings, _trained_by_folds(settings, network, dataset), folder.checkpoints, stages
    )
    with stages.stage("testing every model once") as stage:
        tested = test_once(entrants, dataset)
        stage.words = (
            f"tested {count_of(len(entrants), 'model')} once, on {count_of(len(dataset.test), dataset.noun)}"
        )
        novelty = judge_detectors(entrants, tested, dataset, settings.seed)
    found = None
    if going is not None:
        with stages.stage("measuring what was forgotten"):
            found = going_on_metrics(going, dataset, entrants, recommendation.name, tested, config)
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
        history=[] if network is None else network.session.state.history,
        network=None if network is None else network.plan.network,
        entrants=entrants,
        recommendation=recommendation,
        tested=tested,
        curve=curve,
        suspects=suspects,
        folds=folds,
        novelty=novelty,
        text=None if network is None else text_facts(network.prepared, dataset),
        going_on=found,
    )


def _with_backbone(outcome: Outcome, backbone: Choice | None, built: Built) -> Outcome:
    """Let the report speak of the backbone where it is the run's network, or a model on it is recommended."""
    names = {each.name for each in built.entrants}
    if backbone is None or not (backbone.is_asked_for or outcome.recommendation.name in names):
        return outcome
    return dataclasses.replace(outcome, network=backbone.config, history=built.history)


def _say_end(run: Run, dataset: Dataset, stages: Stages, going_on: Mapping[str, Any] | None) -> None:
    stages.paragraph(run.verdict)
    stages.paragraph(str(run.metrics["reason"]))
    for sentence in [] if going_on is None else going_on_said(going_on):
        stages.paragraph(sentence)
    found = findings_line(run.metrics.get("findings"))
    if found is not None:
        stages.paragraph(found)
    stages.line(f"report: {run.report}")
    folder = shlex.quote(str(run.folder))
    new, one = ("TEXTS.csv", "TEXT.txt") if dataset.is_texts else ("PICTURE...", "PICTURE")
    stages.line(f"next: pellucid predict {folder} {new}")
    stages.line(f"  or: pellucid explain {folder} {one} --out page.html")
