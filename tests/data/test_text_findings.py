"""What is said about texts."""

import numpy as np
import pytest

from data.made import listing_of_texts
from pellucid.data.findings import TextFindings, text_findings

SCRIPTS = {
    "Latin": "Ça va très bien, 42 fois",
    "Greek": "Καλημέρα κόσμε",
    "Cyrillic": "Привет, мир hello",
    "Hebrew": "שלום עולם",
    "Arabic": "مرحبا بالعالم",
    "Devanagari": "नमस्ते दुनिया",
    "Thai": "สวัสดีชาวโลก",
    "Korean": "안녕하세요 세계",
    "Japanese": "日本語の文章は漢字と仮名を使います",
    "Chinese": "我们今天去看电影",
    "Georgian": "გამარჯობა",
    "other": "ሰላም ልዑል",
    "no letters": "😀 +49 30 1234 !!!",
}


def findings(texts: list[str], used: list[int] | None = None) -> TextFindings:
    positions = np.arange(len(texts)) if used is None else np.array(used)
    return text_findings(listing_of_texts(texts, ["a"] * len(texts)), positions)


@pytest.mark.parametrize(("script", "text"), SCRIPTS.items(), ids=SCRIPTS.keys())
def test_the_script_of_most_letters_is_named(script: str, text: str) -> None:
    assert findings([text]).scripts == ((script, 1),)


def test_scripts_are_counted_by_text_commonest_first() -> None:
    found = findings(["one", "δύο", "tres", "四", "cinq"])
    assert found.scripts == (("Latin", 3), ("Chinese", 1), ("Greek", 1))
    assert found.sentences()[1] == "They are written in: 3 Latin, 1 Chinese, 1 Greek."


def test_lengths_are_those_of_the_texts_that_are_used() -> None:
    found = findings(["", "one two", "a " * 1000, "three", "b" * 30], used=[1, 3, 4])
    assert found.characters == (5, 7, 30, 30)
    assert found.words == (1, 1, 2, 2)
    assert found.longest == "mails.csv:6"
    assert found.sentences()[0] == (
        "They are 5 to 30 characters long, half of them at most 7; they have 1 to 2 words, half of "
        "them at most 1; "
        "the longest is mails.csv:6."
    )


def test_words_are_not_counted_where_no_spaces_part_them() -> None:
    assert findings(["我们很好", "非常好"]).sentences()[0] == (
        "They are 3 to 4 characters long, half of them at most 3; the longest is mails.csv:2."
    )


def test_more_texts_than_are_looked_at_together() -> None:
    found = findings(["word"] * 1203 + ["слово"])
    assert found.scripts == (("Latin", 1203), ("Cyrillic", 1))
    assert found.to_json()["characters"] == {"shortest": 4, "median": 4, "percentile_95": 4, "longest": 5}
