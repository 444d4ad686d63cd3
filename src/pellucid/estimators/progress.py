"""What a fit in Python shows while it takes long: lines on standard error."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence

from pellucid.language.sentence import Sentence
from pellucid.pipeline.learners.network import Planned
from pellucid.pipeline.run.stages import Stages
from pellucid.training import Observer, State

_SILENT = 2.0  # seconds that may pass without a word
_BETWEEN = 5.0  # seconds from one line about a network in training to the next


class FitProgress:
    """Lines about the stages of a fit, from two seconds on; each says what is done now, or took how long.

    Args:
        verbose: the parameter of an estimator: whether to show them; `None` where standard error is a
            terminal or belongs to a notebook.
    """

    def __init__(self, verbose: bool | None) -> None:
        is_shown = _is_watched() if verbose is None else bool(verbose)
        self._stages = Stages() if is_shown else None
        self._lock = threading.Lock()
        self._waiting: (
            list[tuple[str, bool]] | None
        ) = []  # lines of the first seconds; `None` once they are over

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show what is done within."""
        if self._stages is None:
            yield
            return
        timer = threading.Timer(_SILENT, self._begin)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    @contextlib.contextmanager
    def stage(self, words: str, done: str) -> Iterator[None]:
        """Show one stage: its words while it goes on, and those when it is done, with its seconds."""
        began = time.monotonic()
        self._line(f"{words} ...", is_done=False)
        yield
        self._line(Sentence("{done}  {monotonic:.1f} s", done, time.monotonic() - began), is_done=True)

    def observers(self, network: Planned) -> Sequence[Observer]:
        """What looks on while a network is trained."""
        return () if self._stages is None else (_Epochs(self, network),)

    def line(self, text: str) -> None:
        """Show a line."""
        self._line(text, is_done=False)

    def _begin(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting or [], None
            # What is over already has its own line.
            for at, (text, is_done) in enumerate(waiting):
                if is_done or at == len(waiting) - 1:
                    self._print(text, is_done=is_done)

    def _line(self, text: str, *, is_done: bool) -> None:
        if self._stages is None:
            return
        with self._lock:
            if self._waiting is None:
                self._print(text, is_done=is_done)
            else:
                self._waiting.append((text, is_done))

    def _print(self, text: str, *, is_done: bool) -> None:
        assert self._stages is not None
        self._stages.line(text, tick=is_done)


class _Epochs(Observer):
    """A line from time to time on how far the training of a network is."""

    def __init__(self, progress: FitProgress, network: Planned) -> None:
        self.progress, self.network = progress, network
        self.began = self.last = time.monotonic()

    def after_step(self, state: State) -> None:
        """Show the step, where the last line is some seconds old."""
        now = time.monotonic()
        if now - self.last < _BETWEEN:
            return
        self.last = now
        recipe = self.network.session.batches.recipe
        left = (now - self.began) * (recipe.total_steps - state.step) / max(1, state.step)
        self.progress.line(
            Sentence(
                "epoch {history} of {epochs}, about {left:.0f} s left",
                len(state.history) + 1,
                recipe.epochs,
                left,
            )
        )


def _is_watched() -> bool:
    """True where standard error is a terminal, or that of a notebook."""
    stream = sys.stderr
    if stream is None:
        return False
    return type(stream).__module__.startswith("ipykernel") or bool(getattr(stream, "isatty", bool)())
