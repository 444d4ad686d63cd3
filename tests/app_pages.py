"""Pages of models for tests, and a browser that has one of them open."""

import base64
import contextlib
import io
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from browsers import browsing
from pellucid.bundle import Model
from pellucid.export.app.chromium import Tab
from pellucid.export.app.content import page_of
from pellucid.export.export import metadata_of

HOSTILE = (
    "<script>document.title = 'owned'</script>", '"><img src=/stolen onerror="document.title = 1">',
    "</script><script>document.title = 2</script>", "</style></title><svg onload=alert(1)>",
    "--><iframe src=/stolen></iframe><!--", "{title} ${1} =HYPERLINK(1)", "gnp.\u202egpj.exe",
)  # fmt: skip
"""Names that are markup, script or a trick; none of them may become one."""

CARD: dict[str, Any] = {"rows": [("cardTrained", "digits")], "metric": "", "models": []}


def page(model: Model, name: str = "a model", examples: Sequence[Mapping[str, Any]] = ()) -> bytes:
    """The file of a model, not proved."""
    return page_of(model, metadata_of(model, name), CARD, examples).html(None)


@contextlib.contextmanager
def opened(program: str, folder: Path, content: bytes, early: str = "") -> Iterator[Tab]:
    """A browser with a page that is ready; the script `early` runs before the page's own."""
    place = folder / "app.html"
    place.write_bytes(content)
    with browsing(program) as tab:
        if early:  # once the page is parsed, and before any script of its own
            source = f"document.addEventListener('readystatechange', () => {{ {early} }}, {{ once: true }})"
            tab.call("Page.addScriptToEvaluateOnNewDocument", source=source)
        tab.open(place.as_uri())
        tab.evaluate("pellucid.ready.then((page) => page.isDrawn()).then(() => 1)")
        yield tab


def packed_in(content: str) -> dict[str, Any]:
    """What a page holds deflated: its documents, and its parts in both languages."""
    packed = re.search(r'id="documents">([^<]*)<', content)
    assert packed is not None
    found: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(packed[1])))
    return found


def said_in(content: str) -> str:
    """The page and its parts in English, each run of blanks as one."""
    parts = packed_in(content)["parts"].values()
    return " ".join(" ".join([content, *(part["en"] for part in parts)]).split())


def original(content: bytes) -> dict[str, str]:
    """A file as a page is asked about it."""
    return {"file": base64.b64encode(content).decode("ascii")}


def file_of(pixels: np.ndarray, form: str = "PNG", **settings: Any) -> bytes:
    """An image file of pixels (height, width) or (height, width, channels)."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **settings)
    return file.getvalue()
