"""Images inside the page: each stored once, all together within a budget.

The rule: every image is kept exactly, as PNG, where all together fit the budget. Where they do
not, all are reduced to the first side of a falling list that lets them fit, and kept as JPEG.
"""

import base64
import hashlib
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

Pixels = UInt8[np.ndarray, "_ _ _"]

BUDGET = 1_600_000
SIDES = (224, 160, 128, 112, 96, 80, 64, 48, 32)
_QUALITY = 80
_PROBED = 16
_SMALL = 96


class Placed(NamedTuple):
    """An image where the page shows it: the key of the stored image, and its size as the model saw it."""

    key: str
    width: int
    height: int

    @property
    def is_small(self) -> bool:
        """True where the page enlarges it, so that its pixels should stay sharp squares."""
        return max(self.width, self.height) <= _SMALL


class Stored(NamedTuple):
    """An image as the page contains it: a unique key, a data URI, and the size at which it is drawn."""

    key: str
    uri: str
    width: int
    height: int


class Album(NamedTuple):
    """All images of a page.

    `places`: one for each image given, in order, equal images share a key; `stored`: the different images, in
    the order of their first place; `side`: longest side in pixels to which they were reduced, `None` where
    all were kept exactly.
    """

    places: Sequence[Placed]
    stored: Sequence[Stored]
    side: int | None


def bind(images: Sequence[Pixels], budget: int = BUDGET) -> Album:
    """Encode images for the page: uint8 (height, width, channels) with one or three channels.

    Every content is stored once. All together take at most `budget` bytes, unless even the smallest side does
    not fit.
    """
    different: dict[bytes, tuple[str, Pixels]] = {}
    places = []
    for pixels in images:
        height, width, _ = pixels.shape
        content = repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()
        key, _ = different.setdefault(hashlib.sha256(content).digest(), (f"p{len(different)}", pixels))
        places.append(Placed(key, width, height))
    side, uris = _within([pixels for _, pixels in different.values()], budget)
    stored = [
        Stored(key, uri, pixels.shape[1], pixels.shape[0])
        for (key, pixels), uri in zip(different.values(), uris, strict=True)
    ]
    return Album(places, stored, side)


def _within(images: Sequence[Pixels], budget: int) -> tuple[int | None, list[str]]:
    """The least reduction that fits the budget, and the images so encoded."""
    probe = images[:: -(-len(images) // _PROBED) or 1]
    choices: list[int | None] = [None, *SIDES]
    for choice in choices:
        is_last = choice == SIDES[-1]
        # A few images show how large all will be, so that hopeless sizes cost little.
        expected = sum(len(_data_uri(pixels, choice)) for pixels in probe) * len(images)
        if expected > 1.25 * budget * len(probe) and not is_last:
            continue
        uris = [_data_uri(pixels, choice) for pixels in images]
        if sum(map(len, uris)) <= budget or is_last:
            return choice, uris
    raise AssertionError("the last choice is always taken")


def _data_uri(pixels: Pixels, side: int | None) -> str:
    flat = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    image = Image.fromarray(np.ascontiguousarray(flat))
    stream, form = io.BytesIO(), "png" if side is None else "jpeg"
    if side is None:
        image.save(stream, "PNG", compress_level=9)
    else:
        image.thumbnail((side, side), Image.Resampling.BOX)
        image.save(stream, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/{form};base64," + base64.b64encode(stream.getvalue()).decode("ascii")
