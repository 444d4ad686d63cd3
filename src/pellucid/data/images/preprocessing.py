"""Preprocessing of images: saved with the model and used everywhere.

Training, prediction, explanation and the server all call the same two methods, so an image can
never be prepared in two ways.
"""

import functools
import hashlib
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Int64, Shaped, UInt8, UInt64

from pellucid.data.images.decoding import Decoded, decode_content, quiet_pillow, read_content
from pellucid.data.images.pixels import fit_image
from pellucid.data.removal import ignored_of_images, image_without
from pellucid.errors import DataError
from pellucid.safety.strict import LEFT_OUT, Number, OneOf, Read, Saved, Whole

_LARGEST_SIDE = 4096
_ANY = Number(-sys.float_info.max, sys.float_info.max)


@dataclass(frozen=True)
class Preprocessing(Saved):
    """Size, channels and range of the values that a model was trained on."""

    height: Annotated[int, Whole(1, _LARGEST_SIDE)]  # rows of pixels, 1 to 4096
    width: Annotated[int, Whole(1, _LARGEST_SIDE)]  # columns of pixels, 1 to 4096
    channels: Annotated[int, OneOf((1, 3))]  # 1 (grey) or 3 (red, green, blue)
    # value that becomes 0 in arrays that are not 8-bit; files are scaled when decoded
    low: Annotated[float, _ANY] = 0.0
    high: Annotated[float, _ANY] = 255.0  # value that becomes 255; values outside saturate
    # whether images of another aspect are stretched to the size, and not fitted inside
    stretch: Annotated[bool, LEFT_OUT] = False
    # what `--ignore` makes grey of every image before it is fitted
    ignored: Annotated[tuple[str, ...], Read(ignored_of_images), LEFT_OUT] = ()

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("preprocessing: low is above high")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    @property
    def least_decoded(self) -> tuple[int, int] | None:
        """Size inside which an image may be decoded smaller; `None` where it is decoded at its own."""
        return None if self.stretch else self.size

    def fitted(
        self,
        pixels: UInt8[np.ndarray, "own_height own_width own_channels"],
        own: tuple[int, int] | None = None,
    ) -> UInt8[np.ndarray, "height width channels"]:
        """Fit one 8-bit image; `own` is its size where `pixels` is a reduced decoding."""
        pixels = image_without(pixels, self.ignored)
        return fit_image(pixels, self.size, self.channels, own, stretch=self.stretch)

    def image_and_warning(
        self, source: Path | bytes, digests: list[bytes] | None = None
    ) -> tuple[UInt8[np.ndarray, "height width channels"], str | None]:
        """Decode an image file, or its content, and fit it as the network takes it.

        With a warning of what was left out, such as the number of frames, if any. The fingerprint of the
        decoded image is appended to `digests`, if given.

        Raises: `DataError` with the reason why it cannot be decoded; the caller knows the place.
        """

        def fitted(decoded: Decoded) -> tuple[np.ndarray, str | None]:
            if digests is not None:
                digests.append(image_digest(decoded.pixels))
            return self.fitted(decoded.pixels, decoded.size), decoded.warning

        with quiet_pillow():
            return decode_content(read_content(source), self.least_decoded, fitted)

    def arrays(self, pixels: Shaped[np.ndarray, "n ..."]) -> UInt8[np.ndarray, "n height width channels"]:
        """Scale and fit images that came as an array.

        They are (n, height, width) or (n, height, width, 1 or 3), 8-bit or any other number; the very same
        array comes back when nothing is to do.

        Raises: `DataError` if the shape is another, or a value is not a number.
        """
        pixels = with_channel_axis(pixels)
        bad = np.flatnonzero(~finite_rows(pixels))
        if len(bad):
            raise DataError("image {bad} holds values that are not numbers (NaN or infinity)", bad[0] + 1)
        scaled = scale_values(pixels, self.low, self.high)
        if scaled.shape[1:] == (self.height, self.width, self.channels) and not self.ignored:
            return scaled
        fitted = np.empty((len(scaled), self.height, self.width, self.channels), np.uint8)
        for index, image in enumerate(scaled):
            fitted[index] = self.fitted(image)
        return fitted


def with_channel_axis(pixels: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "n height width channels"]:
    """Check that an array holds images, and give grey ones their channel axis.

    From (n, height, width) or (n, height, width, 1 or 3) to (n, height, width, 1 or 3), a view.

    Raises: `DataError` if the shape is another, or values are not real numbers.
    """
    if pixels.dtype.kind not in "buif":
        raise DataError("images are numbers, but the array holds {dtype}", pixels.dtype)
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    if pixels.ndim != 4 or 0 in pixels.shape[1:] or pixels.shape[3] not in (1, 3):
        hint = "; channels come last" if pixels.ndim == 4 and pixels.shape[1] in (1, 3) else ""
        raise DataError(
            "images have the shape (n, height, width) or (n, height, width, 1 or 3), "
            "but the array has {shape}{hint}",
            pixels.shape,
            hint,
        )
    return pixels


def value_range(
    pixels: Shaped[np.ndarray, "n ..."], is_training: Bool[np.ndarray, " n"]
) -> tuple[float, float]:
    """The values, low and high, that become 0 and 255, by the finite rows of training images.

    8-bit images stay as they are; values within 0 to 1 are taken as 0 to 1; anything else is
    stretched from its smallest to its largest value.
    """
    if pixels.dtype == np.uint8:
        return 0.0, 255.0
    low, high = math.inf, -math.inf
    rows = block_rows(pixels)
    for block, is_chosen in zip(blocks(pixels, rows), blocks(is_training, rows), strict=True):
        finite = block[finite_rows(block) & is_chosen]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (0.0, 1.0) if (low >= 0.0 and high <= 1.0) or low > high else (low, high)


def scale_values(pixels: Shaped[np.ndarray, "..."], low: float, high: float) -> UInt8[np.ndarray, "..."]:
    """Scale finite values so that low becomes 0 and high 255, cut there; 8-bit values stay as they are."""
    if pixels.dtype == np.uint8:
        return pixels
    if high <= low:
        return np.zeros(pixels.shape, np.uint8)
    scaled = (np.clip(pixels.astype(np.float64), low, high) - low) * (255.0 / (high - low))
    return np.rint(scaled).astype(np.uint8)


def finite_rows(pixels: Shaped[np.ndarray, "n ..."]) -> Bool[np.ndarray, " n"]:
    """True for each row that has neither NaN nor infinity."""
    if pixels.dtype.kind != "f":
        return np.ones(len(pixels), bool)
    is_finite: np.ndarray = np.isfinite(pixels).all(axis=tuple(range(1, pixels.ndim)))
    return is_finite


def block_rows(pixels: Shaped[np.ndarray, "n ..."], bytes_each: int = 1 << 24) -> int:
    """Number of images, at least one, in a block of about `bytes_each` bytes."""
    return max(1, bytes_each // max(1, pixels[:1].nbytes))


def blocks(values: Shaped[np.ndarray, "n ..."], rows: int) -> Iterator[np.ndarray]:
    """Cut an array along its first axis into views of `rows` rows; the last may have fewer."""
    return (values[start : start + rows] for start in range(0, len(values), rows))


# Two fingerprints of an image: one for exact copies, one for copies that were changed a little.

DIGEST_BYTES = 16
_HASH_ROWS = 8  # cells
_HASH_COLUMNS = 9  # cells, one more: neighbours are compared
_GREY_WEIGHTS = np.array([299.0, 587.0, 114.0])  # ITU-R 601, in thousandths


def image_digest(pixels: UInt8[np.ndarray, "height width channels"]) -> bytes:
    """Fingerprint, 16 bytes, of a decoded image; one whose three channels are equal counts as grey."""
    if pixels.shape[2] == 3:
        red = pixels[:, :, 0]
        if np.array_equal(red, pixels[:, :, 1]) and np.array_equal(red, pixels[:, :, 2]):
            pixels = pixels[:, :, :1]
    return _digest(pixels)


def array_digests(pixels: Shaped[np.ndarray, "n height width channels"]) -> UInt8[np.ndarray, "n 16"]:
    """Fingerprints, 16 bytes each, of images that came as an array, those of 8 bits the same as of files."""
    make = image_digest if pixels.dtype == np.uint8 else _digest
    joined = b"".join(make(image) for image in pixels)
    return np.frombuffer(joined, np.uint8).reshape(len(pixels), DIGEST_BYTES)


def _digest(image: Shaped[np.ndarray, "height width channels"]) -> bytes:
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=DIGEST_BYTES)
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()


def difference_hashes(pixels: UInt8[np.ndarray, "n height width channels"]) -> UInt64[np.ndarray, " n"]:
    """Perceptual hash: whether brightness falls from each ninth of a row to the next, in eight rows.

    The image is averaged over 8 x 9 areas with whole-number weights, so that equal areas compare
    as equal on every machine and flat regions always give the same bits.

    Few differing bits of 64 make two images candidates for near copies.
    """
    down = _area_weights(pixels.shape[1], _HASH_ROWS)
    across = _area_weights(pixels.shape[2], _HASH_COLUMNS)
    hashes = [np.empty(0, np.uint64)]
    for block in blocks(pixels, block_rows(pixels, 1 << 22)):
        grey = block[..., 0].astype(np.float64) if block.shape[3] == 1 else block @ _GREY_WEIGHTS
        areas = down.T @ grey @ across
        bits = areas[:, :, :-1] > areas[:, :, 1:]
        packed = np.packbits(bits.reshape(len(block), 64), axis=1)
        hashes.append(packed.view(">u8")[:, 0].astype(np.uint64))
    return np.concatenate(hashes)


@functools.cache
def _area_weights(pixels: int, areas: int) -> np.ndarray:
    """Overlap of each pixel with each of some equal areas, in whole numbers of 1/areas pixel."""
    starts = np.arange(pixels)[:, None] * areas
    edges = np.arange(areas)[None, :] * pixels
    overlap = np.minimum(starts + areas, edges + pixels) - np.maximum(starts, edges)
    weights: np.ndarray = np.maximum(overlap, 0).astype(np.float64)
    return weights


# Test for photographs: images as large and as rich in colours as those backbones were trained on.
#
# Of up to 200 images the different colours are counted, red, green and blue in 32 steps each (grey in 256).
# Drawings, signs, digits and screenshots have few; a small photograph has hundreds. Images look like
# photographs when at least half of them have more than 64, and their shorter side is at least 32 pixels.

LEAST_SIDE = 32
_EXAMINED = 200
_LEAST_COLOURS = 64


def look_like_photographs(
    pixels: UInt8[np.ndarray, "n height width channels"], positions: Int64[np.ndarray, " some"]
) -> bool:
    """Judge evenly spread images at `positions` by the rule above."""
    if min(pixels.shape[1:3]) < LEAST_SIDE or len(positions) == 0:
        return False
    chosen = positions[:: max(1, len(positions) // _EXAMINED)][:_EXAMINED]
    rich = 0
    for position in chosen.tolist():
        image = pixels[position]
        if image.shape[2] == 3:
            steps = (image >> 3).astype(np.int64)
            image = (steps[..., 0] << 10) | (steps[..., 1] << 5) | steps[..., 2]
        rich += len(np.unique(image)) > _LEAST_COLOURS
    return 2 * rich >= len(chosen)
