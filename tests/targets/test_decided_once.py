"""What kind of labels there are is decided in `targets/` and in one table a room, and nowhere else.

The rooms that still decide it themselves are counted below: a number may only become smaller, and a room that
needs none any more loses its row.
"""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

import pellucid

SOURCE = Path(pellucid.__file__).parent
TABLES = ("by_target.py", "objectives.py")

# Names of targets and of states of labels, and attributes that say what kind of labels there are.
NAMES = {
    "ABSENT", "CLASSIFICATION", "GENERATION", "MULTILABEL", "PRESENT", "REGRESSION", "UNKNOWN", "target_of",
}  # fmt: skip
ATTRIBUTES = {
    "has_probabilities",
    "is_exclusive",
    "is_several",
    "several",
    "are_lists",
    "generates",
    "label_sets",
}

# What a template or a script decides by: a boolean of a target, the kind that a page declares, or what only
# one kind of answer has. Their tables are templates of one target each, `of_*.html`, and `decision.js`.
IN_PAGES = re.compile(
    r"\b(?:is_exclusive|is_regression|is_several|has_probabilities|label_sets)\b|\bis(?:Exclusive|Several)\b"
    r"|\btarget\.(?:noun|cell)\b"
    r"|(?<!stage\.)\b(?:answer|kind|noun|target)\s*[!=]==?\s*['\"](?:class|image|labels?|numbers?|ordered)['\"]"
    r"|\bif (?:not )?explanation\.(?:classes|thresholds)\b"
    r"|\btypeof against\b|\bagainst\s*[!=]=="
)
TABLES_OF_PAGES = re.compile(r"of_\w+\.html|decision\.js|answer_slopes\.js")

LEFT: dict[str, int] = {
    "answering": 3,
    "bundle": 1,
    "data": 4,
    "pipeline": 1,
    "reference": 2,
}


def places(tree: ast.Module) -> int:
    """How often a module names a target, one of its booleans, or two axes of labels."""
    found = 0
    imported = {
        each.asname or each.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pellucid.targets")
        for each in node.names
        if each.name in NAMES
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found += node.id in imported
        elif isinstance(node, ast.Attribute):
            found += node.attr in ATTRIBUTES
        elif isinstance(node, ast.Compare) and isinstance(node.left, ast.Attribute):
            is_of_labels = "label" in ast.unparse(node.left)
            found += is_of_labels and node.left.attr == "ndim"
    return found


def test_no_room_decides_the_target_in_more_places_than_it_did() -> None:
    counted: Counter[str] = Counter()
    for path in sorted(SOURCE.rglob("*.py")):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if room != "targets" and path.name not in TABLES:
            counted[room] += places(ast.parse(path.read_text(encoding="utf-8")))
    assert {room: count for room, count in counted.items() if count} == LEFT


def test_no_page_decides_the_target() -> None:
    pages = [path for ending in ("*.html", "*.js") for path in sorted(SOURCE.rglob(ending))]
    assert len(pages) > 100
    found = {
        path.relative_to(SOURCE).as_posix(): met
        for path in pages
        if not TABLES_OF_PAGES.fullmatch(path.name)
        and (met := IN_PAGES.findall(path.read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "{% if facts.target.is_exclusive %}",
        "{{ 'a' if facts.target.noun == 'class' else 'b' }}",
        '{% elif kind == "labels" %}',
        "{% if not explanation.thresholds %}",
        'if (facts.answer === "labels") save();',
        'if (typeof against !== "number") return;',
        "if (against === null) return;",
    ],
)
def test_what_a_page_decides_is_found(line: str) -> None:
    assert IN_PAGES.search(line)


@pytest.mark.parametrize("line", ['{% elif stage.kind == "number" %}', "{{ words.kind }}", "of_labels"])
def test_words_of_a_target_and_stages_of_a_network_decide_nothing(line: str) -> None:
    assert not IN_PAGES.search(line)
