"""Images that stand in memory as an array."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped

from pellucid.data.images.preprocessing import with_channel_axis
from pellucid.data.labels.texts import group_text, label_texts
from pellucid.data.listing import UNDECIDED, Listing
from pellucid.errors import DataError

DEFLATE_RATIO = 1100
"""No deflate stream grows more than 1,032-fold; a header that claims more than this is false."""


def listing_from_arrays(
    pixels: Shaped[np.ndarray, "n ..."],
    labels: Sequence[object] | np.ndarray,
    groups: Sequence[object] | np.ndarray | None = None,
    *,
    place: str = "arrays",
) -> Listing:
    """List images that stand in memory.

    They are (n, height, width) or (n, height, width, 1 or 3), 8-bit, 16-bit or float; labels are n texts,
    numbers or truth values of one kind. Members of a group must not be parted by a split; every split is
    undecided.

    Raises: `DataError` if a shape or length is wrong, or a label is none.
    """
    pixels = checked_pixels(pixels, place)
    count = len(pixels)
    values = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
    require_equal(count, len(values), "labels", place)
    texts = label_texts(values, place, lambda index: f"row {index + 1}")
    group_texts = [""] * count if groups is None else list(map(group_text, groups))
    require_equal(count, len(group_texts), "groups", place)
    return Listing(
        place=place,
        form="arrays",
        sources=[f"{place}:{row}" for row in range(1, count + 1)],
        labels=texts,
        splits=[UNDECIDED] * count,
        groups=group_texts,
        pixels=pixels,
    )


def require_equal(inputs: int, others: int, name: str, place: str, noun: str = "image") -> None:
    """Refuse columns of different length.

    `name` is what the other column holds, in the plural; `noun` what one input is.

    Raises: `DataError` with both lengths.
    """
    if inputs != others:
        raise DataError(f"{place}: {inputs:,} {noun}s but {others:,} {name}; there must be one for each")


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
