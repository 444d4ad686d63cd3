"""N-grams as people read them, and their names.

Neighbouring words are parted by a space. A part of a word has a space where it stands at an edge of it.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int64, UInt64

from pellucid.arithmetic.hashing import chained, mixed, names, prefixes
from pellucid.encoding.ngrams.encoder import Grams, Shape
from pellucid.encoding.tokens.tokenizing import LONGEST_ENTRY

# N-grams: for each size those that were kept, in the order of `grams_of`.
Terms = tuple[tuple[str, ...], ...]


def sizes_of(shape: Shape) -> list[int]:
    """Sizes of n-grams, one a group: numbers of neighbouring words, then of characters of parts of words."""
    parts = range(shape.shortest, shape.longest + 1) if shape.longest else ()
    return [*range(1, shape.words + 1), *parts]


def can_be_kept(groups: Sequence[Grams], group: int, shape: Shape) -> Bool[np.ndarray, " grams"]:
    """True of the n-grams of a group without a word that is longer than a vocabulary keeps."""
    words, grams = groups[0], groups[group]
    is_long = words.ends - words.starts > LONGEST_ENTRY
    if group >= shape.words or not is_long.any():
        return np.ones(len(grams.names), bool)
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(is_long)])
    first = np.searchsorted(words.starts, grams.starts)
    found: Bool[np.ndarray, " grams"] = before[first + sizes_of(shape)[group]] == before[first]
    return found


def spell(
    groups: Sequence[Grams], group: int, which: Int64[np.ndarray, " some"], joined: str, shape: Shape
) -> list[str]:
    """Spelling of n-grams as people read them, one term each.

    `groups` are all n-grams of a block, `group` the one they belong to, and `which` their positions in it.
    `joined` is the texts of the block, each followed by a line break, and `shape` the kind of n-grams.
    """
    words, size = groups[0], sizes_of(shape)[group]
    starts, ends = groups[group].starts[which], groups[group].ends[which]
    first = np.searchsorted(words.starts, starts, "right") - 1
    if group < shape.words:
        columns = [
            _cut(joined, words.starts[first + place], words.ends[first + place]) for place in range(size)
        ]
        return columns[0] if size == 1 else list(map(" ".join, zip(*columns, strict=True)))
    at_start = (words.starts[first] == starts).tolist()
    at_end = (words.ends[first] == ends).tolist()
    return [
        " " * opens + joined[start:end] + " " * closes
        for start, end, opens, closes in zip(starts.tolist(), ends.tolist(), at_start, at_end, strict=True)
    ]


def _cut(joined: str, starts: Int64[np.ndarray, " some"], ends: Int64[np.ndarray, " some"]) -> list[str]:
    """Pieces of a text."""
    return [joined[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


def names_of(shape: Shape, terms: Terms) -> list[UInt64[np.ndarray, " kept"]]:
    """Names that `grams_of` gives to the terms of each size, in the same order.

    Raises: `ValueError` if a term is no n-gram of its size.
    """
    found = []
    for group, (size, written) in enumerate(zip(sizes_of(shape), terms, strict=True)):
        if group < shape.words:
            found.append(_of_words(size, written))
        else:
            found.append(_of_parts(size, written))
    return found


def _of_words(size: int, terms: Sequence[str]) -> UInt64[np.ndarray, " kept"]:
    """Names of so many neighbouring words.

    Raises:
        ValueError: a term is of another number of words.
    """
    words = [word for term in terms for word in term.split(" ")]
    if len(words) != size * len(terms) or any(term.count(" ") != size - 1 for term in terms):
        raise ValueError(f"terms: one of them is not {size} words")
    single = _of_pieces(words).reshape(len(terms), size)
    run = single[:, 0]
    for place in range(1, size):
        run = chained(run, single[:, place])
    return run


def _of_parts(size: int, terms: Sequence[str]) -> UInt64[np.ndarray, " kept"]:
    """Names of parts of words.

    Raises:
        ValueError: a term has another number of characters.
    """
    opens = [term.startswith(" ") for term in terms]
    closes = [term.endswith(" ") for term in terms]
    pieces = [term.strip(" ") for term in terms]
    if any(len(piece) != size for piece in pieces) or any(
        len(term) != size + first + last for term, first, last in zip(terms, opens, closes, strict=True)
    ):
        raise ValueError(f"terms: one of them is not {size} characters of a word")
    place = 1 + np.array(opens, np.uint64) + 2 * np.array(closes, np.uint64)
    return mixed(_of_pieces(pieces) + place.astype(np.uint64))


def _of_pieces(pieces: Sequence[str]) -> UInt64[np.ndarray, " pieces"]:
    """Names of words or parts of words.

    Raises:
        ValueError: one of them is empty or not Unicode.
    """
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), ends])[: len(ends)]
    if (starts == ends).any():
        raise ValueError("terms: one of them holds an empty word")
    try:
        points = np.frombuffer("".join(pieces).encode("utf-32-le"), "<u4").astype(np.uint32)
    except UnicodeEncodeError as error:
        raise ValueError("terms: one of them is not Unicode") from error
    return names(prefixes(points), starts, ends)
