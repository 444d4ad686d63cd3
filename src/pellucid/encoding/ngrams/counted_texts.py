"""Texts whose n-grams are counted once, from which TF-IDF of any part of them follows."""

from functools import cached_property
from itertools import pairwise

import numpy as np
import scipy.sparse
from jaxtyping import Int64

from pellucid.encoding.counting import least_texts
from pellucid.encoding.lookup import FIRST, Lookup
from pellucid.encoding.ngrams.tfidf import Tfidf
from pellucid.encoding.ngrams.tfidf_fitting import FittedTfidf


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
