"""Images decoded in a child process: their bytes go there, their pixels come back, both in shared memory."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from pellucid.budgets import MEMORY, PIXELS
from pellucid.data.images.sharing import DECODING
from pellucid.errors import DataError
from pellucid.isolation.child import Child
from pellucid.isolation.room import Room
from pellucid.strict import Anything, Fields, OneOf, Text, Whole

_SIDE, _MOMENT = Whole(1, 1 << 31), Whole(-1, (1 << 63) - 1)
_HEADER: Fields = {"height": _SIDE, "width": _SIDE, "mode": Text(40)}
_IMAGE: Fields = {
    **_HEADER,
    "rows": _SIDE,
    "columns": _SIDE,
    "channels": OneOf((1, 3)),
    "warning": Anything(),
    "milliseconds": _MOMENT,
    "camera": Whole(0, (1 << 63) - 1),
}


class Found(NamedTuple):
    """Image as a child decoded it: as `Decoded`, but for the types of `size` and `taken`."""

    pixels: UInt8[np.ndarray, "height width channels"]
    mode: str
    warning: str | None
    size: tuple[int, int]
    taken: tuple[int, int]


def header_apart(room: Room, content: bytes) -> tuple[int, int, str]:
    """Height, width and kind of an image, as `header_of`.

    Raises: `DataError` with the reason if it is none, or ended the child.
    """
    with room.child() as child:
        _give(child, content, {"job": "header"})
        read = child.read(child.receive(), _HEADER)
    return read["height"], read["width"], read["mode"]


@contextlib.contextmanager
def decoded_apart(room: Room, content: bytes, size: tuple[int, int] | None) -> Iterator[Found]:
    """An image at its own size, as `decode_content`; its share of the memory is held meanwhile.

    Raises: `DataError` with the reason if it cannot be decoded, or ended the child.
    """
    with contextlib.ExitStack() as held:
        with room.child() as child:
            _give(child, content, {"job": "image", "size": size})
            message = child.receive()
            if "needs" in message:
                needed = child.read(message, {"needs": Whole(0)})["needs"]
                held.enter_context(DECODING.of(needed))
                child.send({})
                message = child.receive()
            found = _found(child, child.read(message, _IMAGE))
            child.forget(max(len(content), found.pixels.nbytes))
        yield found


def _give(child: Child, content: bytes, message: dict[str, Any]) -> None:
    """Hand over the bytes of an image.

    Raises: `DataError` if there are more than fit.
    """
    if len(content) > MEMORY.value():
        raise DataError(f"larger than {MEMORY.value() / 1e6:,.0f} MB; {MEMORY.remedy}")
    child.shared[: len(content)] = content
    child.send({**message, "bytes": len(content)})


def _found(child: Child, read: dict[str, Any]) -> Found:
    """Pixels copied out of the memory, which the child could change at any time, and what is told of them.

    Raises: `DataError` after ending a child that tells of more than there may be.
    """
    shape = (read["rows"], read["columns"], read["channels"])
    warning = read["warning"]
    if shape[0] * shape[1] > PIXELS.value() or not (warning is None or isinstance(warning, str)):
        child.close()
        raise DataError("its decoder says what it never would; use an undamaged copy")
    pixels = np.frombuffer(child.shared, np.uint8, int(np.prod(shape))).reshape(shape).copy()
    return Found(
        pixels,
        read["mode"],
        None if warning is None else warning[:1000],
        (read["height"], read["width"]),
        (read["milliseconds"], read["camera"]),
    )
