"""Words whose vectors are needed of a file, and the ones that were found."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from pellucid.encoding.words.characters import normalise


class Vectors(NamedTuple):
    """Vectors of some words.

    Attributes:
        matrix: one row for each word found.
        words: positions of these words among those asked for.
        ranks: which row of the file each is, from 1; files hold frequent words first.
        rows: how many the file holds.
    """

    matrix: Float32[np.ndarray, "found numbers"]
    words: Int64[np.ndarray, " found"]
    ranks: Int64[np.ndarray, " found"]
    rows: int


class Wanted:
    """Different normalised words to look for, as they stand or else in capitals or another form."""

    def __init__(self, words: Sequence[str]) -> None:
        self._places = {word: place for place, word in enumerate(words)}
        self._is_exact: dict[int, bool] = {}

    def wants(self, word: str) -> bool:
        """False where `take` would give `None` for certain for a word as the file spells it."""
        return word in self._places or normalise(word) in self._places

    def take(self, word: str) -> int | None:
        """Position among the wanted words of a word of the file; `None` if not needed, or no longer.

        Of several forms of one word counts the one spelt as it is wanted, else the first.
        """
        place = self._places.get(word)
        is_exact = place is not None
        if place is None:
            place = self._places.get(normalise(word))
        if place is None or self._is_exact.get(place, False) or (place in self._is_exact and not is_exact):
            return None
        self._is_exact[place] = is_exact
        return place
