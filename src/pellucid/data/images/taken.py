"""When and by which camera a photograph was taken, by its EXIF."""

import hashlib
import re
from datetime import UTC, datetime
from typing import NamedTuple

from PIL import Image

_EXIF_FOLDER = 0x8769
_MAKE, _MODEL, _SERIAL = 0x010F, 0x0110, 0xA431
_TAKEN, _FRACTION = 0x9003, 0x9291
_TIME = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d) (\d\d):(\d\d):(\d\d)", re.ASCII)


class Taken(NamedTuple):
    """Moment of a photograph.

    Attributes:
        milliseconds: of the camera's own clock since 1970; -1 where the file does not say.
        camera: a number for make, model and serial number of the camera.
    """

    milliseconds: int
    camera: int


UNKNOWN = Taken(-1, 0)


def taken_of(image: Image.Image) -> Taken:
    """Read the moment from an open image; unknown where EXIF is missing, damaged or says nothing."""
    if "exif" not in image.info:
        return UNKNOWN
    try:
        exif = image.getexif()
        details = exif.get_ifd(_EXIF_FOLDER)
        match = _TIME.match(str(details.get(_TAKEN, "")))
        if match is None:
            return UNKNOWN
        moment = datetime.strptime("".join(match.groups()), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        fraction = re.match(r"\d{1,3}", str(details.get(_FRACTION, "")), re.ASCII)
        milliseconds = 1000 * int(moment.timestamp()) + (int(fraction[0].ljust(3, "0")) if fraction else 0)
        camera = repr([str(exif.get(_MAKE)), str(exif.get(_MODEL)), str(details.get(_SERIAL))]).encode()
    except Exception:  # a damaged EXIF block raises anything, and the pixels are still good
        return UNKNOWN
    if milliseconds <= 0:
        return UNKNOWN
    # Below 2**63, so that it stands in the same array as the time.
    return Taken(milliseconds, int.from_bytes(hashlib.blake2b(camera, digest_size=8).digest()) >> 1)
