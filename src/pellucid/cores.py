"""Cores of this machine: those this process may use, and those of them that other programs leave free."""

import os
import time
from pathlib import Path
from typing import NamedTuple

_TIMES = Path("/proc/stat")
_IDLE = slice(3, 5)  # columns of a core's line: idle, and idle while a disk works
_WORK = slice(0, 8)  # up to time stolen by other guests; what follows is counted in these already

# Seconds: what a shorter look sees may be a hiccup, and what a longer one began with may be over.
_SHORTEST, _LONGEST = 0.3, 20.0


class Look(NamedTuple):
    """Counts of the kernel at one moment, in seconds of processor time."""

    moment: float  # reading of `time.monotonic`
    busy: float  # of all cores that this process may use
    own: float  # of this process and the children that it has waited for


_first: Look | None = None


def usable() -> int:
    """Number of cores that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def asked() -> int | None:
    """Number of threads that `OMP_NUM_THREADS` asks for, at least 1; None where it does not."""
    number = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(number) if number.isascii() and number.isdigit() and int(number) >= 1 else None


def watch() -> None:
    """Begin to count, so that `free` need not wait later."""
    global _first
    _first = look()


def free() -> int:
    """Usable cores less those that other programs have kept busy since `watch`, at least 1.

    Where `watch` was called less than 0.3 seconds ago, more than 20, or never, the next 0.3 seconds are
    counted. Only Linux tells; elsewhere every usable core counts as free.
    """
    first, now = _first, look()
    if first is None or now is None or not _SHORTEST <= now.moment - first.moment <= _LONGEST:
        time.sleep(_SHORTEST)
        first, now = now, look()
    return max(1, usable() - round(_kept_busy(first, now)))


def kept_busy_since(first: Look | None) -> float:
    """Cores that other programs have kept busy on average since a look; 0 where nobody tells."""
    return _kept_busy(first, look())


def _kept_busy(first: Look | None, now: Look | None) -> float:
    if first is None or now is None:
        return 0.0
    others = (now.busy - first.busy) - (now.own - first.own)
    return others / (now.moment - first.moment)


def look() -> Look | None:
    """Read the counts as they are now; None where the kernel does not tell."""
    try:
        lines = _TIMES.read_text("ascii").splitlines()
        ticks = os.sysconf("SC_CLK_TCK")
        mine = os.sched_getaffinity(0)
    except (OSError, ValueError, AttributeError):
        return None
    busy = 0
    for line in lines:
        name, *columns = line.split()
        if name[:3] == "cpu" and name[3:].isdigit() and int(name[3:]) in mine:
            numbers = [int(column) for column in columns[_WORK]]
            busy += sum(numbers) - sum(numbers[_IDLE])
    times = os.times()
    own = times.user + times.system + times.children_user + times.children_system
    return Look(time.monotonic(), busy / ticks, own)
