"""The built documentation in a browser: for everybody, on a phone and a desk, and without a network."""

import subprocess
import sys
from pathlib import Path

import pytest

from pellucid.export.app.chromium import browsing
from reports.test_accessibility import check

ROOT = Path(__file__).resolve().parent.parent
BUILDS = {"en": ("docs", "."), "zh": ("-t", "chinese", "-c", "docs", "docs/zh", "zh")}


@pytest.mark.slow
@pytest.mark.parametrize("language", BUILDS)
def test_everybody_can_read_every_page_without_a_network(
    chromium: str, axe_core: Path, tmp_path: Path, language: str
) -> None:
    pytest.importorskip("furo", reason="needs the extra docs")
    *words, place = BUILDS[language]
    site = tmp_path / place
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "-q", "-b", "html", *words, str(site)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)
    assert len(pages) > 35
    axe, found = axe_core.read_text(encoding="utf-8"), {}
    with browsing(chromium) as tab:
        for page in pages:
            tab.open(page.as_uri())
            if problems := check(tab, axe, page.name):
                found[str(page.relative_to(site))] = problems
        assert len(tab.requests) > 2 * len(pages)
        assert [each for each in tab.requests if not each.startswith(("file:", "data:"))] == []
    assert found == {}
