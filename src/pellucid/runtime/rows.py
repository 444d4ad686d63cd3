"""Rows of answers in the columns of `pellucid predict`."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from pellucid.answering.answered import answered
from pellucid.answering.answers import Answer
from pellucid.answering.decisions import Decisions, Wishes
from pellucid.answering.incoming.blocks import Block
from pellucid.runtime.exported import Answers, ExportedModel

_PLACES = 6


class Rows:
    """Rows of what a model answers.

    Attributes:
        columns: further columns, and what each holds.

    Args:
        model: that answers.
        wishes: whether each class gets a column, whether it may abstain, what wrong answers cost, and whether
            there are prediction sets.
        place: the file, for messages.

    Raises:
        UsageError: a wish cannot be met from the held-out answers in the file.
    """

    columns: dict[str, Any]

    def __init__(self, model: ExportedModel, wishes: Wishes, place: str) -> None:
        self._model, self._with_probabilities = model, wishes.probabilities
        self._decisions = Decisions(model, wishes, place)
        self.columns = self._decisions.columns

    def announcement(self) -> list[str]:
        """Promises about the rows, in sentences."""
        return self._decisions.announcement()

    def of(self, block: Block) -> list[Answer]:
        """A row for each input of a block."""
        answers, block = answered(self._model, block)
        usable = self._usable(answers)
        nothing = (None,) * (len(self._model.classes) if self._with_probabilities else 0)
        unknown = (None,) * len(self.columns)
        rows = []
        for name, error in zip(block.names, block.errors, strict=True):
            if error:
                rows.append(Answer(name, None, None, error, None, nothing, unknown))
                continue
            label, probability, novelty, shown, decided = next(usable)
            rows.append(Answer(name, label, probability, "", novelty, shown, decided))
        return rows

    def _usable(self, answered: Answers) -> Iterator[tuple[Any, ...]]:
        """Cells of each input that can be used: all but its name and the reason of an error."""
        said, classes = answered.said, self._model.classes
        decided = self._decisions.decide(said, answered.novelty)
        cells = decided.cells()
        novelty: list[Any] = (
            [None] * len(said) if answered.novelty is None else answered.novelty.round(_PLACES).tolist()
        )
        if not classes:
            for number, each in zip(said.tolist(), novelty, strict=True):
                yield number, None, each, (), next(cells)
            return
        places = np.asarray(decided.answers).tolist()
        for row, place, each in zip(said.tolist(), places, novelty, strict=True):
            shown = tuple(row) if self._with_probabilities else ()
            yield classes[place], row[place], each, shown, next(cells)
