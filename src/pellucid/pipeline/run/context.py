"""Context of a run: what every step of it needs, in one thing to hand on."""

from typing import NamedTuple

from pellucid.data import Dataset
from pellucid.pipeline.run.folder import RunFolder
from pellucid.pipeline.run.journal import Journal
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings


class RunContext(NamedTuple):
    """A run under way: its folder, data and settings, its stages on the terminal and its journal."""

    folder: RunFolder
    dataset: Dataset
    settings: Settings
    stages: Stages
    journal: Journal

    def beside_a_bar(self) -> "RunContext":
        """The same for work beside a training that shows its bar."""
        return self._replace(stages=self.stages.beside_a_bar())
