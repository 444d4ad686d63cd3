"""Names of many rows, made when they are asked for instead of kept."""

import bisect
import itertools
from collections.abc import Sequence
from typing import overload

import numpy as np
from jaxtyping import Int64


class RowNames(Sequence[str]):
    """Names such as `mails.csv:7`, for every row of a table."""

    def __init__(self, place: str, numbers: Int64[np.ndarray, " n"]) -> None:
        self._place = place
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, which: int) -> str: ...

    @overload
    def __getitem__(self, which: slice) -> list[str]: ...

    def __getitem__(self, which: int | slice) -> str | list[str]:
        """One name by its position, or a list of them by a slice."""
        if isinstance(which, slice):
            return [f"{self._place}:{number}" for number in self._numbers[which].tolist()]
        return f"{self._place}:{self._numbers[which]}"

    def __eq__(self, other: object) -> bool:
        return _are_equal(self, other)

    __hash__ = None  # type: ignore[assignment]


class Chain(Sequence[str]):
    """Several sequences as one, none of them copied."""

    def __init__(self, parts: Sequence[Sequence[str]]) -> None:
        self._parts = parts
        self._starts = list(itertools.accumulate(map(len, parts), initial=0))

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, which: int) -> str: ...

    @overload
    def __getitem__(self, which: slice) -> list[str]: ...

    def __getitem__(self, which: int | slice) -> str | list[str]:
        """One text by its position, or a list of them by a slice."""
        if isinstance(which, slice):
            return [self[index] for index in range(len(self))[which]]
        index = range(len(self))[which]
        part = bisect.bisect_right(self._starts, index) - 1
        return self._parts[part][index - self._starts[part]]

    def __eq__(self, other: object) -> bool:
        return _are_equal(self, other)

    __hash__ = None  # type: ignore[assignment]


def _are_equal(one: Sequence[str], other: object) -> bool:
    return isinstance(other, Sequence) and len(one) == len(other) and all(map(str.__eq__, one, other))
