"""Arrays of images in files: what they must look like, and how much of them is believed."""

import numpy as np
from jaxtyping import Shaped

from pellucid.data.images.preprocessing import with_channel_axis
from pellucid.errors import DataError

# No deflate stream grows more than 1,032-fold; a header that claims more than this is false.
DEFLATE_RATIO = 1100


def require_equal(inputs: int, others: int, name: str, place: str) -> None:
    """Refuse columns of different length.

    `name` is what the other column holds, in the plural.

    Raises: `DataError` with both lengths.
    """
    if inputs != others:
        raise DataError(f"{place}: {inputs:,} images but {others:,} {name}; there must be one for each")


def checked_pixels(
    pixels: Shaped[np.ndarray, "..."], place: str
) -> Shaped[np.ndarray, "n height width channels"]:
    """Check the shape of images, and that there are any, and give them a channel axis.

    Raises: `DataError` if there are none, or the shape is wrong.
    """
    try:
        pixels = with_channel_axis(pixels)
    except DataError as error:
        raise DataError(f"{place}: {error}") from error
    if len(pixels) == 0:
        raise DataError(f"{place}: holds no images")
    return pixels
