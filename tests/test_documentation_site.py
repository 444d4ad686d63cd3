"""The built documentation in a browser: for everybody, on a phone and a desk, and without a network."""

import subprocess
import sys
from pathlib import Path

import pytest

from pellucid.export.app.chromium import Tab, browsing

ROOT = Path(__file__).resolve().parent.parent
BUILDS = {"en": ["docs"], "zh": ["-t", "chinese", "-c", "docs", "docs/zh"]}
SIZES = ((360, 760), (1280, 900))
# Two frames later the page knows what scrolls at this size. A theme changes nothing but colours.
FINDINGS = """
new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))
  .then(() => axe.run(document, { elementRef: false, resultTypes: ["violations"], ...%s }))
  .then(({ violations, passes }) => [violations.map((each) => [
    each.impact, each.id, each.nodes.length, each.nodes[0].html.slice(0, 200)]), passes.length])
"""
RULES = {"light": "{}", "dark": '{ runOnly: ["color-contrast"] }'}


def problems(tab: Tab, axe: str) -> list[object]:
    """What axe-core finds in the open page at each size and in each theme; whether it scrolls sideways."""
    tab.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    tab.evaluate(f"{axe}; 1")
    found: list[object] = []
    for width, height in SIZES:
        shape = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        tab.call("Emulation.setDeviceMetricsOverride", **shape)
        for theme, rules in RULES.items():
            tab.call(
                "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}]
            )
            violations, passes = tab.evaluate(FINDINGS % rules, 180.0)
            assert passes > (8 if theme == "light" else 0), "nothing was checked"
            found += [[width, theme, *each] for each in violations]
        if (needed := tab.evaluate("document.documentElement.scrollWidth")) > width:
            found.append([width, f"scrolls sideways, needs {needed}"])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("language", BUILDS)
def test_everybody_can_read_every_page_without_a_network(
    chromium: str, axe_core: Path, tmp_path: Path, language: str
) -> None:
    pytest.importorskip("furo", reason="needs the extra docs")
    sphinx = [sys.executable, "-m", "sphinx", "--fail-on-warning", "-q", "-b", "html", *BUILDS[language]]
    done = subprocess.run([*sphinx, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = sorted(path for path in tmp_path.rglob("*.html") if "_static" not in path.parts)
    assert len(pages) > 35
    axe = axe_core.read_text(encoding="utf-8")
    with browsing(chromium) as tab:
        found = {}
        for page in pages:
            tab.open(page.as_uri())
            if problem := problems(tab, axe):
                found[str(page.relative_to(tmp_path))] = problem
        assert found == {}
        assert len(tab.requests) > 2 * len(pages)
        assert [each for each in tab.requests if not each.startswith(("file:", "data:"))] == []
