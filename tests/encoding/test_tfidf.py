"""TF-IDF against scikit-learn, against its formula by hand, and out of files nobody vouches for."""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from encoding.written import anything
from pellucid.data.raw_texts import Texts
from pellucid.encoding import encoder
from pellucid.encoding.encoder import LONGEST_ENTRY
from pellucid.encoding.ngrams import Shape
from pellucid.encoding.survey import FEW_TEXTS
from pellucid.encoding.term_weights import MOST_CHARACTERS
from pellucid.encoding.tfidf import Tfidf, fit_tfidf
from pellucid.encoding.words import characters, normalise, words_of

SHAPES = [Shape(1), Shape(3), Shape(2, 3, 3)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def fitted(texts, shape=SHAPES[0], most=1_000):
    return fit_tfidf(texts, np.arange(len(texts)), shape, most)


def again(tfidf):
    """What comes back from files."""
    return Tfidf.from_parts(json.loads(json.dumps(tfidf.to_json())), tfidf.content(), tfidf.arrays())


def words(text):
    whole = normalise(text)
    spans = words_of(characters([whole]))
    return [whole[start:end] for start, end in zip(spans.starts, spans.ends, strict=True)]


def made(count, seed=0):
    """Texts of words that are the rarer the longer they are, with accents, signs and Chinese among them."""
    chance = np.random.default_rng(seed)
    stock = ["a", "the", "naïve", "don't", "we're", "!", "...", "東京", "x_1", "3.14", "Straße", "👍🏽"]
    stock += ["w" + "o" * length for length in range(30)]
    odds = 1 / np.arange(1, len(stock) + 1)
    return [" ".join(chance.choice(stock, chance.integers(1, 40), p=odds / odds.sum())) for _ in range(count)]


@pytest.mark.parametrize("neighbours", [1, 3])
def test_weights_equal_those_of_scikit_learn(neighbours):
    texts, others = made(1_200), made(300, 1)
    ours = fitted(texts, Shape(neighbours), 10**6)
    theirs = TfidfVectorizer(
        tokenizer=words,
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, neighbours),
        min_df=2,
        sublinear_tf=True,
    )
    expected = theirs.fit_transform(texts)
    terms = [term for group in ours.tfidf.terms for term in group]
    assert set(terms) == set(theirs.vocabulary_)
    columns = [theirs.vocabulary_[term] for term in terms]
    for found, wanted in (
        (ours.tfidf.transform(texts), expected),
        (ours.tfidf.weigh(ours.counts), expected),
        (ours.tfidf.transform(others), theirs.transform(others)),
    ):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found.toarray(), wanted[:, columns].toarray(), rtol=0, atol=2e-7)


def test_by_hand():
    tfidf = fitted(["a a b", "b", "b c"]).tfidf
    assert tfidf.terms[0][0] == "b"  # in all three, the others in one each
    once, thrice = np.log(4 / 2) + 1, np.log(4 / 4) + 1
    found = dict(zip(tfidf.terms[0], tfidf.transform(["A b a a? d"]).toarray()[0], strict=True))
    a, b = (1 + np.log(3)) * once, thrice
    assert found == pytest.approx({"a": a / np.hypot(a, b), "b": b / np.hypot(a, b), "c": 0}, rel=1e-6)


def test_parts_of_words_are_written_with_their_edges_and_weigh_as_much_as_words():
    tfidf = fitted(["banana"], Shape(1, 2, 3)).tfidf
    assert tfidf.terms[0] == ("banana",)
    assert set(tfidf.terms[1]) == {" ba", "an", "na", "na "}
    assert set(tfidf.terms[2]) == {" ban", "ana", "nan", "ana "}
    row = tfidf.transform(["banana bananas"]).toarray()[0]
    assert (row[0] ** 2, (row[1:] ** 2).sum()) == pytest.approx((0.5, 0.5))


@every_shape
@given(texts=st.lists(anything, min_size=1, max_size=6))
def test_any_text(shape, texts):
    found = fitted(texts, shape)
    alone = [found.tfidf.transform([text]).toarray() for text in texts]
    together = found.tfidf.transform(texts).toarray()
    np.testing.assert_array_equal(np.concatenate(alone), together)
    np.testing.assert_array_equal(found.tfidf.weigh(found.counts).toarray(), together)
    lengths = np.linalg.norm(together, axis=1)
    assert ((lengths == 0) | (lengths > 0.7) & (lengths < 1 + 1e-6)).all()
    copy = again(found.tfidf)
    assert (copy.content(), copy.to_json()) == (found.tfidf.content(), found.tfidf.to_json())
    assert (copy.transform(texts) != found.tfidf.transform(texts)).nnz == 0
    assert Tfidf.expected(copy.to_json()) == {"idf": ("float32", (copy.features,))}


@every_shape
def test_neither_order_nor_store_of_the_training_texts_matters(shape):
    texts = made(1_100)
    first = fitted(texts, shape, 40).tfidf
    positions = np.random.default_rng(1).permutation(len(texts))
    other = fit_tfidf(Texts.of(texts), positions, shape, 40).tfidf
    assert first.content() == other.content()
    np.testing.assert_array_equal(first.idf, other.idf)
    assert first.features == 40


def test_the_most_frequent_are_kept_and_from_many_texts_on_those_of_one_text_are_not():
    texts = ["often"] * 5 + ["now and"] * 3 + ["now once"]
    assert fitted(texts, most=2).tfidf.terms == (("often", "now"),)
    few, many = texts + ["often"] * (FEW_TEXTS - 1 - len(texts)), texts + ["often"] * FEW_TEXTS
    assert ("once" in fitted(few).tfidf.terms[0], "once" in fitted(many).tfidf.terms[0]) == (True, False)


def test_words_nobody_would_say_are_not_kept():
    long = "x" * (LONGEST_ENTRY + 1)
    terms = fitted([f"a {long} b", long[1:]], Shape(2)).tfidf.terms
    assert terms == (tuple(sorted(("a", "b", long[1:]), key=terms[0].index)), ())


def test_of_a_text_without_end_the_beginning_counts():
    tfidf = fitted(["first last"]).tfidf
    text = "first " * (MOST_CHARACTERS // 6 + 1) + "last"
    assert tfidf.transform([text, text[:MOST_CHARACTERS]]).toarray()[0].tolist() == [
        *tfidf.transform([text[:MOST_CHARACTERS]]).toarray()[0].tolist()
    ]
    assert tfidf.transform([text])[:, [tfidf.terms[0].index("last")]].nnz == 0


def test_fewer_ngrams():
    texts = made(60)
    whole = fitted(texts, Shape(2))
    columns = np.sort(np.random.default_rng(0).permutation(whole.tfidf.features)[:25])
    part = whole.tfidf.only(columns)
    assert part.features == 25
    np.testing.assert_array_equal(
        part.transform(texts).toarray(), part.weigh(whole.counts[:, columns]).toarray()
    )
    weights = whole.tfidf.transform(texts).toarray()[:, columns]
    lengths = np.linalg.norm(weights, axis=1, keepdims=True)
    np.testing.assert_allclose(
        part.transform(texts).toarray(), weights / np.where(lengths > 0, lengths, 1), rtol=0, atol=1e-6
    )


def test_nothing_to_say():
    tfidf = fitted(["", "  \n"]).tfidf
    assert tfidf.features == 0
    assert again(tfidf).transform(["word", ""]).shape == (2, 0)
    assert fitted(made(5)).tfidf.transform([]).shape[0] == 0


STATED = {"words": 2, "shortest": 0, "longest": 0, "kept": [2, 1]}
TERMS = [["a", "b"], ["a b"]]
IDF = {"idf": np.ones(3, np.float32)}


@pytest.mark.parametrize(
    ("settings", "terms", "arrays", "said"),
    [
        (STATED | {"longest": 3}, TERMS, IDF, "shortest: 0 is no whole number from 1"),
        (STATED | {"kept": [10**6, 10**6]}, TERMS, IDF, "2000000 n-grams, where"),
        (STATED | {"kept": [3]}, [["a", "b", "c"]], IDF, "do not fit 3 weights of this shape"),
        (STATED, [["a", "b"]], IDF, "terms: not as many as stated"),
        (STATED, [["a", 2], ["a b"]], IDF, "terms: one of them is no text"),
        (STATED, [["a", "a"], ["a b"]], IDF, "two entries of the vocabulary have the same name"),
        (STATED, [["a", "b c"], ["a b"]], IDF, "terms: one of them is not 1 words"),
        (STATED, [["a", "b"], ["ab"]], IDF, "terms: one of them is not 2 words"),
        (STATED, [["a", ""], ["a b"]], IDF, "terms: one of them holds an empty word"),
        (STATED, TERMS, {"idf": np.ones(4, np.float32)}, "tf-idf: holds other arrays than idf"),
        (STATED, TERMS, {"idf": np.zeros(3, np.float32)}, "idf: a weight is not finite, or not positive"),
        (
            {"words": 1, "shortest": 2, "longest": 2, "kept": [1, 2]},
            [["a"], ["ab", "abc"]],
            IDF,
            "terms: one of them is not 2 characters of a word",
        ),
    ],
)
def test_impossible_files_are_refused(settings, terms, arrays, said):
    assert Tfidf.from_parts(STATED, json.dumps({"terms": TERMS}).encode(), IDF).features == 3
    with pytest.raises(ValueError, match=said):
        Tfidf.from_parts(settings, json.dumps({"terms": terms}).encode(), arrays)


def test_many_texts_take_little_memory(monkeypatch):
    monkeypatch.setattr(encoder, "_CHARACTERS_OF_A_BLOCK", 1 << 17)  # five blocks; all at once take 42 MB
    texts = made(500)
    many = Texts.of([text for text in texts for _ in range(10)])
    tracemalloc.start()
    found = fit_tfidf(many, np.arange(len(many)), Shape(2), 5_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000 + 3 * 12 * found.counts.nnz
