"""From an image file to 8-bit pixels: upright, over white, scaled and never clipped.

What becomes of each kind of image:

- alpha (RGBA, grey with alpha, palette or grey with a transparent colour): laid over white;
- palette, CMYK, YCbCr, HSV: turned into RGB; 1-bit: black 0, white 255;
- 16-bit and integer grey: 0..65535 becomes 0..255; values outside that range are stretched from
  the smallest to the largest of the image;
- float grey: 0..1 becomes 0..255, 0..255 stays, anything else is stretched likewise;
- EXIF orientation: applied, so that the image is upright;
- several frames or pages: the first, with a warning that says how many there are.

Only the formats in `FORMATS` are tried. The number of pixels is checked in the header, before any is
allocated. A JPEG much larger than wanted is decoded at a half, a quarter or an eighth of its size, which
spares most of the work: a block of 8 x 8 pixels becomes one.
"""

import contextlib
import functools
import io
import itertools
import re
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from pellucid.data.data_files import what_it_is
from pellucid.data.images.pixels import (
    UNKNOWN,
    Taken,
    fit_image,
    inner_size,
    lies_on_its_side,
    taken_of,
    to_pixels,
    upright,
    upright_size,
)
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import (
    DECODING_BYTES,
    FRAMES,
    MEMORY,
    PIXELS,
    PIXELS_ANYWAY,
    PIXELS_OF_A_ROW,
    PIXELS_PER_BYTE,
    ROWS_OF_AN_IMAGE,
    SCANS,
)
from pellucid.safety.files import Seekable, open_regular, read_regular
from pellucid.safety.isolation import Child, Room, current
from pellucid.safety.strict import Anything, Fields, OneOf, Text, Whole

# Pillow's names of the formats that are read.
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000", "MPO")
_FORMAT_OF_START = {b"\xff\xd8": ("JPEG",), b"\x89P": ("PNG",)}
_JPEGS = ("JPEG", "MPO")

# JPEGs with at least so many pixels may be decoded at a half, a quarter or an eighth of their size; with
# smaller ones next to nothing is saved.
DRAFT_FROM = 1_000_000

# Least size of an image decoded at a fraction of its own, in multiples of the size it will be fitted to: with
# less, `fit_image` would have too little to average over.
DRAFT_MARGIN = 2

_START_BYTES = 1024
_BYTES_OF_DEEP = 24  # of memory for a pixel of more than 8 bits: as decoded, converted, and as an array
_SMALL_GIF = 1 << 20
_BETWEEN_FRAMES = b"\x00,"

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

_SIDE = Whole(1, 1 << 31)  # pixels or rows
_COUNT = (1 << 63) - 1  # largest whole number of 64 bits
_HEADER: Fields = {"height": _SIDE, "width": _SIDE, "mode": Text(40)}
_IMAGE: Fields = {
    **_HEADER, "rows": _SIDE, "columns": _SIDE, "channels": OneOf((1, 3)), "warning": Anything(),
    "milliseconds": Whole(-1, _COUNT), "camera": Whole(0, _COUNT),
}  # fmt: skip

Found = TypeVar("Found")


class TooManyPixels(DataError):
    """The image has more pixels than the budget admits, or its bytes can hold."""


class _Quiet:
    """Silences Pillow's warnings while at least one thread asks for it.

    `warnings.catch_warnings` alone restores the wrong filters when threads overlap.
    """

    def __init__(self) -> None:
        self._lock, self._depth, self._saved = threading.Lock(), 0, contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._depth == 0:
                self._saved.enter_context(warnings.catch_warnings())
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._depth += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                self._saved.close()


_QUIET = _Quiet()


def quiet_pillow() -> contextlib.AbstractContextManager[None]:
    """Keep Pillow's warnings from the user, in all threads; what matters in them is an error of ours."""
    return _QUIET


class MemoryShare:
    """A number of bytes that decoders share: small images are decoded together, large ones in turn."""

    # called with the bytes before they are taken; in a child process, it asks the parent for as many
    asked: Callable[[int], object] | None = None

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def of(self, needed: int) -> Iterator[None]:
        """Hold so many bytes; whoever needs more than there are waits until nobody holds any."""
        if self.asked is not None:
            self.asked(needed)
        with self._changed:
            while self._taken and self._taken + needed > self._size:
                self._changed.wait()
            self._taken += needed
        try:
            yield
        finally:
            with self._changed:
                self._taken -= needed
                self._changed.notify_all()


# For all decoders of a process.
DECODING = MemoryShare(DECODING_BYTES)


class Decoded(NamedTuple):
    """An image at its own size."""

    pixels: UInt8[np.ndarray, "height width channels"]  # upright, of 1 or 3 channels
    mode: str  # kind of image as it was stored, such as `grey`, `colour` or `16-bit grey`
    warning: str | None  # what the user should know, such as the number of frames left out
    size: tuple[int, int]  # own height and width; `pixels` of a large JPEG may be smaller
    taken: Taken = UNKNOWN  # when and by which camera it was taken


def decode_content(content: bytes, size: tuple[int, int] | None, then: Callable[[Decoded], Found]) -> Found:
    """Decode one image from the bytes of its file, within `quiet_pillow()`.

    `size` is the height and width it will be fitted to; it lets large JPEGs be decoded at a fraction of their
    size. `then` is done with the image before another large one may be decoded; it gives what is returned.

    Raises: `DataError` with the reason alone, such as `truncated image` or `not an image (HTML)`; the caller
    knows the place.
    """
    room = current()
    if room is not None:
        return _decode_in_subprocess(room, content, size, then)
    try:
        with _open(io.BytesIO(content), content[:2]) as image:
            mode = _MODE_NAMES.get(image.mode, image.mode)
            warning, own_size = _frames_warning(image), upright_size(image)
            if image.format in _JPEGS:
                _require_few_scans(content)
                if size is not None and image.width * image.height >= DRAFT_FROM:
                    # At the smallest scale that leaves `DRAFT_MARGIN` times what will be used.
                    height, width = inner_size(own_size, size)
                    if lies_on_its_side(image):
                        height, width = width, height
                    image.draft(image.mode, (DRAFT_MARGIN * width, DRAFT_MARGIN * height))
            # Of each pixel, as it is decoded, turned or converted, and in the array.
            bytes_each = 3 * max(len(image.getbands()), 3 if image.mode == "P" else 1)
            if image.mode.startswith("I") or image.mode == "F":
                bytes_each = _BYTES_OF_DEEP
            with DECODING.of(image.width * image.height * bytes_each):
                image.load()
                return then(Decoded(to_pixels(upright(image)), mode, warning, own_size, taken_of(image)))
    except DataError:
        raise
    except Exception as error:  # Pillow's decoders raise almost any type on damaged bytes
        raise _plain_reason(error, content) from error


def _decode_in_subprocess(
    room: Room, content: bytes, size: tuple[int, int] | None, then: Callable[[Decoded], Found]
) -> Found:
    """Bytes go to a child process, pixels come back; its share of the memory is held meanwhile."""
    with contextlib.ExitStack() as held:
        with room.child() as child:
            _send(child, content, {"job": "image", "size": size})
            message, raw = child.receive()
            if "needs" in message:
                held.enter_context(DECODING.of(child.read(message, {"needs": Whole(0)})["needs"]))
                child.send({})
                message, raw = child.receive()
            read = child.read(message, _IMAGE)
            rows, columns, warning = read["rows"], read["columns"], read["warning"]
            with child.judged():
                if rows * columns > PIXELS.value() or not (warning is None or isinstance(warning, str)):
                    raise ValueError("an image that is none")
                pixels = np.frombuffer(raw, np.uint8).reshape(rows, columns, read["channels"])
        warning = None if warning is None else warning[:1000]
        taken = Taken(read["milliseconds"], read["camera"])
        return then(Decoded(pixels, read["mode"], warning, (read["height"], read["width"]), taken))


def _send(child: Child, content: bytes, message: dict[str, Any]) -> None:
    """Send the bytes of an image, unless they are more than fit."""
    if len(content) > MEMORY.value():
        raise DataError("larger than {value:,.0f} MB; {remedy}", MEMORY.value() / 1000000.0, MEMORY.remedy)
    child.send(message, content)


def read_content(source: Path | bytes) -> bytes:
    """The bytes of an image; bytes are returned as they are."""
    if isinstance(source, bytes):
        return _not_empty(source)
    try:
        content = read_regular(source, MEMORY.value())
    except (OSError, ValueError) as error:
        raise _unreadable(error) from error
    return _not_empty(content)


def header_of(source: Path | bytes) -> tuple[int, int, str]:
    """Height, width and kind of the upright image, of a file by what comes before its pixels."""
    room = current()
    if room is not None:
        content = read_content(source)
        with room.child() as child:
            _send(child, content, {"job": "header"})
            read = child.read(child.receive()[0], _HEADER)
        return read["height"], read["width"], read["mode"]
    with contextlib.ExitStack() as stack:
        stack.enter_context(quiet_pillow())
        try:
            file = io.BytesIO(source) if isinstance(source, bytes) else open_regular(source)
            start = stack.enter_context(file).read(_START_BYTES)
            file.seek(0)
        except (OSError, ValueError) as error:
            raise _unreadable(error) from error
        try:
            with _open(file, _not_empty(start)[:2]) as image:
                return (*upright_size(image), _MODE_NAMES.get(image.mode, image.mode))
        except DataError:
            raise
        except Exception as error:  # Pillow's decoders raise almost any type on damaged bytes
            raise _plain_reason(error, start) from error


def _not_empty(content: bytes) -> bytes:
    if not content:
        raise DataError("empty file (zero bytes)")
    return content


def _unreadable(error: OSError | ValueError) -> DataError:
    """Turn what the system says about a file into a plain reason."""
    if isinstance(error, FileNotFoundError):
        return DataError("no such file")
    reason = getattr(error, "strerror", None) or str(error)
    return DataError("cannot be read ({lower})", reason.lower())


def _open(file: io.BytesIO | io.BufferedReader, start: bytes) -> Image.Image:
    """Open without decoding; refuse more pixels than the budget admits, or the bytes can honestly hold."""
    image = Image.open(file, formats=_FORMAT_OF_START.get(start) or _formats())
    limit, pixels, size = PIXELS.value(), image.width * image.height, f"{image.height:,} x {image.width:,}"
    # Columns count like rows, which they become in an image that lies on its side.
    of_rows = PIXELS_OF_A_ROW * max(0, max(image.size) - ROWS_OF_AN_IMAGE)
    if pixels + of_rows > limit:
        rows = (
            Sentence(", with {of_rows:,} for the memory of so long a side,", of_rows)
            if pixels <= limit
            else ""
        )
        raise TooManyPixels(
            "{size} pixels{rows} is over the limit of {limit:,} pixels; {remedy}",
            size,
            rows,
            limit,
            PIXELS.remedy,
        )
    if pixels > PIXELS_ANYWAY:
        before = file.tell()
        length = file.seek(0, io.SEEK_END)
        file.seek(before)
        if pixels > PIXELS_PER_BYTE * length:
            raise TooManyPixels(
                "{size} pixels are more than {length:,} bytes can hold; use an undamaged copy", size, length
            )
    return image


@functools.cache
def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this build of Pillow has (AVIF came with 11.3)."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


# The head of a scan of a JPEG: its marker, its length and the number of its components.
_SCAN = re.compile(rb"\xff\xda\x00[\x08\x0a\x0c\x0e][\x01-\x04]")


def _require_few_scans(content: bytes) -> None:
    """Refuse a JPEG of very many scans, each of which goes through all pixels again.

    Source: ITU-T T.81 (1992), "Digital compression of continuous-tone still images", B.2.3.
    """
    if any(True for _ in itertools.islice(_SCAN.finditer(content), SCANS, None)):
        raise DataError("JPEG of more than {SCANS} scans, where images have about ten; save it anew", SCANS)


def _frames_warning(image: Image.Image) -> str | None:
    """A sentence when an open image holds more than the one frame that is used."""
    if image.format in (*_JPEGS, "BMP"):
        return None
    file: Seekable | None = getattr(image, "fp", None)
    if image.format == "TIFF" and file is not None:
        pages = tiff_pages(file)
        counted = Sentence("more than {FRAMES:,}", FRAMES) if pages > FRAMES else str(pages)
        return Sentence("{counted} pages; the first is used", counted) if pages > 1 else None
    if image.format == "GIF" and file is not None:
        # Pillow would go through each of far more frames than are counted.
        before = file.tell()
        file.seek(0)
        content = file.read()
        file.seek(before)
        if len(content) > _SMALL_GIF and content.count(_BETWEEN_FRAMES) > 20 * FRAMES:
            return Sentence("animated, more than {FRAMES:,} frames; the first is used", FRAMES)
    frames = getattr(image, "n_frames", 1)
    return Sentence("animated, {frames} frames; the first is used", frames) if frames > 1 else None


def tiff_pages(file: Seekable, most: int = FRAMES) -> int:
    """Count the directories of a TIFF, of which each names the next; at most one more than `most`.

    Source: Adobe 1992, "TIFF revision 6.0", section 2.
    """
    before, seen = file.tell(), set[int]()
    try:
        file.seek(0)
        head = file.read(16)
        order = "<" if head[:2] == b"II" else ">"
        is_big = head[2:4] in (b"+\0", b"\0+")
        count, entry, place = ("Q", 20, "Q") if is_big else ("H", 12, "I")
        (offset,) = struct.unpack_from(f"{order}{place}", head, 8 if is_big else 4)
        while offset and offset not in seen and len(seen) <= most:
            seen.add(offset)
            file.seek(offset)
            (entries,) = struct.unpack(f"{order}{count}", file.read(struct.calcsize(count)))
            file.seek(offset + struct.calcsize(count) + entries * entry)
            (offset,) = struct.unpack(f"{order}{place}", file.read(struct.calcsize(place)))
    except (struct.error, OSError, OverflowError, ValueError):
        pass  # the chain is cut short; whether the first page is whole is for the decoder to say
    finally:
        file.seek(before)
    return max(1, len(seen))


def _plain_reason(error: Exception, content: bytes) -> DataError:
    """One plain reason of whatever a decoder raised on bad bytes."""
    if isinstance(error, UnidentifiedImageError):
        return DataError(what_it_is(content))
    if isinstance(error, Image.DecompressionBombError):
        match = re.search(r"\((\d+) pixels\)", str(error))
        found = f"{int(match[1]):,}" if match else "the image's number of"
        return TooManyPixels(
            "{found} pixels is over the limit of {value:,} pixels; {remedy}",
            found,
            PIXELS.value(),
            PIXELS.remedy,
        )
    if isinstance(error, MemoryError):
        return DataError("too large for this machine's memory")
    text = " ".join(str(error).split())
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return DataError("truncated image")
    return DataError("corrupt image ({value})", text or type(error).__name__)


# An image as pages show it: decoded, and saved anew, not larger than needed.

# Images of fewer pixels are shown as they are, without the losses of JPEG.
_SMALL = 256 * 256


def shown_image(content: bytes, side: int) -> tuple[bytes, str]:
    """A PNG or JPEG of an image, its longer side at most `side` pixels, with its media type.

    Raises: `DataError` with the reason why it cannot be read.
    """

    def shown(decoded: Decoded) -> np.ndarray:
        own = decoded.size
        size = own if max(own) <= side else inner_size(own, (side, side))
        return fit_image(decoded.pixels, size, decoded.pixels.shape[2], own)

    with quiet_pillow():
        pixels = decode_content(content, (side, side), shown)
    is_small = pixels.shape[0] * pixels.shape[1] <= _SMALL
    file = io.BytesIO()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if is_small:
        image.save(file, "PNG")
    else:
        image.save(file, "JPEG", quality=90)
    return file.getvalue(), "image/png" if is_small else "image/jpeg"
