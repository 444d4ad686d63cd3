"""Test for photographs: images as large and as rich in colours as those backbones were trained on.

The rule looks at up to 200 images. Each is as rich as it has different colours, red, green and blue told
apart in 32 steps each (grey in 256). Drawings, signs, digits and screenshots have few; a small photograph
has hundreds. Images look like photographs when at least half of them have more than 64 colours (or grey
levels), and their shorter side is at least 32 pixels.
"""

import numpy as np
from jaxtyping import Int64, UInt8

LEAST_SIDE = 32
_EXAMINED = 200
_LEAST_COLOURS, _LEAST_GREYS = 64, 64


def look_like_photographs(
    pixels: UInt8[np.ndarray, "n height width channels"], positions: Int64[np.ndarray, " some"]
) -> bool:
    """Judge evenly spread images at `positions` by the rule at the top of this file."""
    if min(pixels.shape[1:3]) < LEAST_SIDE or len(positions) == 0:
        return False
    chosen = positions[:: max(1, len(positions) // _EXAMINED)][:_EXAMINED]
    least = _LEAST_GREYS if pixels.shape[3] == 1 else _LEAST_COLOURS
    rich = [_colours(pixels[position]) > least for position in chosen.tolist()]
    return 2 * sum(rich) >= len(rich)


def _colours(image: UInt8[np.ndarray, "height width channels"]) -> int:
    """Different colours of an image."""
    if image.shape[2] == 1:
        return len(np.unique(image))
    steps = (image >> 3).astype(np.int64)
    return len(np.unique((steps[..., 0] << 10) | (steps[..., 1] << 5) | steps[..., 2]))
