"""N-grams as people read them, and their TF-IDF weights, with NumPy alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, UInt64

from pellucid.arithmetic.draws import chained, mixed, names, prefixes
from pellucid.encoding.encoder import FIRST, MOST_ENTRIES, Lookup, blocks, kept_field, read_content
from pellucid.encoding.ngrams import MOST_GROUPS, SHAPE_FIELDS, Grams, Shape, grams_of
from pellucid.encoding.token_encoders import LONGEST_ENTRY
from pellucid.encoding.words import normalise, written
from pellucid.strict import Anything, Fields, read_object, to_bytes

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
    for group, (size, words) in enumerate(zip(sizes_of(shape), terms, strict=True)):
        if group < shape.words:
            found.append(_of_words(size, words))
        else:
            # Names of parts of words.
            opens = [term.startswith(" ") for term in words]
            closes = [term.endswith(" ") for term in words]
            pieces = [term.strip(" ") for term in words]
            if any(len(piece) != size for piece in pieces) or any(
                len(term) != size + first + last
                for term, first, last in zip(words, opens, closes, strict=True)
            ):
                raise ValueError(f"terms: one of them is not {size} characters of a word")
            place = 1 + np.array(opens, np.uint64) + 2 * np.array(closes, np.uint64)
            found.append(mixed(_of_pieces(pieces) + place.astype(np.uint64)))
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


# TF-IDF: weights of n-grams by how often they stand in a text and how rare they are elsewhere.
#
# Notation: $c_{ij}$ how often n-gram $j$ stands in text $i$; $d_j$ how many of the $n$ training texts hold
# it. A weight is $w_{ij} = (1 + \ln c_{ij})\,\mathrm{idf}_j$, 0 where $c_{ij} = 0$, with
# $\mathrm{idf}_j = \ln\frac{1 + n}{1 + d_j} + 1$. Words with their neighbours are one part of the features,
# parts of words another; in each the weights of a text are divided by $\sqrt{\sum_j w_{ij}^2}$, and where
# there are both parts, by $\sqrt 2$ as well. A text is cut behind `MOST_CHARACTERS` characters.
#
# Of the n-grams those are kept that stand in most training texts.
#
# Source: Sparck Jones, "A Statistical Interpretation of Term Specificity" (1972); Salton and Buckley,
# "Term-weighting Approaches in Automatic Text Retrieval" (1988).

# Characters of a text that count; what follows them does not.
MOST_CHARACTERS = 200_000

Own = TypeVar("Own", bound="TermWeights")

_FIELDS: Fields = {**SHAPE_FIELDS, "kept": kept_field(MOST_GROUPS)}


class Entries(NamedTuple):
    """Numbers of rows in which most are 0.

    Attributes:
        values: that are not 0, row by row.
        columns: of each, ascending in a row.
        starts: where each row begins, and where the last one ends.
    """

    values: Float32[np.ndarray, " entries"]
    columns: Int32[np.ndarray, " entries"]
    starts: Int32[np.ndarray, " rows_and_one"]

    def dense(self, features: int) -> Float32[np.ndarray, "rows features"]:
        """The rows as an array."""
        found = np.zeros((len(self.starts) - 1, features), np.float32)
        found[np.repeat(np.arange(len(found)), np.diff(self.starts)), self.columns] = self.values
        return found


def whole_blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    """Normalised texts in order, in groups of bounded size, each cut behind `MOST_CHARACTERS` characters."""
    yield from blocks(normalise(written(text[:MOST_CHARACTERS])) for text in texts)


def counted_entries(
    columns: Sequence[Int64[np.ndarray, " _"]], grams: Sequence[Grams], texts: int, features: int
) -> Entries:
    """Counts of n-grams.

    `columns` holds, for each size, the feature that each n-gram is, negative for none.
    """
    keys = [
        group.texts[places >= 0] * features + places[places >= 0]
        for places, group in zip(columns, grams, strict=True)
    ]
    cells, counts = np.unique(np.concatenate(keys), return_counts=True)
    rows = cells // max(1, features)
    starts = np.searchsorted(rows, np.arange(texts + 1)).astype(np.int32)
    return Entries(counts.astype(np.float32), (cells - rows * features).astype(np.int32), starts)


@dataclass(frozen=True, eq=False)
class TermWeights:
    """Map from texts to the weights of the n-grams that were kept.

    Attributes:
        shape: which n-grams.
        terms: for each size, those that were kept, as people read them.
        idf: of each, in that order.
        known_names: what `names_of` gives, where it is at hand; `None` where it follows from the terms.

    Raises:
        ValueError: the parts do not fit each other or are out of bounds.
    """

    shape: Shape
    terms: Terms
    idf: Float32[np.ndarray, " features"]
    known_names: Sequence[UInt64[np.ndarray, " _"]] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.shape.require_sizes()
        if len(self.terms) != len(sizes_of(self.shape)) or self.features != sum(map(len, self.terms)):
            raise ValueError(f"terms: they do not fit {self.features} weights of this shape")
        if not (np.isfinite(self.idf).all() and (self.idf > 0).all()):
            raise ValueError("idf: a weight is not finite, or not positive")
        self._lookups  # noqa: B018  # refuses terms that stand there twice

    @property
    def features(self) -> int:
        """Numbers in one feature vector."""
        return len(self.idf)

    def to_json(self) -> dict[str, Any]:
        """Settings, without what `content` and `arrays` hold."""
        return {**self.shape._asdict(), "kept": [len(terms) for terms in self.terms]}

    def content(self) -> bytes:
        """N-grams as JSON: neighbouring words parted by a space; a space stands at the edge of a word."""
        return to_bytes({"terms": [list(terms) for terms in self.terms]})

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights of its n-grams."""
        return {"idf": self.idf}

    @staticmethod
    def expected(settings: object) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Type and shape of every array by its name, from untrusted settings.

        Raises: `ValueError` if they are impossible.
        """
        features = sum(read_object("tf-idf", settings, _FIELDS)["kept"])
        if features > MOST_ENTRIES:
            raise ValueError(f"kept: {features} n-grams, where {MOST_ENTRIES} are admitted")
        return {"idf": ("float32", (features,))}

    @classmethod
    def from_parts(cls: type[Own], settings: object, content: bytes, arrays: Mapping[str, np.ndarray]) -> Own:
        """TF-IDF from the parts of a file, whoever wrote them, that gives the same weights.

        Raises: `ValueError` if something is not what we write, or does not belong together.
        """
        form = cls.expected(settings)["idf"]
        stated = read_object("tf-idf", settings, _FIELDS)
        idf = arrays.get("idf")
        if arrays.keys() != {"idf"} or idf is None or (str(idf.dtype), idf.shape) != form:
            raise ValueError(f"tf-idf: holds other arrays than idf, {form[0]} {form[1]}")
        groups = read_content(content, {"terms": Anything()})["terms"]
        if not isinstance(groups, list) or not all(isinstance(group, list) for group in groups):
            raise ValueError("terms: no list of lists")
        if tuple(len(group) for group in groups) != stated["kept"]:
            raise ValueError("terms: not as many as stated")
        if not all(isinstance(term, str) for group in groups for term in group):
            raise ValueError("terms: one of them is no text")
        shape = Shape(*(stated[name] for name in Shape._fields))
        return cls(shape, tuple(tuple(group) for group in groups), idf)

    @cached_property
    def names(self) -> Sequence[UInt64[np.ndarray, " _"]]:
        """Names of the terms of each size, by which n-grams are found."""
        return names_of(self.shape, self.terms) if self.known_names is None else self.known_names

    @cached_property
    def _lookups(self) -> tuple[Lookup, ...]:
        """Lookup from names to columns for each size, `FIRST` added."""
        start, found = FIRST, []
        for each in self.names:
            found.append(Lookup(each, start))
            start += len(each)
        return tuple(found)

    def weighed(self, counts: Entries) -> Entries:
        """Weights from counts; a text without a known n-gram is 0 throughout."""
        rows = np.repeat(np.arange(len(counts.starts) - 1), np.diff(counts.starts))
        weights = (1 + np.log(counts.values.astype(np.float64))) * self.idf.astype(np.float64)[counts.columns]
        border = sum(map(len, self.terms[: self.shape.words]))
        of_part = rows * 2 + (counts.columns >= border)
        norms = np.sqrt(np.bincount(of_part, weights**2, 2 * (len(counts.starts) - 1)))
        if self.shape.longest:
            norms *= np.sqrt(2)
        weights /= norms[of_part]
        return Entries(weights.astype(np.float32), counts.columns, counts.starts)

    def counted(self, texts: Sequence[str]) -> Entries:
        """Counts of a block of normalised texts."""
        grams = grams_of(self.shape, texts)
        columns = [
            lookup.find(group.names).astype(np.int64) - FIRST
            for lookup, group in zip(self._lookups, grams, strict=True)
        ]
        return counted_entries(columns, grams, len(texts), self.features)

    def dense(self, texts: Sequence[str]) -> Float32[np.ndarray, "texts features"]:
        """Weights of few texts as an array; the same numbers as in sparse rows."""
        found = [self.weighed(self.counted(block)).dense(self.features) for block in whole_blocks(texts)]
        return np.concatenate([np.zeros((0, self.features), np.float32), *found])
