"""Files that several test files need, made by the first worker that does and read by the others."""

import fcntl
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

folder: Path | None = None


def content(name: str, make: Callable[[], bytes]) -> bytes:
    """The bytes that `make` returns; those of another worker of this run where it has them already."""
    if folder is None:  # imported by something else than pytest
        return make()
    place = folder / f"made-once-{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    if not place.exists():
        draft = place.with_name(f"{place.name}.{os.getpid()}")
        draft.write_bytes(make())
        draft.replace(place)
    return place.read_bytes()


def made(name: str, make: Callable[[Path], object]) -> Path:
    """A folder that `make` fills, once in this run of the tests; nobody changes it afterwards."""
    assert folder is not None  # a fixture of every test sets it
    place = folder / f"made-once-{name}"
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = place.with_suffix(".done")
        if not done.exists():
            place.mkdir()
            make(place)
            done.touch()
    return place
