"""The report in a real browser, at the widths of a phone, a tablet and a desk."""

import html
import json
import re
import subprocess
from pathlib import Path

import pytest

from pellucid.reports import ReportFacts, render

WIDTHS = (360, 768, 1280)
MEASURE = """<!doctype html><title>measuring</title>{frames}
<script>onload = () => document.title = JSON.stringify([...document.querySelectorAll("iframe")]
.map(frame => {{
  const page = frame.contentDocument.documentElement;
  return {{width: frame.clientWidth, needed: page.scrollWidth, height: page.scrollHeight,
          requests: frame.contentWindow.performance.getEntriesByType("resource")
                    .map(entry => entry.name).filter(name => !name.startsWith("data:"))}};
}}))</script>"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rich_facts", "number_facts"])
def test_nothing_overflows_and_nothing_is_fetched(
    chromium: str, request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    facts: ReportFacts = request.getfixturevalue(kind)
    report = html.escape(render(facts))
    frames = "".join(
        f'<iframe srcdoc="{report}" style="width: {width}px; border: 0"></iframe>' for width in WIDTHS
    )
    page = tmp_path / "measure.html"
    page.write_text(MEASURE.format(frames=frames), encoding="utf-8")
    command = [
        *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
        *("--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}"),
        *("--virtual-time-budget=5000", "--dump-dom", page.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title is not None
    measured = json.loads(html.unescape(title[1]))
    assert [each["width"] for each in measured] == list(WIDTHS)
    for each in measured:
        assert each["needed"] <= each["width"], "the page scrolls sideways"
        assert each["height"] > 1000, "the page is empty"
        assert each["requests"] == []
