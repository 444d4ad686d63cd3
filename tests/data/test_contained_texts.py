"""Texts that contain another whole, and boilerplate that joins nobody."""

# ruff: noqa: RUF001

import numpy as np
import pytest

from data.made import made_texts
from pellucid.data import contained_texts
from pellucid.data.contained_texts import MANY, Windows, boilerplate, covered, windows_of
from pellucid.data.raw_texts import Texts, sentence_starts, units_of
from pellucid.data.text_copies import near_texts

REVIEW = (
    "The room was clean and quiet, the staff answered every question with patience, and breakfast "
    "offered more than I could eat. Only the lift was slow; we took the stairs instead."
)
SHORT = "Is breakfast part of the price of the room?"
CHINESE = "酒店环境很好，房间很干净，服务员态度也不错，早餐种类很多。"
FOOTER = (
    "This message is confidential. If it reached you by mistake, delete it and tell the sender; the company "
    "accepts no liability for what it says or for any damage that follows from reading it."
)


def contained(texts: list[str]) -> list[list[int]]:
    return near_texts(Texts.of(texts), np.arange(len(texts))).others["contained"].tolist()


def joined(texts: list[str]) -> list[list[int]]:
    """Pairs that are copies in any way."""
    found = near_texts(Texts.of(texts), np.arange(len(texts)))
    return np.concatenate([found.pairs, *found.others.values()]).tolist()


@pytest.mark.parametrize(
    "frame",
    ["{}\n\n-- \n" + FOOTER, "---- Forwarded message ----\nFrom: Pat\n\n{}", "Hello.\n{}\nBest wishes, Kim"],
    ids=["footer", "header", "both"],
)
@pytest.mark.parametrize("text", [REVIEW, SHORT, CHINESE, "A new line:\n" + SHORT.upper()])
def test_a_text_with_more_around_it_is_found(frame: str, text: str) -> None:
    texts = [*made_texts(30), text, *made_texts(30, seed=2), frame.format(text)]
    assert joined(texts) == [[30, 61]]


def test_the_longer_text_may_come_first() -> None:
    assert contained([f"{FOOTER}\n{REVIEW}", REVIEW, *made_texts(5)]) == [[0, 1]]


@pytest.mark.parametrize("text", [SHORT, REVIEW, CHINESE], ids=["short", "long", "characters"])
def test_a_template_around_different_texts_joins_nobody(text: str) -> None:
    """Even where almost all of each text is the template."""
    template = f"Dear customer,\n{FOOTER} {FOOTER.upper()}\n{{}}\n{FOOTER}"
    fillings = [" ".join(made_texts(1, 9, seed=seed)) for seed in range(MANY + 5)]
    texts = [template.format(filling) for filling in [*fillings, text]]
    assert joined(texts) == []
    # A copy of one of them is found by what is its own.
    assert joined([*texts, text]) == [[len(texts) - 1, len(texts)]]


def test_a_template_alone_is_in_none_of_its_texts() -> None:
    texts = [f"{text}\n{FOOTER}" for text in made_texts(MANY + 2, 12)]
    assert joined([FOOTER, *texts]) == []


def test_a_short_text_within_a_sentence_is_no_copy() -> None:
    assert (
        contained([SHORT, f"Can you tell me, {SHORT.lower()[:-1]} that I paid for yesterday evening?"]) == []
    )
    assert contained([SHORT, f"I booked yesterday. {SHORT} Thank you for your help."]) == [[0, 1]]


def test_the_beginning_of_a_longer_text_is_contained_in_it() -> None:
    longer = " ".join(made_texts(1, 400))
    assert contained([longer, longer[:300].rpartition(" ")[0]]) == [[0, 1]]


def test_the_search_stops_at_its_limit_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*made_texts(10, 30), *(f"{text}\n{FOOTER}" for text in made_texts(10, 30))]
    assert len(contained(texts)) == 10
    monkeypatch.setattr(contained_texts, "MOST_COMPARED", 1000)
    near = near_texts(Texts.of(texts), np.arange(20))
    assert not near.complete
    assert 0 < len(near.others["contained"]) < 10


def test_windows_do_not_depend_on_what_lies_around_them() -> None:
    apart, together = (windows_of(units_of(texts, 1000)) for texts in ([REVIEW, CHINESE], [CHINESE + REVIEW]))
    assert set(apart.values.tolist()) - {0} <= set(together.values.tolist())
    # Odd are those of characters.
    assert apart.values[: apart.offsets[1]].max() % 2 == 0
    assert (apart.values[apart.offsets[1] :][:-7] % 2 == 1).all()


def test_boilerplate_is_what_occurs_more_often_than_many_times(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.repeat(np.array([8, 6, 4, 0], np.uint32), [MANY, MANY + 1, 1, 100])
    assert boilerplate(values).tolist() == [6]
    high = np.repeat(np.array([2**31 + 2, 2**32 - 2, 6], np.uint32), MANY + 1)
    monkeypatch.setattr(contained_texts, "_SORTED", 8)
    assert boilerplate(high).tolist() == [6, 2**31 + 2, 2**32 - 2]


def test_units_in_a_window_are_covered() -> None:
    values = np.array([2, 4, 6, 8, 10, 12, 0, 0, 0, 0], np.uint32)
    windows = Windows(values, np.array([0, 10]))
    assert covered(windows, np.array([2])).tolist() == [False] * 2 + [True] * 5 + [False] * 3
    assert not covered(windows, np.zeros(0, np.int64)).any()


def test_a_text_of_common_phrases_is_found_and_joins_no_other() -> None:
    """Each of its phrases occurs in many others; together they do not."""
    starts = [f"What should I do if my {thing}" for thing in ("card", "phone", "bag", "key", "car")]
    ends = ("is gone", "is old", "was stolen last night", "does not work in the shop", "came late again")
    questions = [f"{start} {end}?" for start in starts for end in ends] * 3
    texts = [f"{question} {made}" for question, made in zip(questions, made_texts(75, 6), strict=True)]
    text = "What should I do if my card was stolen last night?"
    found = joined([*texts, text, f"Hello,\n{text}\n-- \n{FOOTER}"])
    assert [75, 76] in found
    assert all(75 in pair or 76 in pair for pair in found)


def test_sentences_begin_behind_stops_and_lines() -> None:
    starts = sentence_starts(["One two. Three, four\nfive", "六七。八，九！"], 100)
    assert starts.tolist() == [True, False, True, False, True, True, False, True, False]
