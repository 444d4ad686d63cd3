"""A bar over many trainings, in a terminal."""

import contextlib
from collections.abc import Callable, Iterator

from pellucid.pipeline.run.stages import Stages


@contextlib.contextmanager
def counting(stages: Stages, total: int, done: int = 0) -> Iterator[Callable[[str], None]]:
    """Show how many trainings are done; nothing where standard error is no terminal.

    The function it yields is told what is trained next, after the one before is done.
    """
    if stages.quiet or not stages.in_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("  training"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
        console=stages.console,
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=total, completed=done)
        begun = done - 1

        def show(words: str) -> None:
            nonlocal begun
            begun += 1
            bar.update(task, completed=begun, description=words)

        yield show
