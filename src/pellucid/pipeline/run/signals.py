"""Ctrl-C and SIGTERM outside the training loop: an orderly end with the right exit code."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from pellucid.errors import InterruptedRun
from pellucid.training.watching.signals import signals_to


@contextlib.contextmanager
def interruptible(run: Path) -> Iterator[None]:
    """End with `InterruptedRun`, naming the run's folder, when a signal comes, in the main thread only.

    The training loop takes the signals over for as long as it runs, to write a checkpoint first.
    """

    def receive(number: int, frame: FrameType | None) -> NoReturn:
        """End the run with the name of the signal and the way to go on."""
        del frame
        raise InterruptedRun(
            f"{run}: stopped by {signal.Signals(number).name}; what was finished is kept; "
            "run the same command with --resume to go on",
            number,
        )

    with signals_to(receive):
        yield
