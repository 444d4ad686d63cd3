"""Every command and snippet of the documentation runs; what cannot has a reason."""

import re
import tomllib
from pathlib import Path

import pytest

from documented_pages import EXCEPTIONS, PAGES, ROOT, excepted, lines_of, parse, prepare, reading

# Pages that a new reader meets first; the others are run by make test-all.
FIRST = ("README.md", "getting-started.md")


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data that pages name, by its names."""
    folder = tmp_path_factory.mktemp("documented") / "data"
    prepare(folder)
    return folder


def _marked(page: Path):
    marks = () if page.name in FIRST else (pytest.mark.slow,)
    return pytest.param(page, marks=marks, id=str(page.relative_to(ROOT)))


@pytest.mark.parametrize("page", [_marked(each) for each in PAGES if _blocks(each, "(?:sh|python)")])
def test_every_block_of_a_page_runs(page, data, tmp_path, monkeypatch):
    with reading(tmp_path, data, monkeypatch) as reader:
        for example in parse(page, reader).examples():
            example.evaluate()
