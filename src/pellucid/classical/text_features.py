"""Features of texts for classical models: TF-IDF of words, of neighbouring words, or of parts of words too.

Scripts that put no spaces between words are read as runs of one to three characters, each of which counts as
a word. Texts that are split otherwise are asked for by their words first, short ones by their parts of words.
Of topics single words say most, pairs of words add the order of a few, parts of words with both serve short
texts, languages with many forms of a word and misspellings.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import scipy.sparse
from jaxtyping import Float64, Int8, Int64

from pellucid.classical.predictors import Rows
from pellucid.data.raw_texts import Texts
from pellucid.encoding.ngrams import Shape
from pellucid.encoding.survey import SHORT_TEXT, Sample, script_of
from pellucid.encoding.tfidf import MOST_FEATURES, CountedTexts, Tfidf, fit_tfidf
from pellucid.encoding.words import written
from pellucid.targets.several import States

TF_IDF = "tf-idf"
# Features of a model that looks at none.
NOTHING = "nothing"

_MOST_WITHOUT_SPACES = 0.3
# Bytes of training texts: each gives about one count of a part of a word, for which fitting holds 50 bytes.
_MOST_FOR_PARTS = 20_000_000

_LOOKED_AT = 2_000  # training texts by which it is found how texts are read
_MOST_WEIGHTS = 4_000_000  # n-grams times classes
_LEAST_FEATURES = 5_000  # n-grams, of however many classes
_BYTES_OF_A_WORD = 6
_SMALLEST = 1e-12
# Up to which counts are kept for the next model.
_MOST_BYTES = 24_000_000  # of texts
_MOST_COUNTED = 1_000_000  # n-grams
_MOST_ENTRIES = 1 << 25  # counts, of 8 bytes each

# Counts of stores in use, `None` where they were too many; what follows is the same without them.
_KNOWN: WeakKeyDictionary[Texts, dict[Shape, CountedTexts | None]] = WeakKeyDictionary()


class Reading(NamedTuple):
    """Choice of n-grams, with its title in words, for tables."""

    title: str
    shape: Shape


READINGS: dict[str, Reading] = {
    "words": Reading("words", Shape(1)),
    "pairs": Reading("words and pairs of words", Shape(2)),
    "union": Reading("words, pairs of words and parts of words", Shape(2, 2, 5)),
    "characters": Reading("one to three characters", Shape(3)),
}


# How much each feature of some rows says about their labels.
Merits = Callable[[Rows, np.ndarray], Float64[np.ndarray, " d"]]


class TextTable(NamedTuple):
    """Counts of the n-grams of training and validation texts, with the TF-IDF that made them."""

    tfidf: Tfidf
    train: scipy.sparse.csr_array
    validation: scipy.sparse.csr_array

    def narrowed(self, labels: np.ndarray, merits: Merits, most: int) -> "TextTable":
        """Table of the `most` n-grams that say most about the labels, by the merits of each."""
        if self.tfidf.features <= most:
            return self
        found = merits(self.tfidf.weigh(self.train), labels)
        columns = np.sort(np.argsort(-found, kind="stable")[:most])
        return TextTable(self.tfidf.only(columns), self.train[:, columns], self.validation[:, columns])


class TextSurvey(NamedTuple):
    """Readings that fit some training texts, the best first, and the mean number of words of a text."""

    readings: tuple[str, ...]
    words: float


def survey_texts(texts: Sequence[str], train: Int64[np.ndarray, " train"]) -> TextSurvey:
    """Find by some training texts how texts are best read."""
    places = train[np.arange(min(len(train), _LOOKED_AT)) * len(train) // min(len(train), _LOOKED_AT)]
    some = Texts.of([written(texts[place]) for place in places.tolist()])
    size = len(some.content) / len(some)
    script = script_of(Sample(some, np.arange(len(some)), len(some)))
    if script.without_spaces > _MOST_WITHOUT_SPACES:
        return TextSurvey(("characters",), size)
    usual = ("union", "pairs", "words") if size <= SHORT_TEXT else ("words", "pairs", "union")
    is_little = size * len(train) <= _MOST_FOR_PARTS
    return TextSurvey(tuple(each for each in usual if is_little or each != "union"), size / _BYTES_OF_A_WORD)


def most_features(classes: int) -> int:
    """Number of n-grams kept, fewer for more classes, so that a file with linear weights stays small."""
    return min(MOST_FEATURES, max(_LEAST_FEATURES, _MOST_WEIGHTS // max(1, classes)))


def text_table(
    reading: str,
    texts: Sequence[str],
    train: Int64[np.ndarray, " train"],
    validation: Int64[np.ndarray, " validation"],
    classes: int,
) -> TextTable:
    """Table of TF-IDF fitted on training texts, with counts in the order of the positions.

    `reading` is a key in `READINGS`; `classes` is 0 for numbers. N-grams of a store of texts are counted
    once: other models, folds and parts of the same texts take what was counted.
    """
    shape, most = READINGS[reading].shape, most_features(classes)
    known = _counted(texts, np.union1d(train, validation), shape) if isinstance(texts, Texts) else None
    if known is not None and known.knows(train):
        fitted, columns = known.fit(train, most)
        return TextTable(fitted.tfidf, fitted.counts, known.counts(validation, columns))
    fitted = fit_tfidf(texts, train, shape, most)
    judged = fitted.tfidf.counts([texts[place] for place in validation.tolist()])
    return TextTable(fitted.tfidf, fitted.counts, judged)


def _counted(texts: Texts, positions: Int64[np.ndarray, " some"], shape: Shape) -> CountedTexts | None:
    """Counts of a store that hold these texts, made where there are none; `None` where they are too many."""
    of_store = _KNOWN.setdefault(texts, {})
    known = of_store.get(shape)
    if known is not None and np.isin(positions, known.positions).all():
        return known
    if (shape in of_store and known is None) or len(within(texts, positions, _MOST_BYTES)) < len(positions):
        return None
    fitted = fit_tfidf(texts, positions, shape, _MOST_COUNTED)
    is_whole = fitted.tfidf.features < _MOST_COUNTED and fitted.counts.nnz <= _MOST_ENTRIES
    of_store[shape] = CountedTexts(fitted, positions) if is_whole else None
    return of_store[shape]


def weights_at_hand(
    tfidf: Tfidf, texts: Texts, positions: Int64[np.ndarray, " some"]
) -> scipy.sparse.csr_array | None:
    """Weights of texts of a store from counts that tables left; `None` where they were not counted."""
    known = _KNOWN.get(texts, {}).get(tfidf.shape)
    counts = None if known is None else known.counts_of(tfidf, positions)
    return None if counts is None else tfidf.weigh(counts)


def within(
    texts: Sequence[str], positions: Int64[np.ndarray, " some"], most: int
) -> Int64[np.ndarray, " fewer"]:
    """First of the positions whose texts have at most `most` bytes together; at least one."""
    if isinstance(texts, Texts):
        sizes = texts.offsets[positions + 1] - texts.offsets[positions]
    else:
        sizes = np.array([len(texts[place].encode("utf-8", "replace")) for place in positions.tolist()])
    return positions[: max(1, int(np.searchsorted(np.cumsum(sizes), most, "right")))]


def about_classes(rows: Rows, labels: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " d"]:
    r"""Chi-squared statistic of each feature with the classes: $\sum_k (o_{jk} - e_{jk})^2 / e_{jk}$.

    $o_{jk}$ is the sum of feature $j$ over the examples of class $k$, $e_{jk}$ what it would be if the
    feature had nothing to do with the classes.

    Source: Yang and Pedersen, "A Comparative Study on Feature Selection in Text Categorization" (1997).
    """
    count, classes = len(labels), int(labels.max()) + 1
    members = scipy.sparse.csr_array((np.ones(count), (labels, np.arange(count))), shape=(classes, count))
    observed = (members @ rows.astype(np.float64)).toarray()
    expected = np.outer(np.bincount(labels, minlength=classes) / count, observed.sum(axis=0))
    found: np.ndarray = ((observed - expected) ** 2 / np.maximum(expected, _SMALLEST)).sum(axis=0)
    return found


def about_labels(rows: Rows, labels: Int8[np.ndarray, "n labels"]) -> Float64[np.ndarray, " d"]:
    """Sum over the labels of the statistic of `about_classes` for presence and absence, where it is known."""
    values, states = rows.astype(np.float64), States.of(labels)
    known = states.known.astype(np.float64)
    present = np.asarray(states.present.astype(np.float64).T @ values)
    total = np.asarray(known.T @ values)
    share = states.present.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    squares = (present - share[:, np.newaxis] * total) ** 2
    merits = np.zeros(total.shape[1])
    for expected in (share[:, np.newaxis] * total, (1 - share)[:, np.newaxis] * total):
        merits += (squares / np.maximum(expected, _SMALLEST)).sum(axis=0)
    return merits


def about_numbers(rows: Rows, labels: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " d"]:
    """Squared correlation of each feature with the numbers, 0 to 1."""
    values, count = rows.astype(np.float64), len(labels)
    together = values.T @ (labels - labels.mean())
    mean = values.sum(axis=0) / count
    variance = (values**2).sum(axis=0) / count - mean**2
    found: np.ndarray = (together / count) ** 2 / np.maximum(variance * labels.var(), _SMALLEST)
    return found
