"""Files that the rows of a table name.

Paths are relative to the table's folder and must stay inside it, links followed; absolute paths
are taken as they are.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from pellucid.data.labels.texts import MOST_ROWS, is_encodable
from pellucid.data.wording import quoted, some, with_article
from pellucid.errors import DataError


def paths_of(
    values: Sequence[object],
    sources: Sequence[str],
    folder: Path,
    *,
    column: str,
    noun: str,
    may_miss: bool,
) -> list[Path]:
    """Find the files that a column names.

    `noun` is what the files hold, `image` or `text`; `sources` name each row, such as `table.csv:7`;
    `may_miss` leaves a missing file for later to report.

    Raises: `DataError` if a value is no path, leaves the table's folder, or names no file.
    """
    place = sources[0].rpartition(":")[0]
    finder = PathFinder(folder)
    paths: list[Path] = []
    outside: list[str] = []
    missing: list[str] = []
    for value, source in zip(values, sources, strict=True):
        row = f"row {source.rpartition(':')[2]}"
        if not isinstance(value, str) or not value.strip() or "\0" in value or not is_encodable(value):
            raise DataError(
                f"{place}: {row} has no path of {with_article(noun)} in column {quoted(column)}; "
                "fill it in or remove the row"
            )
        path, is_inside, exists = finder.find(value)
        paths.append(path)
        if not is_inside:
            outside.append(row)
        elif not exists:
            missing.append(f"{row} ({quoted(value)})")
    if outside:
        raise DataError(
            f"{place}: the path leaves the table's folder at {some(outside, MOST_ROWS)}; "
            f"move the {noun}s beside the table or give absolute paths"
        )
    if missing and not may_miss:
        raise DataError(
            f"{place}: no such {noun} at {some(missing, MOST_ROWS)}; "
            "fix the paths or leave them out with --skip-bad"
        )
    return paths


class PathFinder:
    """Finds files below a folder; each parent folder is resolved once, each file looked at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._real_folder = os.path.realpath(folder)
        self._is_inside: dict[str, bool] = {}

    def find(self, value: str) -> tuple[Path, bool, bool]:
        """Find the file that a relative or absolute path names.

        The path, whether it is admitted, and whether a file is there.
        """
        path = os.path.join(self._folder, value)
        is_inside = os.path.isabs(value) or self._stays_inside(path)
        return Path(path), is_inside, is_inside and os.path.isfile(path)

    def _stays_inside(self, path: str) -> bool:
        parent = os.path.dirname(path)
        if parent not in self._is_inside:
            self._is_inside[parent] = self._is_below(os.path.realpath(parent))
        is_plain_name = os.path.basename(path) not in ("", ".", "..")
        if self._is_inside[parent] and is_plain_name and not os.path.islink(path):
            return True
        return self._is_below(os.path.realpath(path))

    def _is_below(self, real: str) -> bool:
        return os.path.join(real, "").startswith(os.path.join(self._real_folder, ""))
