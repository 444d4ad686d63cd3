"""Context of a run: what every step of it needs, in one thing to hand on."""

from typing import NamedTuple

from pellucid.data import Dataset
from pellucid.pipeline.run.folder import RunFolder
from pellucid.pipeline.run.journal import Journal
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings


class RunContext(NamedTuple):
    """A run under way.

    Attributes:
        folder: of the run.
        dataset: the data.
        settings: what the user asked for.
        stages: shows what is done.
        journal: what is decided once.
    """

    folder: RunFolder
    dataset: Dataset
    settings: Settings
    stages: Stages
    journal: Journal
