"""Data in several files named at once: braces such as `data/{000..003}.tar`, and globs."""

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path

from pellucid.errors import DataError

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)", re.ASCII)
_SIGNS = "{*?["
MOST_FILES = 100_000


def names_several(place: str) -> bool:
    """Tell a pattern of files from a name."""
    return any(sign in place for sign in _SIGNS)


def files_named(place: str) -> list[Path]:
    """Files that a pattern names: those of braces in their order, matches of a glob by their names.

    Raises: `DataError` if one is not there, or there are too many.
    """
    names = list(dict.fromkeys(_expanded(place)))
    found: list[Path] = []
    for name in names:
        matches = [Path(name)] if os.path.exists(name) else [Path(each) for each in sorted(glob.glob(name))]
        if not matches:
            raise DataError(f"{place}: no such file {name}; fix the pattern")
        found += matches
    if len(found) > MOST_FILES:
        raise DataError(f"{place}: names more than {MOST_FILES:,} files; give a part of them")
    return list(dict.fromkeys(found))


def _expanded(place: str) -> Iterator[str]:
    """Names with every pair of braces replaced by each of its values.

    Raises: `DataError` if there are too many.
    """
    waiting, given = [place], 0
    while waiting:
        name = waiting.pop()
        match = _BRACES.search(name)
        if match is None:
            yield name
            given += 1
        else:
            values = _values(match[1], place)
            waiting += [name[: match.start()] + value + name[match.end() :] for value in reversed(values)]
        if given + len(waiting) > MOST_FILES:
            raise DataError(f"{place}: names more than {MOST_FILES:,} files; give a part of them")


def _values(inside: str, place: str) -> list[str]:
    """Expand a pair of braces: `000..003` counts, `a,b` lists.

    Raises: `DataError` if there are too many.
    """
    match = _RANGE.fullmatch(inside)
    if match is None:
        return inside.split(",")
    first, last = (int(number[:18]) for number in match.groups())
    if abs(last - first) >= MOST_FILES:
        raise DataError(f"{place}: names more than {MOST_FILES:,} files; give a part of them")
    numbers = range(first, last + 1) if last >= first else range(first, last - 1, -1)
    return [str(number).zfill(len(match[1])) for number in numbers]
