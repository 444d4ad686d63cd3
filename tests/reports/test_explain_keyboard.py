"""The explain page with nothing but a keyboard: every view, layer, unit and weight can be reached."""

from pathlib import Path

import pytest

from browsers import browsing, press, until
from pellucid.reports.explain import render_explanation
from reports.explained import explained, explained_wide
from reports.pages_over_http import served

ACTIVE = "document.activeElement.id || document.activeElement.dataset.layer || document.activeElement.tagName"
OUTLINE = "getComputedStyle(document.activeElement).outlineStyle"
UNIT = "document.getElementById('unit-title').textContent"


@pytest.mark.slow
def test_everything_is_reached_by_keys_alone(chromium: str, tmp_path: Path) -> None:
    explanation = explained("cnn")
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "page.html").write_text(render_explanation(explanation, "digits.npz:301"), encoding="utf-8")
    (folder / "wide.html").write_text(render_explanation(explained_wide(), "photo.png"), encoding="utf-8")
    layers = [record.name for record in explanation.layers]
    with served(folder) as (address, _), browsing(chromium) as page:
        page.open(f"{address}/page.html#forward/body.block1.conv1/0,3,3")
        visited = []
        for _ in range(60):
            press(page, "Tab")
            visited.append(page.evaluate(ACTIVE))
            if visited[-1] == "BODY":
                break
            assert page.evaluate(OUTLINE) == "solid", visited[-1]
        assert visited[-1] == "BODY", "the last Tab leaves the page"
        assert {"tab-forward", "body.block1.conv1", "maps", "unit-0", "unit-1", "unit-2"} <= {*visited}
        assert visited.count("BUTTON") >= 9, "the weights of a kernel"

        page.open(f"{address}/page.html#forward/{layers[1]}/0,0,0")
        until(page, f"{UNIT} === 'Unit (0, 0, 0)'")
        page.evaluate("document.getElementById('maps').focus()")
        press(page, "ArrowRight", "ArrowRight", "ArrowDown")
        assert page.evaluate(UNIT) == "Unit (0, 1, 2)"
        page.evaluate("document.getElementById('tab-forward').focus()")
        press(page, "ArrowRight")
        assert page.evaluate("location.hash").startswith("#backward/")
        assert page.evaluate(ACTIVE) == "tab-backward"
        page.open(f"{address}/wide.html#backward/body.linear1/0")
        for field in ("unit-0", "weight-0"):
            page.evaluate(f"document.getElementById('{field}').select()")
            press(page, "1", "2")
            focused = "document.activeElement.value"
            assert [page.evaluate(each) for each in (ACTIVE, focused)] == [field, "12"]
