"""Refusing data that is too small to be divided, with what is there and what is needed."""

from collections.abc import Sequence
from typing import NamedTuple

from pellucid.data.labels.numbers import read_number
from pellucid.data.listing import TRAIN
from pellucid.data.splits.targets import CLASSES_AT_MOST
from pellucid.data.wording import count_of, quoted
from pellucid.errors import DataError

_NAMED_AT_MOST = 20


class Shortage(NamedTuple):
    """A class, or the numbers, of which there are too few.

    Attributes:
        name: of the class; empty where numbers are predicted.
        examples: how many there are.
        sets: how many sets that must stay together they make up.
    """

    name: str
    examples: int
    sets: int

    @property
    def words(self) -> str:
        """The count, such as `4 examples in 1 set that must stay together`."""
        held = (
            "" if self.sets == self.examples else f" in {count_of(self.sets, 'set')} that must stay together"
        )
        return count_of(self.examples, "example") + held


def too_few_of_classes(
    place: str, names: Sequence[str], short: Sequence[Shortage], missing: Sequence[str]
) -> DataError:
    """The error that names the classes too small for the splits, twenty lines at most, and what is needed.

    `missing` are the splits to be cut, the test first.
    """
    what = f"{_needed(missing)}; add examples or leave the {'class' if len(short) == 1 else 'classes'} out"
    if len(names) > CLASSES_AT_MOST and all(read_number(name) is not None for name in names):
        what += "; if the labels are numbers to predict, give --target number"
    lines = [f"class {quoted(each.name)} has {each.words}" for each in short]
    if len(lines) == 1:
        return DataError(f"{place}: {lines[0]}; {what}")
    if len(lines) > _NAMED_AT_MOST:
        more = len(lines) - _NAMED_AT_MOST + 1
        lines = [*lines[: _NAMED_AT_MOST - 1], f"and {more:,} more classes"]
    listed = "".join(f"\n  {line}" for line in lines)
    return DataError(f"{place}: too few examples; {what}{listed}")


def too_few_numbers(place: str, found: Shortage, missing: Sequence[str]) -> DataError:
    """The error for numbers of which none can be spared for a split.

    `found` is all there is; `missing` are the splits to be cut, the test first.
    """
    return DataError(f"{place}: {found.words} cannot be divided; {_needed(missing)}; add examples")


def _needed(missing: Sequence[str]) -> str:
    parts = ", ".join([TRAIN, *reversed(missing)])
    return f"{len(missing) + 1} are needed, one each for {parts}"
