"""Byte-pair encoding in plain Python: the ids of the library of tokenizers where that is not installed.

A text is cut into runs of letters, of numbers and of anything else, each with the space before it. Of the
neighbouring tokens of a run the pair whose merge was learnt first is joined, the leftmost of several, until
none is left. Characters that are newer than this Python's Unicode count as neither letters nor numbers.

Source: Sennrich, Haddow, Birch 2016, Neural Machine Translation of Rare Words with Subword Units.
"""

import heapq
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

_ENDING = re.compile("'(?:s|t|re|ve|m|ll|d)")
_NONE = -1


class Encoded(NamedTuple):
    """A text as tokens.

    Attributes:
        ids: of the tokens.
        offsets: first character of each, and the one behind its last.
    """

    ids: list[int]
    offsets: list[tuple[int, int]]


class PlainTokenizer:
    """Splitter of texts by merges.

    Args:
        joins: what each pair of tokens becomes, and when that was learnt.
    """

    def __init__(self, joins: Mapping[tuple[int, int], tuple[int, int]]) -> None:
        self._joins = joins

    def encode_batch_fast(self, texts: Iterable[str], *, add_special_tokens: bool = False) -> list[Encoded]:
        """Tokens of texts in which white space is single spaces, none at the end; there are no marks."""
        del add_special_tokens
        return [self.encode(text) for text in texts]

    def encode(self, text: str) -> Encoded:
        """Tokens of one text, as `encode_batch_fast`."""
        found = Encoded([], [])
        for start, end in _runs(text):
            characters = [place for place in range(start, end) for _ in text[place].encode()]
            for first, behind, number in self._joined(text[start:end].encode()):
                found.ids.append(number)
                found.offsets.append((characters[first], characters[behind - 1] + 1))
        return found

    def _joined(self, content: bytes) -> Iterator[tuple[int, int, int]]:
        """First byte, the one behind the last, and id of each token of a run.

        Each token stands where it begins; one that was joined to the token before it is gone. What waits to
        be joined is out of date once one of its two is another or gone.
        """
        ids: list[int] = [*content]
        after = [*range(1, len(ids)), _NONE]
        before = [*range(_NONE, len(ids) - 1)]
        waiting: list[tuple[int, int, int, int]] = []

        def wait(place: int) -> None:
            if place != _NONE and after[place] != _NONE:
                pair = ids[place], ids[after[place]]
                if pair in self._joins:
                    heapq.heappush(waiting, (self._joins[pair][0], place, *pair))

        for place in range(len(ids)):
            wait(place)
        while waiting:
            _, place, *pair = heapq.heappop(waiting)
            behind = after[place]
            if behind == _NONE or [ids[place], ids[behind]] != pair:
                continue
            ids[place], ids[behind] = self._joins[pair[0], pair[1]][1], _NONE
            after[place] = after[behind]
            if after[place] != _NONE:
                before[after[place]] = place
            wait(before[place])
            wait(place)
        place = 0 if ids else _NONE
        while place != _NONE:
            yield place, len(ids) if after[place] == _NONE else after[place], ids[place]
            place = after[place]


def joins_of(
    merges: Sequence[tuple[int, int]], tokens: Sequence[bytes]
) -> dict[tuple[int, int], tuple[int, int]]:
    """When each pair of tokens is joined, and the token that it becomes; `tokens` are those of the merges."""
    numbers = {token: number for number, token in enumerate(tokens)}
    return {
        (first, second): (rank, numbers[tokens[first] + tokens[second]])
        for rank, (first, second) in enumerate(merges)
    }


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """First character of each run, and the one behind its last."""
    start = 0
    while start < len(text):
        ending = _ENDING.match(text, start)
        if ending:
            end = ending.end()
        else:
            first = start + 1 if text[start] == " " and start + 1 < len(text) else start
            sort, end = _sort(text[first]), first + 1
            while end < len(text) and text[end] != " " and _sort(text[end]) == sort:
                end += 1
        yield start, end
        start = end


def _sort(character: str) -> str:
    """`L` of a letter, `N` of a number, or empty."""
    category = unicodedata.category(character)[0]
    return category if category in "LN" else ""
