"""What a browser does with a report: it obeys nothing foreign, and its links work without a script."""

import contextlib
import functools
import html
import http.server
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pellucid.reports import ReportFacts, render
from pellucid.reports.confusion import opened

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
AXE = """<script src="axe.min.js"></script>
<script>onload = async () => {
  document.querySelectorAll("details").forEach(element => { element.open = true; });
  const { violations, passes } = await axe.run();
  parent.document.title = JSON.stringify({
    passes: passes.length,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    wide: innerWidth,
    needed: document.documentElement.scrollWidth,
    violations: violations.map(each => [each.impact, each.id, each.nodes.length, each.nodes[0].html]),
  });
};</script>"""


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder on the loopback address, noting what is asked for."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *values: Any) -> None:
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _open(
    chromium: str, folder: Path, page: str, theme: str = "light"
) -> tuple[dict[str, Any], list[str], list[str]]:
    """Open a page that leaves JSON in its title; return that, the console's lines and the requests."""
    profile = folder.with_name("profile")
    with _served(folder) as (address, asked):
        command = [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={profile}", "--enable-logging=stderr", "--virtual-time-budget=20000"),
            f"--blink-settings=preferredColorScheme={0 if theme == 'dark' else 1}",
            *("--window-size=1400,900", "--dump-dom", f"{address}/{page}"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    title = re.search(r"<title>(\{.*?\})</title>", done.stdout, re.DOTALL)
    assert title is not None, "the harness did not finish"
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return json.loads(html.unescape(title[1])), console, asked


@pytest.mark.slow
def test_hostile_names_are_not_obeyed(
    chromium: str, named_facts: Callable[[Sequence[str]], ReportFacts], tmp_path: Path
) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "report.html").write_text(render(named_facts(HOSTILE)), encoding="utf-8")
    (folder / "harness.html").write_text(HARNESS % "", encoding="utf-8")
    seen, console, asked = _open(chromium, folder, "harness.html")
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
    walked, console, _ = _open(chromium, folder, "walk.html")
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


@pytest.fixture(scope="session")
def axe_core() -> Path:
    """The accessibility checker, from npm's global or local folder."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm and axe-core: npm install --global axe-core")
    done = subprocess.run([npm, "root", "--global"], capture_output=True, text=True, check=True)
    for root in (Path(done.stdout.strip()), Path("node_modules")):
        path = root / "axe-core" / "axe.min.js"
        if path.exists():
            return path
    pytest.skip("needs axe-core: npm install --global axe-core")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rich_facts", "number_facts"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_accessibility_checker_finds_nothing(
    chromium: str,
    axe_core: Path,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    kind: str,
    width: int,
    theme: str,
) -> None:
    facts: ReportFacts = request.getfixturevalue(kind)
    folder = tmp_path / "served"
    folder.mkdir()
    shutil.copy(axe_core, folder / "axe.min.js")
    # The page forbids scripts, so the checker looks at it without its policy.
    page = re.sub(r"<meta http-equiv=[^>]*>", "", render(facts)).replace("</body>", AXE + "</body>")
    (folder / "checked.html").write_text(page, encoding="utf-8")
    cells = opened(facts)
    place = f"checked.html#cell-{cells[0].key}" if cells else "checked.html"
    # A window of the browser cannot be as narrow as a phone, a frame can.
    frame = f'<!doctype html><title>checking</title><iframe src="{place}" width="{width}" height="900" '
    (folder / "frame.html").write_text(frame + 'style="border: 0"></iframe>', encoding="utf-8")
    found, _, _ = _open(chromium, folder, "frame.html", theme)
    assert found["violations"] == []
    assert found["passes"] > 20
    assert (found["wide"], found["dark"]) == (width, theme == "dark")
    assert found["needed"] <= width, "the page scrolls sideways"
