"""A real server of exported models in a process of its own, and its pages in a real browser."""

import base64
import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pellucid.export.app.chromium import Tab


class Server:
    """The process, and its address."""

    def __init__(self, *words: str | Path, module: str = "pellucid.serving") -> None:
        command = [sys.executable, "-m", *module.split(), *map(str, words), "--port", "0"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)
        assert self.process.stderr is not None
        said: list[str] = []
        for line in self.process.stderr:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
                self.port = int(found[1])
                return
        raise AssertionError("".join(said))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and content of a reply."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(
                method, path, body, {key.replace("_", "-"): text for key, text in headers.items()}
            )
            reply = connection.getresponse()
            return reply.status, {key.lower(): value for key, value in reply.getheaders()}, reply.read()
        finally:
            connection.close()

    def predicted(
        self, body: bytes | str, what: str = "predict", model: str = "", **headers: str
    ) -> dict[str, Any]:
        """The document that the API answers with about the bytes of an image, or a text."""
        kind = "image/png" if isinstance(body, bytes) else "application/json"
        content = body if isinstance(body, bytes) else json.dumps({"text": body})
        query = f"?model={model}" if model else ""
        status, _, reply = self.ask("POST", f"/api/{what}{query}", content, content_type=kind, **headers)
        assert status == 200, reply
        found: dict[str, Any] = json.loads(reply)
        return found

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=60)
        assert self.process.stderr is not None
        self.process.stderr.close()


@contextlib.contextmanager
def serving(*words: str | Path, module: str = "pellucid.serving") -> Iterator[Server]:
    """A server for a while."""
    server = Server(*words, module=module)
    try:
        yield server
    finally:
        server.end()


def until(tab: Tab, expression: str) -> None:
    """Wait in the page until something is true of it."""
    wait = f"""new Promise((done, fail) => {{
      const end = Date.now() + 20000;
      const look = () => {{
        if ({expression}) done(0);
        else if (Date.now() > end) fail(new Error(document.body.innerText));
        else setTimeout(look, 20);
      }};
      look();
    }})"""
    tab.evaluate(wait)


def drop(tab: Tab, *files: tuple[str, str, bytes]) -> None:
    """Drop files, each with its name and type, on the page."""
    given = json.dumps([[name, kind, base64.b64encode(content).decode()] for name, kind, content in files])
    tab.evaluate(f"""(() => {{
      const files = new DataTransfer();
      for (const [name, type, text] of {given}) {{
        const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
        files.items.add(new File([bytes], name, {{ type }}));
      }}
      const event = new Event("drop", {{ bubbles: true, cancelable: true }});
      Object.defineProperty(event, "dataTransfer", {{ value: files }});
      document.dispatchEvent(event);
    }})()""")


def write(tab: Tab, text: str) -> None:
    """Type a text on the page."""
    tab.evaluate(f"""(() => {{
      const field = document.getElementById("text");
      field.value = {json.dumps(text)};
      field.dispatchEvent(new Event("input"));
    }})()""")


def text_of(tab: Tab, id: str) -> str:
    """What a part of the page shows."""
    found: str = tab.evaluate(f"document.getElementById({json.dumps(id)}).textContent")
    return found
