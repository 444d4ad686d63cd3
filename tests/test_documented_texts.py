"""The numbers in `docs/texts.md` are those that networks of texts really train with."""

import re

import pytest
import write_reference

from pellucid.data.splitting import LEAST_VALIDATION, MOST_TEST, MOST_VALIDATION, TEST_SHARE, VALIDATION_SHARE
from pellucid.networks.config import MANY_CLASSES
from pellucid.training.recipe_defaults import TEXTS, UPDATES_OF_TEXTS

PAGE = (write_reference.ROOT / "docs" / "texts.md").read_text(encoding="utf-8")
FEW = {8: "below eight classes, or for a number, "}


def documented(title: str, column: int) -> str:
    """One cell of the table under "How they learn"."""
    row = re.search(rf"^\| {re.escape(title)}.*$", PAGE, re.MULTILINE)
    assert row is not None, f"docs/texts.md: no row {title!r}"
    return row[0].strip("|").split("|")[column].strip()


def plain(many: float, few: float, show: str) -> str:
    """How a number stands in the table, with that for few classes where it is another."""
    shown = show.format(many)
    return shown if many == few else f"{shown}; {FEW[MANY_CLASSES]}{show.format(few)}"


@pytest.mark.parametrize(("name", "column"), [("bag", 1), ("text-cnn", 2), ("rnn", 3)])
def test_documented_numbers_of_training_are_those_used(name: str, column: int) -> None:
    recipe = TEXTS[name]
    assert documented("epochs", column) == ", ".join(map(str, recipe.epochs.values()))
    assert documented("batch", column) == f"up to {recipe.batch}"
    assert documented("learning rate", column) == plain(recipe.learning_rate, recipe.rate_of_few, "{:g}")
    assert documented("tokens replaced", column) == plain(
        100 * recipe.word_dropout, 100 * recipe.word_dropout_of_few, "{:g} %"
    )
    assert documented("arithmetic", column).startswith("bf16" if recipe.in_bf16 else "fp32")
    quick, standard, best = UPDATES_OF_TEXTS.values()
    assert f"{quick}, {standard} or {best} steps" in PAGE


def test_documented_sizes_of_splits_are_those_that_are_cut() -> None:
    page = " ".join((write_reference.ROOT / "docs" / "data.md").read_text(encoding="utf-8").split())
    sizes = (
        f"{100 * TEST_SHARE:g} % of the examples are set aside for testing, at most {MOST_TEST:,}; if "
        f"there is no validation split, {100 * VALIDATION_SHARE:g} % of the rest, "
        f"at most {MOST_VALIDATION:,} and at least {LEAST_VALIDATION}"
    )
    assert sizes in page, re.findall(r".{80}for testing, at most.{120}", page)
