"""Chapters 7 to 12 of Learn have their parts in order, and the figures and pictures of their records."""

import importlib.util
import json
import re
import sys
from types import ModuleType

import pytest
import write_reference

ROOT = write_reference.ROOT
LEARN = ROOT / "docs" / "learn"
CHAPTERS = sorted(
    path.name for path in LEARN.glob("*.md") if path.name[:2] in ("07", "08", "09", "10", "11", "12")
)
PARTS = ["The idea", "In a picture", "The formula", "Try it", "On the explain page", "By hand"]
PARTS += ["What was measured"]


@pytest.fixture(scope="module")
def models() -> ModuleType:
    """The script that measures and draws, as a module."""
    path = ROOT / "examples" / "learn" / "models.py"
    spec = importlib.util.spec_from_file_location("learn_models", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
    return module


def text_of(chapter: str) -> str:
    return (LEARN / chapter).read_text(encoding="utf-8")


def part(chapter: str, title: str) -> str:
    return text_of(chapter).partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_there_are_six() -> None:
    assert len(CHAPTERS) == 6


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_its_parts_in_order(chapter: str) -> None:
    titles = re.findall(r"^## (.*)$", text_of(chapter), re.MULTILINE)
    assert titles[: len(PARTS)] == PARTS
    assert titles[-1] == "A question"
    assert len(re.split(r"(?<=[.?])\s+", part(chapter, "The idea").strip())) == 5
    assert "```sh\npellucid " in part(chapter, "Try it")
    assert '<a href="../gallery/' in part(chapter, "On the explain page")
    assert "\nassert " in part(chapter, "By hand") or "\n    assert " in part(chapter, "By hand")
    answer = part(chapter, "A question")
    assert answer.count("<details>\n<summary>Answer</summary>\n\n") == answer.count("\n\n</details>") == 1


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_its_picture_exists_and_is_described(chapter: str) -> None:
    ((words, place),) = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", part(chapter, "In a picture"))
    svg = (LEARN / place).read_text(encoding="utf-8")
    assert f"<title>{words}</title>" in svg


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_its_figures_and_picture_are_those_of_the_record(chapter: str, models: ModuleType) -> None:
    records = json.loads((LEARN / "models.json").read_text(encoding="utf-8"))
    (name,) = (name for name, each in models.CHAPTERS.items() if each.page == chapter)
    assert models.filled(name, records[name]) == text_of(chapter)
    drawn = (ROOT / "docs" / "images" / "learn" / f"{name}.svg").read_text(encoding="utf-8")
    assert models.CHAPTERS[name].drawn(records[name]) == drawn
