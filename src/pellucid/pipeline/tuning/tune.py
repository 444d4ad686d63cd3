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
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pellucid.arithmetic.rounding import figure
from pellucid.data import Check, Dataset, prepare
from pellucid.data.reading.dispatch import require_existing
from pellucid.data.tables.csv_tables import as_csv
from pellucid.data.wording import count_of
from pellucid.errors import DataError, RunLockedError, UsageError
from pellucid.files import make_folder, write_file
from pellucid.networks.text_networks import cell_of
from pellucid.pipeline.comparing.standings import scores_of
from pellucid.pipeline.comparing.variants import checked_values, naming_variant, shown
from pellucid.pipeline.concluding import conclude
from pellucid.pipeline.judging.refitting import Split, cross_fit
from pellucid.pipeline.judging.report_facts import report_facts
from pellucid.pipeline.learners.candidates import Candidate, answers, calibrated, held_out_score, threshold_of
from pellucid.pipeline.learners.evaluation_budget import Folds
from pellucid.pipeline.learners.network import NetworkLearner, Planned, recipe_words
from pellucid.pipeline.learners.preparation import (
    Plan,
    Prepared,
    make_plan,
    network_name,
    prepared_for,
    require_precision,
)
from pellucid.pipeline.learners.refusals import (
    require_fitting_inputs,
    require_known_classes,
    require_prediction,
)
from pellucid.pipeline.learning import Learned
from pellucid.pipeline.results import write_models
from pellucid.pipeline.run.context import RunContext, TimeBudget, data_identity, require_same_data
from pellucid.pipeline.run.journal import STUDY, Journal, RunFolder, command_line, require_unchanged
from pellucid.pipeline.run.stages import Stages, interruptible
from pellucid.pipeline.tuning.spaces import Dimension, require_variable, space_of
from pellucid.pipeline.tuning.verdict import DEFAULT, TUNED, Answered, Verdict, judge
from pellucid.reports import render
from pellucid.reports.tuning import TuningFacts, render_tuning
from pellucid.settings import CLASSICAL, ROWS, Metric, Settings

if TYPE_CHECKING:
    import optuna
    import sqlalchemy

    from pellucid.pipeline.tuning.study import Outcome, Search, Trained

TRIALS, MOST_TRIALS = 30, 10_000
# Seeds with which the best settings and the default are trained afresh: a single training of each would
# compare their seeds as much as their settings.
SEEDS = 3
_INSTALL = "pip install 'pellucid[tune]'"
_NOT_GIVEN = {
    "baselines": "belongs to train; leave it out",
    "learning_curve": "belongs to train; leave it out",
    "folds": "trials are judged on the validation split; leave it out",
    "from_": "belongs to train: every trial is trained afresh; leave it out",
    "rehearse": "belongs to --from, and every trial is trained afresh; leave it out",
    "backbone": "the layers of a pretrained network are fixed; leave it out",
    "weights": "belongs to --backbone, whose layers are fixed; leave it out",
}
_LEFT_OUT: Mapping[str, Any] = {"baselines": False, "learning_curve": False, "folds": 0, "backbone": "none"}
_FLAGS = {row.name: row.flag for row in ROWS}
_KEYS = {row.name: row.key for row in ROWS}
# What only the encoder of texts goes by: where one of these is varied, texts are made ready for each trial.
_OF_ENCODER = {"tokens", "length", "vectors", "tune_vectors"}


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
        InterruptedRun: a signal came; what was finished is kept.
    """
    if importlib.util.find_spec("optuna") is None:
        raise UsageError(f"tune: needs optuna, which is not installed; {_INSTALL}")
    place, folder, stages = os.fspath(data), RunFolder(Path(out)), Stages(quiet=quiet, began=began)
    checked = Settings.from_mapping(given, "settings")
    for name, why in _NOT_GIVEN.items():
        if given.get(name) not in (None, getattr(Settings, name)):
            raise UsageError(f"{_FLAGS[name]}: {why}")
    if trials is not None and not 2 <= trials <= MOST_TRIALS:
        raise UsageError(f"--trials: {trials:,} is outside 2 to {MOST_TRIALS:,}")
    _require_network(checked)
    varied = {name: list(checked_values(name, values, given)) for name, values in (vary or {}).items()}
    require_variable(varied)
    if not resume:
        require_precision(checked, cell_of(checked))
        require_existing(place)
    from pellucid.pipeline.tuning.study import opened_study, storage_url

    url = storage_url(storage, folder.path)
    asked = _Asked(place, given, varied, trials, url, is_shared=storage is not None)
    with interruptible(folder.path), contextlib.ExitStack() as stack:
        with _alone(folder, stages, resume, overwrite) as is_going_on:
            if is_going_on and folder.is_finished:
                folder.prune()
                return folder.path
            begun = _begin(asked, folder, Journal(folder, resume=is_going_on), stages)
            study = stack.enter_context(opened_study(url, begun.name, afresh=overwrite))
        search = _search(study, begun, folder, stages)
        outcomes = search.outcomes()
        with _alone(folder, stages, resume=True):
            if not folder.is_finished:
                _conclude(begun, search, outcomes, folder, Journal(folder, resume=True), stages)
            folder.prune()
    return folder.path


class _Asked(NamedTuple):
    """What the command asks for."""

    place: str
    given: Mapping[str, Any]
    vary: Mapping[str, Sequence[Any]]
    trials: int | None
    url: "sqlalchemy.URL"
    is_shared: bool  # whether the storage was named


@dataclasses.dataclass(frozen=True, eq=False)
class _Begun:
    """A study about to be worked on, the same in each of its processes."""

    name: str
    given: Mapping[str, Any]
    settings: Settings  # of the default recipe, with threads, device and precision as they were chosen
    dataset: Dataset
    check: Check
    prepared: Prepared
    plan: Plan
    space: Sequence[Dimension]
    trials: int
    metric: Metric
    time: TimeBudget

    def settings_of(self, values: Mapping[str, Any], seed: int | None = None) -> Settings:
        """The settings of a trial by those that are varied."""
        # Without its name the optimiser would follow from whether a learning rate is given.
        own = {"optimizer": self.plan.recipe.optimizer, **values}
        return dataclasses.replace(self.settings, seed=self.settings.seed if seed is None else seed, **own)

    def learner(self, settings: Settings) -> NetworkLearner:
        """The learner of a trial; what no trial changes is made ready once."""
        own = {each.name for each in self.space} & _OF_ENCODER
        return NetworkLearner(settings, prepare=None if own else lambda material: self.prepared)


def _require_network(settings: Settings) -> None:
    """Refuse models that are no networks which predict."""
    require_prediction(settings)
    if settings.model in CLASSICAL:
        raise UsageError(
            f"--model: tune searches the settings of a network, and {settings.model} is none: train compares "
            "its set-ups by itself; choose a network, or auto"
        )


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
                stack.enter_context(folder.opened(goes_on, overwrite))
            except RunLockedError as error:
                if not has_waited:
                    stages.line(f"waiting: {str(error).partition(';')[0]}")
                has_waited, overwrite = True, False
                time.sleep(1.0)
                continue
            yield goes_on
            return


def _begin(asked: _Asked, folder: RunFolder, journal: Journal, stages: Stages) -> _Begun:
    """Read the data, decide what is searched, and refuse what cannot be, before any trial."""
    place = asked.place
    if journal.is_resumed and "tuning" not in journal:
        raise UsageError(f"{folder.path}: holds no study of tune; choose another --out, or --overwrite")
    storage = asked.url.render_as_string(hide_password=True) if asked.is_shared else STUDY
    design: dict[str, Any] = {"vary": asked.vary, "given": asked.given, "trials": asked.trials or TRIALS}
    design["storage"] = storage
    before = journal.decided("tuning", lambda: design)
    for name, is_asked in (("vary", asked.vary), ("trials", asked.trials), ("storage", storage)):
        if is_asked and before[name] != design[name]:
            raise UsageError(
                f"--{name}: was {before[name]} when the study began, is {design[name]}; leave it as it was, "
                "or start again with --overwrite"
            )
    given, vary, count = before["given"], before["vary"], before["trials"]
    asked_for = Settings(**given)
    require_unchanged(asked.given, asked_for)
    settings = dataclasses.replace(asked_for, **_LEFT_OUT, time_limit=None)
    with stages.stage(f"reading and checking {place}") as stage:
        dataset, check = prepare(place, settings)
        stage.words = f"read and checked {count_of(len(dataset.labels), dataset.noun)} from {place}"
        stage.details += check.sentences()
    for split, use in (("validation", "trials are judged on them"), ("test", "the best is judged on them")):
        if not len(getattr(dataset, split)):
            raise DataError(f"{place}: has no {split} examples, and {use}; add some, or leave splits to tune")
    require_known_classes(settings, dataset.classes, place, dataset.target)
    require_fitting_inputs(settings, dataset.takes)
    require_same_data(place, dataset, journal, stages)
    prepared = prepared_for(network_name(settings, dataset), dataset, settings)
    plan = make_plan(settings, prepared)
    # Threads, device and precision by the rules for this network on the machine that began.
    machine = journal.decided(
        "machine", lambda: {name: getattr(plan.recipe, name) for name in ("threads", "device", "precision")}
    )
    settings = dataclasses.replace(settings, **machine)
    space = space_of(settings, given, plan, dataset.takes, len(dataset.train), vary)
    if not space:
        raise UsageError("tune: every setting that it varies is fixed; leave one out, or give --vary")
    for each in space:  # what contradicts the data or another setting
        for value in each.values if each.name in vary else ():
            with naming_variant(f"{each.name}={shown(value)}"):
                make_plan(dataclasses.replace(settings, **{each.name: value}), prepared)
    settings_of_run = dataclasses.replace(settings, time_limit=asked_for.time_limit)
    journal.decided("settings", lambda: settings_of_run, dataclasses.asdict)
    metric = dataset.target.decides(settings.metric or "log-loss")
    words = ["tune", place, "--out", str(folder.path), "--trials", str(count)]
    words += ["--storage", storage] if asked.is_shared else []
    for name, values in vary.items():
        words += ["--vary", f"{name}={','.join(map(shown, values))}"]
    journal.decided("command", lambda: command_line(words, given, shown))
    names = ", ".join(_KEYS[each.name].replace("_", " ") for each in space)
    stages.paragraph(f"tuning {plan.name} by {metric.words}: {names}; the default is {recipe_words(plan)}")
    # The same study on every machine, whatever it has of threads and time.
    own = {name: value for name, value in given.items() if name not in ("threads", "device", "time_limit")}
    identity = {"data": data_identity(dataset), "given": own, "vary": vary, "trials": count}
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    time_limit = TimeBudget.of(asked_for, stages.began)
    journal.begin()
    make_folder(folder.checkpoints)
    name = f"pellucid-{digest}"
    return _Begun(name, given, settings, dataset, check, prepared, plan, space, count, metric, time_limit)


def _search(study: "optuna.Study", begun: _Begun, folder: RunFolder, stages: Stages) -> "Search":
    """Run trials until all are done, by this process and by others, or the time is over."""
    from pellucid.pipeline.tuning.study import Search

    search = Search(study, begun.space, begun.trials, begun.settings.seed, folder.checkpoints)

    def has_time() -> bool:
        """True where a trial as long as the longest fits before the last trainings."""
        seconds = [each.facts["seconds"] for each in search.outcomes() if each.score is not None]
        last = 2 * SEEDS * float(np.mean(seconds or [0.0]))
        return not seconds or max(seconds) + last <= begun.time.left()

    def say(found: "Outcome") -> None:
        complete = [each for each in search.outcomes() if each.score is not None]
        words = found.state if found.score is None else f"{begun.metric.words} {figure(found.score)}"
        if complete:
            words += f"; best so far {figure(_best(complete, begun.metric).score or 0.0)}"
        stages.line(f"trial {found.slot + 1} of {begun.trials}: {words}", tick=True)

    search.work(partial(_trial, begun), has_time, say)
    if search.is_closed:
        ended = len(search.outcomes())
        stages.paragraph(f"there was time for {ended} of {count_of(begun.trials, 'trial')}")
    return search


def _trial(begun: _Begun, values: Mapping[str, Any], reporter: Any) -> "Trained":
    """Train a network with some settings, and score it on the validation split once it is calibrated."""
    from pellucid.pipeline.tuning.study import Trained

    def watched(planned: Planned) -> None:
        recipe = planned.plan.recipe
        planned.session.run([reporter(recipe.metric, recipe.total_steps)])

    dataset, settings = begun.dataset, begun.settings_of(values)
    began = time.perf_counter()
    learner = dataclasses.replace(begun.learner(settings), train=watched)
    (candidate,) = calibrated(learner.fit(dataset)[:1], dataset, settings.seed)
    score = held_out_score(begun.metric, candidate, dataset, settings.seed)
    facts = {
        "seconds": round(time.perf_counter() - began, 3),
        "epochs": len(candidate.history),
        "steps": int(candidate.history[-1]["step"]),
        "parameters": candidate.model.parameters,
        "scores": scores_of(
            dataset.labels[candidate.held_out.positions], candidate.held_out.answers, len(dataset.classes)
        ),
    }
    return Trained(begun.metric.better(score), score, facts)


def _conclude(
    begun: _Begun,
    search: "Search",
    outcomes: Sequence["Outcome"],
    folder: RunFolder,
    journal: Journal,
    stages: Stages,
) -> None:
    """Train the default and the best settings afresh, use the test split once, and write everything."""
    from pellucid.pipeline.tuning.study import importances

    dataset, metric, seed = begun.dataset, begun.metric, begun.settings.seed
    complete = [each for each in outcomes if each.score is not None]
    if not complete:
        raise UsageError("--time-limit: it was over before the first trial was; allow more time")
    chosen = journal.decided("best", lambda: _best(complete, metric).slot)
    best = next(each for each in outcomes if each.slot == chosen)
    settings: dict[str, Mapping[str, Any]] = {DEFAULT: {each.name: each.default for each in begun.space}}
    if chosen:  # trial 0 is the default
        settings[TUNED] = best.values
    pace = float(np.mean([each.facts["seconds"] for each in complete]))
    fitting = int(min(SEEDS, begun.time.left() / (len(settings) * pace))) if begun.time.is_limited else SEEDS
    seeds = [(seed + 1 + place) % 2**32 for place in range(journal.decided("seeds", lambda: max(1, fitting)))]
    kept = {
        name: _trained_again(name, values, seeds[1:], begun, folder, stages)
        for name, values in settings.items()
    }
    candidates, network = [], None
    for name, values in settings.items():
        with stages.stage(f"training {name} afresh, seed {seeds[0]}", spinner=True):
            own = begun.settings_of(values, seeds[0])
            network = begun.learner(own).planned(dataset)
            (candidate,) = begun.learner(own).trained(network, dataset)[:1]
        candidates.append(dataclasses.replace(candidate, name=name))
    assert network is not None  # the default at least
    journal.decided("plan", network.plan.to_json)
    context = RunContext(
        folder, dataset, Settings(**journal.content["settings"]), stages, journal, begun.time
    )
    learned = Learned(candidates, None, network.as_trained(), (), candidates[-1].history)
    outcome = conclude(learned, begun.check, Folds(dataset), context)
    verdict = None
    if chosen:
        tested = {name: Answered(each.answers, each.labels) for name, each in outcome.tested.items()}
        found = {name: [tested[name], *kept[name]] for name in settings}
        verdict = judge(found, dataset, metric, len(outcomes), seed)
    facts = _facts(begun, outcomes, settings, verdict, best, seeds, importances(search.study))
    with stages.stage("writing models and report", "wrote models and report"):
        metrics = {**write_models(folder, outcome), "tune": facts}
        write_file(folder.path / "models.html", render(report_facts(outcome, metrics)).encode())
        recipe = {**begun.given, **_explicit(begun, settings.get(TUNED, {}))}
        write_file(folder.path / "best.toml", _toml(recipe, facts["verdict"]).encode())
        write_file(folder.path / "trials.csv", as_csv([*_table(begun, outcomes)]))
        lines = [
            json.dumps({"settings": each.name, "seed": seeds[0], **record}, allow_nan=False) + "\n"
            for each in candidates
            for record in each.history
        ]
        write_file(folder.path / "history.jsonl", "".join(lines).encode())
        gained = verdict is not None and verdict.finding == "gained"
        config = {"config": folder.path / "best.toml"} if gained else {}
        command = _next(journal.content["data"]["place"], {} if gained else begun.given, config)
        page = TuningFacts(
            title=str(journal.content["data"]["place"]),
            metrics=metrics,
            settings=journal.content["settings"],
            versions=journal.content["versions"],
            command=journal.content["command"],
            following=command,
        )
        write_file(folder.path / "report.html", render_tuning(page).encode())
        folder.write_json("metrics.json", metrics)
    stages.verdict(facts["verdict"])
    stages.line(f"report: {folder.path / 'report.html'}")
    stages.line(f"next: {command}")


def _best(complete: Sequence["Outcome"], metric: Metric) -> "Outcome":
    """The trial with the best score; of equals the first."""
    return max(complete, key=lambda each: (metric.better(each.score or 0.0), -each.slot))


def _trained_again(
    name: str,
    values: Mapping[str, Any],
    seeds: Sequence[int],
    begun: _Begun,
    folder: RunFolder,
    stages: Stages,
) -> list[Answered]:
    """Answers about the test split of trainings with further seeds, each kept as soon as it is there."""
    dataset, found = begun.dataset, []
    for seed in seeds:
        settings = begun.settings_of(values, seed)

        def ask(
            fitted: Sequence[Candidate], split: Split, settings: Settings = settings
        ) -> dict[str, np.ndarray]:
            (candidate,) = calibrated(fitted[:1], dataset, settings.seed)
            said = answers(candidate.model, dataset, split.judged)
            if dataset.target.is_exclusive:
                return {"answers": said}
            threshold = threshold_of(candidate, dataset, settings)
            model = candidate.model.for_data(joined_columns=(), renamed={}, threshold=threshold)
            return {"answers": said, "decided": model.decided(said)}

        with stages.stage(f"training {name} afresh, seed {seed}"):
            kept = folder.checkpoints / f"afresh-{name}-seed-{seed}"
            split = Split(dataset, dataset.test)
            (fit,) = cross_fit(begun.learner(settings).fit, [split], ask, kept)
        found.append(Answered(fit.arrays["answers"], fit.arrays.get("decided")))
    return found


def _facts(
    begun: _Begun,
    outcomes: Sequence["Outcome"],
    settings: Mapping[str, Mapping[str, Any]],
    verdict: Verdict | None,
    best: "Outcome",
    seeds: Sequence[int],
    mattered: Mapping[str, float],
) -> dict[str, Any]:
    """The value of `tune` in `metrics.json`."""
    metric, states = begun.metric, [each.state for each in outcomes]
    nothing = (
        f"Tuning gained nothing: none of {count_of(len(outcomes) - 1, 'other trial')} was better on "
        f"validation than the default recipe, {metric.words} {figure(best.score or 0.0)}."
    )
    return {
        "model": begun.plan.name,
        "metric": metric.key,
        "larger_is_better": not metric.is_error,
        "trials_asked": begun.trials,
        "trials_ended": len(outcomes),
        "complete": states.count("complete"),
        "stopped_early": states.count("stopped early"),
        "diverged": states.count("diverged"),
        "validation": len(begun.dataset.validation),
        "test": len(begun.dataset.test),
        "best": best.slot,
        "settings": {name: dict(values) for name, values in settings.items()},
        "seeds": list(seeds),
        "verdict": nothing if verdict is None else verdict.sentence(),
        "judged": {"finding": "nothing"} if verdict is None else verdict.to_json(),
        "space": [dataclasses.asdict(each) for each in begun.space],
        "importance": dict(mattered),
        "trials": [dataclasses.asdict(each) for each in outcomes],
    }


def _explicit(begun: _Begun, values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the best trial as `train` takes them; nothing where that is the default recipe."""
    if not values:
        return {}
    optimizer = {} if "optimizer" in begun.given else {"optimizer": begun.plan.recipe.optimizer}
    model = {} if "model" in begun.given else {"model": begun.plan.name}
    return {**model, **optimizer, **{name: value for name, value in values.items() if value is not None}}


def _toml(settings: Mapping[str, Any], verdict: str) -> str:
    """Settings as a file for `--config`."""
    lines = [f"# {verdict}"]
    for name, value in settings.items():
        if name == "time_limit":  # of the study, not of a training
            continue
        if isinstance(value, Mapping):
            pairs = ", ".join(f"{json.dumps(key)} = {_plain(each)}" for key, each in value.items())
            lines.append(f"{_KEYS[name]} = {{ {pairs} }}")
        else:
            lines.append(f"{_KEYS[name]} = {_plain(value)}")
    return "\n".join(lines) + "\n"


def _plain(value: Any) -> str:
    """A value in TOML, which writes texts, numbers and truth as JSON does."""
    return json.dumps(value, ensure_ascii=False)


def _table(begun: _Begun, outcomes: Sequence["Outcome"]) -> Iterator[list[Any]]:
    """Trials as a table, best first, its head first."""
    metric, names = begun.metric, [each.name for each in begun.space]
    yield ["trial", "state", f"validation_{metric.key}", *names, "seconds", "epochs", "steps", "parameters"]
    for each in sorted(
        outcomes, key=lambda each: (each.score is None, -metric.better(each.score or 0.0), -each.tenths)
    ):
        facts = [each.facts.get(name) for name in ("seconds", "epochs", "steps", "parameters")]
        yield [each.slot, each.state, each.score, *(each.values[name] for name in names), *facts]


def _next(place: str, given: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """The command that trains with the settings that the verdict speaks for."""
    words = ["train", place, "--out", "RUN", *(["--config", str(config["config"])] if config else [])]
    return command_line(words, {name: value for name, value in given.items() if name != "time_limit"}, shown)
