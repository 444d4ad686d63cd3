r"""N-grams as people read them, and their TF-IDF weights, with NumPy alone.

Notation: $c_{ij}$ how often n-gram $j$ occurs in text $i$; $d_j$ how many of the $n$ training texts hold
it. A weight is $w_{ij} = (1 + \ln c_{ij})\,\mathrm{idf}_j$, 0 where $c_{ij} = 0$, with
$\mathrm{idf}_j = \ln\frac{1 + n}{1 + d_j} + 1$. Words with their neighbours are one part of the features,
parts of words another; in each the weights of a text are divided by $\sqrt{\sum_j w_{ij}^2}$, and where
there are both parts, by $\sqrt 2$ as well. A text is cut behind `MOST_CHARACTERS` characters. Of the n-grams
those of most training texts are kept.

Source: Sparck Jones, "A Statistical Interpretation of Term Specificity" (1972); Salton and Buckley,
"Term-weighting Approaches in Automatic Text Retrieval" (1988).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt64

from pellucid.arithmetic.draws import chained, mixed, names, prefixes
from pellucid.encoding.encoder import (
    FIRST,
    MOST_ENTRIES,
    Lookup,
    blocks,
    kept_field,
    lookups_of,
    read_content,
)
from pellucid.encoding.ngrams import MOST_GROUPS, SHAPE_FIELDS, Grams, Shape, grams_of
from pellucid.encoding.words import normalise, starts_of, written
from pellucid.language.sentence import Sentence
from pellucid.safety.strict import Anything, Fields, read_object, to_bytes

# Characters of a text that count; what follows them does not.
MOST_CHARACTERS = 200_000

# N-grams: for each size those that were kept, in the order of `grams_of`.
Terms = tuple[tuple[str, ...], ...]

Own = TypeVar("Own", bound="TermWeights")

_FIELDS: Fields = {**SHAPE_FIELDS, "kept": kept_field(MOST_GROUPS)}


def names_of(shape: Shape, terms: Terms) -> list[UInt64[np.ndarray, " kept"]]:
    """Names that `grams_of` gives to the terms of each size, in the same order.

    Raises: `ValueError` if a term is no n-gram of its size.
    """
    found = []
    for group, (size, words) in enumerate(zip(shape.sizes, terms, strict=True)):
        if group < shape.words:
            pieces = [word for term in words for word in term.split(" ")]
            if len(pieces) != size * len(words) or any(term.count(" ") != size - 1 for term in words):
                raise ValueError(Sentence("terms: one of them is not {size} words", size))
            single = _of_pieces(pieces).reshape(len(words), size)
            run = single[:, 0]
            for place in range(1, size):
                run = chained(run, single[:, place])
            found.append(run)
        else:
            pieces = [term.strip(" ") for term in words]
            opens = np.array([term.startswith(" ") for term in words], np.int64)
            closes = np.array([term.endswith(" ") for term in words], np.int64)
            spaces = np.array([len(term) for term in words], np.int64) - size
            if any(len(piece) != size for piece in pieces) or (spaces != opens + closes).any():
                raise ValueError(Sentence("terms: one of them is not {size} characters of a word", size))
            found.append(mixed(_of_pieces(pieces) + (1 + opens + 2 * closes).astype(np.uint64)))
    return found


def _of_pieces(pieces: Sequence[str]) -> UInt64[np.ndarray, " pieces"]:
    """Names of words or parts of words.

    Raises:
        ValueError: one of them is empty or not Unicode.
    """
    if not all(pieces):
        raise ValueError("terms: one of them holds an empty word")
    try:
        points = np.frombuffer("".join(pieces).encode("utf-32-le"), "<u4").astype(np.uint32)
    except UnicodeEncodeError as error:
        raise ValueError("terms: one of them is not Unicode") from error
    starts = starts_of([*map(len, pieces)])
    return names(prefixes(points), starts[:-1], starts[1:])


class Entries(NamedTuple):
    """Numbers of rows in which most are 0."""

    values: Float32[np.ndarray, " entries"]  # that are not 0, row by row
    columns: Int32[np.ndarray, " entries"]  # of each, ascending in a row
    starts: Int32[np.ndarray, " rows_and_one"]  # where each row begins, and where the last one ends

    def dense(self, features: int) -> Float32[np.ndarray, "rows features"]:
        """The rows as an array."""
        found = np.zeros((len(self.starts) - 1, features), np.float32)
        found[np.repeat(np.arange(len(found)), np.diff(self.starts)), self.columns] = self.values
        return found


def whole_blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    """Normalised texts in order, in groups of bounded size, each cut behind `MOST_CHARACTERS` characters."""
    yield from blocks(normalise(written(text[:MOST_CHARACTERS])) for text in texts)


def columns_of(lookups: Sequence[Lookup], grams: Sequence[Grams]) -> list[Int64[np.ndarray, " _"]]:
    """For each size the feature that each n-gram is, negative for none."""
    return [
        lookup.find(group.names).astype(np.int64) - FIRST
        for lookup, group in zip(lookups, grams, strict=True)
    ]


def counted_entries(
    columns: Sequence[Int64[np.ndarray, " _"]], grams: Sequence[Grams], texts: int, features: int
) -> Entries:
    """Counts of n-grams in so many texts, by `columns_of` them."""
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

    Raises: `ValueError` if the parts do not fit each other or are out of bounds.
    """

    shape: Shape
    terms: Terms
    idf: Float32[np.ndarray, " features"]  # of each term, in that order
    # what `names_of` gives, where it is at hand
    known_names: Sequence[UInt64[np.ndarray, " _"]] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.shape.require_sizes()
        if len(self.terms) != len(self.shape.sizes) or self.features != sum(map(len, self.terms)):
            raise ValueError(
                Sentence("terms: they do not fit {features} weights of this shape", self.features)
            )
        if not (np.isfinite(self.idf).all() and (self.idf > 0).all()):
            raise ValueError("idf: a weight is not finite, or not positive")
        self._lookups  # noqa: B018  # refuses terms that come twice

    @property
    def features(self) -> int:
        """Numbers in one feature vector."""
        return len(self.idf)

    def to_json(self) -> dict[str, Any]:
        """Settings, without what `content` and `arrays` hold."""
        return {**self.shape._asdict(), "kept": [len(terms) for terms in self.terms]}

    def content(self) -> bytes:
        """N-grams as JSON: spaces are between neighbouring words, and at the edges of a word."""
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
            raise ValueError(
                Sentence(
                    "kept: {features} n-grams, where {MOST_ENTRIES} are admitted", features, MOST_ENTRIES
                )
            )
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
            raise ValueError(
                Sentence("tf-idf: holds other arrays than idf, {form} {form2}", form[0], form[1])
            )
        groups = read_content(content, {"terms": Anything()})["terms"]
        if not isinstance(groups, list) or not all(isinstance(group, list) for group in groups):
            raise ValueError("terms: no list of lists")
        if tuple(map(len, groups)) != stated["kept"]:
            raise ValueError("terms: not as many as stated")
        if not all(isinstance(term, str) for group in groups for term in group):
            raise ValueError("terms: one of them is no text")
        return cls(Shape(*(stated[name] for name in Shape._fields)), tuple(map(tuple, groups)), idf)

    @cached_property
    def names(self) -> Sequence[UInt64[np.ndarray, " _"]]:
        """Names of the terms of each size, by which n-grams are found."""
        return names_of(self.shape, self.terms) if self.known_names is None else self.known_names

    @cached_property
    def _lookups(self) -> tuple[Lookup, ...]:
        return lookups_of(self.names)

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
        return counted_entries(columns_of(self._lookups, grams), grams, len(texts), self.features)

    def dense(self, texts: Sequence[str]) -> Float32[np.ndarray, "texts features"]:
        """Weights of few texts as an array; the same numbers as in sparse rows."""
        found = [self.weighed(self.counted(block)).dense(self.features) for block in whole_blocks(texts)]
        return np.concatenate([np.zeros((0, self.features), np.float32), *found])
