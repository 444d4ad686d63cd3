"""Labelling: goes through inputs block by block, writes a row for each, and adds up what became of them."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import repeat
from typing import Any

import numpy as np

from pellucid.answering.answered import REASON, answered
from pellucid.answering.answers import Answer, Columns, Write, answers_to
from pellucid.answering.deciding import Decided, Decider
from pellucid.answering.incoming.ahead import ahead
from pellucid.answering.incoming.blocks import (
    NOTHING_PASSED,
    WARNINGS_SHOWN,
    Block,
    Incoming,
    Passed,
)
from pellucid.answering.unfinished import Question, unfinished
from pellucid.bundle import Answers, Model
from pellucid.evaluation import Gathering
from pellucid.tasks import CLASSIFICATION, REGRESSION

_Said = tuple[str | float, float | None, tuple[float, ...]]
"""Class or number, probability of the class, and probabilities of all classes."""

_PLACES = 6

Progress = Callable[[int, int | None], None]
"""Told the inputs done, and the inputs in all where that can be known."""


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

    def __init__(self, decider: Decider, with_probabilities: bool) -> None:
        model = decider.model
        self.tally = Tally()
        self.gathering = None if model.detector is None else Gathering(model.detector, model.classes)
        self._decider = decider
        self._with_probabilities = with_probabilities

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
                write(self._answers(block))
                if remember is not None:
                    remember(block.passed, self._memory())
                if progress is not None:
                    progress(self.tally.done, total)

    def _memory(self) -> dict[str, Any]:
        sums = None if self.gathering is None else self.gathering.sums()
        return {"tally": asdict(self.tally), "gathering": sums}

    def _answers(self, block: Block) -> list[Answer]:
        """Answers of the model for each input of a block."""
        said, block = answered(self._decider.model, block)
        if self.gathering is not None and said.novelty is not None:
            self.gathering.add(said.novelty, said.said)
        decided = self._decider.decide(*said)
        answers = _answers(block, self._decider, said, decided, self._with_probabilities)
        tally = self.tally
        tally.unanswered += sum(answer.error == REASON for answer in answers)
        tally.unreadable += sum(answer.error not in ("", REASON) for answer in answers)
        tally.labelled += sum(answer.label is not None for answer in answers)
        tally.abstained += 0 if decided.abstained is None else int(decided.abstained.sum())
        tally.warned += len(block.warnings)
        tally.warnings += block.warnings[: WARNINGS_SHOWN - len(tally.warnings)]
        return answers


def _answers(
    block: Block,
    decider: Decider,
    answered: Answers,
    decided: Decided,
    with_probabilities: bool,
) -> list[Answer]:
    """Answers of the model for each input of a block."""
    model = decider.model
    said: Iterator[_Said] = _SAID[model.target](model, answered.said, decided.answers)
    novelty = repeat(None) if answered.novelty is None else iter(answered.novelty.round(_PLACES).tolist())
    nothing: tuple[None, ...] = (None,) * len(model.classes) if with_probabilities else ()
    cells, unknown = decided.cells(), (None,) * len(decider.columns)
    answers = []
    for name, error in zip(block.names, block.errors, strict=True):
        if error:
            answers.append(Answer(name, None, None, error, None, nothing, unknown))
            continue
        label, probability, probabilities = next(said)
        shown = probabilities if with_probabilities else ()
        answers.append(Answer(name, label, probability, "", next(novelty), shown, next(cells)))
    return answers


def _numbers(model: Model, values: np.ndarray, answers: np.ndarray) -> Iterator[_Said]:
    """The number predicted for each usable input."""
    del model, answers
    for value in values.tolist():
        yield value, None, ()


def _classes(model: Model, said: np.ndarray, answers: np.ndarray) -> Iterator[_Said]:
    """The class answered for each usable input, its probability, and all of them."""
    for probabilities, best in zip(said.tolist(), answers.tolist(), strict=True):
        yield model.classes[best], probabilities[best], tuple(probabilities)


_SAID = {CLASSIFICATION: _classes, REGRESSION: _numbers}
