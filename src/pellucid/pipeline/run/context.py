"""Context of a run: what every step of it needs, in one thing to hand on."""

from typing import NamedTuple

from pellucid.data import Dataset
from pellucid.pipeline.run.folder import RunFolder
from pellucid.pipeline.run.journal import NOTES, Journal
from pellucid.pipeline.run.stages import Stages
from pellucid.pipeline.run.time_budget import UNLIMITED, TimeBudget
from pellucid.settings import Settings


class RunContext(NamedTuple):
    """A run under way: its folder, data, settings, stages on the terminal, journal and time."""

    folder: RunFolder
    dataset: Dataset
    settings: Settings
    stages: Stages
    journal: Journal
    time: TimeBudget = UNLIMITED

    def leave_out(self, sentence: str) -> None:
        """Report, in a line and in the report, what there is no time for; a resumed run leaves it out too."""
        if self.journal.note(sentence):
            self.stages.paragraph(sentence)

    def affords(self, seconds: float, sentence: str) -> bool:
        """True where so many seconds are left; otherwise report, by a sentence, what is left out.

        What a run before a kill left out stays so.
        """
        is_affordable = sentence not in self.journal.content.get(NOTES, ()) and seconds <= self.time.left()
        if not is_affordable:
            self.leave_out(sentence)
        return is_affordable

    def beside_a_bar(self) -> "RunContext":
        """The same for work beside a training that shows its bar."""
        return self._replace(stages=self.stages.beside_a_bar())
