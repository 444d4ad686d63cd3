"""Rows of answers in the columns of `pellucid predict`."""

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import numpy as np
from jaxtyping import Float64

from pellucid.answering.answers import Answer
from pellucid.answering.incoming import Block
from pellucid.arithmetic.probabilities import trust
from pellucid.errors import UsageError
from pellucid.runtime.exported import Answers, ExportedModel
from pellucid.runtime.metadata import Threshold

_PLACES = 6


class Rows:
    """Rows of what a model answers.

    Attributes:
        columns: further columns, and what each holds.

    Args:
        model: that answers.
        with_probabilities: whether each class gets a column.
        max_error: largest error among the answered, of which the file holds a threshold; `None` answers all.

    Raises:
        UsageError: the file holds no threshold for that error.
    """

    columns: dict[str, Any]

    def __init__(self, model: ExportedModel, with_probabilities: bool, max_error: float | None) -> None:
        self._model, self._with_probabilities = model, with_probabilities
        self._threshold = None if max_error is None else _threshold(model, max_error)
        self.columns = {} if self._threshold is None else {"abstained": bool}

    def of(self, block: Block) -> list[Answer]:
        """A row for each input of a block."""
        usable = self._usable(self._model.answer(block.inputs))
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
        said, count = answered.said, len(answered.said)
        novelty: list[Any] = (
            [None] * count if answered.novelty is None else answered.novelty.round(_PLACES).tolist()
        )
        if said.ndim == 1:
            yield from zip(said.tolist(), repeat(None), novelty, repeat(()), repeat(()), strict=False)
            return
        best = said.argmax(axis=1)
        highest = said[np.arange(count), best]
        decided = self._abstained(highest, answered.novelty)
        for row, place, each, cells in zip(said.tolist(), best.tolist(), novelty, decided, strict=True):
            shown = tuple(row) if self._with_probabilities else ()
            yield self._model.classes[place], row[place], each, shown, cells

    def _abstained(
        self, highest: Float64[np.ndarray, " n"], novelty: Float64[np.ndarray, " n"] | None
    ) -> list[tuple[bool, ...]]:
        """Of each input, whether it is not answered; nothing where no threshold was asked for."""
        if self._threshold is None:
            return [()] * len(highest)
        least = self._threshold.trust
        trusted = trust(highest, novelty, self._model.metadata.novelty_rate or 1.0)
        return [(least is None or not value >= least,) for value in trusted.tolist()]


def _threshold(model: ExportedModel, max_error: float) -> Threshold:
    """The threshold of an error.

    Raises: `UsageError` if the file holds none.
    """
    known = model.metadata.abstention
    for threshold in known:
        if abs(threshold.max_error - max_error) < 1e-9:
            return threshold
    choices = ", ".join(f"{each.max_error:g}" for each in known)
    raise UsageError(
        f"--max-error: the file holds no threshold for {max_error:g}; "
        + (f"choose one of {choices}" if known else "it was made from a model without held-out answers")
    )
