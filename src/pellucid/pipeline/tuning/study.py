"""Study of `tune`: trials in a database that processes and machines share, each run by one of them.

Optuna draws their settings, hands them out, stops those that fall behind, and finds by a heartbeat those
whose process has died. A study has a number of slots, counted from 0; a trial that was broken off leaves its
slot free, and the next trial takes the lowest free one, so that a study ends with one trial in each.
"""

import contextlib
import math
import os
import platform
import secrets
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning, StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from pellucid.arithmetic.draws import Purpose, torch_seed
from pellucid.errors import DivergedError, RunLockedError, StorageError, UsageError
from pellucid.language.sentence import Sentence
from pellucid.pipeline.run.journal import STUDY
from pellucid.pipeline.tuning.spaces import Dimension
from pellucid.safety.files import locked
from pellucid.training import Observer, State
from pellucid.training.loop import selection_score

HEARTBEAT = 15  # seconds between two signs of life of a trial
# Seconds without any after which its process counts as dead. A database may keep a writer waiting for a
# minute, and a trial that is given up while it lives runs twice.
GRACE = 150
_WAIT_FOR_LOCK = 60  # seconds that SQLite waits for another writer
_ATTEMPTS = 8  # at opening a database that others open, too
_BETWEEN = 1.0  # seconds between two attempts
_STARTUP = 5  # trials that are never stopped early
_WARM_UP = 3  # tenths of its course after which a trial may be
_TENTHS = 10
_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
_REASON = 200  # characters of the reason that a library gives
_SLOT = "slot"
_WORKER = "worker"
_CLOSED = "closed"

optuna.logging.set_verbosity(optuna.logging.ERROR)


class _ChangedStudyError(Exception):
    """Something in a study that no trial has left there."""


@contextlib.contextmanager
def _as_left_by_trials() -> Iterator[None]:
    """Turn what Optuna raises over values that it cannot read into `_ChangedStudyError`."""
    try:
        yield
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        raise _ChangedStudyError(str(error)) from error


class _TakenElsewhereError(Exception):
    """A trial whose slot another one has."""


def storage_url(storage: str | None, run: Path) -> sqlalchemy.URL:
    """The address of a study: of a database, or of a SQLite file by its path; by default of one in the run.

    Raises: `UsageError` if it is no address of a database, or its driver is not installed.
    """
    examples = "such as sqlite:///study.db or postgresql://user@host/database"
    if storage is None or "://" not in storage:
        url = sqlalchemy.URL.create("sqlite", database=storage or str(run / STUDY))
    else:
        try:
            url = sqlalchemy.make_url(storage)
            if url.drivername == "postgresql":  # without a name it would be psycopg2
                url = url.set(drivername="postgresql+psycopg")
            url.get_dialect().import_dbapi()
        except (sqlalchemy.exc.ArgumentError, ValueError) as error:
            raise UsageError(
                "--storage: {storage!r} is no address of a database, {examples}", storage, examples
            ) from error
        except ImportError as error:
            raise UsageError(
                "--storage: the driver for {get_backend_name}, {name}, is not installed; "
                "for PostgreSQL: pip install 'psycopg[binary]'",
                url.get_backend_name(),
                error.name,
            ) from error
    if url.get_backend_name() != "sqlite":
        return url
    if url.database in (None, "", ":memory:"):
        raise UsageError(
            "--storage: {storage} names no file, so nothing could be resumed; give one {examples}",
            storage,
            examples,
        )
    return url.set(database=str(Path(str(url.database)).resolve()))


@contextlib.contextmanager
def opened_study(url: sqlalchemy.URL, name: str, *, afresh: bool = False) -> Iterator[optuna.Study]:
    """Create a study, or open the one of that name, and let go of the database at the end.

    `afresh` removes what the study holds. What the database refuses, also later on, is a `StorageError`.

    Raises: `StorageError` if the database cannot be used, or holds what no trial has left there.
    """
    place = url.render_as_string(hide_password=True)
    try:
        storage = _opened(url)
        try:
            if afresh and name in optuna.get_all_study_names(storage):
                optuna.delete_study(study_name=name, storage=storage)
            pruner = optuna.pruners.MedianPruner(_STARTUP, n_warmup_steps=_WARM_UP)
            yield optuna.create_study(
                storage=storage, study_name=name, direction="maximize", pruner=pruner, load_if_exists=True
            )
        finally:
            storage.remove_session()
            storage.engine.dispose()
    except _ChangedStudyError as error:
        reason = str(error).strip().partition("\n")[0][:_REASON]
        raise StorageError(
            "{place}: the study was changed by something else than its trials: {reason}; give another "
            "--storage, or begin afresh with --overwrite",
            place,
            reason,
        ) from error
    except (StorageInternalError, sqlalchemy.exc.SQLAlchemyError, sqlite3.Error) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        reason = str(getattr(cause, "orig", None) or cause).strip().partition("\n")[0]
        raise StorageError(
            "{place}: the database refuses: {reason}; see to it, then run the same command again: the study "
            "goes on",
            place,
            reason,
        ) from error


def _opened(url: sqlalchemy.URL) -> RDBStorage:
    """The storage of an address, in which trials of dead processes are found by their heartbeat."""
    engine: dict[str, Any] = {}
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite:
        # Readers and one writer at the same time; it is kept in the file.
        with contextlib.closing(sqlite3.connect(str(url.database), timeout=_WAIT_FOR_LOCK)) as file:
            file.execute("PRAGMA journal_mode=WAL")
        # Transactions are begun below, not by the driver.
        engine = {"connect_args": {"timeout": _WAIT_FOR_LOCK, "isolation_level": None}}
    place, address = url.render_as_string(hide_password=True), url.render_as_string(hide_password=False)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                storage = RDBStorage(address, engine, heartbeat_interval=HEARTBEAT, grace_period=GRACE)
            break
        except RuntimeError as error:  # the tables are of another version of Optuna
            reason = str(error).partition("\n")[0]
            raise StorageError("{place}: {reason}; give another --storage", place, reason) from error
        except sqlalchemy.exc.SQLAlchemyError as error:
            # Of two that create the tables at the same moment the one that lost finds them made.
            if attempt == _ATTEMPTS or "already exists" not in str(error):
                raise
            time.sleep(_BETWEEN)
    if is_sqlite:
        # What a dead process has committed is safe without waiting for the disk each time.
        synchronous = "PRAGMA synchronous=NORMAL"
        sqlalchemy.event.listen(storage.engine, "connect", lambda each, _: each.execute(synchronous))
        storage.engine.dispose()
        # By default SQLite locks a file at the first write: two processes that have both read a waiting trial
        # would both run it.
        begin = "BEGIN IMMEDIATE"
        sqlalchemy.event.listen(storage.engine, "begin", lambda each: each.exec_driver_sql(begin))
    return storage


class EndedTrial(NamedTuple):
    """What a trial came to."""

    slot: int
    state: str  # `complete`, `stopped early` or `diverged`
    values: Mapping[str, Any]  # its settings, by name
    score: float | None  # on validation, in the metric's own direction; None where it did not end
    facts: Mapping[str, Any]  # of its training: seconds, epochs, steps, parameters; what is known of it
    tenths: int  # of its course that it has run


class Trained(NamedTuple):
    """Result of a trial's training: the score that decides, larger being better, and what else is known."""

    merit: float
    score: float
    facts: Mapping[str, Any]


class Reporter(Observer):
    """Reports of a trial after each tenth of its course, by which Optuna stops one that falls behind.

    Networks of other batch sizes have other epochs: tenths are what they share. What is compared is the score
    that chooses an epoch, and not the log loss, which label smoothing changes until a model is calibrated.
    The default recipe, with which all are compared, has no `has_time` and is never stopped.
    """

    def __init__(self, trial: Trial, has_time: Callable[[], bool] | None) -> None:
        self.trial, self.has_time = trial, has_time
        self.metric, self.total_steps, self.reported = "", 0, 0  # of the recipe, once it is known

    def after_epoch(self, state: State) -> None:
        """Report the tenths that have ended; stop where others did better by then, or the time is up."""
        reached = _TENTHS * state.step // self.total_steps
        score = selection_score(state.history[-1], self.metric)
        for tenth in range(self.reported + 1, reached + 1):
            self.trial.report(score, tenth)
        self.reported = max(self.reported, reached)
        if self.has_time is None or self.reported == _TENTHS:
            return
        if self.trial.should_prune() or not self.has_time():
            raise optuna.TrialPruned


Train = Callable[[Mapping[str, Any], Reporter], Trained]


@dataclass
class Search:
    """The trials of a study, as this process works on them."""

    study: optuna.Study
    space: Sequence[Dimension]
    count: int  # trials in all, over every process
    seed: int
    run: Path  # folder in which processes of this machine leave a lock while they live
    worker: str = field(default_factory=lambda: f"{platform.node()}-{os.getpid()}-{secrets.token_hex(4)}")

    def work(self, train: Train, left: Callable[[], float], say: Callable[[EndedTrial], None]) -> None:
        """Run one trial after the other until there is one in each slot, by whichever process.

        `train` gets the settings of a trial and its observer; `left` are the seconds that trials may take;
        `say` hears of each trial that this process has ended.
        """
        with locked(self.run, self.worker):
            while not self.is_closed:
                self._give_up_dead()
                live, complete = self.live(), self.complete
                is_waiting = any(each.state is TrialState.WAITING for each in live.values())
                free = [slot for slot in range(self.count) if slot not in live]
                if not is_waiting and not free:
                    if all(each.state is not TrialState.RUNNING for each in live.values()):
                        break
                    time.sleep(_BETWEEN)
                elif complete[:1] and not complete[0].slot and _longest(complete) > left():
                    self.study.set_user_attr(_CLOSED, True)
                else:
                    if not is_waiting:
                        self.study.enqueue_trial(self._known_of(free[0]), user_attrs={_SLOT: free[0]})
                    self._run_next(train, lambda: left() > 0, say)
        (self.run / self.worker).unlink(missing_ok=True)

    @property
    def is_closed(self) -> bool:
        """True where the time was over: no trial begins any more, in no process."""
        return bool(self.study.user_attrs.get(_CLOSED))

    def live(self) -> dict[int, FrozenTrial]:
        """By slot the trial that counts: of those that were not broken off the first."""
        found: dict[int, FrozenTrial] = {}
        for trial in self._trials():
            if trial.state is not TrialState.FAIL and _SLOT in trial.user_attrs:
                found.setdefault(trial.user_attrs[_SLOT], trial)
        return dict(sorted(found.items()))

    @property
    def outcomes(self) -> list[EndedTrial]:
        """What all ended trials came to, by slot."""
        ended = [each for each in self.live().values() if each.state in _ENDED]
        return [self._checked(_outcome(each)) for each in ended]

    @property
    def complete(self) -> list[EndedTrial]:
        """Those that have a score."""
        return [each for each in self.outcomes if each.score is not None]

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        """The trials in some states, by default all, each without a slot or with one of this study."""
        with _as_left_by_trials():
            trials = self.study.get_trials(deepcopy=False, states=states or None)
        for trial in trials:
            slot = trial.user_attrs.get(_SLOT, 0)
            if type(slot) is not int or not 0 <= slot < max(self.count, 1):
                raise _ChangedStudyError(Sentence("trial {number}: slot {slot!r}", trial.number, slot))
        return trials

    def _checked(self, found: EndedTrial) -> EndedTrial:
        """What a trial came to, its settings and figures being such as a trial has.

        Raises: `_ChangedStudyError` for any others.
        """
        values, facts, score = found.values, found.facts, found.score
        figures = facts if isinstance(facts, dict) else {"facts": facts}
        figures = {
            **figures,
            "seconds": figures.get("seconds", 0.0),
            "score": 0.0 if score is None else score,
        }
        if isinstance(scores := figures.pop("scores", {}), dict):
            figures |= scores
        wrong = [name for name, value in figures.items() if not _is_figure(value)]
        if score is not None and "seconds" not in facts:
            wrong.append("seconds")
        if not isinstance(values, dict) or {*values} != {each.name for each in self.space}:
            wrong.append("values")
        else:
            wrong += [each.name for each in self.space if not each.admits(values[each.name])]
        if wrong:
            raise _ChangedStudyError(
                Sentence("trial of slot {slot}: {str}", found.slot, ", ".join(map(str, wrong)))
            )
        return found

    def _known_of(self, slot: int) -> dict[str, Any]:
        """Settings of a trial that are known before: the default's, or those of one that was broken off."""
        if slot == 0:
            return {each.name: each.default for each in self.space}
        for trial in self._trials(TrialState.FAIL):
            if trial.user_attrs.get(_SLOT) == slot and len(trial.params) == len(self.space):
                return dict(trial.params)
        return {}

    def _run_next(
        self, train: Train, has_time: Callable[[], bool], say: Callable[[EndedTrial], None]
    ) -> None:
        """Run the next waiting trial, unless its slot is another's."""
        ran, broke = [], []

        def objective(trial: Trial) -> float:
            ran.append(trial.number)
            try:
                return self._trained(trial, train, has_time)
            except (optuna.TrialPruned, UpdateFinishedTrialError, _TakenElsewhereError):
                raise
            except BaseException as error:
                broke.append(error)
                raise

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                self.study.optimize(objective, n_trials=1, catch=(_TakenElsewhereError,))
        except (UpdateFinishedTrialError, ValueError, AssertionError):
            # A trial that was given up as dead while it lived, on a machine that slept: another has its slot
            # now, and Optuna refuses, in one way or another, to enter how it ended.
            if broke:
                raise
        for slot, trial in self.live().items():
            if trial.number in ran and trial.state in _ENDED:
                say(next(each for each in self.outcomes if each.slot == slot))

    def _trained(self, trial: Trial, train: Train, has_time: Callable[[], bool]) -> float:
        """Run one trial: draw its settings, train with them, and keep what is known of it."""
        slot = trial.user_attrs.get(_SLOT)
        if slot is None or self.live()[slot].number != trial.number:
            raise _TakenElsewhereError
        trial.set_user_attr(_WORKER, self.worker)
        # Draws are a function of what is known and of the slot, also after a kill.
        self.study.sampler = optuna.samplers.TPESampler(
            seed=torch_seed(self.seed, Purpose.TRIALS, slot) % 2**32
        )
        values = {each.name: each.rounded(_drawn(trial, each)) for each in self.space}
        trial.set_user_attr("values", values)
        try:
            found = train(values, Reporter(trial, has_time if slot else None))
        except DivergedError as error:
            if slot == 0:
                raise DivergedError("default recipe: {error}", error) from error
            trial.set_user_attr("diverged", str(error))
            raise optuna.TrialPruned from error
        trial.set_user_attr("score", found.score)
        trial.set_user_attr("facts", dict(found.facts))
        return found.merit

    def _give_up_dead(self) -> None:
        """Give up running trials of processes that have died, so that their slots are free again.

        A process of this machine is known to be dead at once by its lock, others by their heartbeat, and one
        that died before the first beat by having none.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            optuna.storages.fail_stale_trials(self.study)
        for trial in self._trials(TrialState.RUNNING):
            worker, seconds = trial.user_attrs.get(_WORKER), 0.0
            if worker is None and trial.datetime_start is not None:
                seconds = (datetime.now() - trial.datetime_start).total_seconds()
            if seconds > GRACE or self._is_dead(worker):
                with contextlib.suppress(ValueError):  # another process was quicker
                    self.study.tell(trial.number, state=TrialState.FAIL)

    def _is_dead(self, worker: str | None) -> bool:
        """True for a process of this machine and this run that holds its lock no more."""
        is_near = worker is not None and worker.startswith(f"{platform.node()}-")
        if worker is None or not is_near or not (self.run / worker).exists():
            return False
        try:
            with locked(self.run, worker):
                return True
        except RunLockedError:
            return False


def _longest(complete: Sequence[EndedTrial]) -> float:
    """Seconds of the trial that took the longest."""
    return max(float(each.facts["seconds"]) for each in complete)


def _drawn(trial: Trial, dimension: Dimension) -> Any:
    if dimension.values:
        return trial.suggest_categorical(dimension.name, dimension.values)
    return trial.suggest_float(dimension.name, dimension.low, dimension.high, log=dimension.is_log)


def _outcome(trial: FrozenTrial) -> EndedTrial:
    known, is_complete = trial.user_attrs, trial.state is TrialState.COMPLETE
    state = "complete" if is_complete else "diverged" if "diverged" in known else "stopped early"
    tenths = _TENTHS if is_complete else trial.last_step or 0
    score = known.get("score", math.nan) if is_complete else None
    return EndedTrial(known[_SLOT], state, known.get("values", {}), score, known.get("facts", {}), tenths)


def _is_figure(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and math.isfinite(value))


def importances(study: optuna.Study) -> dict[str, float]:
    """How much each setting mattered, the most first; nothing where too few trials have ended to tell.

    Source: Watanabe, Bansal and Hutter 2023, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in
        Arbitrary Subspaces", arXiv:2304.10255.
    """
    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < 2 * _STARTUP:
        return {}
    with warnings.catch_warnings(), _as_left_by_trials():
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
