"""A page served on the loopback address to a browser, which leaves what it found in its title."""

import contextlib
import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from browsers import browsing

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

FINISHED = """new Promise((done) => {
  const look = () => document.title.startsWith("{") ? done(document.title) : setTimeout(look, 10);
  look();
})"""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder on the loopback address, noting what is asked for."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/favicon.ico":
                self.send_response(204)
                self.end_headers()
            else:
                super().do_GET()

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
    """Open a page that leaves JSON in its title; return that, complaints of the console and the requests."""
    with served(folder) as (address, asked), browsing(chromium) as tab:
        scheme = {"name": "prefers-color-scheme", "value": theme}
        tab.call("Emulation.setEmulatedMedia", features=[scheme])
        tab.call(
            "Emulation.setDeviceMetricsOverride", width=1400, height=900, deviceScaleFactor=1, mobile=False
        )
        tab.open(f"{address}/{page}")
        title = tab.evaluate(FINISHED, 180.0)
        return json.loads(title), tab.errors, asked
