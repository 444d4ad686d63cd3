"""Every command and snippet of the documentation runs; what cannot has a reason."""

import re
import tomllib
from pathlib import Path

import pytest

from documented_pages import (
    EXCEPTIONS,
    PAGES,
    ROOT,
    excepted,
    lines_of,
    needs_run,
    parse,
    prepare,
    reading,
    train,
)

# Pages that a new reader meets first; the others are run by make test-all.
FIRST = ("README.md", "docs/getting-started.md")
# Blocks that a test runs, and `text`: output, layouts of data and forms of commands.
LANGUAGES = {"sh", "python", "text", "toml", "js"}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


EXECUTED = {name_of(page): page for page in PAGES if blocks(page, "(?:sh|python)")}
COMMANDS = [line for page in PAGES for block in blocks(page, "sh") for line in lines_of(block)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data that pages name, by its names."""
    folder = tmp_path_factory.mktemp("documented") / "data"
    prepare(folder)
    return folder


@pytest.fixture(scope="module")
def finished(data):
    """The run that pages go on from which train none."""
    return train(data)


def marked(name: str):
    return pytest.param(name, marks=() if name in FIRST else (pytest.mark.slow,))


@pytest.mark.parametrize("name", [marked(name) for name in EXECUTED])
def test_every_block_of_a_page_runs(name, data, tmp_path, monkeypatch, request):
    page = EXECUTED[name]
    run = request.getfixturevalue("finished") if needs_run(page) else None
    with reading(tmp_path, data, monkeypatch, run) as reader:
        for example in parse(page, reader).examples():
            example.evaluate()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_block_is_one_that_is_run_or_that_nobody_can_run(page):
    text = page.read_text(encoding="utf-8")
    fences = re.findall(r"^\s*```+(\S*)", text, re.MULTILINE)[::2]
    assert {each for each in fences if not each.startswith("{")} <= LANGUAGES
    for block in blocks(page, "toml"):
        assert tomllib.loads(block)


@pytest.mark.parametrize("pattern", EXCEPTIONS)
def test_no_exception_is_for_nothing(pattern):
    assert any(re.match(pattern, line) for line in COMMANDS)


def test_few_commands_are_exceptions():
    assert sum(map(excepted, COMMANDS)) <= len(COMMANDS) / 3


def test_documented_extras_are_there():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {
        extra
        for page in PAGES
        for several in re.findall(r"pellucid\[([\w,-]+)\]", page.read_text(encoding="utf-8"))
        for extra in several.split(",")
    }
    assert named
    assert named <= extras.keys()
