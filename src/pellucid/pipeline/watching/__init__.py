"""Watching a run while it goes on: its page in a browser, and curves for other tools."""

import contextlib
from collections.abc import Iterator

from pellucid.pipeline.run.journal import RunFolder
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings, parse_log


@contextlib.contextmanager
def watched(
    settings: Settings, place: str, folder: RunFolder, stages: Stages, *, resume: bool
) -> Iterator[None]:
    """Let those look on whom the settings name, for as long as the work within takes; else load nothing.

    Raises: `UsageError` if a library is missing, or the place of a log cannot be used.
    """
    with contextlib.ExitStack() as stack:
        if (log := parse_log(settings.log)) is not None:
            from pellucid.pipeline.watching.logs import logged

            stack.enter_context(logged(*log, folder, stages, resume=resume))
        if settings.watch:
            from pellucid.pipeline.watching.page import shown_in_browser

            stack.enter_context(shown_in_browser(place, folder, stages))
        yield
