"""TF-IDF as sparse rows, which classical models learn from."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse
from jaxtyping import Int64

from pellucid.encoding.ngrams.encoder import Grams
from pellucid.encoding.ngrams.term_weights import (
    Entries,
    TermWeights,
    counted_entries,
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
