"""The page of a served model: an input is sent to the server, and its answer shown."""

import base64
import hashlib
import html
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pellucid.serving.application import Served

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
textarea { width: 100%; min-height: 8rem; font: inherit; }
button, input { min-height: 44px; font: inherit; }
td { padding: 0 1rem 0 0; font-variant-numeric: tabular-nums; }
#status { font-weight: 600; }
"""
_SCRIPT = """
const served = JSON.parse(document.getElementById("served").textContent);
const byId = (name) => document.getElementById(name);
let token = "";
async function ask(event) {
  event.preventDefault();
  const field = byId("input");
  const isText = served.input === "texts";
  const file = isText ? null : field.files[0];
  const headers = { "content-type": isText ? "application/json" : file?.type || "application/octet-stream" };
  if (served.token) headers.authorization = "Bearer " + (token ||= prompt("Token") ?? "");
  const body = isText ? JSON.stringify({ text: field.value }) : file;
  const query = "?model=" + encodeURIComponent(served.name);
  const reply = await fetch("/api/predict" + query, { method: "POST", headers, body });
  if (reply.status === 401) token = "";
  show(await reply.json());
}
function show(answer) {
  const unfamiliar = "Unfamiliar input: do not rely on this answer";
  byId("status").textContent = answer.error ?? `${answer.label}${answer.unfamiliar ? ". " + unfamiliar : ""}`;
  const rows = Object.entries(answer.probabilities ?? {}).sort((a, b) => b[1] - a[1]).slice(0, 10);
  byId("classes").replaceChildren(...rows.map(([name, share]) => {
    const row = document.createElement("tr");
    for (const words of [name, share.toFixed(3)]) row.insertCell().textContent = words;
    return row;
  }));
}
byId("form").addEventListener("submit", (event) =>
  ask(event).catch(() => show({ error: "The server does not answer." })));
"""


def page_of(served: "Served") -> tuple[str, str]:
    """The page as HTML, and its policy, which admits its own script and style and asks this server alone."""
    metadata = served.metadata
    is_text = metadata.input_kind.name == "texts"
    field = (
        '<textarea id="input" name="input" required></textarea>'
        if is_text
        else '<input id="input" name="input" type="file" accept="image/*" required>'
    )
    facts = {"name": served.name, "input": metadata.input_kind.name, "token": served.needs_token}
    data = json.dumps(facts).replace("<", "\\u003c")
    title = html.escape(served.name)
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main><h1>{title}</h1>"
        f'<form id="form"><p><label for="input">{"Text" if is_text else "Image"}</label></p><p>{field}</p>'
        '<p><button type="submit">Ask the model</button></p></form>'
        '<p id="status" role="status"></p><table><tbody id="classes"></tbody></table></main>'
        f'<script type="application/json" id="served">{data}</script><script>{_SCRIPT}</script></body></html>'
    )
    policy = (
        f"default-src 'none'; script-src {_checksum(_SCRIPT)}; style-src {_checksum(_STYLE)}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy


def _checksum(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
