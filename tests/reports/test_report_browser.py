"""The report in a real browser, at the widths of a phone, a tablet and a desk."""

import html
import json
from pathlib import Path

import pytest

from browsers import browsing
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
    with browsing(chromium) as tab:
        tab.open(page.as_uri())
        measured = json.loads(tab.evaluate("document.title"))
    assert [each["width"] for each in measured] == list(WIDTHS)
    for each in measured:
        assert each["needed"] <= each["width"], "the page scrolls sideways"
        assert each["height"] > 1000, "the page is empty"
        assert each["requests"] == []
