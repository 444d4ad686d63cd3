"""Fitting of TF-IDF: the n-grams it keeps, and how rare each of them is."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse
from jaxtyping import Int64, UInt64

from pellucid.encoding.counting import Counter, least_texts
from pellucid.encoding.lookup import FIRST, Lookup
from pellucid.encoding.ngrams.encoder import Grams, Shape, grams_of
from pellucid.encoding.ngrams.term_weights import whole_blocks
from pellucid.encoding.ngrams.terms import can_be_kept, spell
from pellucid.encoding.ngrams.tfidf import Tfidf, counted, stacked
from pellucid.encoding.tokens.flat import picked

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
