"""Pages of a real server in a real browser, and what the API answers about the same inputs."""

import base64
import json
from typing import Any

from pellucid.export.app.chromium import Tab
from serving.served import JSON, PNG, Server


def address(server: Server, model: str = "") -> str:
    """Address of the page of a model, by default of the first."""
    return f"http://127.0.0.1:{server.port}/" + (f"?model={model}" if model else "")


def open_page(tab: Tab, server: Server, model: str = "") -> None:
    """Open a page, and wait until it can be used."""
    tab.open(address(server, model))
    tab.evaluate("pellucid.ready.then((page) => page.isDrawn()).then(() => 1)")


def predicted(
    server: Server, body: bytes | str, job: str = "predict", model: str | None = None, token: str = ""
) -> dict[str, Any]:
    """The document that the API answers with about the bytes of an image, or a text."""
    headers = {**(PNG if isinstance(body, bytes) else JSON), "authorization": f"Bearer {token}"}
    content = body if isinstance(body, bytes) else json.dumps({"text": body})
    status, found = server.predict(content, headers, model, job)
    assert status == 200, found
    return found


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
