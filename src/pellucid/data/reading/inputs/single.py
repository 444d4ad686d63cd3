"""One input to label, whatever it came from."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Cell(NamedTuple):
    """A value of a table, a list or a pipe that is itself the text.

    Attributes:
        value: of any kind; no other value than a text, a number or bytes is one.
    """

    value: object


class Input(NamedTuple):
    """One image or text to label.

    Attributes:
        name: the given path, joined with the relative path in a folder or archive; `file:row` in a table.
        source: the file, its content where it was packed or piped, the pixels of an array, or a cell.
        error: why there is nothing to read; empty where there may be.
        stamp: of a file its size and time, by which a change is noticed; empty where it has none.
    """

    name: str
    source: Path | bytes | np.ndarray | Cell
    error: str = ""
    stamp: str = ""


def stamp_of(path: Path) -> str:
    """Size and time of change of a file; empty where it cannot be looked at."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return ""
    return f"{status.st_size}:{status.st_mtime_ns}"
