"""Work of a classical model: the conditions under which it learns, its pace, and a set-up to try."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.classical.predictors import Predictor, Rows
from pellucid.classical.training_set import Budget, OverdueError, TrainingSet

_PACED = 8  # pieces of work after which their pace is known
# Times of its seconds that the whole may seem to take: pieces differ, and a pace measured on a few of them is
# wrong by some tenths.
_BEHIND = 1.25


@dataclass
class Scale:
    """Scale of decision values, kept so that no model is trained for it twice; `None` before it is known."""

    value: float | None = None


class Pace:
    """Pieces of work done by a deadline, from which it is seen early that the rest will not be.

    A model that would be given up in the end is given up after a few of its pieces, so that its time is left
    for a smaller part of the work.
    """

    def __init__(self, pieces: int, deadline: float) -> None:
        self.pieces, self.deadline = pieces, deadline
        self._began, self._done, self._lock = time.monotonic(), 0, threading.Lock()

    def piece_done(self) -> None:
        """Count a piece, and give up where the others would end far behind the deadline.

        Raises: `OverdueError` where they would.
        """
        with self._lock:
            self._done += 1
        if self._done < min(_PACED, -(-self.pieces // 4)):
            return
        took, given = time.monotonic() - self._began, self.deadline - self._began
        times = took / self._done * self.pieces / max(1e-3, given)
        if self._done < self.pieces and times > _BEHIND:
            raise OverdueError(times)


class Work(NamedTuple):
    """Conditions of learning, but for the examples."""

    classes: int  # how many there are, or labels; 0 where numbers are predicted
    seed: int  # of everything drawn
    threads: int  # processor threads
    budget: Budget  # counts
    one_unit: bool = False  # whether all features are of one unit, as those of images are
    for_comparison: bool = False  # whether the model will only be compared and then forgotten
    # of a linear model of texts: taken where it is known, else found and kept; `None` for one that
    # nobody wants to know
    scale: Scale | None = None
    # of each example that is learnt from, above 0; `None` where all weigh the same
    weights: Float64[np.ndarray, " n"] | None = None
    # of each class, by which the weights are multiplied, or of each label for those that have it; likewise
    class_weights: tuple[float, ...] | None = None
    # reading of `time.monotonic` after which the work is given up; `None` without one
    deadline: float | None = None
    # of the columns of a linear model of texts, under a deadline; `None` where nobody counts them
    pace: Pace | None = None

    def of(self, rows: slice | Int64[np.ndarray, " rows"]) -> "Work":
        """Conditions of learning from some of the examples."""
        return self if self.weights is None else self._replace(weights=self.weights[rows])

    @property
    def is_overdue(self) -> bool:
        """True once the deadline is over."""
        return self.deadline is not None and time.monotonic() > self.deadline

    def require_time(self) -> None:
        """Give up where the deadline is over; asked between pieces of work that cannot be broken off.

        Raises: `OverdueError` if it is.
        """
        if self.is_overdue:
            raise OverdueError


class Trial(NamedTuple):
    """Candidate set-up of a model."""

    features: str  # what it sees
    words: str  # the set-up for people
    # trains it on features and labels in an order drawn by chance
    learn: Callable[[Rows, np.ndarray, Work], Predictor]
    most: int | None = None  # training examples that it can take; `None` for as many as the budget allows
    best: int | None = None  # n-grams of texts that it sees, those that say most; `None` for all
    is_blind: bool = False  # whether it looks at no feature, so that none is computed
    # whether it learns from texts as slowly as from images, and is compared on as few of them
    is_slow: bool = False
    # training examples on which it is compared; `None` for as many as the budget allows
    screened: int | None = None

    def compared_on(self, budget: Budget, are_texts: bool) -> int:
        """Most training examples on which it is compared."""
        most = budget.screened_texts if are_texts and not self.is_slow else budget.screened
        return most if self.screened is None else min(most, self.screened)


# From features, labels, conditions and the model's own hyper-parameter, by its name, to a model.
Fit = Callable[..., Predictor]

# From a training set and a budget to a model's set-ups, the one that usually serves best first.
Baseline = Callable[[TrainingSet, Budget], list[Trial]]
