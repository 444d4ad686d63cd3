"""Program of the child processes that decode: what it is given is a stranger's, and so may it become itself.

Started by `pellucid.isolation` with its job and open files by their numbers. It imports all that it
will need, limits itself for good, and only then takes the first byte.
"""

import mmap
import os
import socket
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.budgets import MEMORY
from pellucid.data.images.decoding_threads import DECODING, quiet_pillow
from pellucid.errors import DataError
from pellucid.isolation import Channel, begin_job, confine

# Bytes of memory for which no parent is asked: as many threads as there are cores take that much anyway.
_LITTLE = 8 << 20


def main(words: Sequence[str]) -> None:
    """Do the work of one kind, `images`, `parquet` or `arrow`, until the parent is gone."""
    job, *numbers = words
    end, memory, *files = map(int, numbers)
    channel = Channel(socket.socket(fileno=end), MEMORY.value())
    shared = mmap.mmap(memory, 0)
    try:
        if job == "images":
            _images(channel, shared)
        else:
            _columns(channel, shared, job, files[0])
    except BrokenPipeError:
        pass  # the parent went away


def _images(channel: Channel, shared: mmap.mmap) -> None:
    """Decode images, one after the other."""
    from PIL import Image

    from pellucid.data.images.decoding import decode_content, header_of

    Image.init()

    def ask(needed: int) -> None:
        if needed > _LITTLE:
            channel.send({"needs": needed})
            channel.receive()

    DECODING.asked = ask

    def kept(decoded: Any) -> dict[str, Any]:
        """Copy pixels into shared memory; what is said of them."""
        rows, columns, channels = decoded.pixels.shape
        shared[: decoded.pixels.nbytes] = np.ascontiguousarray(decoded.pixels).data.cast("B")
        (height, width), taken = decoded.size, decoded.taken
        return {
            "height": height, "width": width, "mode": decoded.mode, "rows": rows, "columns": columns,
            "channels": channels, "warning": decoded.warning, "milliseconds": taken.milliseconds,
            "camera": taken.camera,
        }  # fmt: skip

    channel.send({"unlimited": confine(may_open=False)})
    while (asked := channel.receive()) is not None:
        begin_job()
        content = shared[: asked["bytes"]]
        try:
            with quiet_pillow():
                if asked["job"] == "header":
                    reply = dict(zip(("height", "width", "mode"), header_of(content), strict=True))
                else:
                    size = asked["size"]
                    reply = decode_content(content, None if size is None else tuple(size), kept)
        except DataError as error:
            reply = {"error": str(error)}
        channel.send(reply)


def _columns(channel: Channel, shared: mmap.mmap, form: str, number: int) -> None:
    """Answer what is asked of one Parquet or Arrow file; for the names of time zones it may open files."""
    from pyarrow import parquet  # noqa: F401

    from pellucid.data.tables.columnar_files import ColumnsHere, replies

    mapped = os.fstat(number).st_size if form == "arrow" else 0
    channel.send({"unlimited": confine(may_open=True, mapped=mapped)})
    asked = channel.receive()
    if asked is None:
        return
    with os.fdopen(number, "rb") as file:
        columns = ColumnsHere(form, file, asked["place"])
        while (asked := channel.receive()) is not None:
            begin_job()
            try:
                for reply in replies(columns, asked, shared):
                    channel.send(reply)
            except DataError as error:
                channel.send({"error": str(error)})


if __name__ == "__main__":
    main(sys.argv[1:])
