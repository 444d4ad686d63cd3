"""Whatever a class, a file or a setting is called, the page shows it and does not obey it."""

from collections.abc import Callable, Sequence

import pytest

from pellucid.reports import ReportFacts, render
from pellucid.reports.text import shortened, visible
from reports.report_page import Page

HOSTILE = [
    "<script>document.title = 'owned'</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "</title><svg/onload=alert(1)>",
    "--><b>bold</b><!--",
    "{{ 7 * 7 }} {% raw %}",
    "javascript:alert(1)",
    "&lt;b&gt;&#x27;",
    "=cmd|' /C calc'!A0",
    "photo\u202egpj.exe",
    "nul\x00 bell\x07 tab\t line\nend",
    "zero\u200bwidth\ufeff",
    "lone surrogate \ud800",
    "👩\u200d👩\u200d👧 🏴\u200d☠️",
    "مرحبا بالعالم",
    "Z\u0337\u031ba\u0338l\u0335g\u0336o",
    "long" * 100,
]


def test_the_elements_are_those_of_harmless_names(
    named_facts: Callable[[Sequence[str]], ReportFacts],
) -> None:
    def built(names: Sequence[str]) -> list[tuple[str, list[str]]]:
        page = Page(render(named_facts(names)))
        return [(tag, sorted(set(attributes) - {"title"})) for tag, attributes in page.elements]

    harmless = [f"harmless {k}" for k in range(len(HOSTILE))]
    assert built(HOSTILE) == built(harmless)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_text_is_shown(named_facts: Callable[[Sequence[str]], ReportFacts], name: str) -> None:
    html = render(named_facts([name, "other"]))
    page = Page(html)
    assert " ".join(visible(shortened(name)).split()) in page.text
    assert " ".join(visible(name).split()) in page.text, "the command shows it in full"
    html.encode("utf-8")


def test_hidden_characters_are_shown_by_their_code() -> None:
    assert visible("a\u202eb\x00c") == "a⟨U+202E⟩b⟨U+0000⟩c"
    assert visible("one\r\ntwo\tthree") == "one␍↵two⇥three"
    assert visible("\ud800") == "⟨U+D800⟩"


def test_joiners_and_other_scripts_are_left_alone() -> None:
    for text in ("👩\u200d👩\u200d👧", "\u0645\u06cc\u200c\u062e\u0648", "日本語", "é"):
        assert visible(text) == text
    assert visible(3) == 3


def test_long_texts_keep_both_ends() -> None:
    text = "start" + "x" * 100 + "end"
    cut = shortened(text, 20)
    assert len(cut) == 20
    assert cut.startswith("start")
    assert cut.endswith("end")
    assert shortened("short", 20) == "short"
