"""Coverage: the share of texts that an encoder takes in."""

from typing import NamedTuple


class Coverage(NamedTuple):
    """Counts of known and cut texts and pieces.

    Attributes:
        texts: how many there were.
        ids: pieces that the texts fell into, those that were cut off included; where n-grams are kept,
            single words, as most longer n-grams are new in any text.
        unknown: of these, how many the vocabulary does not hold.
        cut: texts that were longer than the encoder reads.
    """

    texts: int
    ids: int
    unknown: int
    cut: int

    def __add__(self, other: object) -> "Coverage":
        """Counts over both groups of texts."""
        if not isinstance(other, Coverage):
            return NotImplemented
        return Coverage(*(mine + its for mine, its in zip(self, other, strict=True)))
