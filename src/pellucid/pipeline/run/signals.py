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
    """End with `InterruptedRun` when a signal comes, where this is the main thread.

    The training loop takes the signals over for as long as it runs, to write a checkpoint first.

    Args:
        run: the run's folder, for the message.

    Yields:
        Nothing.

    Raises:
        InterruptedRun: a signal came.
    """

    def receive(number: int, frame: FrameType | None) -> NoReturn:
        del frame
        raise InterruptedRun(
            f"{run}: stopped by {signal.Signals(number).name}; what was finished is kept; "
            "run the same command with --resume to go on",
            number,
        )

    with signals_to(receive):
        yield
