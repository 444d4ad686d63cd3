"""Copies of texts, exact and near."""

# ruff: noqa: RUF001

import random
import unicodedata
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.made import made_texts
from pellucid.data import text_copies
from pellucid.data.raw_texts import Texts, units_of
from pellucid.data.sources.samples import read_sample
from pellucid.data.text_copies import near_texts, overlaps, text_digests

REVIEW = (
    "The room was clean and quiet, the staff answered every question with patience, and breakfast "
    "offered more than I could eat. Only the lift was slow; we took the stairs instead."
)
CHINESE = "酒店环境很好，房间很干净，服务员态度也不错，早餐种类很多，就是电梯有点慢，下次还会再来住的。"


def pairs_of(texts: list[str]) -> list[list[int]]:
    return near_texts(Texts.of(texts), np.arange(len(texts))).pairs.tolist()


def others_of(texts: list[str]) -> dict[str, list[list[int]]]:
    """Pairs of each other kind of copy that was found."""
    found = near_texts(Texts.of(texts), np.arange(len(texts))).others
    return {rule: pairs.tolist() for rule, pairs in found.items() if len(pairs)}


def same(one: str, other: str) -> bool:
    first, second = text_digests(Texts.of([one, other]))
    return bool((first == second).all())


def test_case_space_and_encoding_do_not_make_a_difference() -> None:
    assert same("Größe  zählt", "grösse\tzählt\n")
    assert same("café", unicodedata.normalize("NFD", "Café "))
    assert not same("a b", "ab")
    assert not same("good", "good!")


@given(st.lists(st.text(), max_size=8))
def test_equal_digests_are_equal_texts(texts: list[str]) -> None:
    encodable = [text.encode("utf-8", "replace").decode() for text in texts]
    digests = [row.tobytes() for row in text_digests(Texts.of(encodable))]
    alike = [" ".join(unicodedata.normalize("NFC", text.casefold()).split()) for text in encodable]
    assert [digests.index(each) for each in digests] == [alike.index(each) for each in alike]


CHANGES: dict[str, Callable[[str], str]] = {
    "two words changed": lambda text: text.replace("patience", "courtesy").replace("slow", "broken"),
    "a word more": lambda text: f"{text} Recommended",
    "other punctuation and a word": lambda text: text.replace(",", ";").replace("clean", "clear"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_copy_is_found(change: Callable[[str], str]) -> None:
    texts = [*made_texts(50), REVIEW, *made_texts(50, seed=1), change(REVIEW)]
    assert pairs_of(texts) == [[50, 101]]


@pytest.mark.parametrize(
    "copy",
    [CHINESE.replace("早餐", "晚餐"), f"补充：{CHINESE}", CHINESE[:-6]],
    ids=["a word changed", "a word more", "end cut off"],
)
def test_a_changed_copy_without_spaces_is_found(copy: str) -> None:
    others = [
        "这本书的内容很丰富，作者的文笔也非常流畅，读起来让人爱不释手，推荐给大家。",
        "键盘手感一般，屏幕不错。",
    ]
    assert pairs_of([CHINESE, *others, copy]) == [[0, 3]]


def test_texts_about_the_same_are_no_copies() -> None:
    other = (
        "The room was small but quiet, the staff spoke little English, and breakfast was over before "
        "nine. The lift was out of order, so that we carried our bags up five floors."
    )
    assert pairs_of([REVIEW, other]) == []


def test_forms_that_repeat_the_same_words_are_no_copies() -> None:
    """Counted as often as they occur, most words agree; counted once, too few do."""
    lines = " net mln vs mln shr cts vs cts revs mln vs mln avg mln vs mln six months net mln vs mln"
    assert pairs_of([f"canada southern petroleum ltd{lines}", f"montreal trust holding inc{lines}"]) == []


SAME: dict[str, Callable[[str], str]] = {
    "quoted": lambda text: "> " + text.replace(". ", ".\n> "),
    "other punctuation": lambda text: text.replace(",", ";").replace(".", " ..."),
    "capitals": str.upper,
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
}


@pytest.mark.parametrize("text", [REVIEW, CHINESE, "a very good hotel", "好酒店"])
@pytest.mark.parametrize("change", SAME.values(), ids=SAME.keys())
def test_the_same_words_are_found_in_texts_of_any_length(change: Callable[[str], str], text: str) -> None:
    texts = [*made_texts(20), text, "", "!", change(text), "?"]
    assert others_of(texts) == {"same_words": [[20, 23]]}
    assert pairs_of(texts) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("C++", "C#"),
        ("5 degrees", "-5 degrees"),
        ("$ 5", "5"),
        ("over > 3", "over < 3"),
        ("good 😀", "good 😡"),
    ],
)
def test_signs_that_tell_short_texts_apart_are_no_punctuation(one: str, other: str) -> None:
    assert others_of([one, other]) == {}


def test_short_texts_are_compared_for_nothing_else() -> None:
    short = ["a very good hotel in town", "a very good hotel in the town", "in town a very good hotel"]
    assert pairs_of(short) == []
    assert others_of([*short, f"{REVIEW} {short[0]}."]) == {}


def test_questions_that_differ_in_one_word_of_ten_are_no_copies() -> None:
    assert (
        pairs_of(
            ["How long does it take for a card to arrive?", "How long does it take for a transfer to arrive?"]
        )
        == []
    )
    assert pairs_of(
        [
            "Are there any fees if I top up my account with a card?",
            "Are there fees if I top up my account with a card?",
        ]
    ) == [[0, 1]]


@pytest.mark.parametrize(
    "text",
    [REVIEW, CHINESE.replace("，", "。")],
    ids=["words", "characters"],
)
def test_sentences_in_another_order_are_found(text: str) -> None:
    stop = "。" if "。" in text else ". "
    sentences = [each for each in text.replace("; ", ". ").split(stop) if each]
    turned = stop.join(reversed(sentences))
    texts = [*made_texts(20), text, turned]
    assert others_of(texts) == {"reordered": [[20, 21]]}
    assert pairs_of(texts) == []


def test_the_same_words_in_no_order_are_no_copy() -> None:
    words = REVIEW.split()
    random.Random(1).shuffle(words)
    assert others_of([REVIEW, " ".join(words)]) == {}
    assert pairs_of([REVIEW, " ".join(words)]) == []


def test_a_text_that_only_begins_alike_is_no_copy() -> None:
    """What follows the cut counts by its length."""
    start = " ".join(made_texts(1, 6000))
    assert len(start) > text_copies.LONGEST
    longer = f"{start} {' '.join(made_texts(1, 6000, seed=3))}"
    assert pairs_of([start, longer]) == []
    assert pairs_of([start, f"{start} more"]) == [[0, 1]]


def test_most_changed_copies_of_real_mails_are_found() -> None:
    """One word in twenty replaced in each of 300 mails of the sample."""
    texts = read_sample("sample:spam").texts
    assert texts is not None
    chooser = random.Random(0)
    originals = [text.split(" ") for text in texts[:600] if 40 <= len(text.split(" ")) < 400][:300]
    changed = []
    for words in originals:
        copy = list(words)
        for place in chooser.sample(range(len(words)), len(words) // 20):
            copy[place] = "replaced"
        changed.append(" ".join(copy))
    assert len(originals) == 300
    found = pairs_of([" ".join(words) for words in originals] + changed)
    assert sum([number, number + 300] in found for number in range(300)) >= 285


def test_pairs_are_sorted_and_do_not_depend_on_the_others() -> None:
    texts = [REVIEW, *made_texts(30), f"{REVIEW} one", CHINESE, f"{REVIEW} two", f"{CHINESE}很好"]
    pairs = pairs_of(texts)
    assert pairs == sorted(pairs) == [[0, 31], [0, 33], [31, 33], [32, 34]]


def test_only_the_asked_positions_are_compared() -> None:
    texts = Texts.of([REVIEW, f"{REVIEW} one", f"{REVIEW} two"])
    assert near_texts(texts, np.array([0, 2])).pairs.tolist() == [[0, 2]]
    assert near_texts(texts, np.zeros(0, np.int64)).pairs.shape == (0, 2)


@pytest.mark.parametrize("limit", ["MOST_CANDIDATES", "MOST_COMPARED"])
def test_the_search_stops_at_its_limit_and_says_so(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = Texts.of([f"{REVIEW} {number}" for number in range(40)])
    whole = near_texts(texts, np.arange(40))
    assert whole.complete
    assert len(whole.pairs) > 400
    monkeypatch.setattr(text_copies, limit, 20 if limit == "MOST_CANDIDATES" else 20 * 2 * len(REVIEW))
    part = near_texts(texts, np.arange(40))
    assert not part.complete
    assert 10 <= len(part.pairs) <= 20


def test_many_alike_cost_no_more_than_their_number() -> None:
    """Of 600 texts that share every band each is compared with a few only."""
    near = near_texts(Texts.of([f"{REVIEW} {REVIEW} {number}" for number in range(600)]), np.arange(600))
    assert near.complete
    assert len(near.pairs) <= text_copies.BANDS * text_copies.NEIGHBOURS * 600
    assert {other for _, other in near.pairs.tolist()} == set(range(1, 600))


def test_very_many_characters_are_cut_and_still_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_copies, "MOST_CHARACTERS", 3000)
    texts = [" ".join(made_texts(1, 400, seed=seed)) for seed in range(3)]
    assert pairs_of([*texts, f"{texts[0]} more"]) == [[0, 3]]


@given(
    st.lists(st.lists(st.integers(0, 4), max_size=6), min_size=2, max_size=5),
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), max_size=6),
)
def test_overlaps_are_those_of_counted_and_plain_sets(
    parts: list[list[int]], pairs: list[tuple[int, int]]
) -> None:
    values = np.array([value for part in parts for value in part], np.uint64)
    offsets = np.cumsum([0, *map(len, parts)])
    one, other = np.array(pairs, np.int64).reshape(-1, 2).T
    often, once = overlaps(values, offsets, one, other)
    assert len(often) == len(once) == len(pairs)
    for at, (first, second) in enumerate(pairs):
        counted, also = Counter(parts[first]), Counter(parts[second])
        every = sum((counted | also).values())
        assert often[at] == pytest.approx(sum((counted & also).values()) / every if every else 0)
        distinct = set(counted) | set(also)
        assert once[at] == pytest.approx(len(set(counted) & set(also)) / len(distinct) if distinct else 0)


def test_units_are_words_or_single_characters() -> None:
    units = units_of(["Don't > do IT, do it. 我们 😀 ไทย", "", "...", "naïve NAÏVE"], 100)
    assert units.counts.tolist() == [12, 0, 0, 2]
    assert units.by_characters.tolist() == [False, False, False, False]
    hashes = units.hashes.tolist()
    assert hashes[2:4] == hashes[4:6]
    assert len(set(hashes[:4])) == 4
    assert hashes[-1] == hashes[-2]
    assert units_of(["我们很好 ok"], 100).by_characters.tolist() == [True]
    assert units_of([], 10).counts.tolist() == []
    assert units_of(["𠀀𠀁 \U000e0001"], 10).counts.tolist() == [2]
