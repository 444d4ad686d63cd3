"""Shared by `predict` and `evaluate`: flags about tables, and a progress bar over the inputs."""

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence

from pellucid.cli.flags import add_flag
from pellucid.settings import ROWS

_FEW = 1000


def add_table_flags(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """Add the flags of the named settings."""
    for row in ROWS:
        if row.name in names:
            add_flag(parser, row)
    parser.set_defaults(setting_names=list(names))


@contextlib.contextmanager
def counting(words: str) -> Iterator[Callable[[int, int], None] | None]:
    """Progress bar on standard error, told the inputs done and in all; `None` where it is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(words, total=None, visible=False)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=total > _FEW)

        yield show
