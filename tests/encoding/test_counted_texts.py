"""N-grams counted once: TF-IDF of a part is the same, bit by bit, as if the part alone had been counted."""

import numpy as np
import pytest

from pellucid.classical import text_features as features
from pellucid.data.raw_texts import Texts
from pellucid.encoding.ngrams import Shape
from pellucid.encoding.survey import FEW_TEXTS
from pellucid.encoding.term_weights import names_of
from pellucid.encoding.tfidf import CountedTexts, fit_tfidf

EVERY_N_GRAM = 1_000_000


def written(count, seed=0):
    """Texts of few words that are often equally frequent, some of them empty."""
    draws = np.random.default_rng(seed)
    words = [f"{first}{second}ing" for first in "abcdefgh" for second in ("", "x", "yz")]
    return Texts.of([" ".join(draws.choice(words, draws.integers(0, 9))) for _ in range(count)])


def counted(texts, positions, shape):
    return CountedTexts(fit_tfidf(texts, positions, shape, EVERY_N_GRAM), positions)


def require_same(found, expected):
    assert found.shape == expected.shape
    for part in ("data", "indices", "indptr"):
        one, other = getattr(found, part), getattr(expected, part)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("most", [40, EVERY_N_GRAM])
@pytest.mark.parametrize("shape", [Shape(2), Shape(2, 3, 3), Shape(1, 7, 8)], ids=str)
@pytest.mark.parametrize("count", [60, FEW_TEXTS + 300])
def test_a_part_is_as_if_it_alone_had_been_counted(shape, most, count):
    texts, order = written(count), np.random.default_rng(1).permutation(count)
    known = counted(texts, np.arange(count), shape)
    for train in (order, order[: count - 20], np.sort(order[20:])):
        assert known.knows(train)
        found, columns = known.fit(train, most)
        alone = fit_tfidf(texts, train, shape, most)
        assert found.tfidf.terms == alone.tfidf.terms
        for tfidf in (found.tfidf, alone.tfidf, alone.tfidf.only(np.arange(0, alone.tfidf.features, 2))):
            spelt = names_of(shape, tfidf.terms)
            np.testing.assert_array_equal(np.concatenate(tfidf.names), np.concatenate(spelt))
        np.testing.assert_array_equal(found.tfidf.idf, alone.tfidf.idf)
        require_same(found.counts, alone.counts)
        others = order[-20:]
        asked = alone.tfidf.counts([texts[place] for place in others.tolist()])
        require_same(known.counts(others, columns), asked)
        require_same(known.counts_of(alone.tfidf, others), asked)
        assert known.counts_of(alone.tfidf, np.array([0, count])) is None


def test_a_part_so_small_that_single_ngrams_count_is_not_known():
    known = counted(written(FEW_TEXTS), np.arange(FEW_TEXTS), Shape(1))
    assert known.knows(np.arange(FEW_TEXTS))
    assert not known.knows(np.arange(FEW_TEXTS - 1))
    few = counted(written(30), np.arange(20), Shape(1))
    assert few.knows(np.arange(5))
    assert not few.knows(np.arange(15, 25))


def test_an_ngram_that_was_not_counted_is_missed():
    known = counted(written(60), np.arange(60), Shape(1))
    strange = fit_tfidf(Texts.of(["abc", "def"]), np.arange(2), Shape(1)).tfidf
    assert known.counts_of(strange, np.arange(3)) is None


def test_a_store_is_counted_once_and_anew_for_texts_that_were_not(monkeypatch):
    store, walked = written(90), []

    def fit(texts, positions, shape, most):
        walked.append(len(positions))
        return fit_tfidf(texts, positions, shape, most)

    monkeypatch.setattr(features, "fit_tfidf", fit)

    def table(train, validation):
        return features.text_table("words", store, train, validation, 2)

    first = table(np.arange(50), np.arange(50, 60))
    again = table(np.arange(50), np.arange(50, 60))
    require_same(again.train, first.train)
    table(np.arange(10, 60), np.arange(0))
    assert walked == [60]
    table(np.arange(70), np.arange(70, 90))
    table(np.arange(50), np.arange(50, 60))
    assert walked == [60, 90]


def test_too_much_text_is_counted_for_each_model(monkeypatch):
    store = written(90)
    monkeypatch.setattr(features, "_MOST_ENTRIES", 10)
    found = features.text_table("words", store, np.arange(50), np.arange(50, 60), 2)
    require_same(found.train, fit_tfidf(store, np.arange(50), Shape(1)).counts)
    assert features._KNOWN[store] == {Shape(1): None}
    monkeypatch.setattr(features, "_MOST_BYTES", 10)
    other = written(90, seed=2)
    found = features.text_table("words", other, np.arange(50), np.arange(50, 60), 2)
    require_same(found.train, fit_tfidf(other, np.arange(50), Shape(1)).counts)
    assert features._KNOWN[other] == {}
