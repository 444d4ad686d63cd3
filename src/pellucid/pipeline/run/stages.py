"""Stages of a run on stderr, its bar, signals, and two pieces of work at a time."""

import contextlib
import copy
import itertools
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO, TypeVar

from threadpoolctl import threadpool_limits

from pellucid.data import Check
from pellucid.data.wording import COLUMNS, visible, wrapped
from pellucid.errors import InterruptedRun
from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence
from pellucid.progress import Pace, reporting_to
from pellucid.settings import spoken
from pellucid.training import Observer, Session
from pellucid.training.observers import BarProgress, PlainProgress, signals_to

# Wider lines are not read with ease, however wide the terminal.
_MOST_COLUMNS = 120


class Onlooker:
    """Follows what a run does while it does it, and decides nothing of it; each method may be left as it is.

    Called in the thread that does the work, so that what takes long belongs into another one.
    """

    @contextlib.contextmanager
    def stage(self, words: str) -> Iterator[None]:
        """A stage goes on within."""
        yield

    def line(self, text: str) -> None:
        """A line was printed, of a stage that is over or by itself."""

    def read(self, context: Any, check: Check) -> None:
        """The data was read and checked; `context` is the `RunContext`."""

    def fitted(self, candidates: Sequence[Any]) -> None:
        """Models are trained: each a `Candidate`."""

    @contextlib.contextmanager
    def training(self, name: str, session: Session[Any]) -> Iterator[Sequence[Observer]]:
        """A network of that name is trained within; yields observers of the loop."""
        yield ()

    def stop_is_wanted(self) -> bool:
        """True where somebody asked that the training of the network ends after the step under way."""
        return False


@dataclass
class Stage:
    """One stage under way."""

    words: str  # its line; may be replaced while it runs to say what came out, or emptied where nothing did
    details: list[str] = field(default_factory=list)  # further lines shown below it
    show: Callable[[str], object] = lambda _: None  # shows its progress, in words
    pace: Pace = field(default_factory=Pace)

    def progress(self, done: int, total: int) -> None:
        """Show how far it is, with its pace and the time left."""
        self.show_progress("", done, total)

    def show_progress(self, words: str, done: int, total: int | None) -> None:
        """Show how far a part of it is, with its pace and the time left."""
        if sentence := translated(self.pace.sentence(words, done, total)):
            self.show(f"{translated(words)}: {sentence}" if words else sentence)


class Stages:
    """Prints stages; with colour and a bar in a terminal, plain lines elsewhere."""

    def __init__(self, stream: TextIO | None = None, quiet: bool = False, began: float | None = None) -> None:
        from rich.console import Console

        self.stream = stream or getattr(sys.stderr, "plain", sys.stderr)
        self.quiet = quiet
        self.console = Console(file=self.stream, highlight=False, soft_wrap=True)
        self.began = time.monotonic() if began is None else began
        self.onlookers: list[Onlooker] = []
        self._spins = True
        # Taken here, since other threads print too: a thread begins without what its caller set.
        self._spoken = spoken()

    def beside_a_bar(self) -> "Stages":
        """Stages on the same terminal that show no spinner, for work during a training that shows its bar."""
        other = copy.copy(self)
        other._spins = False
        return other

    @contextlib.contextmanager
    def stage(self, words: str, done: str | None = None, *, spinner: bool = True) -> Iterator[Stage]:
        """Show one stage and, when it is over, its line with a tick and seconds.

        The line has the words that the caller gave it meanwhile, else `done`, else those it began with.
        `spinner` is off where a bar is shown instead.
        """
        current = Stage(words)
        with contextlib.ExitStack() as stack:
            for each in self.onlookers:
                stack.enter_context(each.stage(words))
            if spinner and self._spins and not self.quiet:
                current.show = stack.enter_context(self._going_on(words, current.pace))
            stack.enter_context(reporting_to(current.show_progress))
            yield current
        over = done if done is not None and current.words == words else current.words
        if over:
            took = time.monotonic() - current.pace.began
            self._print(self._wrapped(Sentence("{over}  {took:.1f} s", over, took)), tick=True)
        for detail in current.details:
            self.paragraph(detail)

    @contextlib.contextmanager
    def _going_on(self, words: str, pace: Pace) -> Iterator[Callable[[str], object]]:
        """Show that a stage goes on: by a spinner in a terminal, elsewhere by a line once it takes long.

        Yields what shows its progress beside its words.
        """
        if self.console.is_terminal:
            from rich.markup import escape

            def shown(progress: str = "") -> str:
                return escape(visible(f"{translated(words)}  {progress}".rstrip()))

            with self.console.status(shown()) as status:
                yield lambda progress: status.update(shown(progress))
            return

        def line(progress: str) -> None:
            if pace.is_due():
                write(f"{translated(words)}  {progress}")

        def write(text: str) -> None:
            self.console.print(f"  {visible(text)} ...", markup=False)

        timer = threading.Timer(pace.silent, lambda: write(translated(words)))
        timer.daemon = True
        timer.start()
        try:
            yield line
        finally:
            timer.cancel()

    def paragraph(self, text: str) -> None:
        """Print a text, never read as markup, in lines that fit."""
        self._print(self._wrapped(text))

    def finished_before(self, run: Path) -> None:
        """Print why `--resume` does nothing."""
        self.paragraph(
            Sentence("{run}: is finished already, so nothing was done; --overwrite starts again", run)
        )

    def verdict(self, text: str) -> None:
        """Print what all comes to, below an empty line, and bold where the terminal has styles."""
        if not self.quiet:
            self.console.print()
            has_styles = self.console.color_system is not None and not self.console.no_color
            self._print(self._wrapped(text), style="bold" if has_styles else "")

    def _wrapped(self, text: str) -> str:
        """Text in lines of the terminal's width, or of 80 columns where there is none."""
        columns = min(_MOST_COLUMNS, self.console.width) if self.console.is_terminal else COLUMNS
        return "\n".join(wrapped(text, columns - 2, indent="  "))

    def line(self, text: str, tick: bool = False, style: str = "") -> None:
        """Print one line, never read as markup; a tick closes a stage."""
        self._print(translated(text), tick, style)

    def _print(self, text: str, tick: bool = False, style: str = "") -> None:
        for each in self.onlookers:
            each.line(" ".join(text.split()))
        if self.quiet:
            return
        from rich.text import Text

        encoding = (getattr(self.stream, "encoding", None) or "ascii").lower()
        mark = "✓" if encoding.startswith("utf") else "ok"
        text = self._spoken(text)
        # Names from files cannot move the cursor or colour the terminal.
        shown = "\n".join(map(visible, text.split("\n")))
        # In one go, so that a bar that is being drawn, or other work, does not come between.
        self.console.print(Text.assemble((mark if tick else " ", "cyan"), " ", (shown, style)))

    @contextlib.contextmanager
    def training(self, name: str, session: Session[Any]) -> Iterator[list[Observer]]:
        """Show the training of a network: a bar in a terminal, a line per epoch elsewhere.

        Yields observers for the loop, those of onlookers among them.
        """
        with contextlib.ExitStack() as stack:
            found: list[Observer] = []
            for each in self.onlookers:
                found += stack.enter_context(each.training(name, session))
            if self.quiet:
                pass
            elif self.console.is_terminal:
                found.append(stack.enter_context(BarProgress(self.console, session.batches)))
            else:
                write = partial(self.console.print, markup=False)
                found.append(PlainProgress(write, session.batches))
            yield found

    def fitted(self, candidates: Sequence[Any]) -> None:
        """Let onlookers know that models are trained: each a `Candidate`."""
        for each in self.onlookers:
            each.fitted(candidates)

    def stop_is_wanted(self) -> bool:
        """True where an onlooker asks that the training of the network ends after the step under way."""
        return any(each.stop_is_wanted() for each in self.onlookers)


@contextlib.contextmanager
def shown_meanwhile(words: str) -> Iterator[None]:
    """Show that work goes on which reports by itself what came of it."""
    with Stages().stage(words) as stage:
        yield
        stage.words = ""


@contextlib.contextmanager
def counting(stages: Stages, total: int, done: int = 0) -> Iterator[Callable[[str], None]]:
    """Show how many trainings are done; nothing where standard error is no terminal.

    The function it yields takes what is trained next, after the one before is done.
    """
    if stages.quiet or not stages.console.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("  training"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
        console=stages.console,
        transient=True,
    )
    with bar:
        task, begun = bar.add_task("", total=total, completed=done), itertools.count(done)
        yield lambda words: bar.update(task, completed=next(begun), description=words)


@contextlib.contextmanager
def interruptible(run: Path) -> Iterator[None]:
    """End with `InterruptedRun`, naming the run's folder, when a signal comes, in the main thread only.

    The training loop takes the signals over for as long as it runs, to write a checkpoint first.
    """

    def receive(number: int, _: FrameType | None) -> NoReturn:
        raise InterruptedRun(
            Sentence(
                "{run}: stopped by {name}; what was finished is kept; "
                "run the same command with --resume to go on",
                run,
                signal.Signals(number).name,
            ),
            number,
        )

    with signals_to(receive):
        yield


Main = TypeVar("Main")
Background = TypeVar("Background")


def side_by_side(
    here: Callable[[], Main], background: Callable[[Callable[[], bool]], Background]
) -> tuple[Main, Background]:
    """Results of two pieces of work, one in the main thread, which takes the signals, one in the background.

    `background` is given a function that reports whether it should stop early: what was done here has failed,
    or a signal came. That error is raised once it has stopped; where nothing failed here, its own.
    """
    stopped = threading.Event()
    # Each would put filters of warnings and the threads of matrix products back to what it found, which the
    # other may have set: so both find here what they would set.
    with warnings.catch_warnings(), threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(1) as pool:
        other = pool.submit(background, stopped.is_set)
        try:
            return here(), other.result()
        except BaseException:
            stopped.set()
            raise
