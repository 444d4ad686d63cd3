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
    mistakes: [...page.querySelectorAll(".mistake")].filter(shown).length,
    filters: [...page.querySelectorAll(".filter")].filter(shown).map(element => element.id),
    small: [...page.querySelectorAll(".matrix td a")].map(element => element.getBoundingClientRect())
      .filter(box => box.width < 24 || box.height < 24).length,
  });
};</script>"""
AXE = """<script src="axe.min.js"></script>
<script>onload = async () => {
  document.querySelectorAll("details").forEach(element => { element.open = true; });
  const { violations, passes } = await axe.run();
  document.title = JSON.stringify({ passes: passes.length, violations: violations.map(each => [
    each.impact, each.id, each.nodes[0].html]) });
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


def _open(chromium: str, folder: Path, page: str) -> tuple[dict[str, Any], list[str], list[str]]:
    """Open a page that leaves JSON in its title; return that, the console's lines and the requests."""
    profile = folder.with_name("profile")
    with _served(folder) as (address, asked):
        command = [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={profile}", "--enable-logging=stderr", "--virtual-time-budget=20000"),
            *("--window-size=400,900", "--dump-dom", f"{address}/{page}"),
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
@pytest.mark.parametrize("fragment", ["", "#all-mistakes", "#pair"])
def test_links_choose_the_mistakes_without_a_script(
    chromium: str, digit_facts: ReportFacts, tmp_path: Path, fragment: str
) -> None:
    first = digit_facts.mistakes[0]
    alike = [
        each
        for each in digit_facts.mistakes
        if (each.label, each.predicted) == (first.label, first.predicted)
    ]
    pair = f"{digit_facts.classes.index(first.label)}-{digit_facts.classes.index(first.predicted)}"
    expected = {"": 12, "#all-mistakes": len(digit_facts.mistakes), "#pair": len(alike)}[fragment]
    target = f"#pair-{pair}" if fragment == "#pair" else fragment
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "report.html").write_text(render(digit_facts), encoding="utf-8")
    (folder / "harness.html").write_text(HARNESS % target, encoding="utf-8")
    seen, console, _ = _open(chromium, folder, "harness.html")
    assert seen["mistakes"] == expected
    assert seen["filters"] == ([target[1:]] if target else [])
    assert console == []


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
def test_the_accessibility_checker_finds_nothing(
    chromium: str, axe_core: Path, digit_facts: ReportFacts, tmp_path: Path
) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    shutil.copy(axe_core, folder / "axe.min.js")
    # The page forbids scripts, so the checker looks at it without its policy.
    page = re.sub(r"<meta http-equiv=[^>]*>", "", render(digit_facts)).replace("</body>", AXE + "</body>")
    (folder / "checked.html").write_text(page, encoding="utf-8")
    found, _, _ = _open(chromium, folder, "checked.html")
    assert found["violations"] == []
    assert found["passes"] > 20
