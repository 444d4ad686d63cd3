"""Make the moving picture of the README: clothes drawn on a model's page, whose answer and layers follow.

    python tools/make_moving_picture.py        # needs Chromium, Chrome or Edge

The page is app-images.html of tools/make_gallery.py, which comes first. Writes docs/images/drawing.webp, at
most 1 MB.
"""

import argparse
import base64
import io
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import make_gallery
from PIL import Image

from pellucid.export.app.chromium import Tab, browsing, find_browser

OUT = make_gallery.DOCS / "images" / "drawing.webp"
MOST_BYTES = 1_000_000

_WINDOW = (1280, 672)  # CSS pixels
_SHOWN = (1000, 525)  # pixels of the picture
_FRAME = 110  # milliseconds
_REST = 1_600  # milliseconds, of the first frame and of what is finished
_MOVES_A_FRAME = 3
_QUALITY = 70

# Strokes as points in shares of the image's sides: trousers, then what makes another thing of them.
_TROUSERS = (
    ((0.36, 0.12), (0.64, 0.12)),
    ((0.36, 0.20), (0.64, 0.20)),
    ((0.38, 0.28), (0.36, 0.92)),
    ((0.62, 0.28), (0.64, 0.92)),
    ((0.44, 0.28), (0.42, 0.92)),
    ((0.56, 0.28), (0.58, 0.92)),
)
_SKIRT = (
    ((0.50, 0.28), (0.50, 0.92)),
    ((0.46, 0.40), (0.46, 0.92)),
    ((0.54, 0.40), (0.54, 0.92)),
    ((0.30, 0.92), (0.38, 0.50)),
    ((0.70, 0.92), (0.62, 0.50)),
)
_LENGTH_OF_MOVE = 0.06  # share of a side
_DRAWN = """pellucid.ready.then(async (page) => {
  await page.isDrawn();
  await new Promise((done) => setTimeout(done, 60));
})"""
_BOX = """(() => {
  const { left, top, width, height } = document.getElementById("easel").getBoundingClientRect();
  return [left, top, width, height];
})()"""


def moves(stroke: tuple[tuple[float, float], ...]) -> Iterator[tuple[float, float]]:
    """Points of a stroke, so close that it looks like one of a hand."""
    yield stroke[0]
    for (left, top), (right, bottom) in itertools.pairwise(stroke):
        count = max(1, round(max(abs(right - left), abs(bottom - top)) / _LENGTH_OF_MOVE))
        for at in range(1, count + 1):
            yield left + (right - left) * at / count, top + (bottom - top) * at / count


class Film:
    """Pictures of a tab, each with the milliseconds that it is shown."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self.pictures: list[Image.Image] = []
        self.durations: list[int] = []

    def take(self, duration: int = _FRAME) -> None:
        """Take one once the page has followed."""
        self._tab.evaluate(_DRAWN)
        taken = self._tab.call("Page.captureScreenshot", format="png")
        picture = Image.open(io.BytesIO(base64.b64decode(taken["data"]))).convert("RGB")
        self.pictures.append(picture.resize(_SHOWN, Image.Resampling.LANCZOS))
        self.durations.append(duration)

    def draw(self, strokes: tuple[tuple[tuple[float, float], ...], ...]) -> None:
        """Draw strokes with the mouse, and end on what came of them."""
        left, top, width, height = self._tab.evaluate(_BOX)
        for stroke in strokes:
            for number, (across, down) in enumerate(moves(stroke)):
                kind = "mouseMoved" if number else "mousePressed"
                place = {"x": left + across * width, "y": top + down * height}
                self._tab.call(
                    "Input.dispatchMouseEvent", type=kind, button="left", buttons=1, clickCount=1, **place
                )
                if number % _MOVES_A_FRAME == _MOVES_A_FRAME - 1:
                    self.take()
            self._tab.call(
                "Input.dispatchMouseEvent", type="mouseReleased", button="left", clickCount=1, **place
            )
            self.take()
        self.durations[-1] = _REST

    def file(self) -> bytes:
        """All pictures as one WebP file, which begins anew at its end."""
        written = io.BytesIO()
        first, *others = self.pictures
        first.save(
            written, "WEBP", save_all=True, append_images=others, duration=self.durations, loop=0,
            quality=_QUALITY, method=6, minimize_size=True,
        )  # fmt: skip
        return written.getvalue()


def filmed(tab: Tab, page: Path) -> Film:
    """The page on its first example, then what is drawn on it."""
    width, height = _WINDOW
    tab.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
    )
    tab.call("Emulation.setScrollbarsHidden", hidden=True)
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    tab.open(page.absolute().as_uri())
    film = Film(tab)
    film.take(_REST)
    tab.evaluate("document.getElementById('clear').click()")
    film.draw(_TROUSERS)
    film.draw(_SKIRT)
    return film


def main() -> int:
    """Write the picture; exit code 2 where there is no browser, 1 where it is too large."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--page", type=Path, default=make_gallery.OUT / "app-images.html", help="page to draw on"
    )
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE.webp", help="the picture")
    arguments = parser.parse_args()
    program = find_browser()
    if program is None:
        sys.stderr.write("error: no Chromium, Chrome or Edge\n")
        return 2
    with browsing(program) as tab:
        film = filmed(tab, arguments.page)
    content = film.file()
    arguments.out.write_bytes(content)
    sys.stdout.write(f"{arguments.out}: {len(film.pictures)} pictures, {len(content) / 1e6:.2f} MB\n")
    return 0 if len(content) <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
