"""Commands and questions within limits of memory and time, for files that were made to break them."""

import os
import resource
import subprocess
import sys
import time
from typing import NamedTuple

GIGABYTE = 1 << 30
_PLAIN = 900 << 20
"""Address space of a process that has imported everything and read nothing."""

_WATCHED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
sys.argv = ["pellucid", *sys.argv[2:]]
runpy.run_module("pellucid", run_name="__main__", alter_sys=True)
"""


class Ended(NamedTuple):
    """A command that ended.

    Attributes:
        code: its exit code; negative where a signal ended it.
        out: standard output.
        errors: what it said on standard error.
        seconds: processor time, imports included.
    """

    code: int
    out: str
    errors: str
    seconds: float


def within_limits(*words: object, memory: int = GIGABYTE, seconds: float = 60, **environment: str) -> Ended:
    """Run a command in a process that may take so much more address space than one that reads nothing."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.run(
        [sys.executable, "-c", _WATCHED, str(_PLAIN + memory), *map(str, words)],
        capture_output=True,
        timeout=seconds,
        env={**os.environ, "NO_COLOR": "1", "MALLOC_ARENA_MAX": "2", **environment},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    out, errors = (each.decode(errors="replace") for each in (process.stdout, process.stderr))
    return Ended(process.returncode, out, errors, used)


def quickly(limit: float):
    """Context that fails where more processor time passes."""
    return _Quickly(limit)


class _Quickly:
    def __init__(self, limit: float) -> None:
        self._limit = limit

    def __enter__(self) -> None:
        self._began = time.process_time()

    def __exit__(self, *_: object) -> None:
        spent = time.process_time() - self._began
        assert spent <= self._limit, f"{spent:.1f} s of processor time, over {self._limit} s"
