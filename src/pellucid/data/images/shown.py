"""An image as pages show it: decoded, and saved anew, not larger than needed."""

import io

import numpy as np
from PIL import Image

from pellucid.data.images.decoding import Decoded, decode_content, quiet_pillow
from pellucid.data.images.pixels import fit_image, inner_size

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
