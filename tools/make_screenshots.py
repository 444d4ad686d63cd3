"""Make the pictures of the documentation: parts of the gallery's pages, as a browser shows them.

    python tools/make_screenshots.py                # every picture; needs Chromium, Chrome or Edge
    python tools/make_screenshots.py explain-unit   # some of them

The pages are those of tools/make_gallery.py, which comes first. Pictures go to docs/images and
docs/static/gallery, in 256 colours.
"""

import argparse
import base64
import io
import sys
from pathlib import Path
from typing import NamedTuple

import make_gallery
from PIL import Image

from pellucid.export.app.chromium import Tab, browsing, find_browser


class Shot(NamedTuple):
    """One picture.

    Attributes:
        page: of the gallery, with the fragment that opens a place in it.
        part: CSS selector of what is shown; the window where it is empty.
        width: of the window, in CSS pixels.
        height: of the window, and the most that is shown of a part.
        file: of the gallery's inputs, which the page's first field of files gets.
        scale: pixels of the picture for each CSS pixel.
    """

    page: str
    part: str = ""
    width: int = 1024
    height: int = 900
    file: str = ""
    scale: float = 1.0


SHOTS = {
    "report": Shot("report-images.html", height=1584),
    "report-verdict": Shot("report-images.html", "#verdict"),
    "report-models": Shot("report-images.html", "#models", height=760),
    "report-errors": Shot("report-images.html", "#errors", height=860),
    "report-reliability": Shot("report-images.html", "#reliability", height=760),
    "report-curve": Shot("report-images.html", "#curve", height=760),
    "report-training": Shot("report-images.html", "#training", height=760),
    "explain-overview": Shot("explain-cnn.html", width=1280),
    "explain-unit": Shot("explain-cnn.html#forward/body.block1.conv1/3,14,14", width=1280),
    "explain-backward": Shot("explain-cnn.html#backward/body.block1.conv1", width=1280),
    "explain-why": Shot("explain-cnn.html#drove", ":has(> #drove-title)", width=1280),
    "app-phone": Shot("app-images.html", width=390, height=844, file="boot.png", scale=2),
}
# Small pictures of the gallery on the front page, 4 : 3.
SMALL = {
    page.removesuffix(".html"): Shot(
        page, width=1120, height=840, file="boot.png" if page == "app-images.html" else ""
    )
    for page in (*make_gallery.REPORTS, *make_gallery.PAGES)
}
_MARGIN = 16  # beside a part, in CSS pixels
_SETTLED = "new Promise((then) => setTimeout(then, 1500))"
_PART = """(() => {{
  const box = document.querySelector({part!r})?.getBoundingClientRect();
  return box && [box.left + scrollX, box.top + scrollY, box.width, box.height];
}})()"""


def take(tab: Tab, shot: Shot, folder: Path) -> Image.Image:
    """Picture of one place.

    Raises: `LookupError` if the page has no such part.
    """
    tab.call(
        "Emulation.setDeviceMetricsOverride",
        width=shot.width, height=shot.height, deviceScaleFactor=shot.scale, mobile=False,
    )  # fmt: skip
    tab.call("Emulation.setScrollbarsHidden", hidden=True)
    light = [{"name": "prefers-color-scheme", "value": "light"}]
    motion = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    tab.call("Emulation.setEmulatedMedia", features=light + motion)
    tab.open("about:blank")  # the same page with another fragment would not be loaded anew
    tab.open(f"{folder.absolute().as_uri()}/{shot.page}")
    if shot.file:
        root = tab.call("DOM.getDocument")["root"]["nodeId"]
        field = tab.call("DOM.querySelector", nodeId=root, selector="input[type=file]")["nodeId"]
        tab.call(
            "DOM.setFileInputFiles", files=[str((make_gallery.RUNS / shot.file).absolute())], nodeId=field
        )
        tab.evaluate("pellucid.ready.then(() => 1)")
    tab.evaluate(_SETTLED)
    more: dict[str, object] = {}
    if shot.part:
        box = tab.evaluate(_PART.format(part=shot.part))
        if not box:
            raise LookupError(f"{shot.page}: no {shot.part}")
        left, top, width, height = box
        clip = {"x": max(0, left - _MARGIN), "y": top, "width": width + 2 * _MARGIN}
        clip |= {"height": min(height, shot.height), "scale": 1}
        more = {"clip": clip, "captureBeyondViewport": True}
    taken = tab.call("Page.captureScreenshot", format="png", **more)
    return Image.open(io.BytesIO(base64.b64decode(taken["data"]))).convert("RGB")


def main() -> int:
    """Take the pictures that are named, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="pictures to take; default: all")
    parser.add_argument(
        "--gallery", type=Path, default=make_gallery.OUT, metavar="FOLDER", help="pages to show"
    )
    parser.add_argument(
        "--out", type=Path, default=make_gallery.DOCS, metavar="FOLDER", help="where pictures go"
    )
    arguments = parser.parse_args()
    every = {**SHOTS, **SMALL}
    unknown = set(arguments.names) - set(every)
    program = find_browser()
    if unknown or program is None:
        sys.stderr.write(
            f"error: no picture {sorted(unknown)}\n" if unknown else "error: no Chromium, Chrome or Edge\n"
        )
        return 2
    with browsing(program) as tab:
        for name in arguments.names or every:
            folder = arguments.out / ("static/gallery" if name in SMALL else "images")
            folder.mkdir(parents=True, exist_ok=True)
            picture = take(tab, every[name], arguments.gallery)
            if name in SMALL:
                picture.thumbnail((480, 360), Image.Resampling.LANCZOS)
            # Without dithering plain areas stay plain, and the file a third as large.
            picture.quantize(256, dither=Image.Dither.NONE).save(folder / f"{name}.png", optimize=True)
            sys.stdout.write(f"{folder / name}.png {picture.width} x {picture.height}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
