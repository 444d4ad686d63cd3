"""Labelling: goes through inputs block by block, writes a row for each, and adds up what became of them."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pellucid.answering.answered import REASON, rows_of
from pellucid.answering.answers import Answer, Columns, Write, answers_to
from pellucid.answering.decisions import Decisions
from pellucid.answering.incoming.ahead import ahead
from pellucid.answering.incoming.blocks import (
    NOTHING_PASSED,
    WARNINGS_SHOWN,
    Block,
    Incoming,
    Passed,
)
from pellucid.answering.unfinished import Question, unfinished
from pellucid.bundle import Model
from pellucid.evaluation import Gathering

# Told the inputs done, and the inputs in all where that can be known.
Progress = Callable[[int, int | None], None]


@dataclass
class Tally:
    """Inputs that got a label, those that could not get one, those that are not answered, and warnings."""

    labelled: int = 0
    unreadable: int = 0
    unanswered: int = 0
    abstained: int = 0
    warned: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Inputs that have a row."""
        return self.labelled + self.unreadable + self.unanswered


class Labelling:
    """Goes through inputs, and adds up what became of them."""

    def __init__(self, decider: Decisions[Model]) -> None:
        model = decider.model
        self.tally = Tally()
        self.gathering = None if model.detector is None else Gathering(model.detector, model.classes)
        self._decider = decider

    def take_up(self, memory: Mapping[str, Any]) -> None:
        """Go on from what an earlier process added up."""
        if memory:
            self.tally = Tally(**memory["tally"])
            if self.gathering is not None:
                self.gathering.take_up(memory["gathering"])

    def print(self, columns: Columns, asked: Incoming, progress: Progress | None) -> None:
        """Write CSV to standard output."""
        with answers_to(None, columns) as write:
            self.go(asked, NOTHING_PASSED, write, progress)

    def fill(self, question: Question, resume: bool, asked: Incoming, progress: Progress | None) -> None:
        """Write the rows of a file, or go on with those that an earlier process left."""
        with unfinished(question, resume) as rows:
            self.take_up(rows.memory)
            self.go(asked, rows.before, rows.write, progress, rows.remember)

    def go(
        self,
        asked: Incoming,
        before: Passed,
        write: Write,
        progress: Progress | None,
        remember: Callable[[str, Mapping[str, Any]], None] | None = None,
    ) -> None:
        """Write a row for each input behind those answered before."""
        total = None if progress is None else asked.how_many()
        if progress is not None and before.number:
            progress(before.number, total)
        with contextlib.closing(ahead(asked.blocks_after(before))) as blocks:
            for block in blocks:
                write(self._rows(block))
                if remember is not None:
                    remember(block.passed, self._memory())
                if progress is not None:
                    progress(self.tally.done, total)

    def _memory(self) -> dict[str, Any]:
        sums = None if self.gathering is None else self.gathering.sums()
        return {"tally": asdict(self.tally), "gathering": sums}

    def _rows(self, block: Block) -> list[Answer]:
        """A row for each input of a block."""
        rows, answers, abstained = rows_of(self._decider, block)
        if self.gathering is not None and answers.novelty is not None:
            self.gathering.add(answers.novelty, answers.said)
        tally = self.tally
        tally.unanswered += sum(row.error == REASON for row in rows)
        tally.unreadable += sum(row.error not in ("", REASON) for row in rows)
        tally.labelled += sum(row.label is not None for row in rows)
        tally.abstained += abstained
        tally.warned += len(block.warnings)
        tally.warnings += block.warnings[: WARNINGS_SHOWN - len(tally.warnings)]
        return rows
