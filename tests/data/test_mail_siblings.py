"""Threads of mails by header and subject, and mails that quote others, made of the bundled mails."""

import numpy as np
import pytest

from pellucid.data.raw_texts import Texts
from pellucid.data.siblings import plain_subject, quotes, threads
from pellucid.data.sources.samples import read_sample


def mails(count: int) -> list[str]:
    """Bundled mails of some length that quote nothing and answer nothing."""
    texts = read_sample("sample:spam").texts
    assert texts is not None
    found = []
    for text in texts:
        if "\n>" not in text and not text.lower().startswith("re:") and 600 < len(text) < 3000:
            found.append(text)
        if len(found) == count:
            break
    return found


def links_of(rule, texts: list[str]) -> set[tuple[int, int]]:
    return set(map(tuple, rule(Texts.of(texts), np.arange(len(texts))).tolist()))


def quoting(text: str, width: int | None = None) -> str:
    """An answer to a mail that quotes it, perhaps with its lines broken at other places."""
    words = text.split()
    lines = text.split("\n")
    if width is not None:
        lines = [" ".join(words[start : start + width]) for start in range(0, len(words), width)]
    return "Thanks, I agree.\n\nYou wrote:\n" + "\n".join(f"> {line}" for line in lines) + "\n\nBye\n"


@pytest.mark.parametrize("width", [None, 9])
def test_a_mail_is_linked_to_the_one_that_quotes_it(width: int | None) -> None:
    texts = mails(60)
    planted = {(index, 60 + index) for index in range(30)}
    found = links_of(quotes, [*texts, *(quoting(text, width) for text in texts[:30])])
    # One newsletter says much the same from issue to issue, and so nothing that only it could be quoted for.
    assert len(planted - found) <= 1
    assert len(found - planted) <= 2


def test_a_short_quotation_is_no_sibling() -> None:
    texts = mails(40)
    partly = [quoting(" ".join(text.split()[: len(text.split()) // 4])) for text in texts]
    assert not links_of(quotes, [*texts, *partly])


def test_what_everybody_quotes_says_nothing() -> None:
    first, *others = mails(40)
    assert not links_of(quotes, [first, *(f"{other}\n{quoting(first)}" for other in others[:30])])


def test_headers_link_a_thread_even_where_its_beginning_is_missing() -> None:
    texts = [
        "From: ann@example.org\nMessage-ID: <one@example.org>\nSubject: Lunch\n\nAt noon?",
        "From: bob@example.org\nMessage-ID: <two@example.org>\nIn-Reply-To: <one@example.org>\n\nYes.",
        "References: <zero@example.org>\n <other@example.org>\nSubject: A\n\nOne.",
        "In-Reply-To: <zero@example.org>\nSubject: B\n\nTwo.",
        "From: eve@example.org\nMessage-ID: <three@example.org>\nSubject: Lunch\n\nSomething else.",
        "I said In-Reply-To: <one@example.org> to nobody.",
    ]
    assert links_of(threads, texts) == {(0, 1), (2, 3)}


def test_subjects_link_an_answer_and_what_it_answers() -> None:
    texts = [
        "Subject: [ILUG] Booting from floppy\n\nHow?",
        "Re: [ILUG] Booting from floppy\n\nLike this.",
        "Subject: AW: Re: booting  from Floppy\n\nSo nicht.",
        "Subject: Monthly statement of account\n\nYou owe us.",
        "Subject: Monthly statement of account\n\nYou owe us more.",
        "Re: hello\n\nWorld.",
        "hello\n\nWorld.",
    ]
    assert links_of(threads, texts) == {(0, 1), (0, 2)}


@pytest.mark.parametrize(
    ("subject", "plain", "is_reply"),
    [
        ("Re: Re[2]: [list] Fwd: The  Plan", "the plan", True),
        ("[list] The Plan", "the plan", False),
        ("Rest: of the plan", "rest: of the plan", False),
    ],
)
def test_marks_of_replies_and_lists_are_no_part_of_a_subject(
    subject: str, plain: str, is_reply: bool
) -> None:
    assert plain_subject(subject) == (plain, is_reply)
