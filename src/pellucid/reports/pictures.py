"""Pictures inside the page: PNG data URIs that together keep within a budget."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image

_BUDGET = 1_600_000
_SIDES = (224, 160, 128, 96, 64)


@dataclass(frozen=True)
class Embedded:
    """A picture as the page holds it.

    Attributes:
        uri: `data:image/png;base64,...`.
        width: of the picture the network saw, in pixels.
        height: of the picture the network saw, in pixels.
    """

    uri: str
    width: int
    height: int

    @property
    def is_small(self) -> bool:
        """Whether the page enlarges it, so that its pixels should stay sharp squares."""
        return max(self.width, self.height) <= 96


def embed(pictures: Sequence[UInt8[np.ndarray, "_ _ _"]]) -> list[Embedded]:
    """Encode pictures for the page.

    Large pictures are reduced, all by the same rule, until the encoded pictures together take
    less than 1.6 MB, so that the page stays under its 3 MB.

    Args:
        pictures: uint8 (height, width, channels) with one or three channels.

    Returns:
        One embedded picture each, in order.
    """
    uris: list[str] = []
    for side in _SIDES:
        uris = [_data_uri(pixels, side) for pixels in pictures]
        if sum(map(len, uris)) <= _BUDGET:
            break
    return [
        Embedded(uri, pixels.shape[1], pixels.shape[0]) for uri, pixels in zip(uris, pictures, strict=True)
    ]


def _data_uri(pixels: UInt8[np.ndarray, "height width channels"], side: int) -> str:
    flat = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    picture = Image.fromarray(np.ascontiguousarray(flat))
    picture.thumbnail((side, side), Image.Resampling.BOX)
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
