"""Frames and pages of an image, counted no further than anybody wants to know."""

import struct

from PIL import Image

from pellucid.budgets import FRAMES
from pellucid.regular import Seekable

_UNCOUNTED = ("JPEG", "MPO", "BMP")
_SMALL_GIF = 1 << 20
_BETWEEN_FRAMES = b"\x00,"


def frames_warning(image: Image.Image) -> str | None:
    """A sentence when an open image holds more than the one frame that is used."""
    if image.format in _UNCOUNTED:
        return None
    file: Seekable | None = getattr(image, "fp", None)
    if image.format == "TIFF" and file is not None:
        pages = tiff_pages(file)
        counted = f"more than {FRAMES:,}" if pages > FRAMES else str(pages)
        return f"{counted} pages; the first is used" if pages > 1 else None
    if image.format == "GIF" and file is not None and _has_many(file):
        return f"animated, more than {FRAMES:,} frames; the first is used"
    frames = getattr(image, "n_frames", 1)
    return f"animated, {frames} frames; the first is used" if frames > 1 else None


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


def _has_many(file: Seekable) -> bool:
    """Tell a GIF of far more frames than are counted, each of which would be looked at."""
    before = file.tell()
    file.seek(0)
    content = file.read()
    found = content.count(_BETWEEN_FRAMES) if len(content) > _SMALL_GIF else 0
    file.seek(before)
    return found > 20 * FRAMES
