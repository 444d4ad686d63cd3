"""A dry run: the data as training would see it, on one page; nothing is trained."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pellucid.data import prepare
from pellucid.errors import UsageError
from pellucid.files import write_file
from pellucid.reports.preview import render_preview
from pellucid.settings import Settings


def preview(
    place: str,
    given: Mapping[str, Any],
    page: Path,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Read, check and split the data, and write the page.

    `given` are settings that differ from their defaults; `progress` is told the images done and in all.

    Raises: `UsageError` if the page's name does not end in `.html`, or a run continues another one;
    `DataError` if the data is refused; `StorageError` if the page cannot be written.
    """
    if page.suffix.lower() != ".html":
        raise UsageError(f"--dry-run {os.fspath(page)}: writes a page; name it with the ending .html")
    settings = Settings(**given)
    if settings.from_ is not None:
        raise UsageError("--dry-run: --from takes over what an earlier run decided; leave one of them out")
    dataset, check = prepare(place, settings, progress=progress)
    write_file(page, render_preview(dataset, check).encode())
