"""Files that several test files need, made by the first worker that does and read by the others."""

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
