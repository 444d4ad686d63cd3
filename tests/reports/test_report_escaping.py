"""Whatever a class, a file or a setting is called, the page shows it and does not obey it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pellucid.pages.assembly import visible
from pellucid.reports import ReportFacts, render
from pellucid.reports.formatting import shortened
from reports.report_page import HOSTILE, Page


def test_every_name_is_shown_and_the_elements_are_those_of_harmless_ones(
    named_facts: Callable[[Sequence[str]], ReportFacts],
) -> None:
    def built(page: Page) -> list[tuple[str, list[str]]]:
        return [(tag, sorted(set(attributes) - {"title"})) for tag, attributes in page.elements]

    html = render(named_facts(HOSTILE))
    html.encode("utf-8")
    page = Page(html)
    assert built(page) == built(Page(render(named_facts([f"harmless {k}" for k in range(len(HOSTILE))]))))
    for name in HOSTILE:
        assert " ".join(visible(shortened(name)).split()) in page.text
        assert " ".join(visible(name).split()) in page.text, "the command shows it in full"


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
    for facts, orders in ((rich_facts, (HOSTILE, HOSTILE[::-1])), (number_facts, (HOSTILE[7:],))):
        harmless = Page(render(_renamed(facts, [f"harmless {k}" for k in range(len(HOSTILE))])))
        for names in orders:
            page = Page(render(_renamed(facts, names)))
            assert [tag for tag, _ in page.elements] == [tag for tag, _ in harmless.elements]
            for name in names[: len(facts.metrics["models"])]:
                assert " ".join(visible(shortened(name)).split()) in page.text


def test_hidden_characters_are_shown_by_their_code_and_joiners_left_alone() -> None:
    assert visible("a\u202eb\x00c") == "a⟨U+202E⟩b⟨U+0000⟩c"
    assert visible("one\r\ntwo\tthree") == "one␍↵two⇥three"
    assert visible("\ud800") == "⟨U+D800⟩"
    for text in ("👩\u200d👩\u200d👧", "\u0645\u06cc\u200c\u062e\u0648", "日本語", "é", 3):
        assert visible(text) == text
    assert (len(cut := shortened("start" + "x" * 100 + "end", 20)), cut[:5], cut[-3:]) == (20, "start", "end")
    assert shortened("short", 20) == "short"
