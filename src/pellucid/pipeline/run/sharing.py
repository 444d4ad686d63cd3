"""Cores that a run shares with other programs: counted once, entered into the journal, said to the user."""

import contextlib
from collections.abc import Iterator

from pellucid import cores
from pellucid.data.wording import count_of
from pellucid.pipeline.run.journal import Journal
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings
from pellucid.training.determinism import is_left_open, sharing


@contextlib.contextmanager
def free_cores(settings: Settings, journal: Journal, stages: Stages) -> Iterator[None]:
    """Compute with one thread for each core that other programs left free when the run was started.

    A second thread on a core that is taken makes each step wait for the slower of the two. Nothing is counted
    where the user says how many threads to use.
    """
    if not is_left_open(settings):
        yield
        return
    found = journal.decided("free_cores", cores.free)
    usable = cores.usable()
    if found < usable:
        stages.paragraph(
            f"Other programs keep {usable - found} of {count_of(usable, 'core')} busy, so this run computes "
            f"with {count_of(found, 'thread')}; --threads {usable} makes it use all."
        )
    with sharing(found):
        yield
