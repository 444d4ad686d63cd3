"""What exported files of each target have of their own: format, first output, and plain answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.targets import CLASSIFICATION, MULTILABEL, ORDERED, REGRESSION, Target
from pellucid.targets.several import EVEN

# Names of the outputs of graphs.
PROBABILITIES = "probabilities"
NUMBERS = "numbers"
NOVELTY = "novelty"

# Of format 1 the classes say which target it is; format 2 names it, so that a runtime which knows the first
# alone refuses the file.
FORMAT = "1"
FORMAT_OF_NAMED = "2"


@dataclass(frozen=True, kw_only=True)
class InFile:
    """What a file of a target has of its own."""

    format: str
    answer: str  # name of the graph's first output
    plain: Callable[[np.ndarray, tuple[str, ...]], list[Any]]  # labels as `predict` gives them
    # probability from which on a label is answered that has no threshold; None where the most probable one is
    even: float | None = None


def _lists(states: np.ndarray, classes: tuple[str, ...]) -> list[list[str]]:
    return [[classes[code] for code in np.flatnonzero(row).tolist()] for row in states]


IN_FILES: dict[Target, InFile] = {
    CLASSIFICATION: InFile(format=FORMAT, answer=PROBABILITIES, plain=CLASSIFICATION.texts),
    REGRESSION: InFile(format=FORMAT, answer=NUMBERS, plain=lambda numbers, _: numbers.tolist()),
    MULTILABEL: InFile(format=FORMAT_OF_NAMED, answer=PROBABILITIES, plain=_lists, even=EVEN),
    ORDERED: InFile(format=FORMAT_OF_NAMED, answer=PROBABILITIES, plain=ORDERED.texts),
}


def stated_by(target: Target) -> dict[str, str]:
    """What the metadata of a file say of its target."""
    own = IN_FILES[target]
    return {"format": own.format, **({} if own.format == FORMAT else {"target": target.noun})}


def target_of_file(stated: dict[str, str], classes: int) -> Target:
    """The target of a file of so many classes that states this.

    Raises: `ValueError` if no target of so many classes does.
    """
    for target, own in IN_FILES.items():
        if stated_by(target) == stated and bool(classes) == (own.answer == PROBABILITIES):
            return target
    raise ValueError("no model that Pellucid exported, or of another format")
