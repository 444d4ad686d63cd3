"""`pellucid label` from beginning to end: a pool, a table, a page, and the command that trains on it."""

import contextlib
import sys
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.data.wording import count_of
from pellucid.input_kinds import TEXTS
from pellucid.labelling.pool import read_pool
from pellucid.labelling.server import application
from pellucid.labelling.session import Labelling
from pellucid.labelling.table import LabelTable, require_ending
from pellucid.language.sentence import Sentence
from pellucid.pages.local_server import listening, serve
from pellucid.safety.files import locked, make_folder
from pellucid.settings import Settings
from pellucid.targets import Target

_SWITCH_SECONDS = 0.0005


def label(
    place: str,
    out: Path,
    settings: Settings,
    *,
    port: int,
    target: Target,
    classes: Sequence[str],
    say: Callable[[str], None],
    opens_browser: bool = False,
    started: Callable[[Mapping[str, Any]], None] | None = None,
) -> None:
    """Serve the page until the process is interrupted; `say` writes a line for the user.

    `started` gets the addresses once the page is served.

    Raises: `UsageError` if the port is taken, `DataError` if there is nothing to label or the table is none,
    `RunLockedError` if somebody else labels into it.
    """
    require_ending(out)
    pool = read_pool(place, out, settings)
    make_folder(out.parent)
    with locked(out.parent, f".{out.name}.lock"), contextlib.closing(listening(port)) as own:
        table = LabelTable(out, holds_texts=pool.kind is TEXTS)
        labelling = Labelling(pool, table, target=target, seed=settings.seed, classes=classes)
        for warning in pool.warnings:
            say(warning)
        if labelling.elsewhere:
            say(
                Sentence(
                    "{out}: {elsewhere} about other examples, left as they are",
                    out,
                    count_of(labelling.elsewhere, "row"),
                )
            )
        address = f"http://127.0.0.1:{own.getsockname()[1]}/"
        say(
            Sentence(
                "{summary}\nlabels: {out}\npage: {address}  (Ctrl-C ends it)",
                labelling.summary(),
                out,
                address,
            )
        )
        if started is not None:
            started({"page": address, "labels": out, "train": labelling.command})
        # Whoever answers a request would wait so long for a thread that trains, again and again.
        sys.setswitchinterval(_SWITCH_SECONDS)
        labelling.start()
        if opens_browser:
            webbrowser.open(address)
        try:
            with contextlib.suppress(KeyboardInterrupt):
                serve(application(labelling), own)
        finally:
            labelling.stop()
            say(Sentence("{summary}\ntrain on them: {command}", labelling.summary(), labelling.command))
