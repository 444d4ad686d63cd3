"""From an image file to 8-bit pixels: upright, over white, scaled and never clipped.

What becomes of each kind of image:

- alpha (RGBA, grey with alpha, palette or grey with a transparent colour): laid over white;
- palette, CMYK, YCbCr, HSV: turned into RGB; 1-bit: black 0, white 255;
- 16-bit and integer grey: 0..65535 becomes 0..255; values outside that range are stretched from
  the smallest to the largest of the image;
- float grey: 0..1 becomes 0..255, 0..255 stays, anything else is stretched likewise;
- EXIF orientation: applied, so that the image stands upright;
- several frames or pages: the first, with a warning that says how many there are.

Only the formats in `FORMATS` are tried. The number of pixels is checked in the header, before any
is allocated. A photograph in JPEG that is much larger than wanted is decoded at a half, a quarter or
an eighth of its size, which spares the most of the work: a block of 8 x 8 pixels becomes one.
"""

import functools
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, overload

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from pellucid.budgets import MEMORY, PIXELS, PIXELS_ANYWAY, PIXELS_PER_BYTE
from pellucid.data.images.apart import decoded_apart, header_apart
from pellucid.data.images.conversion import lies_on_its_side, to_pixels, upright, upright_size
from pellucid.data.images.frames import frames_warning
from pellucid.data.images.quiet import quiet_pillow
from pellucid.data.images.sharing import DECODING
from pellucid.data.images.sizing import inner_size
from pellucid.data.images.taken import UNKNOWN, Taken, taken_of
from pellucid.data.tables.signatures import what_it_is
from pellucid.errors import DataError
from pellucid.isolation import current
from pellucid.regular import open_regular, read_regular

Found = TypeVar("Found")

# Pillow's names of the formats that are read.
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000", "MPO")

# JPEGs with at least so many pixels may be decoded at a half, a quarter or an eighth of their size; with
# smaller ones next to nothing is saved.
DRAFT_FROM = 1_000_000

# Least size of an image decoded at a fraction of its own, in multiples of the size it will be fitted to: with
# less, `fit_image` would have too little to average over.
DRAFT_MARGIN = 2

_START_BYTES = 1024
_BYTES_OF_DEEP = 24

_MODE_NAMES = {
    "1": "black and white", "L": "grey", "LA": "grey with transparency", "La": "grey with transparency",
    "P": "palette", "PA": "palette with transparency", "RGB": "colour", "RGBX": "colour",
    "RGBA": "colour with transparency", "RGBa": "colour with transparency", "CMYK": "CMYK",
    "YCbCr": "YCbCr", "HSV": "HSV", "LAB": "LAB", "I": "32-bit grey", "F": "float grey",
    "I;16": "16-bit grey", "I;16L": "16-bit grey", "I;16B": "16-bit grey", "I;16N": "16-bit grey",
}  # fmt: skip

# Kinds of images that have one channel once they are decoded.
GREY_MODES = frozenset(
    {"black and white", "grey", "grey with transparency", "16-bit grey", "32-bit grey", "float grey"}
)


class Decoded(NamedTuple):
    """An image at its own size.

    Attributes:
        pixels: (height, width, 1 or 3), upright.
        mode: kind of image as it was stored, such as `grey`, `colour` or `16-bit grey`.
        warning: what the user should know, such as the number of frames left out.
        size: own height and width; `pixels` of a large JPEG may be smaller.
        taken: when and by which camera it was taken.
    """

    pixels: UInt8[np.ndarray, "height width channels"]
    mode: str
    warning: str | None
    size: tuple[int, int]
    taken: Taken = UNKNOWN


def decode_image(source: Path | bytes, size: tuple[int, int] | None = None) -> Decoded:
    """Decode one image, a file or its content.

    `size` is the height and width it will be fitted to; it lets large JPEGs be decoded at a fraction of their
    size.

    Raises: `DataError` with the reason alone, such as `truncated image` or `not an image (HTML)`; the caller
    knows the place.
    """
    with quiet_pillow():
        return decode_content(read_content(source), size)


def read_header(source: Path | bytes) -> tuple[int, int, str]:
    """Height and width of the upright image, and its kind as in `Decoded.mode`, pixels not decoded.

    Raises: `DataError` as `decode_image` does.
    """
    with quiet_pillow():
        return header_of(source)


def read_content(source: Path | bytes) -> bytes:
    """The bytes of an image; bytes are handed back as they are.

    Raises: `DataError` if the file is missing, empty or cannot be read.
    """
    if isinstance(source, bytes):
        return _not_empty(source)
    try:
        content = read_regular(source, MEMORY.value())
    except (OSError, ValueError) as error:
        raise _unreadable(error) from error
    return _not_empty(content)


def header_of(source: Path | bytes) -> tuple[int, int, str]:
    """As `read_header`, for many images inside one `quiet_pillow()`.

    Of a file no more is read than its format needs: of a JPEG what stands before the pixels.

    Raises: `DataError` as `decode_image` does.
    """
    room = current()
    if room is not None:
        return header_apart(room, read_content(source))
    if isinstance(source, bytes):
        return _header(io.BytesIO(source))
    try:
        file = open_regular(source)
    except (OSError, ValueError) as error:
        raise _unreadable(error) from error
    with file:
        return _header(file)


def _as_it_is(decoded: Decoded) -> Decoded:
    return decoded


@overload
def decode_content(content: bytes, size: tuple[int, int] | None = None) -> Decoded: ...


@overload
def decode_content(
    content: bytes, size: tuple[int, int] | None, then: Callable[[Decoded], Found]
) -> Found: ...


def decode_content(
    content: bytes, size: tuple[int, int] | None = None, then: Callable[[Decoded], Any] = _as_it_is
) -> Any:
    """As `decode_image`, for many images inside one `quiet_pillow()`.

    `then` is done with the image before another large one may be decoded; it gives what is returned.

    Raises: `DataError` as `decode_image` does.
    """
    room = current()
    if room is not None:
        with decoded_apart(room, content, size) as found:
            return then(Decoded(*found[:-1], Taken(*found.taken)))
    try:
        with _open(io.BytesIO(content), content[:2]) as image:
            return _decoded(image, size, then)
    except DataError:
        raise
    except Exception as error:  # Pillow's decoders raise almost any type on damaged bytes
        raise _plain_reason(error, content) from error


def _decoded(image: Image.Image, size: tuple[int, int] | None, then: Callable[[Decoded], Any]) -> Any:
    """Decode an open image, and give what `then` makes of it."""
    mode = _mode_name(image)
    warning = frames_warning(image)
    own_size = upright_size(image)
    if size is not None and image.format in ("JPEG", "MPO") and image.width * image.height >= DRAFT_FROM:
        _shrink_while_decoding(image, size)
    with DECODING.of(image.width * image.height * _bytes_each(image)):
        image.load()
        return then(Decoded(to_pixels(upright(image)), mode, warning, own_size, taken_of(image)))


def _bytes_each(image: Image.Image) -> int:
    """Bytes of memory for each pixel: as decoded, turned or converted, and as an array."""
    if image.mode.startswith("I") or image.mode == "F":
        return _BYTES_OF_DEEP
    return 3 * max(len(image.getbands()), 3 if image.mode == "P" else 1)


def _shrink_while_decoding(image: Image.Image, size: tuple[int, int]) -> None:
    """Have a JPEG decoded at the smallest scale that leaves `DRAFT_MARGIN` times what will be used."""
    height, width = inner_size(upright_size(image), size)
    if lies_on_its_side(image):
        height, width = width, height
    image.draft(image.mode, (DRAFT_MARGIN * width, DRAFT_MARGIN * height))


def _not_empty(content: bytes) -> bytes:
    """Hand back the bytes of a file.

    Raises: `DataError` if there are none.
    """
    if not content:
        raise DataError("empty file (zero bytes)")
    return content


def _unreadable(error: OSError | ValueError) -> DataError:
    """Turn what the system says about a file into a plain reason."""
    if isinstance(error, FileNotFoundError):
        return DataError("no such file")
    reason = getattr(error, "strerror", None) or str(error)
    return DataError(f"cannot be read ({reason.lower()})")


def _header(file: io.BytesIO | io.BufferedReader) -> tuple[int, int, str]:
    """Height, width and kind of the image in an open file."""
    try:
        start = file.read(_START_BYTES)
        file.seek(0)
    except (OSError, ValueError) as error:
        raise _unreadable(error) from error
    _not_empty(start)
    try:
        with _open(file, start[:2]) as image:
            return (*upright_size(image), _mode_name(image))
    except DataError:
        raise
    except Exception as error:  # Pillow's decoders raise almost any type on damaged bytes
        raise _plain_reason(error, start) from error


def _open(file: io.BytesIO | io.BufferedReader, start: bytes) -> Image.Image:
    """Open without decoding, and refuse a decompression bomb from its header.

    Raises: `DataError` if it has more pixels than the budget admits, or than its bytes can honestly hold.
    """
    formats = _FORMAT_OF_START.get(start) or _formats()
    image = Image.open(file, formats=formats)
    limit, pixels, size = PIXELS.value(), image.width * image.height, f"{image.height:,} x {image.width:,}"
    if pixels > limit:
        raise DataError(f"{size} pixels is over the limit of {limit:,} pixels; {PIXELS.remedy}")
    if pixels > PIXELS_ANYWAY and pixels > PIXELS_PER_BYTE * (length := _length(file)):
        raise DataError(f"{size} pixels are more than {length:,} bytes can hold; use an undamaged copy")
    return image


def _length(file: io.BytesIO | io.BufferedReader) -> int:
    """Bytes of an open file, which is left where it was."""
    before = file.tell()
    length = file.seek(0, io.SEEK_END)
    file.seek(before)
    return length


@functools.cache
def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this build of Pillow has (AVIF came with 11.3)."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


_FORMAT_OF_START = {b"\xff\xd8": ("JPEG",), b"\x89P": ("PNG",)}


def _mode_name(image: Image.Image) -> str:
    return _MODE_NAMES.get(image.mode, image.mode)


def _plain_reason(error: Exception, content: bytes) -> DataError:
    """One plain reason of whatever a decoder raised on bad bytes."""
    if isinstance(error, UnidentifiedImageError):
        return DataError(what_it_is(content))
    if isinstance(error, Image.DecompressionBombError):
        match = re.search(r"\((\d+) pixels\)", str(error))
        found = f"{int(match[1]):,}" if match else "the image's number of"
        return DataError(f"{found} pixels is over the limit of {PIXELS.value():,} pixels; {PIXELS.remedy}")
    if isinstance(error, MemoryError):
        return DataError("too large for this machine's memory")
    text = " ".join(str(error).split())
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return DataError("truncated image")
    return DataError(f"corrupt image ({text or type(error).__name__})")
