"""Mutants tried in batches: each batch in a child forked from a warm parent, under limits of memory and time.

A mutant may end in an answer whose numbers are finite, or in a refusal with its exit code. It may not end in
another exception, the death of the process, more time or more memory. A child tells what became of each
mutant as it ends; where one dies, the first of which it told nothing is the cause, and another goes on.
"""

import ctypes
import math
import os
import random
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pellucid.errors import PellucidError


class Limits(NamedTuple):
    """Bounds of one mutant.

    Attributes:
        seconds: of processor time.
        address_space: bytes that may be asked for.
        growth: bytes of memory by which the process may grow since its batch began.
    """

    seconds: float = 5.0
    address_space: int = 1200 << 20
    growth: int = 500 << 20


_LIMITS = Limits()
_BATCH, _ROUND = 100, 20
_HEAD = struct.Struct(">IQ")
"""Before each message: its length, and the growth of memory."""

Trial = Callable[[random.Random, Path], str]
"""Make one mutant from draws, in a folder of its own, and try it; returns a word for what became of it."""


@dataclass
class Tally:
    """What became of mutants.

    Attributes:
        outcomes: how many ended in what.
        finds: target and seed of each that ended in what it may not, with what happened.
        growth: most bytes by which a child grew over its batch.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    finds: list[str] = field(default_factory=list)
    growth: int = 0

    def add(self, name: str, seed: int, outcome: str) -> None:
        """Count an outcome."""
        self.outcomes[outcome.split("\n")[0].split(":")[0][:40]] += 1
        if outcome.startswith("FOUND"):
            self.finds.append(f"{name}, seed {seed}: {outcome}")


def try_all(
    name: str, trial: Trial, seeds: Sequence[int], place: Path, limits: Limits = _LIMITS, batch: int = _BATCH
) -> Tally:
    """Try the mutants of some seeds."""
    tally = Tally()
    waiting = list(seeds)
    while waiting:
        some, waiting = waiting[:batch], waiting[batch:]
        done = _in_child(trial, some, place, limits)
        for seed, (outcome, growth) in zip(some, done, strict=False):
            tally.add(name, seed, outcome)
            tally.growth = max(tally.growth, growth)
        waiting = some[len(done) :] + waiting
    return tally


def _in_child(trial: Trial, seeds: Sequence[int], place: Path, limits: Limits) -> list[tuple[str, int]]:
    """Outcomes of the first seeds, and the growth: of all of them, or up to the one that ended the child."""
    _give_back()  # before the fork: the child's peak begins at what its parent holds
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fork beside threads that wait
        child = os.fork()
    if child == 0:
        os.close(ours)
        _work(trial, seeds, place, theirs, limits)
    os.close(theirs)
    with os.fdopen(ours, "rb") as file:
        outcomes = _messages(file.read())
    _, status = os.waitpid(child, 0)
    told = bool(outcomes) and outcomes[-1][0].startswith(_TOO_MUCH)
    if len(outcomes) < len(seeds) and not told:
        signalled = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        how = "took too long" if signalled == signal.SIGKILL else f"ended the process ({status})"
        outcomes.append((f"FOUND {how}", 0))
    return outcomes


def _messages(content: bytes) -> list[tuple[str, int]]:
    found, at = [], 0
    while at + _HEAD.size <= len(content):
        length, growth = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        found.append((content[at : at + length].decode(), growth))
        at += length
    return found


def _work(trial: Trial, seeds: Sequence[int], place: Path, channel: int, limits: Limits) -> None:
    """Try seeds one after the other and tell what became of each; never returns."""
    limit = _memory(_ADDRESS_SPACE) + limits.address_space
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _too_long)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    before = _memory(_RESIDENT)
    for seed in seeds:
        folder = place / f"{os.getpid()}-{seed}"
        folder.mkdir()
        signal.setitimer(signal.ITIMER_PROF, limits.seconds)
        signal.alarm(20 * math.ceil(limits.seconds))
        outcome = _outcome(trial, seed, folder, limits)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        shutil.rmtree(folder, ignore_errors=True)
        growth = max(0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before)
        if growth > limits.growth and not outcome.startswith("FOUND"):
            outcome = f"{_TOO_MUCH} {growth >> 20} MB of memory"
        message = outcome[:3000].encode(errors="replace")
        os.write(channel, _HEAD.pack(len(message), growth) + message)
        if growth > limits.growth:
            break  # another child goes on, with the peak of its own
    os._exit(0)


def _give_back() -> None:
    """Return free memory to the system: training keeps it, and its use again would not count as growth."""
    ctypes.CDLL(None).malloc_trim(0)


def _too_long(*_: object) -> None:
    raise _TookTooLong


class _TookTooLong(BaseException):
    pass


def _outcome(trial: Trial, seed: int, folder: Path, limits: Limits) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return trial(random.Random(seed), folder)
    except PellucidError as error:
        if len(max(str(error).split("\n"), key=len)) > 50_000:
            return f"FOUND message of {len(str(error))} characters"
        return f"refused with {error.exit_code}"
    except _TookTooLong:
        return f"FOUND took more than {limits.seconds:g} s\n{traceback.format_exc()[-2000:]}"
    except BaseException as error:
        return f"FOUND {type(error).__name__}: {str(error)[:300]}\n{traceback.format_exc()[-2000:]}"


_ADDRESS_SPACE, _RESIDENT = 0, 1
_TOO_MUCH = "FOUND took"


def _memory(what: int) -> int:
    """Bytes of address space, or of memory, that this process takes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[what]) * resource.getpagesize()


def fast_place() -> str | None:
    """A folder in memory where there is one: on a disk making and removing folders takes the most time."""
    shared = "/dev/shm"
    return shared if os.access(shared, os.W_OK) else None


def budget() -> float:
    """Seconds for each target in a long run; 0 in the default tests."""
    return float(os.environ.get("PELLUCID_FUZZ_SECONDS", "0"))


def first_seed() -> int:
    """Seed of the first mutant: given, fresh in a long run, and always the same in the default tests."""
    given = os.environ.get("PELLUCID_FUZZ_SEED")
    if given is not None:
        return int(given)
    return time.time_ns() % (1 << 40) if budget() else 0


def fuzz(group: str, name: str, trial: Trial, count: int) -> Tally:
    """Try so many mutants, or as many as a long run has time for.

    Raises: `AssertionError` with target and seed of each find.
    """
    tally, began, seed = Tally(), time.monotonic(), first_seed()
    if budget():
        count = _ROUND
        sys.__stderr__.write(f"\nfuzzing {name} from PELLUCID_FUZZ_SEED={seed}\n")
    with tempfile.TemporaryDirectory(dir=fast_place()) as place:
        while True:
            done = try_all(name, trial, range(seed, seed + count), Path(place))
            tally.outcomes += done.outcomes
            tally.finds += done.finds
            tally.growth = max(tally.growth, done.growth)
            seed += count
            if time.monotonic() - began >= budget() or len(tally.finds) > 20:
                break
    if budget():
        _tell(group, name, tally)
    assert not tally.finds, "\n\n".join(tally.finds[:5]) + f"\n({len(tally.finds)} in all)"
    return tally


def _tell(group: str, name: str, tally: Tally) -> None:
    """Write what became of the mutants of a target, in one piece: another process may be writing too."""
    said = ", ".join(f"{number:,} {outcome}" for outcome, number in tally.outcomes.most_common())
    sys.__stderr__.write(
        f"{name} ({group}): {tally.outcomes.total():,} mutants: {said}; "
        f"at most {tally.growth >> 20} MB more memory\n"
    )
    sys.__stderr__.flush()
