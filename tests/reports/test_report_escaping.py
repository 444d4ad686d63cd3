"""Whatever a class, a file or a setting is called, the page shows it and does not obey it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from pellucid.reports import ReportFacts, render
from pellucid.reports.formatting import shortened, visible
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


def _renamed(facts: ReportFacts, names: Sequence[str]) -> ReportFacts:
    """The same run, its models, features, verdicts and outlook called otherwise."""
    new = dict(zip(facts.metrics["models"], names, strict=False))
    told = names[-1]

    def compared(comparisons: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [{**each, "a": new[each["a"]], "b": new[each["b"]], "verdict": told} for each in comparisons]

    models = {
        new[name]: {
            **entry,
            "features": told,
            "configurations": [{"features": told, "words": told, "score": 0.9}],
        }
        for name, entry in facts.metrics["models"].items()
    }
    folds = facts.metrics["folds"]
    metrics = {
        **facts.metrics,
        "models": models,
        "recommended": new[facts.recommended],
        "reason": told,
        "comparisons": compared(facts.metrics["comparisons"]),
        "folds": {
            **folds,
            "models": {new[name]: each for name, each in folds["models"].items()},
            "comparisons": compared(folds["comparisons"]),
        },
    }
    curve = facts.learning_curve
    assert curve is not None
    curves = {new[name]: points for name, points in curve.curves.items()}
    renamed = dataclasses.replace(curve, curves=curves, model=new[curve.model], outlook=told)
    return dataclasses.replace(facts, metrics=metrics, learning_curve=renamed)


def test_names_of_models_and_verdicts_are_not_obeyed(
    rich_facts: ReportFacts, number_facts: ReportFacts
) -> None:
    for facts in (rich_facts, number_facts):
        harmless = Page(render(_renamed(facts, [f"harmless {k}" for k in range(len(HOSTILE))])))
        for names in (HOSTILE, HOSTILE[::-1]):
            page = Page(render(_renamed(facts, names)))
            assert [tag for tag, _ in page.elements] == [tag for tag, _ in harmless.elements]
            for name in names[: len(facts.metrics["models"])]:
                assert " ".join(visible(shortened(name)).split()) in page.text


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
