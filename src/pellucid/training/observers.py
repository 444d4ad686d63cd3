"""Observers of training: checkpoints, signals, the history file, progress, and snapshots of generators."""

import contextlib
import io
import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from pellucid.arithmetic.rounding import figure
from pellucid.errors import InterruptedRun
from pellucid.input_kinds import INPUT_KINDS
from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence
from pellucid.safety.files import make_folder, write_file
from pellucid.settings import metric_of
from pellucid.training.batches import Batches
from pellucid.training.loop import Observer
from pellucid.training.recipe import Recipe
from pellucid.training.state import State, save_checkpoint


@contextlib.contextmanager
def signals_to(receive: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Give Ctrl-C, SIGTERM and SIGHUP to a signal handler for a while, where this is the main thread.

    A SIGHUP that is ignored stays so: `nohup` asks for that.
    """
    signals = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    former: dict[signal.Signals, Any] = {}
    try:
        for each in signals:
            former[each] = signal.signal(each, receive)
    except ValueError:  # only the main thread may; elsewhere the caller's handlers stay
        former.clear()
    try:
        yield
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)


# Checkpoints of large networks are this many times as far apart as writing one takes.
_WRITING = 20
_MOST_SHEETS = 8
_SHEET = "epoch-{:04d}.png"


class Checkpointer:
    """Writer of checkpoints: some seconds after the last, within long epochs, and at the end.

    When a checkpoint is made depends on the clock; what is in it never does.
    """

    def __init__(
        self,
        folder: Path,
        identity: Mapping[str, Any],
        total_steps: int,
        seconds: float = 5.0,
        long_seconds: float = 60.0,
    ) -> None:
        self.folder, self.identity, self.total_steps = folder, identity, total_steps
        self.seconds, self.long_seconds = seconds, long_seconds
        self.last, self.took = time.monotonic(), 0.0

    def after_step(self, state: State) -> None:
        """Save when the epoch is a long one."""
        if time.monotonic() - self.last >= self.long_seconds:
            self.save(state)

    def after_epoch(self, state: State) -> None:
        """Save at the end of training, and else when the last checkpoint is some seconds old."""
        finished = state.step >= self.total_steps or state.stopped
        if finished or time.monotonic() - self.last >= max(self.seconds, _WRITING * self.took):
            self.save(state)

    def save(self, state: State) -> None:
        """Save a checkpoint now."""
        began = time.monotonic()
        save_checkpoint(self.folder, state, self.identity)
        self.last = time.monotonic()
        self.took = self.last - began


class HistoryFile(Observer):
    """Writer that keeps `history.jsonl` equal to the state's history, also after a resume.

    The records `before` come before those of the state; `model` is added to each of the state's.
    """

    def __init__(
        self, path: Path, before: Sequence[Mapping[str, Any]] = (), model: str | None = None
    ) -> None:
        self.path = path
        self.before = before
        self.added = {} if model is None else {"model": model}
        self.lines: list[str] = []

    def after_epoch(self, state: State) -> None:
        """Write every record so far."""
        new = (*self.before, *({**record, **self.added} for record in state.history))[len(self.lines) :]
        self.lines += [json.dumps(record, allow_nan=False) + "\n" for record in new]
        write_file(self.path, "".join(self.lines).encode())


class StopOnSignal(Observer):
    """End of training after the step under way when Ctrl-C, SIGTERM or SIGHUP comes, checkpoint first.

    A second Ctrl-C stops at once.
    """

    def __init__(self, checkpointer: Checkpointer) -> None:
        self.checkpointer = checkpointer
        self.received: int | None = None

    def after_step(self, state: State) -> None:
        """Save and stop when a signal has come.

        Raises: `InterruptedRun` after the checkpoint was written.
        """
        if self.received is None:
            return
        self.checkpointer.save(state)
        name = signal.Signals(self.received).name
        raise InterruptedRun(
            Sentence(
                "{parent}: stopped by {name} after step {step}, checkpoint "
                "written; run the same command with --resume to go on",
                self.checkpointer.folder.parent,
                name,
                state.step,
            ),
            self.received,
        )

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals over for a while, where this is the main thread."""
        with signals_to(self._receive):
            yield

    def _receive(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.received = number
        signal.signal(signal.SIGINT, signal.default_int_handler)


class PlainProgress(Observer):
    """One line per epoch, for pipes and logs, of the batches of a training as their recipe is just then."""

    def __init__(self, write: Any, batches: Batches) -> None:
        self.write = write
        self.batches = batches

    def after_epoch(self, state: State) -> None:
        """Print the epoch's line."""
        recipe = self.batches.recipe
        record = state.history[-1]
        words: list[str] = [
            Sentence("epoch {record:>3} of {epochs}", record["epoch"], recipe.epochs),
            Sentence("loss {record}", figure(record["train_loss"])),
        ]
        if (score := _validation(record, recipe)) is not None:
            words.append(f"{translated(f'validation {score[0]}')} {figure(score[1])}")
        if "train_discriminator_accuracy" in record:
            words.append(
                Sentence("discriminator right {record}", figure(record["train_discriminator_accuracy"]))
            )
        speed = next(record[kind.speed] for kind in INPUT_KINDS.values() if kind.speed in record)
        self.write("   ".join(["", *map(translated, words), f"{speed:,.0f}/s"])[1:])


class BarProgress:
    """One live line: the epoch under way, a bar, the last scores, rate and time left."""

    def __init__(self, console: Any, batches: Batches) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.console = console
        self.batches, recipe = batches, batches.recipe
        self.bar = Progress(
            TextColumn("  {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[scores]}{task.fields[rate]:,.0f}/s"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            expand=True,
        )
        self.task = self.bar.add_task(
            "", total=recipe.total_steps, epoch=_epoch(1, recipe), scores="", rate=0.0
        )

    def __enter__(self) -> "BarProgress":
        self.bar.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.bar.stop()

    def after_step(self, state: State) -> None:
        """Move the bar."""
        rate = state.sums.examples / max(state.sums.seconds, 1e-9)
        recipe = self.batches.recipe
        epoch = min(len(state.history) + 1, recipe.epochs)  # also right where a run is resumed
        self.bar.update(
            self.task,
            completed=state.step,
            total=recipe.total_steps,
            rate=rate,
            epoch=_epoch(epoch, recipe),
        )

    def after_epoch(self, state: State) -> None:
        """Show what the epoch came to."""
        record = state.history[-1]
        scores = [Sentence("loss {record}", figure(record["train_loss"]))]
        if (score := _validation(record, self.batches.recipe)) is not None:
            scores.append(Sentence("validation {score}", figure(score[1])))
        self.bar.update(self.task, scores="".join(f"{translated(each)}  " for each in scores))


def _epoch(number: int, recipe: Recipe) -> str:
    return translated(Sentence("epoch {number} of {epochs}", number, recipe.epochs))


def _validation(record: Mapping[str, Any], recipe: Recipe) -> tuple[str, float] | None:
    """The score of an epoch that is shown, by its name; `None` where none is measured."""
    decides = metric_of(recipe.metric)
    if "number" not in decides.targets and decides.in_history in record:
        return decides.words, record[decides.in_history]
    if "validation_root_mean_squared_error" in record:
        return "RMSE", record["validation_root_mean_squared_error"]
    return None


Images = UInt8[np.ndarray, "count height width channels"]


class Snapshots(Observer):
    """Writer of a sheet after each of some of the `epochs`: what `make`, in evaluation mode, gives.

    Equal trainings write equal files, also where one of them was resumed.
    """

    def __init__(self, folder: Path, make: Callable[[], Images], epochs: int) -> None:
        self.folder = folder
        self.make = make
        self.epochs = frozenset(
            np.linspace(1, epochs, min(_MOST_SHEETS, epochs)).round().astype(int).tolist()
        )

    def after_epoch(self, state: State) -> None:
        """Write the sheet of this epoch, if it is to have one."""
        epoch = len(state.history)
        if epoch not in self.epochs:
            return
        images = np.concatenate(list(self.make()), axis=1)
        content = io.BytesIO()
        Image.fromarray(images[..., 0] if images.shape[2] == 1 else images).save(content, "PNG")
        make_folder(self.folder)
        write_file(self.folder / _SHEET.format(epoch), content.getvalue())


def read_snapshots(folder: Path, shape: tuple[int, int, int]) -> dict[int, list[np.ndarray]]:
    """Images of every sheet in a folder by epoch; `shape` is height, width and channels of one image."""
    height, width, channels = shape
    found = {}
    for path in sorted(folder.glob("epoch-*.png")):
        with Image.open(path) as sheet:
            pixels = np.asarray(sheet).reshape(height, -1, channels)
        images = np.split(pixels, range(width, pixels.shape[1], width), axis=1)
        found[int(path.stem.removeprefix("epoch-"))] = images
    return found
