"""Features of scikit-learn's digits and of texts that name them, for tests of detectors."""

import functools

import numpy as np
import scipy.sparse
from sklearn.datasets import load_digits

from pellucid.data.raw_texts import Texts
from pellucid.encoding.ngrams import Shape
from pellucid.encoding.tfidf import fit_tfidf
from pellucid.novelty import Detector, fit_detector, fit_measure

WORDS = ("nought", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@functools.cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Pixels (1797, 64), 0 to 16, and labels."""
    bunch = load_digits()
    return bunch.data.astype(np.float32), bunch.target.astype(np.int64)


@functools.cache
def weights() -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array, np.ndarray]:
    """TF-IDF of texts that describe digits row by row, of foreign texts, and the labels of the first."""
    rows, labels = digits()
    texts = [
        " ".join(f"{WORDS[int(value) % 10]}{place}" for place, value in enumerate(row) if value > 8)
        for row in rows[:600]
    ]
    tfidf = fit_tfidf(Texts.of(texts), np.arange(400), Shape(1), 5000).tfidf
    return tfidf.transform(texts), tfidf.transform(["nothing known", "at all", "one0 two1"]), labels[:600]


def detector(sort: str = "values") -> Detector:
    """A detector of digits 0 to 6, fitted on 700 of them and calibrated on the next 200."""
    rows, labels = digits()
    known = np.flatnonzero(labels < 7)
    train, validation = known[:700], known[700:900]
    measure = fit_measure(rows[train], labels[train], sort)
    return fit_detector(measure, rows[validation], labels[validation], 7)


def sparse_detector() -> Detector:
    """A detector of the texts, fitted on 400 of them and calibrated on the rest."""
    rows, _, labels = weights()
    return fit_detector(fit_measure(rows[:400], labels[:400], "values"), rows[400:], labels[400:], 10)


DETECTORS = {
    "values": lambda: detector(),
    "layer": lambda: detector("layer"),
    "image": lambda: detector("image"),
    "sparse": sparse_detector,
}
