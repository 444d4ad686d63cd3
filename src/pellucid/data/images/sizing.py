"""The one rule for the size at which images are trained, and the way they are fitted to it.

The rule, unless `--image-size` says otherwise:

1. All images have one size and its longer side is at most 128: that size.
2. Otherwise: a square. Its side is the median of the images' longer sides, rounded to a multiple
   of 16, at least 32 and at most 128.

Where `--backbone` names a pretrained network, which was trained on larger images, the limit of 128 pixels
becomes 160, with the preset `best` 224.

An image of another size is fitted inside with its aspect kept (Lanczos, antialiased) and centred;
what is left over is filled with the median colour of the image's own border, so that no edge
appears that was not in the image. With `--resize stretch` it fills the whole size instead.

Channels: 1 when every image is grey as it is stored, otherwise 3.
"""

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

from pellucid.settings import Settings, parse_image_size

LARGEST_SIDE = 128
_LARGEST_OF_BACKBONE = {"quick": 128, "standard": 160, "best": 224}
SMALLEST_SQUARE = 32
_STEP = 16


def training_size(original_sizes: Int[np.ndarray, "n 2"], settings: Settings) -> tuple[int, int]:
    """Decide the training size by the rule at the top of this file.

    Sizes are height and width. `settings.image_size` overrides the rule; a backbone and the preset move its
    limit.
    """
    chosen = parse_image_size(settings.image_size)
    if chosen is not None:
        return chosen
    if len(original_sizes) == 0:
        return SMALLEST_SQUARE, SMALLEST_SQUARE
    largest = largest_side(settings)
    height, width = (int(side) for side in original_sizes[0])
    if (original_sizes == original_sizes[0]).all() and max(height, width) <= largest:
        return height, width
    median = float(np.median(original_sizes.max(axis=1)))
    side = _STEP * int(median / _STEP + 0.5)
    side = min(max(side, SMALLEST_SQUARE), largest)
    return side, side


def largest_side(settings: Settings) -> int:
    """Longest side, in pixels, of an image in training, where no size was asked for.

    A backbone and the preset decide.
    """
    return _LARGEST_OF_BACKBONE[settings.preset] if settings.builds_on_backbone else LARGEST_SIDE


def inner_size(own: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Size of an image once it is fitted inside another with its aspect kept.

    Sizes are height and width; the result is at least 1 and at most `size`.
    """
    scale = min(size[0] / own[0], size[1] / own[1])
    height, width = (min(most, max(1, round(side * scale))) for side, most in zip(own, size, strict=True))
    return height, width


def fit_image(
    pixels: UInt8[np.ndarray, "height width channels"],
    size: tuple[int, int],
    channels: int,
    own: tuple[int, int] | None = None,
    *,
    stretch: bool = False,
) -> UInt8[np.ndarray, "new_height new_width new_channels"]:
    """Fit one image to a size and number of channels.

    Sizes are height and width. For 1 channel colour becomes grey by the weights of ITU-R 601; for 3 grey is
    repeated. `own` is the size of the image where `pixels` is a reduced decoding of it, whose rounded sides
    would tell another aspect. With `stretch` the aspect is not kept. The very same array
    comes back when nothing is to do.
    """
    pixels = _with_channels(pixels, channels)
    height, width = pixels.shape[:2]
    if (height, width) == size:
        return pixels
    inner_height, inner_width = size if stretch else inner_size(own or (height, width), size)
    image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
    resized = image.resize((inner_width, inner_height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    inner = np.asarray(resized).reshape(inner_height, inner_width, channels)
    if inner.shape[:2] == size:
        return inner
    fitted = np.empty((*size, channels), np.uint8)
    fitted[:] = _border_colour(pixels)
    top, left = (size[0] - inner_height) // 2, (size[1] - inner_width) // 2
    fitted[top : top + inner_height, left : left + inner_width] = inner
    return fitted


def _with_channels(
    pixels: UInt8[np.ndarray, "height width channels"], channels: int
) -> UInt8[np.ndarray, "height width new_channels"]:
    """Turn colour to grey or grey to colour where needed."""
    if pixels.shape[2] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    return np.asarray(Image.fromarray(pixels).convert("L"))[:, :, None]


def _border_colour(pixels: UInt8[np.ndarray, "height width channels"]) -> UInt8[np.ndarray, " channels"]:
    """Median of each channel over the outermost pixels."""
    sides = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    colour: np.ndarray = np.median(np.concatenate(sides), axis=0).astype(np.uint8)
    return colour
