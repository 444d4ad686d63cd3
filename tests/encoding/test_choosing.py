# ruff: noqa: RUF001  # odd characters are what is tested
import random

import numpy as np
import pytest

from encoding.written import ENGLISH, everyone
from pellucid.data.raw_texts import Texts
from pellucid.encoding import NgramEncoder, TokenEncoder, choosing, fit_ngrams, fit_tokens, survey
from pellucid.errors import UsageError
from pellucid.settings import Settings

CHINESE = ("服务态度很不错，离我们去的地方非常近。", "房间很小，早餐不好。", "书的内容很好，值得一读！")


def many(words: int, count: int = 1500, alphabet: str = "abcdefghij") -> list[str]:
    """Texts of made words, drawn from so many different ones."""
    chance = random.Random(0)
    known = ["".join(chance.choices(alphabet, k=6)) for _ in range(words)]
    return [" ".join(chance.choices(known, k=8)) for _ in range(count)]


def test_words_where_spaces_part_them() -> None:
    encoder, reasons = fit_tokens(*everyone(ENGLISH), Settings())
    assert isinstance(encoder, TokenEncoder)
    assert encoder.tokens == "words"
    assert encoder.entries[0] == "the"
    assert reasons == (
        "Texts are split into words: 100 % of their characters belong to scripts that put spaces "
        "between words.",
        f"The vocabulary has {len(encoder.entries)} words: all of the training texts.",
        "Texts are read whole, up to 32 words.",
    )


def test_characters_where_no_spaces_do() -> None:
    encoder, reasons = fit_tokens(*everyone(CHINESE), Settings())
    assert isinstance(encoder, TokenEncoder)
    assert encoder.tokens == "characters"
    assert "很" in encoder.entries
    share = f"{100 * 35 / 41:.1f} %"  # the others are punctuation
    assert f"{share} of their characters belong to scripts that put no spaces between words" in reasons[0]


def test_a_vocabulary_is_judged_on_the_tenth_held_out() -> None:
    few, reasons = fit_tokens(*everyone(many(300)), Settings())
    assert isinstance(few, TokenEncoder)
    assert few.tokens == "words"
    assert "lacks 0 % of the words of the others" in reasons[0]
    assert "those that occur in at least 2 training texts" in reasons[1]
    more, reasons = fit_tokens(*everyone(many(30_000)), Settings())
    assert isinstance(more, TokenEncoder)
    assert more.tokens == "sub-words"
    assert reasons[0].startswith(
        "Texts are split into sub-words: a vocabulary of words made from nine tenths of the training texts "
        "lacks "
    )


def test_characters_too_many_become_sub_words() -> None:
    chance = random.Random(1)
    texts = ["".join(chr(0x4E00 + chance.randrange(20_000)) for _ in range(5)) for _ in range(1200)]
    encoder, reasons = fit_tokens(*everyone(texts), Settings())
    assert encoder.to_json()["tokens"] == "sub-words"
    assert "a vocabulary of characters" in reasons[0]


@pytest.mark.parametrize(("count", "tokens"), [(20, "bytes"), (1200, "sub-words")])
def test_long_strings_are_no_words(count: int, tokens: str) -> None:
    chance = random.Random(2)
    texts = ["".join(chance.choices("acgt", k=60)) for _ in range(count)]
    encoder, reasons = fit_tokens(*everyone(texts), Settings())
    assert encoder.to_json()["tokens"] == tokens
    assert "100 % of their characters are in strings of more than 24 without a space" in reasons[0]


@pytest.mark.parametrize("tokens", ["words", "sub-words", "characters", "bytes"])
def test_what_is_asked_for_is_done(tokens: str) -> None:
    encoder, reasons = fit_tokens(*everyone(CHINESE), Settings(tokens=tokens, length=7))
    assert encoder.to_json()["tokens"] == tokens
    assert encoder.length == 7
    assert reasons[0] == f"Texts are split into {tokens}, as asked for (--tokens)."
    assert f"The first 7 {tokens} of a text are read, as asked for (--length); 0 % of" in reasons[-1]


def test_vectors_are_of_words() -> None:
    encoder, reasons = fit_tokens(*everyone(CHINESE), Settings(vectors="glove.txt"))
    assert encoder.to_json()["tokens"] == "words"
    assert reasons[0] == "Texts are split into words, which is what the vectors are of (--vectors)."
    rare = [*["the ship"] * 1000, "the whale"]
    for settings, is_known in ((Settings(vectors="glove.txt"), True), (Settings(), False)):
        words = fit_tokens(*everyone(rare), settings).encoder
        assert isinstance(words, TokenEncoder)
        assert ("whale" in words.entries) == is_known
    with pytest.raises(
        UsageError, match="--vectors: holds vectors of words, but --tokens is bytes; leave one"
    ):
        fit_tokens(*everyone(CHINESE), Settings(vectors="glove.txt", tokens="bytes"))


def test_length_leaves_one_text_in_twenty_cut() -> None:
    texts = ["a " * length for length in range(1, 201)]
    encoder, reasons = fit_tokens(*everyone(texts), Settings())
    assert encoder.length == 190
    assert reasons[-1] == (
        "The first 190 words of a text are read, enough for 95 % of the training texts; "
        "95 % of the training texts are read whole."
    )


def test_only_training_texts_are_looked_at() -> None:
    texts = Texts.of([*ENGLISH, "unheard of", *ENGLISH])
    train = np.array([0, 1, 2, 3, 4])
    encoder, _ = fit_tokens(texts, train, Settings())
    assert encoder.content() == fit_tokens(*everyone(ENGLISH), Settings()).encoder.content()
    bag, _ = fit_ngrams(texts, train, Settings())
    assert bag.content() == fit_ngrams(*everyone(ENGLISH), Settings()).encoder.content()


def test_a_bag_of_words_and_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "_MOST_FOR_PARTS", 0)
    encoder, reasons = fit_ngrams(*everyone(ENGLISH), Settings())
    assert isinstance(encoder, NgramEncoder)
    assert reasons == (
        "Texts are seen as a bag of words and pairs of neighbouring words: 100 % of their characters "
        "belong to scripts that put spaces between words.",
        f"The vocabulary has {sum(encoder.kept)} of these: all of the training texts.",
        "Texts are read whole, up to 4,096 n-grams of words.",
    )
    assert fit_ngrams(*everyone(ENGLISH), Settings(length=3)).encoder.length == 3
    chinese = fit_ngrams(*everyone(CHINESE), Settings()).reasons[0]
    assert "a bag of characters and runs of up to 3 characters" in chinese


def test_vocabularies_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "_MOST_FOR_PARTS", 0)
    monkeypatch.setattr(choosing, "_BAG_OF_WORDS", choosing._BAG_OF_WORDS._replace(most=(3, 2)))
    monkeypatch.setattr(choosing, "_MOST_ENTRIES", {"words": 4})
    bag, reasons = fit_ngrams(*everyone(ENGLISH), Settings())
    assert bag.vocabulary == 7
    assert "has 5 of these: those that occur in the most training texts" in reasons[1]
    words, reasons = fit_tokens(*everyone(ENGLISH), Settings())
    assert words.vocabulary == 6
    assert "has 4 words: those that occur in the most training texts" in reasons[1]


def test_of_many_texts_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = Texts.of([f"text {number}" for number in range(1000)])
    train = np.arange(100, 1000)
    monkeypatch.setattr(survey, "MOST_TEXTS", 9)
    assert survey.sampled(texts, train).positions.tolist() == [*range(100, 1000, 100)]
    assert fit_tokens(texts, train, Settings()).reasons[-1] == (
        "All this was found on 9 of the 900 training texts."
    )
    monkeypatch.setattr(survey, "MOST_TEXTS", 900)
    monkeypatch.setattr(survey, "MOST_BYTES", 80)
    assert survey.sampled(texts, train).positions.tolist() == [*range(100, 1000, 90)]


def test_one_huge_text_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "MOST_BYTES", 10)
    encoder, _ = fit_tokens(*everyone(["the ship " * 1000]), Settings())
    assert encoder.encode(["ship"]).ids.tolist() != [1]


@pytest.mark.parametrize("texts", [[""], ["", " "], ["\x00"]])
def test_texts_without_a_word(texts: list[str]) -> None:
    for tokens in ("words", "sub-words", "characters", "bytes", None):
        encoder, _ = fit_tokens(*everyone(texts), Settings(tokens=tokens))
        assert len(encoder.encode(texts)) == len(texts)
    assert fit_ngrams(*everyone(texts), Settings()).encoder.encode(texts).ids.tolist() == [1] * len(texts)


def test_words_too_long_are_unknown() -> None:
    encoder, _ = fit_tokens(*everyone(["x" * 65 + " ship", "y" * 64]), Settings(tokens="words"))
    assert isinstance(encoder, TokenEncoder)
    assert set(encoder.entries) == {"ship", "y" * 64}


def test_a_bag_of_few_and_short_texts_holds_parts_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    short, long = ["the ship sails " * 20] * 6, ["the ship sails " * 21] * 6
    encoder, reasons = fit_ngrams(*everyone(short), Settings())
    assert isinstance(encoder, NgramEncoder)
    assert encoder.shape == choosing.Shape(2, 2, 5)
    assert encoder.weighed == (*encoder.borders[:3], encoder.vocabulary)
    assert reasons[0] == (
        "Texts are seen as a bag of words, pairs of neighbouring words and parts of words of 2 to 5 "
        "characters: 100 % of their characters belong to scripts that put spaces between words, and "
        "the texts are few and short (300 bytes on the mean)."
    )
    for texts, most in ((long, 2_000_000), (short, 1_799)):
        monkeypatch.setattr(choosing, "_MOST_FOR_PARTS", most)
        without = fit_ngrams(*everyone(texts), Settings()).encoder
        assert isinstance(without, NgramEncoder)
        assert without.shape == choosing.Shape(2)
        assert without.weighed == without.borders
