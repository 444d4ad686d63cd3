"""Driving a real browser: a page is served on the loopback address, and leaves what it found in its title."""

import contextlib
import functools
import html
import http.server
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

AXE = """<script src="axe.min.js"></script>
<script>onload = async () => {
  document.querySelectorAll("details").forEach(element => { element.open = true; });
  const { violations, passes } = await axe.run();
  const found = {
    passes: passes.length,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    wide: innerWidth,
    needed: document.documentElement.scrollWidth,
    violations: violations.map(each => [each.impact, each.id, each.nodes.length, each.nodes[0].html]),
  };
  if (parent.checked) parent.checked(found);
  else parent.document.title = JSON.stringify(found);
};</script>"""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
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


def open_page(
    chromium: str, folder: Path, page: str, theme: str = "light"
) -> tuple[dict[str, Any], list[str], list[str]]:
    """Open a page that leaves JSON in its title; return that, the console's lines and the requests."""
    profile = folder.with_name("profile")
    with served(folder) as (address, asked):
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
