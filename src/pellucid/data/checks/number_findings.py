"""Findings about numbers that are to be predicted: their spread in each split."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from pellucid.data.dataset import Dataset
from pellucid.data.listing import TEST, TRAIN
from pellucid.data.wording import aligned, count_of
from pellucid.tasks import REGRESSION

_FEW_OUTSIDE = 0.05


class Spread(NamedTuple):
    """Spread of numbers: quartiles, extremes and mean.

    Attributes:
        examples: how many there are.
        smallest: the smallest.
        lower_quartile: a quarter are at most this.
        median: half are at most this.
        upper_quartile: three quarters are at most this.
        largest: the largest.
        mean: their mean.
    """

    examples: int
    smallest: float
    lower_quartile: float
    median: float
    upper_quartile: float
    largest: float
    mean: float


@dataclass(frozen=True)
class NumberFindings:
    """Findings about numbers that are to be predicted.

    Attributes:
        all: spread over all splits together.
        distinct: how many different numbers there are.
        splits: spread in each split; `None` where the split is empty.
        outside: test examples whose number is smaller or larger than every number of the train split.
        noun: what one example is.
    """

    all: Spread
    distinct: int
    splits: Mapping[str, Spread | None]
    outside: int
    noun: str = "image"

    def to_json(self) -> dict[str, Any]:
        """The findings as JSON values: `distinct`, `outside`, and the spread of all and of each split."""
        return {
            "distinct": self.distinct,
            "outside": self.outside,
            **self.all._asdict(),
            "splits": {part: each and each._asdict() for part, each in self.splits.items()},
        }

    def sentences(self) -> list[str]:
        """Range, mean, median, how many differ, and what lies outside of train."""
        whole = self.all
        said = [
            f"The numbers go from {whole.smallest:.6g} to {whole.largest:.6g} (mean {whole.mean:.6g}, "
            f"median {whole.median:.6g}); {self.distinct:,} of them are distinct."
        ]
        test = self.splits[TEST]
        if test is not None and self.outside > _FEW_OUTSIDE * test.examples:
            train = self.splits[TRAIN]
            assert train is not None
            said.append(
                f"Beyond what is trained on, {train.smallest:.6g} to {train.largest:.6g}, go the numbers of "
                f"{count_of(self.outside, f'test {self.noun}')}; models seldom reach further than they were "
                "shown."
            )
        return said

    def table(self) -> list[str]:
        """The spread in each split within 80 columns: a heading, a line for each figure, the counts."""
        rows = [
            (words, [_cell(each, name) for each in self.splits.values()]) for name, words in _FIGURES.items()
        ]
        counts = [f"{0 if each is None else each.examples:,}" for each in self.splits.values()]
        return aligned("number", list(self.splits), [*rows, (f"{self.noun}s", counts)])


_FIGURES = {
    "smallest": "smallest",
    "lower_quartile": "lower quartile",
    "median": "median",
    "upper_quartile": "upper quartile",
    "largest": "largest",
    "mean": "mean",
}


def _cell(spread: Spread | None, name: str) -> str:
    return "" if spread is None else f"{getattr(spread, name):.6g}"


def number_findings(dataset: Dataset) -> NumberFindings | None:
    """Spread of the numbers to predict in each split; `None` where classes are predicted."""
    if dataset.target is not REGRESSION:
        return None
    values = {part: dataset.labels[positions] for part, positions in dataset.split_positions.items()}
    used = np.concatenate(list(values.values()))
    low, high = values[TRAIN].min(), values[TRAIN].max()
    return NumberFindings(
        all=_spread(used),
        distinct=len(np.unique(used)),
        splits={part: _spread(each) if len(each) else None for part, each in values.items()},
        outside=int(((values[TEST] < low) | (values[TEST] > high)).sum()),
        noun=dataset.noun,
    )


def _spread(values: Float64[np.ndarray, " examples"]) -> Spread:
    smallest, lower, median, upper, largest = np.quantile(values, (0.0, 0.25, 0.5, 0.75, 1.0)).tolist()
    return Spread(len(values), smallest, lower, median, upper, largest, float(values.mean()))
