"""Pipeline of `train`: read → check → split → learn → judge → report."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.data import Listing
from pellucid.networks.architectures.rnn import cell_of
from pellucid.pipeline.adding.images import images_to_add, require_room
from pellucid.pipeline.concluding import conclude
from pellucid.pipeline.continual.contradictions import require_place_of_its_own
from pellucid.pipeline.continual.training import begin
from pellucid.pipeline.generating import make_generator, say_generated
from pellucid.pipeline.learners.folds import folds_of
from pellucid.pipeline.learners.planning.precision import require_precision, require_precision_of_run
from pellucid.pipeline.learning import learn, plan_learning
from pellucid.pipeline.reading import data_given, read_and_check, require_fitting, require_present
from pellucid.pipeline.results import say_end, write_results
from pellucid.pipeline.run.configuration import settings_of
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.finished import Run
from pellucid.pipeline.run.folder import RunFolder
from pellucid.pipeline.run.frames import keep_frame, place_of
from pellucid.pipeline.run.journal import Journal
from pellucid.pipeline.run.sharing import free_cores
from pellucid.pipeline.run.signals import interruptible
from pellucid.pipeline.run.stages import Stages
from pellucid.pipeline.run.time_budget import TimeBudget
from pellucid.settings import CLASSICAL, Settings, name_of
from pellucid.training.determinism import choose_threads, pinned


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
        ModelFileError: the run of `from_` or `add_generated` holds no model, or a damaged one.
        StorageError: `out` is taken or cannot be written to.
        DivergedError: the loss stopped being finite.
        InterruptedRun: a signal came; what was finished is kept.
    """
    folder = RunFolder(Path(out))
    given_data, data = data, place_of(data, folder)
    checked = Settings.from_mapping(given, "settings")
    given = {name: value for name in map(name_of, given) if (value := getattr(checked, name)) is not None}
    require_place_of_its_own(checked, folder.path, is_network=checked.model not in CLASSICAL)
    require_room(checked, folder.path)
    if not resume:
        require_precision(checked, cell_of(checked))
        require_present(given_data, checked)
    with folder.opened(resume, overwrite), interruptible(folder.path):
        if resume and folder.is_finished:
            folder.prune()  # a kill may have come between the last file and this
            return Run(folder.path)
        journal = Journal(folder, resume=resume)
        settings = settings_of(given, journal)
        require_precision_of_run(settings, journal)
        stages = Stages(quiet=quiet, began=began)
        keep_frame(given_data, data, resume=resume)
        with free_cores(settings, journal, stages), pinned(choose_threads(settings)):
            _work(data_given(data, settings), given, settings, journal, folder, stages)
    return Run(folder.path)


def _work(
    data: str | Listing,
    given: Mapping[str, Any],
    settings: Settings,
    journal: Journal,
    folder: RunFolder,
    stages: Stages,
) -> None:
    """Walk from an empty folder, or from what a killed run left in it, to the finished run."""
    continual = begin(settings, given, folder.checkpoints, journal)
    dataset, check = read_and_check(data, settings, stages, continual)
    context = RunContext(folder, dataset, settings, stages, journal, TimeBudget.of(settings, stages.began))
    place = data if isinstance(data, str) else data.place
    require_fitting(data, given, context)
    if settings.generates:
        make_generator(check, context)
        folder.prune()
        say_generated(Run(folder.path), context)
        return
    added = images_to_add(place, context)
    folds = folds_of(dataset, settings, is_continual=continual is not None)
    learning = context._replace(dataset=folds.learning)
    planned = plan_learning(continual, folds, learning, added)
    journal.begin()  # nothing that may be refused comes after this
    learned = learn(planned, learning)
    outcome = conclude(learned, check, folds, context)
    write_results(context, outcome)
    folder.prune()
    say_end(Run(folder.path), context, outcome.continual)
