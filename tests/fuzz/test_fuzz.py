"""FAULTS 33 to 43: files that were made to break something; each is refused, or answered finitely.

By default some hundreds, always the same; `make fuzz` goes on for `PELLUCID_FUZZ_SECONDS` at each target, and
prints the seed it began with. `PELLUCID_FUZZ_SEED` repeats one.
"""

import faulthandler
import os
import re
import sys

import pytest

from fuzz.harness import Limits, budget, fuzz, try_all
from fuzz.targets.every import TARGETS
from pellucid.errors import ModelFileError
from pellucid.training.hardware import keep_freed_memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs fork and limits of address space")

_TRIED = [name for name, target in TARGETS.items() if budget() or target.count]


@pytest.mark.parametrize("name", _TRIED)
def test_mutants(name):
    target = TARGETS[name]
    fuzz(target.group, name, target.trial(), target.count or 10)


def _crash():
    faulthandler.disable()
    os.abort()


_ENDINGS = {
    "a crash": (_crash, "ended the process"),
    "a hang": (lambda: [None for _ in iter(int, 1)], "took more than 0.3 s"),
    "an exception that is no refusal": (lambda: 1 // 0, "ZeroDivisionError"),
    "memory": (lambda: str(len(bytearray(b"x") * (200 << 20))), "took [12].. MB of memory"),
    "an allocation beyond the limit": (lambda: bytearray(3 << 30), "MemoryError"),
}


@pytest.fixture
def _freed_memory_is_kept():
    """What training leaves behind in its process: 300 MB that are free and not given back."""
    if not keep_freed_memory():
        pytest.skip("needs glibc")
    bytearray(b"x") * (300 << 20)


@pytest.mark.parametrize("what", _ENDINGS)
@pytest.mark.usefixtures("_freed_memory_is_kept")
def test_the_harness_finds(what, tmp_path):
    ending, said = _ENDINGS[what]

    def trial(draw, place):
        if place.name.endswith("-2"):
            ending()
        if place.name.endswith("-3"):
            raise ModelFileError("refused")
        return "answered"

    limits = Limits(seconds=0.3 if what == "a hang" else 20.0, growth=100 << 20)
    tally = try_all("a target", trial, range(5), tmp_path, limits)
    assert tally.outcomes.total() == 5
    assert (tally.outcomes["answered"], tally.outcomes["refused with 4"]) == (3, 1)
    assert len(tally.finds) == 1
    assert tally.finds[0].startswith("a target, seed 2: FOUND")
    assert re.search(said, tally.finds[0])
