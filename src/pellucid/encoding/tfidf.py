"""TF-IDF as sparse rows, which classical models learn from: fitted, and counted once for many parts."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.sparse
from jaxtyping import Bool, Int64, UInt64

from pellucid.encoding.encoder import FIRST, LONGEST_ENTRY, Lookup, lookups_of, picked
from pellucid.encoding.ngrams import Grams, Shape, grams_of
from pellucid.encoding.survey import Counter, least_texts
from pellucid.encoding.term_weights import Entries, TermWeights, columns_of, counted_entries, whole_blocks
from pellucid.encoding.words import starts_of

MOST_FEATURES = 200_000
# N-grams, of 32 bytes each, that are kept between two walks through the texts.
_MOST_KEPT = 1 << 22


class Tfidf(TermWeights):
    """Map from texts to the weights of the n-grams that were kept, as sparse rows."""

    def counts(self, texts: Sequence[str]) -> scipy.sparse.csr_array:
        """Counts of n-grams: float32 (texts, features), columns ascending in each row."""
        return _stacked([self.counted(block) for block in whole_blocks(texts)], self.features)

    def weigh(self, counts: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
        """Weights from `counts`, float32 of the same form; a text without a known n-gram is 0 throughout."""
        return _sparse(self.weighed(Entries(counts.data, counts.indices, counts.indptr)), self.features)

    def transform(self, texts: Sequence[str]) -> scipy.sparse.csr_array:
        """Weights of texts, float32 (texts, features); a row does not depend on the others."""
        return self.weigh(self.counts(texts))

    def only(self, columns: Int64[np.ndarray, " kept"]) -> "Tfidf":
        """TF-IDF of the n-grams of these ascending columns alone, which lengths are then taken over."""
        borders = starts_of([*map(len, self.terms)])
        inside = [
            columns[(columns >= start) & (columns < end)] - start for start, end in pairwise(borders.tolist())
        ]
        terms = tuple(
            tuple(group[place] for place in some.tolist())
            for group, some in zip(self.terms, inside, strict=True)
        )
        known = [names[some] for names, some in zip(self.names, inside, strict=True)]
        return Tfidf(self.shape, terms, self.idf[columns], known)


def _sparse(entries: Entries, features: int) -> scipy.sparse.csr_array:
    """Entries as a matrix."""
    return scipy.sparse.csr_array(tuple(entries), shape=(len(entries.starts) - 1, features))


def _stacked(parts: Sequence[Entries], features: int) -> scipy.sparse.csr_array:
    """Rows of blocks below each other; there may be no block."""
    nothing = scipy.sparse.csr_array((0, features), dtype=np.float32)
    return scipy.sparse.vstack([nothing, *(_sparse(part, features) for part in parts)], format="csr")


class FittedTfidf(NamedTuple):
    """TF-IDF and the counts of the texts that it was fitted on, a row each, as `Tfidf.counts` gives them."""

    tfidf: Tfidf
    counts: scipy.sparse.csr_array


class _Kept(NamedTuple):
    """N-grams of one size that are kept: their names, and how many texts hold each."""

    names: UInt64[np.ndarray, " kept"]
    texts: Int64[np.ndarray, " kept"]


class _Blocks:
    """Blocks of texts with their n-grams, walked twice; few n-grams are kept from the first walk."""

    def __init__(self, texts: Sequence[str], positions: Int64[np.ndarray, " train"], shape: Shape) -> None:
        self._texts, self._positions, self._shape = texts, positions, shape
        self._kept: list[tuple[Sequence[str], Sequence[Grams]]] = []

    def __iter__(self) -> Iterator[tuple[Sequence[str], Sequence[Grams]]]:
        if self._kept:
            yield from self._kept
            return
        found: list[tuple[Sequence[str], Sequence[Grams]]] = []
        size = 0
        for block in whole_blocks(picked(self._texts, self._positions)):
            grams = grams_of(self._shape, block)
            size += sum(len(each.names) for each in grams)
            if size <= _MOST_KEPT:
                found.append((block, grams))
            yield block, grams
        self._kept = found if size <= _MOST_KEPT else []


def fit_tfidf(
    texts: Sequence[str], positions: Int64[np.ndarray, " train"], shape: Shape, most: int = MOST_FEATURES
) -> FittedTfidf:
    """Fit TF-IDF: the n-grams of most texts, and how rare each of them is.

    `positions` are those of the training texts, in the order wanted of the counts; of all sizes together the
    `most` n-grams are kept that most texts hold. The same for the same texts in whatever order.
    """
    counters = [Counter() for _ in shape.sizes]
    blocks = _Blocks(texts, positions, shape)
    for _, grams in blocks:
        for group, counter in enumerate(counters):
            fits = _can_be_kept(grams, group, shape)
            counter.add(grams[group].names[fits], grams[group].texts[fits])
    kept = _kept(counters, least_texts(len(positions)), most)
    idf = np.log((1 + len(positions)) / (1 + np.concatenate([group.texts for group in kept]))) + 1
    terms, counts = _spelt(blocks, shape, kept)
    names = [group.names for group in kept]
    return FittedTfidf(Tfidf(shape, terms, idf.astype(np.float32), names), counts)


def _can_be_kept(groups: Sequence[Grams], group: int, shape: Shape) -> Bool[np.ndarray, " grams"]:
    """True of the n-grams of a group without a word that is longer than a vocabulary keeps."""
    words, grams = groups[0], groups[group]
    is_long = words.ends - words.starts > LONGEST_ENTRY
    if group >= shape.words or not is_long.any():
        return np.ones(len(grams.names), bool)
    before = starts_of(is_long)
    first = np.searchsorted(words.starts, grams.starts)
    found: Bool[np.ndarray, " grams"] = before[first + shape.sizes[group]] == before[first]
    return found


def _kept(counters: Sequence[Counter], least: int, most: int) -> list[_Kept]:
    """N-grams of all sizes that most texts hold, the most frequent of each size first."""
    found = [counter.finish() for counter in counters]
    texts = np.concatenate([each.texts for each in found])
    groups = np.repeat(np.arange(len(found)), [len(each.texts) for each in found])
    names = np.concatenate([each.names for each in found])
    enough = np.flatnonzero(texts >= least)
    order = enough[np.lexsort((names[enough], groups[enough], -texts[enough]))[:most]]
    parts = [order[groups[order] == group] for group in range(len(found))]
    return [_Kept(names[part], texts[part]) for part in parts]


def _spelt(
    blocks: Iterable[tuple[Sequence[str], Sequence[Grams]]], shape: Shape, kept: Sequence[_Kept]
) -> tuple[tuple[tuple[str, ...], ...], scipy.sparse.csr_array]:
    """Spelling of the kept n-grams, and their counts in each text."""
    borders = starts_of([len(each.names) for each in kept]).tolist()
    lookups = lookups_of([each.names for each in kept])
    written: list[str] = [""] * borders[-1]
    is_missing = np.ones(len(written), bool)
    rows = []
    for block, grams in blocks:
        columns = columns_of(lookups, grams)
        rows.append(counted_entries(columns, grams, len(block), len(written)))
        joined = "".join([f"{text}\n" for text in block])
        for group, places in enumerate(columns):
            known = np.flatnonzero(places >= 0)
            known = known[is_missing[places[known]]]
            here, first = np.unique(places[known], return_index=True)
            spelling = _spelling(grams, group, known[first], joined, shape)
            for column, term in zip(here.tolist(), spelling, strict=True):
                written[column] = term
            is_missing[here] = False
    terms = tuple(tuple(written[start:end]) for start, end in pairwise(borders))
    return terms, _stacked(rows, len(written))


def _spelling(
    groups: Sequence[Grams], group: int, which: Int64[np.ndarray, " some"], joined: str, shape: Shape
) -> list[str]:
    """Spelling of n-grams as people read them, one term each.

    `groups` are all n-grams of a block, `group` the one they belong to, and `which` their positions in it.
    `joined` is the texts of the block, each followed by a line break.
    """
    words, size = groups[0], shape.sizes[group]
    starts, ends = groups[group].starts[which], groups[group].ends[which]
    first = np.searchsorted(words.starts, starts, "right") - 1
    if group < shape.words:
        columns = [
            [
                joined[start:end]
                for start, end in zip(words.starts[each].tolist(), words.ends[each].tolist(), strict=True)
            ]
            for each in (first + place for place in range(size))
        ]
        return columns[0] if size == 1 else list(map(" ".join, zip(*columns, strict=True)))
    at_start = (words.starts[first] == starts).tolist()
    at_end = (words.ends[first] == ends).tolist()
    return [
        " " * opens + joined[start:end] + " " * closes
        for start, end, opens, closes in zip(starts.tolist(), ends.tolist(), at_start, at_end, strict=True)
    ]


class CountedTexts:
    """Counts of all n-grams that enough texts hold, from which TF-IDF of any part of these texts follows.

    Args:
        fitted: TF-IDF of all texts, from which no n-gram was left out for want of room.
        positions: of the texts, ascending.
    """

    def __init__(self, fitted: FittedTfidf, positions: Int64[np.ndarray, " texts"]) -> None:
        self._counts, self.positions = fitted.counts, positions
        self._shape, self._terms = fitted.tfidf.shape, [term for size in fitted.tfidf.terms for term in size]
        self._names = np.concatenate(fitted.tfidf.names)
        self._groups = np.repeat(np.arange(len(fitted.tfidf.terms)), [*map(len, fitted.tfidf.terms)])

    def knows(self, positions: Int64[np.ndarray, " some"]) -> bool:
        """True where TF-IDF of these texts follows: they are there, as all n-grams are that it may keep."""
        are_there = bool(np.isin(positions, self.positions).all())
        return are_there and least_texts(len(positions)) >= least_texts(len(self.positions))

    def fit(
        self, positions: Int64[np.ndarray, " train"], most: int
    ) -> tuple[FittedTfidf, Int64[np.ndarray, " kept"]]:
        """Fit TF-IDF to texts that it `knows`, as `fit_tfidf` does, with the columns of the n-grams kept."""
        rows = self._rows(positions)
        texts = np.bincount(rows.indices, minlength=len(self._terms))
        enough = np.flatnonzero(texts >= least_texts(len(positions)))
        order = enough[np.lexsort((self._names[enough], self._groups[enough], -texts[enough]))[:most]]
        order = order[np.argsort(self._groups[order], kind="stable")]
        borders = np.searchsorted(self._groups[order], np.arange(len(self._shape.sizes) + 1))
        written = [self._terms[column] for column in order.tolist()]
        terms = tuple(tuple(written[start:end]) for start, end in pairwise(borders.tolist()))
        idf = np.log((1 + len(positions)) / (1 + texts[order])) + 1
        names = np.split(self._names[order], borders[1:-1])
        tfidf = Tfidf(self._shape, terms, idf.astype(np.float32), names)
        return FittedTfidf(tfidf, _of_columns(rows, order)), order

    def counts(
        self, positions: Int64[np.ndarray, " some"], columns: Int64[np.ndarray, " kept"]
    ) -> scipy.sparse.csr_array:
        """Counts of n-grams, by the columns that `fit` gave, in texts that are there."""
        return _of_columns(self._rows(positions), columns)

    def counts_of(self, tfidf: Tfidf, positions: Int64[np.ndarray, " some"]) -> scipy.sparse.csr_array | None:
        """Counts of the n-grams of TF-IDF, as `Tfidf.counts` gives them; its shape is the same.

        `None` where a text or an n-gram is not there.
        """
        if not np.isin(positions, self.positions).all():
            return None
        found = [lookup.find(names) for lookup, names in zip(self._lookups, tfidf.names, strict=True)]
        columns = np.concatenate(found).astype(np.int64) - FIRST
        return None if (columns < 0).any() else self.counts(positions, columns)

    @cached_property
    def _lookups(self) -> tuple[Lookup, ...]:
        borders = np.searchsorted(self._groups, np.arange(len(self._shape.sizes) + 1))
        return lookups_of(np.split(self._names, borders[1:-1]))

    def _rows(self, positions: Int64[np.ndarray, " some"]) -> scipy.sparse.csr_array:
        return self._counts[np.searchsorted(self.positions, positions)]


def _of_columns(rows: scipy.sparse.csr_array, columns: Int64[np.ndarray, " kept"]) -> scipy.sparse.csr_array:
    """Some columns of rows in another order, ascending in each row."""
    place = np.full(rows.shape[1], -1, np.int32)
    place[columns] = np.arange(len(columns), dtype=np.int32)
    found = place[rows.indices]
    kept = found >= 0
    starts = np.concatenate([np.zeros(1, np.int32), np.cumsum(kept, dtype=np.int32)])[rows.indptr]
    chosen = scipy.sparse.csr_array(
        (rows.data[kept], found[kept], starts), shape=(rows.shape[0], len(columns))
    )
    chosen.sort_indices()
    return chosen
