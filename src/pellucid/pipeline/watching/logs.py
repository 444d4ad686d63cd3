"""Curves, settings and final scores of a run for TensorBoard and MLflow, through their own libraries.

A thread of its own does the writing: a disk or a server that is slow holds up no step, and one that fails
loses no run.
"""

import contextlib
import json
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pellucid.data import Check
from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence
from pellucid.pipeline.finished_run import Run
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.journal import Journal, RunFolder
from pellucid.pipeline.run.stages import Onlooker, Stages
from pellucid.training import Observer, Session
from pellucid.training.state import Record, State

_INSTALL = "--log {0}: needs an extra: pip install 'pellucid[{0}]'"
_AT_THE_END = 20.0  # seconds that a log may take in the end to have what it lacks
_AGAIN = 5.0  # seconds between two attempts at a log that fails
_LONGEST_PARAMETER = 500


class Point(NamedTuple):
    """A number of a model: its name, its value, and the epoch it is of."""

    model: str
    name: str
    value: float
    epoch: int


class Writer(Protocol):
    """What a tool takes; each may raise whatever the tool raises."""

    def settings(self, found: Mapping[str, Any]) -> None:
        """Write the settings and the command of the run."""

    def points(self, found: Sequence[Point]) -> None:
        """Write numbers of epochs."""

    def results(self, run: Run, scores: Mapping[str, Mapping[str, float]]) -> None:
        """Write the test scores of every model and the report."""

    def close(self, outcome: str) -> None:
        """End: `finished`, `stopped` or `failed`."""


@contextlib.contextmanager
def logged(tool: str, place: str, folder: RunFolder, stages: Stages, *, resume: bool) -> Iterator[None]:
    """Let a tool have what a run measures, for as long as the work within takes.

    Raises: `UsageError` before the work begins, if the tool's library is missing or its place cannot be used.
    """
    make: Callable[[str, RunFolder, bool], Writer] = _TensorBoard if tool == "tensorboard" else _MLflow
    try:
        writer = make(place, folder, resume)
    except ImportError as error:
        raise UsageError(_INSTALL.format(tool)) from error
    except Exception as error:  # whatever the library raises
        raise UsageError("--log {tool}:{place}: {error}", tool, place, _first_line(error)) from error
    log = _Log(writer, f"--log {tool}", stages)
    stages.onlookers.append(log)
    outcome = "failed"
    try:
        yield
        outcome = "finished"
        log.put_settings()
        run = Run(folder.path)
        log.put(lambda: writer.results(run, scores_of(run.metrics)))
    except KeyboardInterrupt:
        outcome = "stopped"
        raise
    finally:
        stages.onlookers.remove(log)
        log.put(lambda: writer.close(outcome))
        log.end()


def scores_of(metrics: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Test scores of every model in `metrics.json`, by its name and theirs."""
    return {
        name: {
            key: float(each["value"])
            for key, each in (entry.get("test") or {}).items()
            if isinstance(each, Mapping) and each.get("value") is not None
        }
        for name, entry in metrics["models"].items()
    }


def points_of(model: str, record: Record) -> list[Point]:
    """The numbers of an epoch's record that the report draws, those of layers among them."""
    epoch = int(record["epoch"])
    found = [
        Point(model, name, float(value), epoch)
        for name, value in record.items()
        if name not in ("epoch", "model") and isinstance(value, (int, float))
    ]
    for kind in ("weights", "activations"):
        for layer, numbers in (record.get("health") or {}).get(kind, {}).items():
            found += [
                Point(model, f"{kind}/{layer}/{name}", float(value), epoch)
                for name, value in numbers.items()
                if isinstance(value, (int, float))
            ]
    return found


class _Log(Onlooker):
    """Writes one thing after another in its own thread; what fails is tried again, and warned of once."""

    def __init__(self, writer: Writer, name: str, stages: Stages) -> None:
        self._writer, self._name, self._stages = writer, name, stages
        self._waiting: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._journal: Journal | None = None
        self._deadline = float("inf")
        self._has_warned = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._write, name="pellucid-log", daemon=True)
        self._thread.start()

    def put(self, write: Callable[[], None]) -> None:
        """Have something written when its turn comes."""
        self._waiting.put(write)

    def read(self, context: RunContext, check: Check) -> None:
        """Keep the journal, in which the settings are."""
        del check
        self._journal = context.journal

    def put_settings(self) -> None:
        """Have the settings written, once: when all of them are decided."""
        if self._journal is not None:
            content, self._journal = self._journal.content, None
            self.put(lambda: self._writer.settings(content))

    @contextlib.contextmanager
    def training(self, name: str, session: Session[Any]) -> Iterator[Sequence[Observer]]:
        """Write the records that are there, of a training that is resumed, and each that comes."""
        self.put_settings()
        self._put_points([point for record in session.state.history for point in points_of(name, record)])
        yield [_Epochs(name, self._put_points)]

    def _put_points(self, points: Sequence[Point]) -> None:
        if points:
            self.put(lambda: self._writer.points(points))

    def end(self) -> None:
        """Wait until all is written, for a bounded time."""
        self._deadline = time.monotonic() + _AT_THE_END
        self._ending.set()
        self._waiting.put(None)
        self._thread.join(_AT_THE_END + 1.0)
        if self._thread.is_alive() or not self._waiting.empty():
            self._stages.paragraph(
                Sentence("warning: {name}: lacks the end of the run, which is whole itself", self._name)
            )

    def _write(self) -> None:
        while (write := self._waiting.get()) is not None:
            while not self._is_written(write):
                if time.monotonic() + _AGAIN > self._deadline:
                    return
                self._ending.wait(_AGAIN) if not self._ending.is_set() else time.sleep(_AGAIN)

    def _is_written(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except Exception as error:  # a tool's trouble is not the run's
            if not self._has_warned:
                self._has_warned = True
                self._stages.paragraph(
                    Sentence(
                        "warning: {name}: {error}; the run goes on, and what is missing is "
                        "written once that works again",
                        self._name,
                        _first_line(error),
                    )
                )
            return False
        return True


class _Epochs(Observer):
    """Hands over the numbers of each epoch."""

    def __init__(self, name: str, put: Callable[[Sequence[Point]], None]) -> None:
        self._name, self._put = name, put

    def after_epoch(self, state: State) -> None:
        """Hand over the newest record."""
        self._put(points_of(self._name, state.history[-1]))


def _first_line(error: Exception) -> str:
    words = str(error).strip().partition("\n")[0]
    return words[:300] or type(error).__name__


class _TensorBoard:
    """Event files in a folder, with a folder in it for each model; by tensorboardX.

    A resumed run writes its curves from the first epoch on; TensorBoard drops those of the former process.
    """

    def __init__(self, place: str, folder: RunFolder, resume: bool) -> None:
        from tensorboardX import SummaryWriter

        del folder, resume
        self._make, self._place, self._writers = SummaryWriter, Path(place), dict[str, Any]()
        self._of("run")  # so that a folder that cannot be written to is refused now

    def _of(self, model: str) -> Any:
        if model not in self._writers:
            self._writers[model] = self._make(str(self._place / model), purge_step=0, flush_secs=5)
        return self._writers[model]

    def settings(self, found: Mapping[str, Any]) -> None:
        """Write settings and command as texts."""
        writer = self._of("run")
        rows = "\n".join(f"| {name} | {value} |" for name, value in _flat(found).items())
        writer.add_text("settings", f"| setting | value |\n| --- | --- |\n{rows}", 0)
        writer.add_text("command", f"    {found.get('command', '')}", 0)
        writer.flush()

    def points(self, found: Sequence[Point]) -> None:
        """Write each number by its epoch."""
        for point in found:
            self._of(point.model).add_scalar(point.name, point.value, point.epoch)
        for model in {point.model for point in found}:
            self._of(model).flush()

    def results(self, run: Run, scores: Mapping[str, Mapping[str, float]]) -> None:
        """Write the test scores, and the verdict as a text."""
        for model, found in scores.items():
            for name, value in found.items():
                self._of(model).add_scalar(f"test/{name}", value, 0)
        writer = self._of("run")
        writer.add_text("verdict", run.verdict, 0)
        writer.add_text("report", f"`{run.report.resolve()}`", 0)

    def close(self, outcome: str) -> None:
        """Close the files."""
        del outcome
        for writer in self._writers.values():
            writer.close()


class _MLflow:
    """A run of MLflow in an experiment, `pellucid` unless MLFLOW_EXPERIMENT_NAME says another; by its client.

    A resumed run goes on in the same run of MLflow, which a tag names.
    """

    def __init__(self, place: str, folder: RunFolder, resume: bool) -> None:
        # Nothing is sent to the library's makers, and a server that is away is found out soon.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow.entities import Metric, Param
        from mlflow.tracking import MlflowClient

        self._metric, self._param = Metric, Param
        self._client, tag = MlflowClient(place), str(folder.path.resolve())
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "pellucid"
        known = self._client.get_experiment_by_name(name)
        experiment = self._client.create_experiment(name) if known is None else known.experiment_id
        quoted = tag.replace("'", "\\'")
        former = self._client.search_runs([experiment], f"tags.`pellucid.run` = '{quoted}'") if resume else []
        if former:
            self._id = former[0].info.run_id
            self._client.update_run(self._id, "RUNNING")
        else:
            made = self._client.create_run(experiment, run_name=folder.path.name, tags={"pellucid.run": tag})
            self._id = made.info.run_id
        self._last: dict[str, int] = {}
        self._known: set[str] = set()
        if former:
            self._last = {name: self._epoch_of(name) for name in former[0].data.metrics}
            self._known = set(former[0].data.params)

    def _epoch_of(self, name: str) -> int:
        """The last epoch of a metric that is there already."""
        return max((each.step for each in self._client.get_metric_history(self._id, name)), default=-1)

    def settings(self, found: Mapping[str, Any]) -> None:
        """Write settings as parameters, which MLflow never changes, and the command as a tag."""
        rows = {name: value for name, value in _flat(found).items() if name not in self._known}
        parameters = [self._param(name, value[:_LONGEST_PARAMETER]) for name, value in rows.items()]
        for start in range(0, len(parameters), 100):
            self._client.log_batch(self._id, params=parameters[start : start + 100])
        self._client.set_tag(self._id, "pellucid.command", str(found.get("command", "")))

    def points(self, found: Sequence[Point]) -> None:
        """Write numbers of epochs that are not there yet."""
        now = int(1000 * time.time())
        rows = [(f"{each.model}/{each.name}", each.value, each.epoch) for each in found]
        new = [row for row in rows if row[2] > self._last.get(row[0], -1)]
        for start in range(0, len(new), 1000):
            some = new[start : start + 1000]
            self._client.log_batch(
                self._id, metrics=[self._metric(name, value, now, step) for name, value, step in some]
            )
            self._last |= {name: max(step, self._last.get(name, -1)) for name, _, step in some}

    def results(self, run: Run, scores: Mapping[str, Mapping[str, float]]) -> None:
        """Write the test scores as metrics, the recommended model as a tag, and the report as an artifact."""
        self.points(
            [
                Point(model, f"test/{name}", value, 0)
                for model, found in scores.items()
                for name, value in found.items()
            ]
        )
        self._client.set_tag(self._id, "pellucid.recommended", str(run.metrics["recommended"]))
        self._client.set_tag(self._id, "mlflow.note.content", run.verdict)
        for path in (run.report, run.folder / "metrics.json"):
            self._client.log_artifact(self._id, str(path))

    def close(self, outcome: str) -> None:
        """Set the status of the run."""
        status = {"finished": "FINISHED", "stopped": "KILLED"}.get(outcome, "FAILED")
        self._client.set_terminated(self._id, status)


def _flat(content: Mapping[str, Any]) -> dict[str, str]:
    """Settings of `config.json` that no rule decides, and the recipe by which the network is trained."""
    recipe = (content.get("plan") or {}).get("recipe") or {}
    found = {**content.get("settings", {}), **{f"recipe.{name}": value for name, value in recipe.items()}}
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in found.items()
        if value is not None
    }
