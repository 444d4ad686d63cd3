"""TF-IDF as sparse rows, which classical models learn from: fitted, and counted once for many parts."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.sparse
from jaxtyping import Int64, UInt64

from pellucid.encoding.encoder import FIRST, Lookup, picked
from pellucid.encoding.ngrams import Grams, Shape, grams_of
from pellucid.encoding.survey import Counter, least_texts
from pellucid.encoding.term_weights import (
    Entries,
    TermWeights,
    can_be_kept,
    counted_entries,
    spell,
    whole_blocks,
)


def counted(
    columns: Sequence[np.ndarray], grams: Sequence[Grams], texts: int, features: int
) -> scipy.sparse.csr_array:
    """Counts of n-grams as `counted_entries`, float32 (texts, features)."""
    return _sparse(counted_entries(columns, grams, texts, features), features)


def stacked(parts: Sequence[scipy.sparse.csr_array], features: int) -> scipy.sparse.csr_array:
    """Rows of blocks below each other; there may be no block."""
    nothing = scipy.sparse.csr_array((0, features), dtype=np.float32)
    return scipy.sparse.vstack([nothing, *parts], format="csr")


class Tfidf(TermWeights):
    """Map from texts to the weights of the n-grams that were kept, as sparse rows."""

    def counts(self, texts: Sequence[str]) -> scipy.sparse.csr_array:
        """Counts of n-grams: float32 (texts, features), columns ascending in each row."""
        parts = [_sparse(self.counted(block), self.features) for block in whole_blocks(texts)]
        return stacked(parts, self.features)

    def weigh(self, counts: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
        """Weights from `counts`, float32 of the same form; a text without a known n-gram is 0 throughout."""
        return _sparse(self.weighed(Entries(counts.data, counts.indices, counts.indptr)), self.features)

    def transform(self, texts: Sequence[str]) -> scipy.sparse.csr_array:
        """Weights of texts, float32 (texts, features); a row does not depend on the others."""
        return self.weigh(self.counts(texts))

    def only(self, columns: Int64[np.ndarray, " kept"]) -> "Tfidf":
        """TF-IDF of the n-grams of these ascending columns alone, which lengths are then taken over."""
        borders = np.cumsum([0, *map(len, self.terms)])
        found, known = [], []
        for terms, names, start, end in zip(
            self.terms, self.names, borders[:-1].tolist(), borders[1:].tolist(), strict=True
        ):
            inside = columns[(columns >= start) & (columns < end)] - start
            found.append(tuple(terms[place] for place in inside.tolist()))
            known.append(names[inside])
        return Tfidf(self.shape, tuple(found), self.idf[columns], known)


def _sparse(entries: Entries, features: int) -> scipy.sparse.csr_array:
    """Entries as a matrix."""
    return scipy.sparse.csr_array(tuple(entries), shape=(len(entries.starts) - 1, features))


# Fitting of TF-IDF: the n-grams it keeps, and how rare each of them is.

MOST_FEATURES = 200_000
# N-grams, of 32 bytes each, that are kept between two walks through the texts.
_MOST_KEPT = 1 << 22


class FittedTfidf(NamedTuple):
    """TF-IDF and the counts of the texts that it was fitted on.

    Attributes:
        tfidf: fitted.
        counts: one row for each training text, as `Tfidf.counts` gives them.
    """

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
    texts: Sequence[str],
    positions: Int64[np.ndarray, " train"],
    shape: Shape,
    most: int = MOST_FEATURES,
) -> FittedTfidf:
    """Fit TF-IDF: the n-grams of most texts, and how rare each of them is.

    `positions` are those of the training texts, in the order wanted of the counts; of all sizes together the
    `most` n-grams are kept that most texts hold. The same for the same texts in whatever order.
    """
    counters = [Counter() for _ in range(shape.groups)]
    blocks = _Blocks(texts, positions, shape)
    for _, grams in blocks:
        for group, counter in enumerate(counters):
            fits = can_be_kept(grams, group, shape)
            counter.add(grams[group].names[fits], grams[group].texts[fits])
    kept = _kept(counters, least_texts(len(positions)), most)
    idf = np.log((1 + len(positions)) / (1 + np.concatenate([group.texts for group in kept]))) + 1
    terms, counts = _spelt(blocks, shape, kept)
    names = [group.names for group in kept]
    return FittedTfidf(Tfidf(shape, terms, idf.astype(np.float32), names), counts)


def _kept(counters: Sequence[Counter], least: int, most: int) -> list[_Kept]:
    """N-grams of all sizes that stand in most texts, the most frequent of each size first."""
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
    borders = np.cumsum([0, *(len(each.names) for each in kept)])
    lookups = [
        Lookup(each.names, FIRST + start) for each, start in zip(kept, borders[:-1].tolist(), strict=True)
    ]
    written: list[str] = [""] * int(borders[-1])
    is_missing = np.ones(len(written), bool)
    rows = []
    for block, grams in blocks:
        columns = [
            lookup.find(group.names).astype(np.int64) - FIRST
            for lookup, group in zip(lookups, grams, strict=True)
        ]
        rows.append(counted(columns, grams, len(block), len(written)))
        for column, term in _new(columns, grams, is_missing, block, shape):
            written[column] = term
    terms = tuple(
        tuple(written[start:end])
        for start, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True)
    )
    return terms, stacked(rows, len(written))


def _new(
    columns: Sequence[np.ndarray],
    grams: Sequence[Grams],
    is_missing: np.ndarray,
    block: Sequence[str],
    shape: Shape,
) -> list[tuple[int, str]]:
    """Columns met for the first time, with how they are written; they are missing no longer."""
    joined = "".join([f"{text}\n" for text in block])
    found: list[tuple[int, str]] = []
    for group, places in enumerate(columns):
        known = np.flatnonzero(places >= 0)
        known = known[is_missing[places[known]]]
        here, first = np.unique(places[known], return_index=True)
        found += zip(here.tolist(), spell(grams, group, known[first], joined, shape), strict=True)
        is_missing[here] = False
    return found


# Texts whose n-grams are counted once, from which TF-IDF of any part of them follows.


class CountedTexts:
    """Counts of all n-grams that stand in enough texts, for TF-IDF of parts of these texts.

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
        borders = np.searchsorted(self._groups[order], np.arange(self._shape.groups + 1))
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
    def _lookups(self) -> list[Lookup]:
        """Lookup from names to columns for each size, `FIRST` added."""
        borders = np.searchsorted(self._groups, np.arange(self._shape.groups + 1)).tolist()
        return [Lookup(self._names[start:end], FIRST + start) for start, end in pairwise(borders)]

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
