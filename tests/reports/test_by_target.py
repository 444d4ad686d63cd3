"""What pages say of each target: a template of words for each, of the report and of the explain page."""

import re
from importlib.resources import files

import pytest
from jinja2 import Environment

from pellucid.reports.by_target import SECTIONS, WORDS
from pellucid.reports.explain.page import page_environment
from pellucid.reports.report import environment, words_of
from pellucid.targets import CLASSIFICATION, GENERATION, REGRESSION, TARGETS, Target

REPORT, EXPLAIN = "page", "explain/page"
PAGES = {REPORT: environment, EXPLAIN: page_environment}


def names_of(pages: Environment, target: Target) -> set[str]:
    return {name for name in vars(words_of(pages, target)) if not name.startswith("_")}


def used_in(folder: str) -> set[str]:
    """Words that the templates of a folder ask for."""
    templates = (files("pellucid.reports") / folder).iterdir()
    texts = [each.read_text(encoding="utf-8") for each in templates if each.name.endswith(".html")]
    return {name for text in texts for name in re.findall(r"\bwords\.(\w+)", text)}


def test_every_target_has_its_sections_and_its_words() -> None:
    assert set(SECTIONS) == set(WORDS) == {*TARGETS.values(), GENERATION}


@pytest.mark.parametrize("folder", PAGES)
def test_what_a_page_asks_for_is_what_its_classes_have(folder: str) -> None:
    assert used_in(folder) == names_of(PAGES[folder](), CLASSIFICATION)


@pytest.mark.parametrize("folder", PAGES)
@pytest.mark.parametrize("target", WORDS, ids=lambda target: target.name)
def test_targets_have_the_same_words_but_for_numbers_which_have_no_names(folder: str, target: Target) -> None:
    pages = PAGES[folder]()
    own, all_words = names_of(pages, target), names_of(pages, CLASSIFICATION)
    assert own == all_words or (target is REGRESSION and own < all_words)


def test_a_word_of_one_target_is_another_than_that_of_the_next() -> None:
    pages = environment()
    said = {name: words_of(pages, target) for name, target in TARGETS.items()}
    assert (said["class"].kind, said["labels"].kind) == ("class", "label")
    assert [said[name].in_data(3) for name in ("class", "labels", "number")] == [
        ', in <span class="number">3</span> classes',
        ', with any of <span class="number">3</span> labels',
        ", each with a number",
    ]
