"""Mutants tried in batches: each batch in a child of its own, under limits of memory and time.

A mutant may end in an answer whose numbers are finite, or in a refusal with its exit code. It may not end in
another exception, the death of the process, more time or more memory.
"""

import contextlib
import os
import random
import resource
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pellucid.errors import PellucidError

SECONDS = 5
MEMORY = 1200 << 20
"""What one mutant may take; the address space may grow by that much."""

Trial = Callable[[random.Random, Path], str]
"""Make one mutant from draws, in a folder of its own, and try it; returns a word for what became of it."""


@dataclass
class Tally:
    """What became of mutants.

    Attributes:
        outcomes: how many ended in what.
        finds: target and seed of each that ended in what it may not, with what happened.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    finds: list[str] = field(default_factory=list)

    def add(self, name: str, seed: int, outcome: str) -> None:
        """Count an outcome."""
        self.outcomes[outcome.split("\n")[0].split(":")[0][:40]] += 1
        if outcome.startswith("FOUND"):
            self.finds.append(f"{name}, seed {seed}: {outcome}")


def try_all(name: str, trial: Trial, seeds: Sequence[int], place: Path, batch: int = 25) -> Tally:
    """Try the mutants of some seeds."""
    tally = Tally()
    waiting = list(seeds)
    while waiting:
        some, waiting = waiting[:batch], waiting[batch:]
        done = _in_child(trial, some, place)
        for seed, outcome in zip(some, done, strict=False):
            tally.add(name, seed, outcome)
        waiting = some[len(done) :] + waiting
    return tally


def _in_child(trial: Trial, seeds: Sequence[int], place: Path) -> list[str]:
    """Outcomes of the first seeds: of all of them, or up to the one that ended the child."""
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fork beside threads that wait
        child = os.fork()
    if child == 0:
        os.close(ours)
        _work(trial, seeds, place, theirs)
    os.close(theirs)
    with os.fdopen(ours, "rb") as file:
        outcomes = _messages(file.read())
    _, status = os.waitpid(child, 0)
    if len(outcomes) < len(seeds):
        signalled = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        how = "took too long" if signalled == signal.SIGKILL else f"ended the process ({status})"
        outcomes.append(f"FOUND {how}")
    return outcomes


def _messages(content: bytes) -> list[str]:
    found, at = [], 0
    while at + 4 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        found.append(content[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return found


def _work(trial: Trial, seeds: Sequence[int], place: Path, channel: int) -> None:
    """Try seeds one after the other and tell what became of each; never returns."""
    limit = _address_space() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    for seed in seeds:
        folder = place / f"{os.getpid()}-{seed}"
        folder.mkdir()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.signal(signal.SIGPROF, _too_long)
        signal.alarm(20 * SECONDS)
        outcome = _outcome(trial, seed, folder)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        _remove(folder)
        message = outcome[:3000].encode(errors="replace")
        os.write(channel, len(message).to_bytes(4, "big") + message)
    os._exit(0)


def _too_long(*_: object) -> None:
    raise _TookTooLong


class _TookTooLong(BaseException):
    pass


def _outcome(trial: Trial, seed: int, folder: Path) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return trial(random.Random(seed), folder)
    except PellucidError as error:
        if len(max(str(error).split("\n"), key=len)) > 50_000:
            return f"FOUND message of {len(str(error))} characters"
        return f"refused with {error.exit_code}"
    except _TookTooLong:
        return f"FOUND took more than {SECONDS} s\n{traceback.format_exc()[-2000:]}"
    except BaseException as error:
        return f"FOUND {type(error).__name__}: {str(error)[:300]}\n{traceback.format_exc()[-2000:]}"


def _remove(folder: Path) -> None:
    import shutil

    with contextlib.suppress(OSError):
        shutil.rmtree(folder)


def _address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def budget() -> float:
    """Seconds for each target in a long run; 0 in the default tests."""
    return float(os.environ.get("PELLUCID_FUZZ_SECONDS", "0"))


def first_seed() -> int:
    """Seed of the first mutant: given, fresh in a long run, and always the same in the default tests."""
    given = os.environ.get("PELLUCID_FUZZ_SEED")
    if given is not None:
        return int(given)
    return time.time_ns() % (1 << 40) if budget() else 0


def fuzz(name: str, trial: Trial, count: int, place: Path) -> Tally:
    """Try so many mutants, or as many as a long run has time for.

    Raises: `AssertionError` with target and seed of each find.
    """
    tally, began, seed = Tally(), time.monotonic(), first_seed()
    if budget():
        sys.__stderr__.write(f"\nfuzzing {name} from PELLUCID_FUZZ_SEED={seed}\n")
    while True:
        done = try_all(name, trial, range(seed, seed + count), place)
        tally.outcomes += done.outcomes
        tally.finds += done.finds
        seed += count
        if time.monotonic() - began >= budget() or len(tally.finds) > 20:
            break
    if budget():
        said = ", ".join(f"{number} {outcome}" for outcome, number in tally.outcomes.most_common())
        sys.__stderr__.write(f"{name}: {tally.outcomes.total()} mutants: {said}\n")
    assert not tally.finds, "\n\n".join(tally.finds[:5]) + f"\n({len(tally.finds)} in all)"
    return tally
