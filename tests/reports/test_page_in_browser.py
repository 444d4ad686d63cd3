"""What a browser does with a report: it obeys nothing foreign, and its links work without a script."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pellucid.reports import ReportFacts, render
from pellucid.reports.error_sections import opened
from reports.pages_over_http import open_page

HOSTILE = (
    "<script>document.title = 'owned'</script>",
    '"><img src=/stolen onerror="document.title = 1">',
    "' onmouseover='alert(1)",
    "</style><script src=/stolen></script>",
    "</title><svg/onload=alert(1)>",
    "--><iframe src=/stolen></iframe><!--",
    "gnp.\u202egpj.exe",
    "unbroken" * 60,
)
HARNESS = """<!doctype html><title>measuring</title>
<iframe id="frame" src="report.html%s" width="360" height="900" style="border: 0"></iframe>
<script>onload = () => {
  const page = document.getElementById("frame").contentDocument;
  const shown = element => element.getClientRects().length > 0;
  document.title = JSON.stringify({
    title: page.title,
    scripts: page.querySelectorAll("script, iframe, object, embed").length,
    handlers: [...page.querySelectorAll("*")].flatMap(element => element.getAttributeNames())
      .filter(name => name.startsWith("on")).length,
    width: page.documentElement.scrollWidth,
    small: [...page.querySelectorAll(".matrix td a")].map(element => element.getBoundingClientRect())
      .filter(box => box.width < 24 || box.height < 24).length,
  });
};</script>"""
WALK = """<!doctype html><title>walking</title>
<iframe id="frame" src="report.html" width="1280" height="900" style="border: 0"></iframe>
<script>onload = async () => {
  const frame = document.getElementById("frame").contentWindow;
  const page = frame.document;
  const shown = element => element.getClientRects().length > 0;
  const seen = [];
  const look = async () => {
    await new Promise(done => setTimeout(done, 500));
    seen.push({
      cells: [...page.querySelectorAll(".cell")].filter(shown).map(element => element.id),
      examples: [...page.querySelectorAll(".cell .example")].filter(shown).length,
      drawn: [...page.querySelectorAll(".cell .frame use")].filter(shown)
        .filter(use => use.getBBox().width > 0).length,
      focused: page.activeElement.id,
    });
  };
  await look();
  page.getElementById("at-KEY").click();
  await look();
  page.querySelector("#cell-KEY a[href='#at-KEY']").click();
  await look();
  frame.history.back();
  await look();
  frame.history.back();
  await look();
  document.title = JSON.stringify({ seen });
};</script>"""


@pytest.mark.slow
def test_hostile_names_are_not_obeyed(
    chromium: str, named_facts: Callable[[Sequence[str]], ReportFacts], tmp_path: Path
) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "report.html").write_text(render(named_facts(HOSTILE)), encoding="utf-8")
    (folder / "harness.html").write_text(HARNESS % "", encoding="utf-8")
    seen, console, asked = open_page(chromium, folder, "harness.html")
    assert seen["title"].startswith("<script>document.title = 'owned'</script>: cnn 0.8")
    assert (seen["scripts"], seen["handlers"]) == (0, 0)
    assert console == []
    assert {path for path in asked if path != "/favicon.ico"} == {"/harness.html", "/report.html"}
    assert seen["width"] <= 360, "the page scrolls sideways"
    assert seen["small"] == 0, "a cell is too small to touch"


@pytest.mark.slow
def test_a_cell_opens_closes_and_goes_back_without_a_script(
    chromium: str, digit_facts: ReportFacts, tmp_path: Path
) -> None:
    cell = next(pair for pair in opened(digit_facts) if not pair.is_right and len(pair.examples) > 2)
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "report.html").write_text(render(digit_facts), encoding="utf-8")
    (folder / "walk.html").write_text(WALK.replace("KEY", cell.key), encoding="utf-8")
    walked, console, _ = open_page(chromium, folder, "walk.html")
    assert console == []
    start, open_, closed, again, back = walked["seen"]
    count = len(cell.examples)
    assert (start["cells"], start["examples"]) == ([], 0)
    assert open_ == {
        "cells": [f"cell-{cell.key}"], "examples": count, "drawn": count, "focused": f"cell-{cell.key}",
    }  # fmt: skip
    assert (closed["cells"], closed["focused"]) == ([], f"at-{cell.key}")
    assert (again["cells"], again["examples"]) == ([f"cell-{cell.key}"], count)
    assert back["cells"] == []
