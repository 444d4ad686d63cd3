"""Pipeline of `train`: read → check → split → learn → judge → report; and what can be seen before it."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.data import Dataset, Listing, prepare
from pellucid.data.corrections import read_corrections
from pellucid.data.sources.labelled import read_dataset
from pellucid.data.sources.memory import is_in_memory
from pellucid.data.sources.places import require_existing
from pellucid.data.wording import count_of
from pellucid.errors import UsageError
from pellucid.input_kinds import TEXTS
from pellucid.language.sentence import Sentence, join
from pellucid.networks import as_text, describe
from pellucid.networks.text_networks import cell_of
from pellucid.pipeline.by_target import WAYS, target_of_run
from pellucid.pipeline.concluding import conclude
from pellucid.pipeline.continual.starting_point import require_place_of_its_own
from pellucid.pipeline.continual.training import begin, read_on
from pellucid.pipeline.finished_run import Run
from pellucid.pipeline.generating import make_generator, say_generated
from pellucid.pipeline.learners.backbone_choice import chosen, require_backbone
from pellucid.pipeline.learners.backbone_costs import measured
from pellucid.pipeline.learners.classical import ClassicalLearner
from pellucid.pipeline.learners.evaluation_budget import Folds, folds_of, has_curve
from pellucid.pipeline.learners.in_run import classical_names
from pellucid.pipeline.learners.network import NetworkLearner, require_enough_images
from pellucid.pipeline.learners.preparation import (
    make_plan,
    network_name,
    prepared_for,
    require_parts,
    require_precision,
    require_precision_of_run,
)
from pellucid.pipeline.learners.refusals import (
    require_fitting_generator,
    require_fitting_inputs,
    require_fitting_model,
    require_known_classes,
)
from pellucid.pipeline.learners.time_limits import STANDING_ON, seconds_of_conclusion
from pellucid.pipeline.learning import PlannedLearning, learn, plan_learning
from pellucid.pipeline.results import say_end, write_results
from pellucid.pipeline.run.context import RunContext, TimeBudget, free_cores, require_same_data, slowdown
from pellucid.pipeline.run.journal import (
    Journal,
    RunFolder,
    call_of,
    keep_frame,
    place_of,
    settings_of,
    split_rule_of,
)
from pellucid.pipeline.run.stages import Stages, interruptible
from pellucid.pipeline.watching import watched
from pellucid.progress import roughly
from pellucid.reports.formatting import seconds
from pellucid.reports.report import render_preview
from pellucid.safety.files import write_file
from pellucid.settings import CLASSICAL, OF_ONLOOKERS, Settings, command_line, name_of
from pellucid.training import Recipe
from pellucid.training.follower import follow_torchrun
from pellucid.training.hardware import choose_threads, pinned
from pellucid.training.ranks import rank_of_torchrun, together


def data_given(data: Any, settings: Settings) -> str | Listing:
    """DATA as a path, or a data set of Python as a listing.

    Raises: `DataError` if the data set cannot be used; `UsageError` if it is none, or a setting needs a path.
    """
    if isinstance(data, (str, os.PathLike)):
        return os.fspath(data)
    if not is_in_memory(data):
        raise UsageError(
            "data: {name} is neither a path, a data frame, nor a data set of datasets or "
            "PyTorch; give one, or fit an estimator with arrays",
            type(data).__name__,
        )
    if settings.from_ is not None:
        raise UsageError("from_: reads the data again later; give the path of files, not a data set")
    return read_dataset(data, settings)


def train(
    data: Any,
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
        data: DATA: a path as the command takes it, or `sample:fashion`; a data frame of pandas or polars or a
            table of Arrow, which the run keeps as `frame.jsonl`; a `datasets.Dataset`, a PyTorch `Dataset` of
            pairs, or a mapping of splits to such.
        out: folder for everything the run leaves.
        resume: go on from what is finished in `out`; without a checkpoint, start afresh.
        overwrite: replace what a former run left in `out`.
        quiet: print nothing.
        began: reading of `time.monotonic` from which a time limit counts; default: now.
        **given: settings by name, as in the settings reference; `from_` names a run whose network continues
            training.

    Returns:
        The finished run.

    Raises:
        UsageError: a setting is unknown or unfit, or differs from the run being resumed.
        DataError: the data is refused, or differs from that of the run being resumed.
        ModelFileError: the run of `from_` holds no model, or a damaged one.
        StorageError: `out` is taken or cannot be written to.
        DivergedError: the loss stopped being finite.
        RankFailedError: one of several processes ended, stopped, or cannot do what the others do.
        InterruptedRun: a signal came; what was finished is kept.
    """
    folder = RunFolder(Path(out))
    if rank_of_torchrun():
        follow_torchrun(given.get("threads"))
        return Run(folder.path)
    given_data, data = data, place_of(data, folder)
    checked = Settings.from_mapping(given, "settings")
    given = {
        name: value
        for name in map(name_of, given)
        if (value := getattr(checked, name)) is not None and name not in OF_ONLOOKERS
    }
    require_place_of_its_own(checked, folder.path, is_network=checked.model not in CLASSICAL)
    if not resume:
        require_precision(checked, cell_of(checked))
        require_backbone(checked)
        for path in (given_data, checked.test):
            if isinstance(path, (str, os.PathLike)):
                require_existing(os.fspath(path))
        if checked.corrections is not None:
            _require_corrections(checked.corrections, folder, overwrite=overwrite)
    with folder.opened(resume, overwrite), interruptible(folder.path):
        if resume and folder.is_finished:
            folder.prune()  # a kill may have come between the last file and this
            Stages(quiet=quiet).finished_before(folder.path)
            with together(Settings()):  # those of torchrun may end
                return Run(folder.path)
        journal = Journal(folder, resume=resume)
        settings = settings_of(given, journal)
        require_precision_of_run(settings, journal)
        stages = Stages(quiet=quiet, began=began)
        place = os.fspath(data) if isinstance(data, (str, os.PathLike)) else type(data).__name__
        keep_frame(given_data, data, resume=resume)
        with (
            watched(checked, place, folder, stages, resume=resume),
            free_cores(settings, journal, stages),
            together(settings) as ranks,
            pinned(choose_threads(settings)),
        ):
            if ranks is not None and ranks.is_on_one_machine:
                stages.paragraph(
                    Sentence(
                        "{size} processes train together; on one machine they are no faster than as many "
                        "threads of one process.",
                        ranks.size,
                    )
                )
            _work(data_given(data, settings), given, settings, journal, folder, stages)
    return Run(folder.path)


def _require_corrections(place: str, folder: RunFolder, *, overwrite: bool) -> None:
    """Refuse a malformed table of corrections before anything is read, or one that would be overwritten."""
    is_own = Path(place).absolute().parent == folder.path.absolute() and Path(place).name in folder.files
    if overwrite and is_own:
        raise UsageError(
            "--corrections {place}: --overwrite removes it; copy it to another place first", place
        )
    read_corrections(place)


def _work(
    data: str | Listing,
    given: Mapping[str, Any],
    settings: Settings,
    journal: Journal,
    folder: RunFolder,
    stages: Stages,
) -> None:
    """Walk from an empty folder, or from what a killed run left in it, to the finished run."""
    place = data if isinstance(data, str) else data.place
    continual = begin(settings, given, folder.checkpoints, journal)
    with stages.stage(Sentence("reading and checking {place}", place)) as stage:
        rule = split_rule_of(journal)
        if continual is None:
            dataset, check = prepare(data, settings, split_rule=rule)
        else:
            dataset, check = read_on(continual, place, settings, rule)
        stage.words = Sentence(
            "read and checked {labels:,} {noun}s from {place}", len(dataset.labels), dataset.noun, place
        )
        stage.details += check.sentences()
    context = RunContext(folder, dataset, settings, stages, journal, TimeBudget.of(settings, stages.began))
    for each in stages.onlookers:
        each.read(context, check)
    require_fitting_model(settings, dataset.target)
    require_known_classes(settings, dataset.classes, place, dataset.target)
    require_fitting_inputs(settings, dataset.takes)
    makes_images = WAYS[target_of_run(settings.model, dataset)].makes_images
    if makes_images:
        require_fitting_generator(settings, given, dataset.target)
        require_enough_images(settings, len(dataset.train), place)
    require_same_data(place, dataset, journal, stages)
    command = call_of(place, given, folder.path)
    if isinstance(data, str):
        command = command_line(["train", place, "--out", str(folder.path)], given)
    journal.decided("command", lambda: command)
    if makes_images:
        make_generator(check, context)
        folder.prune()
        say_generated(Run(folder.path), context)
        return
    folds = folds_of(dataset, settings, is_continual=continual is not None)
    learning = context._replace(dataset=folds.learning)
    planned = plan_learning(continual, folds, learning)
    journal.begin()  # nothing that may be refused comes after this
    _say_estimate(planned, learning)
    outcome = conclude(learn(planned, learning), check, folds, context)
    with stages.stage("writing models and report", "wrote models and report"):
        write_results(folder, outcome)
    folder.prune()
    say_end(Run(folder.path), context, outcome.continual)


def describe_network(data: str, given: Mapping[str, Any]) -> str:
    """Layer, output shape, parameters, multiply-adds and receptive field, as a table of at most 80 columns.

    The inputs in `data` decide the network's size; `given` are settings that differ from their defaults.

    Raises: `UsageError` if the model is a classical one, which has no layers; `ModelFileError` if the run of
    `--from` holds no model, or a damaged one.
    """
    settings = Settings(**given)
    if settings.model in CLASSICAL:
        raise UsageError(
            "--describe: prints the layers of a network, and {model} has none; "
            "choose a network with --model, or leave --describe out to train it",
            settings.model,
        )
    continual = begin(settings, given, Path())
    if continual is not None:
        dataset, _ = read_on(continual, data, settings)
        outputs = len(dataset.classes) or 1
        return as_text(describe(dataclasses.replace(continual.start.model.network.config, outputs=outputs)))
    dataset, _ = prepare(data, settings)
    prepared = prepared_for(network_name(settings, dataset), dataset, settings)
    return as_text(describe(make_plan(settings, prepared).network))


def preview(place: str, given: Mapping[str, Any], page: Path) -> Sequence[str]:
    """Read, check and split the data, and write the page; sentences on what a training would take.

    `given` are settings that differ from their defaults.

    Raises: `UsageError` if the page's name does not end in `.html`, or a run continues another one;
    `DataError` if the data is refused; `StorageError` if the page cannot be written.
    """
    if page.suffix.lower() != ".html":
        raise UsageError("--dry-run {page}: writes a page; name it with the ending .html", os.fspath(page))
    settings = Settings(**given)
    if settings.from_ is not None:
        raise UsageError("--dry-run: --from takes over what an earlier run decided; leave one of them out")
    dataset, check = prepare(place, settings)
    write_file(page, render_preview(dataset, check).encode())
    with pinned(choose_threads(settings)):
        return durations(dataset, settings)


# Part of what a classical model takes that a training for a fold takes, which compares no set-ups.
_OF_FOLD = 0.3
# Times that linear models of texts take in all, which learn again from validation and to judge labels.
_AGAIN = 1.5
_OF_BACKBONE = 20.0  # seconds that a backbone takes at least, about
_WORTH_TELLING = 20.0  # seconds below which nobody needs to be told how long a run takes


def _seconds_of_classical(names: Sequence[str], folds: Folds, settings: Settings) -> float:
    """Seconds of all classical models and their folds, at the pace of this machine now."""
    found = sum(ClassicalLearner(each, settings).cost(folds.learning) for each in names)
    return slowdown() * found * (1 + _OF_FOLD * (folds.trainings() - 1))


def _say_estimate(planned: PlannedLearning, context: RunContext) -> None:
    """Report about how long a run without a limit will take, where it will take long.

    By counts first; what will take longest is measured by a few steps or examples.
    """
    dataset, settings, folds = context.dataset, context.settings, planned.folds
    if context.time.is_limited:
        return
    names, network = classical_names(settings, dataset), planned.network
    total = _seconds_of_classical(names, folds, settings)
    total *= _AGAIN if dataset.input_kind is TEXTS else 1.0
    by_counts = total + _OF_BACKBONE * len(planned.backbones)
    by_counts += 0.0 if network is None else network.seconds * folds.trainings(1)
    if by_counts < _WORTH_TELLING:
        return
    with context.stages.stage("estimating how long all of it takes") as stage:
        for choice in planned.backbones:
            cost = measured(choice, dataset, settings, len(dataset.test), folds).cost
            total += cost.needed(cost.most) + cost.tuning * cost.example
        if network is not None:
            trainings = folds.trainings(folds.judged_within(network.seconds))
            total += trainings * (network.session.expected_seconds() + network.prepare_seconds)
        total += slowdown() * seconds_of_conclusion(len(dataset.test), len(names) + STANDING_ON)
        stage.words = Sentence(
            "all of it will take about {total} here, as busy as this machine is now", roughly(total)
        )


def durations(dataset: Dataset, settings: Settings) -> list[str]:
    """Sentences on the seconds of a training, by counts and a short measurement, and what a limit leaves out.

    Raises: `UsageError` if settings contradict the data, each other or this machine.
    """
    folds = folds_of(dataset, settings, is_continual=False)
    learning, names = folds.learning, classical_names(settings, dataset)
    classical = _seconds_of_classical(names, folds, settings)
    parts = {"classical models" if len(names) > 1 else "classical model": classical}
    for choice in (
        () if WAYS[target_of_run(settings.model, dataset)].makes_images else chosen(settings, learning)
    ):
        cost = measured(choice, learning, settings, len(dataset.test), folds).cost
        parts[choice.name] = cost.needed(cost.most) + cost.tuning * cost.example
    steps, bounds = 0, []
    if settings.model not in CLASSICAL and not settings.builds_on_backbone:
        network = NetworkLearner(settings).planned(learning)
        require_parts(settings, network.plan)
        bounds = _bound_by_parts(network.plan.recipe)
        steps, of_network = network.plan.recipe.total_steps, network.session.expected_seconds()
        trainings = folds.trainings(folds.judged_within(network.seconds))
        parts[network.plan.name] = trainings * (of_network + network.prepare_seconds)
    parts["test and report"] = slowdown() * seconds_of_conclusion(len(dataset.test), len(names) + STANDING_ON)
    total = sum(parts.values())
    shares = join(
        " ",
        [Sentence("{each} of it for {name}.", seconds(each), name) for name, each in parts.items() if each],
    )
    found = [
        join(" ", [Sentence("A training would take about {total} here just now.", seconds(total)), shares]),
        *bounds,
    ]
    time = TimeBudget.of(settings)
    if time.is_limited and total > time.whole:
        share = time.whole / total
        lacks: list[str] = [
            Sentence(
                "classical models compare fewer set-ups or learn from fewer examples, "
                "about {share:.0%} of the work",
                share,
            )
        ]
        if steps:
            lacks.append(
                Sentence(
                    "the network takes about {share:,} of {steps:,} steps",
                    max(1, round(share * steps)),
                    steps,
                )
            )
        lacks.append("the dearest models are left out where even a part does not fit")
        if not has_curve(settings):
            lacks.append("there is no learning curve")
        found.append(Sentence("Within {time_limit}, {lacks}.", settings.time_limit, join("; ", lacks)))
    return found


def _bound_by_parts(recipe: Recipe) -> list[str]:
    """A sentence where a batch has fewer parts than there are threads."""
    if recipe.device != "cpu" or recipe.busy_threads == recipe.threads:
        return []
    parts = count_of(recipe.parts, "part")
    return [
        Sentence(
            "A batch of {batch_size:,} has {parts}, so {busy_threads} of {threads} threads "
            "compute it; a larger --batch-size has more, and is another recipe.",
            recipe.batch_size,
            parts,
            recipe.busy_threads,
            recipe.threads,
        )
    ]
