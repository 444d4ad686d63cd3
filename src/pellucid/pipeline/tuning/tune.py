"""Pipeline of `tune`: read → check → search by trials → retrain the best and the default → judge → report."""

import contextlib
import dataclasses
import hashlib
import importlib.util
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.arithmetic.rounding import figure
from pellucid.data import prepare
from pellucid.data.sources.places import require_existing
from pellucid.data.wording import count_of
from pellucid.errors import DataError, RunLockedError, UsageError
from pellucid.language.sentence import Sentence
from pellucid.networks.text_networks import cell_of
from pellucid.pipeline.comparing.standings import scores_of
from pellucid.pipeline.comparing.variants import checked_values, naming_variant, shown
from pellucid.pipeline.learners.candidates import calibrated, held_out_score
from pellucid.pipeline.learners.network import Planned, recipe_words
from pellucid.pipeline.learners.preparation import make_plan, network_name, prepared_for, require_precision
from pellucid.pipeline.learners.refusals import (
    require_fitting_inputs,
    require_known_classes,
    require_prediction,
)
from pellucid.pipeline.learners.time_limits import seconds_of_conclusion
from pellucid.pipeline.run.context import TimeBudget, data_identity, require_same_data, slowdown
from pellucid.pipeline.run.journal import Journal, RunFolder, plain_settings, require_unchanged, split_rule_of
from pellucid.pipeline.run.stages import Stages, interruptible
from pellucid.pipeline.tuning.conclusion import DEFAULT, TUNED, best_of, conclude_study, last_trainings
from pellucid.pipeline.tuning.spaces import Tuning, require_variable, space_of
from pellucid.reports.formatting import seconds
from pellucid.safety.files import make_folder
from pellucid.settings import CLASSICAL, ROWS, Settings, command_line

if TYPE_CHECKING:
    from pellucid.pipeline.tuning.study import EndedTrial, Reporter, Search, Trained

TRIALS = 30  # by default
MOST_TRIALS = 10_000  # that can be asked for
# Trainings for which a time limit must have room: the default, one other, and both again.
_FEWEST = 4
_INSTALL = "pip install 'pellucid[tune]'"
_NOT_GIVEN = {
    "baselines": "belongs to train; leave it out",
    "learning_curve": "belongs to train; leave it out",
    "folds": "trials are judged on the validation split; leave it out",
    "from_": "belongs to train: every trial is trained afresh; leave it out",
    "rehearse": "belongs to --from, and every trial is trained afresh; leave it out",
    "backbone": "the layers of a pretrained network are fixed; leave it out",
    "weights": "belongs to --backbone, whose layers are fixed; leave it out",
    "watch": "belongs to train; leave it out",
    "log": "belongs to train; leave it out",
}
_LEFT_OUT: Mapping[str, Any] = {"baselines": False, "learning_curve": False, "folds": 0, "backbone": "none"}
_ROW = {row.name: row for row in ROWS}


def tune(
    data: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    trials: int | None = None,
    storage: str | None = None,
    vary: Mapping[str, Sequence[Any]] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
    began: float | None = None,
    **given: Any,
) -> Path:
    """Search the settings of a network by trials, and judge the best ones on examples that no trial saw.

    A study that is not finished goes on, and several processes may work on it: all are started alike.

    Args:
        data: DATA: a folder, a table, an IDX folder, an `.npz` file or `sample:fashion`.
        out: folder for everything the study leaves.
        trials: trainings in all, over every process, the default recipe among them; default 30.
        storage: a SQLite file, or the address of a database that processes and machines share; default: a
            file in `out`.
        vary: further settings of network or training with their values, or other values of a varied one.
        resume: go on with the study in `out`; a finished one stays as it is.
        overwrite: replace what a former run left in `out`, and the study in `storage`.
        quiet: print nothing.
        began: reading of `time.monotonic` from which a time limit counts; default: now.
        **given: settings by name; those are fixed in all trials. `time_limit` bounds the whole command.

    Returns:
        The folder.

    Raises:
        UsageError: a setting is unknown or unfit, the study in `out` was another, or Optuna is missing.
        DataError: the data is refused, or has no validation or test examples.
        StorageError: `out` is taken or cannot be written to, or the database cannot be used.
        DivergedError: the loss of the default recipe stopped being finite.
        InterruptedRun: a signal came; what was finished is kept.
    """
    if importlib.util.find_spec("optuna") is None:
        raise UsageError("tune: needs optuna, which is not installed; {INSTALL}", _INSTALL)
    place, folder, stages = os.fspath(data), RunFolder(Path(out)), Stages(quiet=quiet, began=began)
    checked = Settings.from_mapping(given, "settings")
    for name, why in _NOT_GIVEN.items():
        if given.get(name) not in (None, getattr(Settings, name)):
            raise UsageError("{flag}: {why}", _ROW[name].flag, why)
    if trials is not None and not 2 <= trials <= MOST_TRIALS:
        raise UsageError("--trials: {trials:,} is outside 2 to {MOST_TRIALS:,}", trials, MOST_TRIALS)
    require_prediction(checked)
    if checked.model in CLASSICAL:
        raise UsageError(
            "--model: tune searches the settings of a network, and {model} is none: train compares "
            "its set-ups by itself; choose a network, or auto",
            checked.model,
        )
    varied = {name: list(checked_values(name, values, given)) for name, values in (vary or {}).items()}
    require_variable(varied)
    if not resume:
        require_precision(checked, cell_of(checked))
        require_existing(place)
    from pellucid.pipeline.tuning.study import importances, opened_study, storage_url

    url = storage_url(storage, folder.path)
    asked: dict[str, Any] = {"trials": trials, "vary": varied, "given": given}
    asked["storage"] = None if storage is None else url.render_as_string(hide_password=True)
    with interruptible(folder.path), contextlib.ExitStack() as stack:
        with _alone(folder, stages, resume, overwrite) as goes_on:
            if goes_on and folder.is_finished:
                folder.prune()
                return folder.path
            tuning = _begin(place, asked, folder, Journal(folder, resume=goes_on), stages)
            study = stack.enter_context(opened_study(url, tuning.name, afresh=overwrite))
        outcomes = _search(study, tuning, folder, stages)
        with _alone(folder, stages, resume=True):
            if not folder.is_finished:
                journal = Journal(folder, resume=True)
                conclude_study(tuning, outcomes, importances(study), folder, journal, stages)
            folder.prune()
    return folder.path


@contextlib.contextmanager
def _alone(folder: RunFolder, stages: Stages, resume: bool, overwrite: bool = False) -> Iterator[bool]:
    """Hold the folder for this process, once the others that work on its study have let go of it.

    It yields whether a study goes on: where that was asked for, or where one is under way.
    """
    has_waited = False
    while True:
        with contextlib.ExitStack() as stack:
            is_under_way = (folder.path / "config.json").exists() and not folder.is_finished
            goes_on = resume or has_waited or (is_under_way and not overwrite)
            try:
                stack.enter_context(folder.opened(goes_on, overwrite and not has_waited))
            except RunLockedError as error:
                if not has_waited:
                    stages.line(Sentence("waiting: {partition}", str(error).partition(";")[0]))
                has_waited = True
                time.sleep(1.0)
                continue
            yield goes_on
            return


def _begin(
    place: str, asked: Mapping[str, Any], folder: RunFolder, journal: Journal, stages: Stages
) -> Tuning:
    """Read the data, decide what is searched, and refuse what cannot be, before any trial."""
    before = _as_begun(asked, folder, journal)
    given, vary, count = before["given"], before["vary"], before["trials"]
    asked_for = Settings(**given)
    settings = dataclasses.replace(asked_for, **_LEFT_OUT, time_limit=None)
    with stages.stage(Sentence("reading and checking {place}", place)) as stage:
        dataset, check = prepare(place, settings, split_rule=split_rule_of(journal))
        stage.words = Sentence(
            "read and checked {labels} from {place}", count_of(len(dataset.labels), dataset.noun), place
        )
        stage.details += check.sentences()
    for split in ("validation", "test"):
        if not len(getattr(dataset, split)):
            raise DataError(
                "{place}: has no {split} examples to judge by; add some, or leave splits to tune",
                place,
                split,
            )
    require_known_classes(settings, dataset.classes, place, dataset.target)
    require_fitting_inputs(settings, dataset.takes)
    require_same_data(place, dataset, journal, stages)
    prepared = prepared_for(network_name(settings, dataset), dataset, settings)
    plan = make_plan(settings, prepared)
    # Threads, device and precision by the rules for this network on the machine that began.
    names = "threads", "device", "precision"
    machine = journal.decided("machine", lambda: {name: getattr(plan.recipe, name) for name in names})
    settings = dataclasses.replace(settings, **machine)
    space = space_of(settings, given, plan, dataset.takes, len(dataset.train), vary)
    if not space:
        raise UsageError("tune: every setting that it varies is fixed; leave one out, or give --vary")
    for name, values in vary.items():  # what contradicts the data or another setting
        for value in values:
            with naming_variant(f"{name}={shown(value)}"):
                make_plan(dataclasses.replace(settings, **{name: value}), prepared)
    journal.decided("settings", lambda: {**plain_settings(asked_for), **_LEFT_OUT, **machine})
    metric = dataset.target.decides(settings.metric or "log-loss")
    words = ["tune", place, "--out", str(folder.path), "--trials", str(count)]
    words += ["--storage", asked["storage"]] if asked["storage"] else []
    for name, values in vary.items():
        words += ["--vary", f"{name}={','.join(map(shown, values))}"]
    journal.decided("command", lambda: command_line(words, given, shown))
    varied = ", ".join(_ROW[each.name].key.replace("_", " ") for each in space)
    stages.paragraph(
        Sentence(
            "tuning {name} by {words}: {varied}; the default is {plan}",
            plan.name,
            metric.words,
            varied,
            recipe_words(plan),
        )
    )
    # The same study on every machine, whatever it has of threads and time.
    own = {name: value for name, value in given.items() if name not in ("threads", "device", "time_limit")}
    spaces = [dataclasses.asdict(each) for each in space]
    identity = {"data": data_identity(dataset), "given": own, "space": spaces, "trials": count}
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    budget = TimeBudget.of(asked_for, stages.began)
    if budget.is_limited:
        budget.reserve(
            "conclusion", slowdown() * seconds_of_conclusion(len(dataset.test), len((DEFAULT, TUNED)))
        )
    found = Tuning(
        f"pellucid-{digest}", given, settings, dataset, check, prepared, plan, space, count, metric, budget
    )
    if not journal.is_resumed:
        _require_time(found)
    journal.begin()
    make_folder(folder.checkpoints)
    return found


def _as_begun(asked: Mapping[str, Any], folder: RunFolder, journal: Journal) -> Mapping[str, Any]:
    """What the command asks for, or the study in the folder was begun with; refused where they differ."""
    if journal.is_resumed and "tuning" not in journal:
        raise UsageError("{path}: holds no study of tune; choose another --out, or --overwrite", folder.path)
    before = journal.decided("tuning", lambda: {**asked, "trials": asked["trials"] or TRIALS})
    for name in ("vary", "trials", "storage"):
        if asked[name] and before[name] != asked[name]:
            raise UsageError(
                "--{name}: was {before} when the study began, is {asked}; leave it as it was, "
                "or start again with --overwrite",
                name,
                before[name],
                asked[name],
            )
    require_unchanged(asked["given"], Settings(**before["given"]))
    return before


def _require_time(tuning: Tuning) -> None:
    """Refuse a time limit in which the fewest trainings have no room."""
    if not tuning.time.is_limited:
        return
    training = tuning.learner(tuning.settings).planned(tuning.dataset).session.expected_seconds()
    left = tuning.time.left()
    if _FEWEST * training > left:
        allowed = tuning.time.whole - left + 1.5 * _FEWEST * training
        raise UsageError(
            "--time-limit: a training of {name} takes about {training} here, and tune "
            "needs {FEWEST} and a report to compare: allow {allowed}, or give fewer --epochs",
            tuning.plan.name,
            seconds(training),
            _FEWEST,
            seconds(allowed),
        )


def _search(study: Any, tuning: Tuning, folder: RunFolder, stages: Stages) -> list["EndedTrial"]:
    """Run trials until all are done, by this process and by others, or the time is over; how they ended."""
    from pellucid.pipeline.tuning.study import Search

    search = Search(study, tuning.space, tuning.trials, tuning.settings.seed, folder.checkpoints)

    def say(found: "EndedTrial") -> None:
        words = (
            found.state
            if found.score is None
            else Sentence("{words} {score}", tuning.metric.words, figure(found.score))
        )
        if complete := search.complete:
            words += Sentence("; best so far {figure}", figure(best_of(complete, tuning.metric).score or 0.0))
        stages.line(
            Sentence("trial {slot} of {trials}: {words}", found.slot + 1, tuning.trials, words), tick=True
        )

    search.work(partial(_trial, tuning), lambda: _left(tuning, search), say)
    outcomes = search.outcomes
    if search.is_closed:
        stages.paragraph(
            Sentence(
                "there was time for {outcomes} of {trials}", len(outcomes), count_of(tuning.trials, "trial")
            )
        )
    return outcomes


def _left(tuning: Tuning, search: "Search") -> float:
    """Seconds left for trials, without those that the last trainings will take."""
    return (
        tuning.time.left() - last_trainings(tuning, search.complete)[1]
        if tuning.time.is_limited
        else float("inf")
    )


def _trial(tuning: Tuning, values: Mapping[str, Any], reporter: "Reporter") -> "Trained":
    """Train a network with some settings, and score it on the validation split once it is calibrated."""
    from pellucid.pipeline.tuning.study import Trained

    def watched(planned: Planned) -> None:
        recipe = planned.plan.recipe
        reporter.metric, reporter.total_steps = recipe.metric, recipe.total_steps
        planned.session.run([reporter])

    dataset, settings = tuning.dataset, tuning.settings_of(values)
    began = time.perf_counter()
    learner = dataclasses.replace(tuning.learner(settings), train=watched)
    (candidate,) = calibrated(learner.fit(dataset)[:1], dataset, settings.seed)
    score = held_out_score(tuning.metric, candidate, dataset, settings.seed)
    labels, answers = dataset.labels_at(candidate.held_out.positions), candidate.held_out.answers
    facts = {
        "seconds": round(time.perf_counter() - began, 3),
        "epochs": len(candidate.history),
        "steps": int(candidate.history[-1]["step"]),
        "parameters": candidate.model.parameters,
        "scores": scores_of(labels, answers),
    }
    return Trained(tuning.metric.better(score), score, facts)
