"""Commands in forks of this process whose disk fails, or who are killed, at a chosen call.

Counted are all calls by which a command changes what lies in some folders: writes (each that reaches the
system), sync, rename, links, new folders, and what becomes of the lock.
"""

import builtins
import errno
import io
import json
import os
import random
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

NEVER = 1 << 60
ONCE, FULL, KILLED = "fails once", "full from then on", "killed"
_WRITING = ("write", "pwrite", "ftruncate", "mkdir")


class Ended(NamedTuple):
    """A command that ended.

    Attributes:
        code: exit code; negative where a signal ended it.
        said: standard error and output.
        calls: names of the calls up to the one that failed, or all; none where it was killed.
        earned: steps of the checkpoints that were saved.
    """

    code: int
    said: str
    calls: list[str]
    earned: list[int]


class _Disk:
    """Counts calls, and breaks one."""

    def __init__(self, roots: Sequence[Path], at: int, how: str, draws: random.Random) -> None:
        self.roots = tuple(os.path.realpath(each) for each in roots)
        self.at, self.how, self.draws = at, how, draws
        self.calls: list[str] = []

    def holds(self, place) -> bool:
        """The place, a path or an open file, lies in one of the folders."""
        path = os.readlink(f"/proc/self/fd/{place}") if isinstance(place, int) else os.path.abspath(place)
        return path.startswith(self.roots)

    def called(self, name: str, begin=None) -> None:
        """Count a call; what is to be broken does not come back, once `begin` has done half of it."""
        self.calls.append(name)
        count = len(self.calls)
        if count < self.at or (count > self.at and self.how != FULL):
            return
        if begin is not None and self.draws.random() < 0.5:
            begin()
        if self.how == KILLED:
            os.kill(os.getpid(), signal.SIGKILL)
        if count == self.at or name in _WRITING:
            code = errno.EIO if name == "fsync" and self.how == ONCE else errno.ENOSPC
            raise OSError(code, os.strerror(code))

    def install(self) -> None:
        """Put the counting calls into the place of the real ones, in this process, for good."""
        disk, plain_open = self, io.open

        class Raw(io.FileIO):
            def write(self, content, /):
                half = memoryview(content).cast("B")[: len(memoryview(content).cast("B")) // 2]
                disk.called("write", lambda: super(Raw, self).write(half))
                return super().write(content)

        def opened(file, mode="r", buffering=-1, *given, **named):
            raw_mode = mode.replace("b", "").replace("t", "")
            is_ours = not isinstance(file, int) and disk.holds(file)
            if not is_ours or not set(raw_mode) & set("wax+"):
                return plain_open(file, mode, buffering, *given, **named)
            raw = Raw(file, raw_mode)
            if buffering == 0:
                return raw
            buffered = io.BufferedRandom(raw) if "+" in raw_mode else io.BufferedWriter(raw)
            return buffered if "b" in mode else io.TextIOWrapper(buffered, *given[:3], **named)

        builtins.open = io.open = opened
        for name in ("fsync", "pwrite", "ftruncate", "mkdir"):
            setattr(os, name, self._counting(name, getattr(os, name), 0))
        for name in ("replace", "rename", "link"):
            setattr(os, name, self._counting(name, getattr(os, name), 1))

    def _counting(self, name, real, which):
        def call(*given, **named):
            if self.holds(given[which]):
                self.called(name)
            return real(*given, **named)

        return call


def broken(
    words: Sequence[object], roots: Sequence[Path], at: int = NEVER, how: str = ONCE, seed: int = 0
) -> Ended:
    """Run a command in a fork whose disk breaks at the so-manieth call below some folders, counted from 1."""
    log = Path(f"{roots[0]}.log")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fork beside threads that wait
        child = os.fork()
    if child == 0:
        _run(list(map(str, words)), _Disk(roots, at, how, random.Random(seed)), log)
    _, status = os.waitpid(child, 0)
    said = log.read_text(errors="replace")
    told = Path(f"{log}.calls")
    calls, earned = json.loads(told.read_text() or "[[], []]")
    told.unlink(missing_ok=True)
    return Ended(os.waitstatus_to_exitcode(status), said, calls, earned)


def _run(words: list[str], disk: _Disk, log: Path) -> None:
    """Run a command and tell what it called; never returns."""
    code = 99
    try:
        with log.open("w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            sys.stdout = sys.stderr = file
            earned: list[int] = []
            _watch_checkpoints(earned)
            told = Path(f"{log}.calls").open("w")  # opened while the disk is whole
            from pellucid.cli.main import main

            disk.install()
            code = main(words)
            told.write(json.dumps([disk.calls, earned]))
            told.close()
    finally:
        os._exit(code)


def _watch_checkpoints(earned: list[int]) -> None:
    """Save a checkpoint after every step, and note those that were saved."""
    from pellucid.training import observers
    from pellucid.training import state as checkpoints

    real = checkpoints.save_checkpoint

    def save(folder, state, *given, **named):
        path = real(folder, state, *given, **named)
        earned.append(state.step)
        return path

    observers.save_checkpoint = checkpoints.save_checkpoint = save
    observers.Checkpointer.__init__.__defaults__ = (0.0, 0.0)
