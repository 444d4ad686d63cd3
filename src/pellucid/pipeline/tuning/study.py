"""Study of `tune`: its trials in a database that processes and machines share, each trial run by one of them.

All trials wait in the database from the beginning, one for each slot from 0 on, so that there are never more
than were asked for. Optuna hands them out, draws their settings, stops those that fall behind, and finds by
their heartbeat those whose process has died; what it does not try again by itself is put back in line here.
"""

import contextlib
import os
import platform
import secrets
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, Trial, TrialState

from pellucid.arithmetic.draws import Purpose, torch_seed
from pellucid.errors import DivergedError, RunLockedError, StorageError, UsageError
from pellucid.files import locked
from pellucid.pipeline.run.journal import STUDY
from pellucid.pipeline.tuning.spaces import Dimension
from pellucid.training import Observer, State
from pellucid.training.loop import selection_score

# Seconds between two signs of life of a trial, and without any after which its process counts as dead. SQLite
# may keep a writer waiting for a minute, and a trial that is given up while it lives would be run twice.
HEARTBEAT, GRACE = 15, 150
_WAIT_FOR_LOCK = 60  # seconds that SQLite waits for another writer
_ATTEMPTS, _BETWEEN = 8, 1.0  # at opening a database that others open, too, and seconds between two
# Trials that are never stopped early, and tenths of its course after which a trial may be.
_STARTUP, _WARM_UP, _TENTHS = 5, 3, 10

_DONE = (TrialState.COMPLETE, TrialState.PRUNED)
_SLOT, _WORKER, _CLOSED = "slot", "worker", "closed"

optuna.logging.set_verbosity(optuna.logging.ERROR)


class _Surplus(Exception):
    """A trial that another process has taken, or that nobody asked for."""


def storage_url(storage: str | None, run: Path) -> sqlalchemy.URL:
    """The address of a study: of a database, or of a SQLite file by its path; by default of one in the run.

    Paths are absolute, since each process has a working folder of its own.

    Raises: `UsageError` if it is no address of a database.
    """
    if storage is None:
        return sqlalchemy.URL.create("sqlite", database=str((run / STUDY).resolve()))
    if "://" not in storage:
        return sqlalchemy.URL.create("sqlite", database=str(Path(storage).resolve()))
    examples = "such as sqlite:///study.db or postgresql://user@host/database"
    try:
        url = sqlalchemy.make_url(storage)
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        raise UsageError(f"--storage: {storage!r} is no address of a database, {examples}") from error
    if url.get_backend_name() != "sqlite":
        return url
    if not url.database or url.database == ":memory:":
        raise UsageError(
            f"--storage: {storage} names no file, which a killed study could go on from; {examples}"
        )
    return url.set(database=str(Path(url.database).resolve()))


@contextlib.contextmanager
def opened_study(url: sqlalchemy.URL, name: str, *, afresh: bool = False) -> Iterator[optuna.Study]:
    """Create a study, or open the one of that name, and let go of the database at the end.

    `afresh` removes what the study holds. What the database refuses, also later on, is a `StorageError` that
    says where, and what to do.

    Raises: `StorageError` if the database cannot be used; `UsageError` if its driver is missing.
    """
    place = url.render_as_string(hide_password=True)
    try:
        study, storage = _study(url, name, afresh)
        try:
            yield study
        finally:
            storage.remove_session()
            storage.engine.dispose()
    except (StorageInternalError, sqlalchemy.exc.SQLAlchemyError, sqlite3.Error) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        reason = str(getattr(cause, "orig", None) or cause).strip().partition("\n")[0]
        raise StorageError(
            f"{place}: the database refuses: {reason}; see to it, then run the same command again: the study "
            "goes on"
        ) from error
    except ImportError as error:
        raise UsageError(
            f"--storage: {place} needs a driver for {url.get_backend_name()} that is not installed; "
            "for PostgreSQL: pip install 'psycopg[binary]'"
        ) from error


def _study(url: sqlalchemy.URL, name: str, afresh: bool) -> tuple[optuna.Study, RDBStorage]:
    """The study, and the storage it is in."""
    for attempt in range(_ATTEMPTS):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                storage = _opened(url)
            if afresh and name in optuna.get_all_study_names(storage):
                optuna.delete_study(study_name=name, storage=storage)
            pruner = optuna.pruners.MedianPruner(_STARTUP, n_warmup_steps=_WARM_UP)
            study = optuna.create_study(
                storage=storage, study_name=name, direction="maximize", pruner=pruner, load_if_exists=True
            )
            return study, storage
        except RuntimeError as error:  # the tables are of another version of Optuna
            reason = str(error).partition("\n")[0]
            place = url.render_as_string(hide_password=True)
            raise StorageError(f"{place}: {reason}; give another --storage") from error
        except (StorageInternalError, sqlalchemy.exc.SQLAlchemyError, sqlite3.Error):
            # Two that create the same tables at the same moment: the one that lost finds them made.
            if attempt + 1 == _ATTEMPTS:
                raise
            time.sleep(_BETWEEN)
    raise AssertionError("every attempt returns or raises")


def _opened(url: sqlalchemy.URL) -> RDBStorage:
    """The storage of an address, where dead trials are found by their heartbeat and tried again."""
    engine: dict[str, Any] = {}
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite:
        # Readers and one writer at the same time; it is kept in the file.
        with contextlib.closing(sqlite3.connect(str(url.database), timeout=_WAIT_FOR_LOCK)) as file:
            file.execute("PRAGMA journal_mode=WAL")
        # Transactions are begun below, not by the driver.
        engine = {"connect_args": {"timeout": _WAIT_FOR_LOCK, "isolation_level": None}}
    storage = RDBStorage(
        url.render_as_string(hide_password=False),
        engine,
        heartbeat_interval=HEARTBEAT,
        grace_period=GRACE,
        heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
    )
    if is_sqlite:
        # What a dead process has committed is safe without waiting for the disk each time.
        sqlalchemy.event.listen(storage.engine, "connect", _without_waiting)
        storage.engine.dispose()
        # By default SQLite locks a file at the first write: two processes that have both read a waiting trial
        # would both run it.
        sqlalchemy.event.listen(
            storage.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE")
        )
    return storage


def _without_waiting(connection: Any, _: object) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")


@dataclass(frozen=True)
class Outcome:
    """What a trial came to."""

    slot: int
    state: str  # `complete`, `stopped early` or `diverged`
    values: Mapping[str, Any]  # its settings, by name
    score: float | None  # on validation, in the metric's own direction; None where it did not end
    facts: Mapping[str, Any]  # of its training: seconds, epochs, steps, parameters; what is known of it
    tenths: int  # of its course that it has run


@dataclass(frozen=True)
class Trained:
    """Result of a trial's training: the score that decides, larger being better, and what else is known."""

    merit: float
    score: float
    facts: Mapping[str, Any]


class Reporter(Observer):
    """Reports of a trial after each tenth of its course, by which Optuna stops one that falls behind.

    Networks of other batch sizes have other epochs: tenths are what they share. What is compared is the score
    that chooses an epoch, and not the log loss, which label smoothing changes until a model is calibrated.
    """

    def __init__(self, trial: Trial, metric: str, total_steps: int) -> None:
        self.trial, self.metric, self.total_steps = trial, metric, total_steps
        self.reported = 0

    def after_epoch(self, state: State) -> None:
        """Report the tenths that this epoch has ended, and stop where others did better by then."""
        reached = _TENTHS * state.step // self.total_steps
        score = selection_score(state.history[-1], self.metric)
        for tenth in range(self.reported + 1, reached + 1):
            self.trial.report(score, tenth)
        self.reported = max(self.reported, reached)
        if self.reported < _TENTHS and self.trial.should_prune():
            raise optuna.TrialPruned


@dataclass
class Search:
    """The trials of a study, as this process works on them."""

    study: optuna.Study
    space: Sequence[Dimension]
    count: int  # trials in all, over every process
    seed: int
    run: Path  # folder in which processes of this machine leave a lock while they live
    worker: str = field(default_factory=lambda: f"{platform.node()}-{os.getpid()}-{secrets.token_hex(4)}")
    _unborn: dict[int, float] = field(default_factory=dict)

    def work(
        self,
        train: Callable[[Mapping[str, Any], Callable[[str, int], Reporter]], Trained],
        has_time: Callable[[], bool],
        say: Callable[[Outcome], None],
    ) -> None:
        """Run one waiting trial after the other until all are done, by whichever process.

        `train` gets the settings of a trial, and what makes its observer from the metric of its epochs and
        its steps; `has_time` is asked before each trial; `say` hears of each that this process has ended.
        """
        with locked(self.run, self.worker):
            while not self.is_closed:
                self._give_up_dead()
                self._fill()
                live = self.live()
                if any(each.state is TrialState.WAITING for each in live.values()):
                    if not has_time():
                        self.study.set_user_attr(_CLOSED, True)
                        break
                    self._next(train, say)
                elif any(each.state is TrialState.RUNNING for each in live.values()):
                    time.sleep(_BETWEEN)
                else:
                    break
        (self.run / self.worker).unlink(missing_ok=True)

    @property
    def is_closed(self) -> bool:
        """True where the time was over: no trial begins any more, in no process."""
        return bool(self.study.user_attrs.get(_CLOSED))

    def live(self) -> dict[int, FrozenTrial]:
        """By slot the trial that counts: of those that have not failed the first."""
        found: dict[int, FrozenTrial] = {}
        for trial in self.study.get_trials(deepcopy=False):
            if trial.state is not TrialState.FAIL and _SLOT in trial.user_attrs:
                found.setdefault(trial.user_attrs[_SLOT], trial)
        return dict(sorted(found.items()))

    def outcomes(self) -> list[Outcome]:
        """What all ended trials came to, by slot."""
        return [_outcome(each) for each in self.live().values() if each.state in _DONE]

    def _fill(self) -> None:
        """Put trials in line for slots that have none: at the beginning, and where one was broken off.

        A trial that is tried again has the settings that it had. Should two processes do it at the same
        moment, the first one's counts.
        """
        live = self.live()
        missing = [slot for slot in range(self.count) if slot not in live]
        if not missing:
            return
        before = {
            each.user_attrs[_SLOT]: each.params
            for each in self.study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
            if each.params and _SLOT in each.user_attrs
        }
        default = {each.name: each.default for each in self.space}
        for slot in missing:
            known = before.get(slot, {} if slot else default)
            self.study.enqueue_trial(known, user_attrs={_SLOT: slot})

    def _next(
        self,
        train: Callable[[Mapping[str, Any], Callable[[str, int], Reporter]], Trained],
        say: Callable[[Outcome], None],
    ) -> None:
        """Run the next waiting trial, unless another process takes it first."""
        ran: list[int] = []

        def objective(trial: Trial) -> float:
            slot = trial.user_attrs.get(_SLOT)
            live = self.live()
            if slot is None or live[slot].number != trial.number:
                raise _Surplus
            trial.set_user_attr(_WORKER, self.worker)
            # Draws are a function of what is known and of the slot, also after a kill.
            seed = torch_seed(self.seed, Purpose.TRIALS, slot) % 2**32
            self.study.sampler = optuna.samplers.TPESampler(seed=seed)
            values = {each.name: each.rounded(_drawn(trial, each)) for each in self.space}
            trial.set_user_attr("values", values)
            ran.append(slot)
            try:
                found = train(values, lambda metric, steps: Reporter(trial, metric, steps))
            except DivergedError as error:
                trial.set_user_attr("diverged", str(error))
                raise optuna.TrialPruned from error
            trial.set_user_attr("score", found.score)
            trial.set_user_attr("facts", dict(found.facts))
            return found.merit

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            try:
                self.study.optimize(objective, n_trials=1, catch=(_Surplus,))
            except ValueError as error:
                # It was given up as dead while it lived, on a machine that slept, and another has it now.
                if "Cannot tell a" not in str(error):
                    raise
        for slot in ran:
            trial = self.live().get(slot)
            if trial is not None and trial.state in _DONE:
                say(_outcome(trial))

    def _give_up_dead(self) -> None:
        """Give up running trials of processes that have died; `_fill` puts them in line again.

        A process of this machine is known to be dead at once by its lock, others by their heartbeat, and one
        that died before the first beat by having none.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            optuna.storages.fail_stale_trials(self.study)
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            worker = trial.user_attrs.get(_WORKER)
            since = self._unborn.setdefault(trial.number, time.monotonic())
            is_dead = time.monotonic() - since > GRACE if worker is None else self._is_dead(worker)
            if is_dead:
                with contextlib.suppress(ValueError):  # another process was quicker
                    self.study.tell(trial.number, state=TrialState.FAIL)

    def _is_dead(self, worker: str) -> bool:
        """True for a process of this machine and this run that holds its lock no more."""
        if not worker.startswith(f"{platform.node()}-") or not (self.run / worker).exists():
            return False
        try:
            with locked(self.run, worker):
                return True
        except RunLockedError:
            return False


def _drawn(trial: Trial, dimension: Dimension) -> Any:
    if dimension.values:
        return trial.suggest_categorical(dimension.name, dimension.values)
    return trial.suggest_float(dimension.name, dimension.low, dimension.high, log=dimension.is_log)


def _outcome(trial: FrozenTrial) -> Outcome:
    known, is_complete = trial.user_attrs, trial.state is TrialState.COMPLETE
    stopped = "diverged" if "diverged" in known else "stopped early"
    return Outcome(
        slot=known[_SLOT],
        state="complete" if is_complete else stopped,
        values=known["values"],
        score=known["score"] if is_complete else None,
        facts=known.get("facts", {}),
        tenths=_TENTHS if is_complete else trial.last_step or 0,
    )


def importances(study: optuna.Study) -> dict[str, float]:
    """How much each setting mattered, the most first; nothing where too few trials have ended to tell.

    Source: Watanabe, Bansal and Hutter 2023, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in
        Arbitrary Subspaces", arXiv:2304.10255.
    """
    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < 2 * _STARTUP:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
