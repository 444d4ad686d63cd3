"""Limits of a child process that decodes: memory, time and files, as far as the system has them."""

import contextlib
import math
import sys
import time

from pellucid.budgets import MEMORY, PIXELS

# Processor time of one image, or of one table; a photograph of 100 megapixels takes a second or two.
SECONDS = 60

_BYTES_OF_A_PIXEL = 24


def address_space() -> int:
    """Bytes that a child may ask for beyond those it has as it starts: for the largest image, and a file."""
    return 2 * MEMORY.value() + _BYTES_OF_A_PIXEL * PIXELS.value()


def confine(*, may_open: bool, mapped: int = 0) -> list[str]:
    """Limit this process for good: address space, no core, no file written, and none opened unless it may.

    `mapped` bytes of a file may be mapped beside. Returns what the system does not limit, in words.
    """
    import resource

    wanted = {
        "the memory": ("RLIMIT_AS", _taken() + address_space() + mapped),
        "core files": ("RLIMIT_CORE", 0),
        "files to be written": ("RLIMIT_FSIZE", 0),
    }
    if not may_open:
        wanted["files to be opened"] = ("RLIMIT_NOFILE", 0)
    missing = []
    if sys.platform == "darwin":  # it takes this limit and does not keep it
        missing.append("the memory")
        del wanted["the memory"]
    for words, (name, most) in wanted.items():
        try:
            which = getattr(resource, name)
            resource.setrlimit(which, (most, most))
        except (AttributeError, ValueError, OSError):
            missing.append(words)
    return missing


def begin_job() -> None:
    """Limit the processor time from now on; a process that takes more is ended by the system."""
    import resource

    spent = time.process_time()
    with contextlib.suppress(ValueError, OSError):
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(spent) + SECONDS, hard))


def _taken() -> int:
    """Bytes of address space that this process takes; 0 where the system does not tell."""
    import resource

    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0
