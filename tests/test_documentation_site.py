"""The documentation built and opened in a browser; `make docs-check` opens every page of it."""

import re
import subprocess
import sys
from pathlib import Path

import check_docs
import pytest

from browsers import browsing

ROOT = Path(__file__).resolve().parent.parent
BUILDS = {"en": ["docs"], "zh": ["-t", "chinese", "-c", "docs", "docs/zh"]}
# The front page, the search, one of formulas, one of wide tables and code.
PAGES = ("index.html", "search.html", "learn/12-classical-models.html", "data.html")


@pytest.mark.slow
@pytest.mark.parametrize("language", BUILDS)
def test_everybody_can_read_its_pages_without_a_network(
    chromium: str, axe_core: Path, tmp_path: Path, language: str
) -> None:
    pytest.importorskip("furo", reason="needs the extra docs")
    sphinx = [sys.executable, "-m", "sphinx", "--fail-on-warning", "-q", "-b", "html", *BUILDS[language]]
    done = subprocess.run([*sphinx, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    built = {page: page.read_text(encoding="utf-8") for page in tmp_path.rglob("*.html")}
    assert [page for page, text in built.items() if re.search('<script[^>]+src="http', text)] == []
    chapter = built[tmp_path / "learn/12-classical-models.html"]
    assert '<div class="formula"><math display="block">' in chapter
    axe = axe_core.read_text(encoding="utf-8")
    assert check_docs.check([tmp_path / name for name in PAGES], axe, chromium) == {}
    query = check_docs.QUERIES["" if language == "en" else language]
    with browsing(chromium) as tab:
        assert check_docs.problems_of_search(tab, tmp_path / "search.html", query) == []


def test_a_search_that_never_ends_is_found(chromium: str, tmp_path: Path) -> None:
    page = tmp_path / "search.html"
    page.write_text(
        "<!doctype html><div id='search-results'>Searching</div><script>new ChineseStemmer()</script>"
    )
    with browsing(chromium) as tab:
        found = check_docs.problems_of_search(tab, page, "学习率", looks=2)
    assert found[0] == "no result for 学习率: 'Searching'"
    assert "ChineseStemmer is not defined" in found[1]


def test_what_is_wrong_with_a_page_is_found(chromium: str, axe_core: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        '<!doctype html><html><title>a</title><body style="width: 500px"><main><h1>a</h1>'
        '<p style="color: #999; background: #fff">pale</p><img src="http://127.0.0.1:9/a.png"></main>'
    )
    with browsing(chromium) as tab:
        found = "\n".join(check_docs.problems(tab, page, axe_core.read_text(encoding="utf-8")))
    for each in (
        "html-has-lang",
        "image-alt",
        "360 px, dark: serious: color-contrast",
        "sideways, needs 50",
    ):
        assert each in found
    assert "requests http://127.0.0.1:9/a.png" in found
