"""Program of the child processes that decode: what it is given is untrusted, and so may it become itself.

Started by `pellucid.safety.isolation` with its job. It imports all that it will need, limits itself for good,
and only then takes the first byte.
"""

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import MEMORY, PIXELS
from pellucid.safety.isolation import Channel, answer_parent, begin_job, confine, image_memory, refused

# Bytes of memory for which no parent is asked: as many threads as there are cores take that much anyway.
_LITTLE = 8 << 20


def main(words: Sequence[str]) -> None:
    """Do the work of one job, `images`, `columns` or `workbooks`, until the parent is gone."""
    work = _images if words[0] == "images" else partial(_tables, job=words[0])
    answer_parent(work, MEMORY.value() + 3 * PIXELS.value())


def _images(channel: Channel) -> None:
    """Decode images, one after the other."""
    from PIL import Image

    from pellucid.data.images.decoding import DECODING, decode_content, header_of, quiet_pillow

    Image.init()

    def ask(needed: int) -> None:
        if needed > _LITTLE:
            channel.send({"needs": needed})
            channel.receive()

    DECODING.asked = ask

    def kept(decoded: Any) -> tuple[dict[str, Any], memoryview]:
        """The description of an image, and its pixels."""
        rows, columns, channels = decoded.pixels.shape
        (height, width), taken = decoded.size, decoded.taken
        message = {
            "height": height, "width": width, "mode": decoded.mode, "rows": rows, "columns": columns,
            "channels": channels, "warning": decoded.warning, "milliseconds": taken.milliseconds,
            "camera": taken.camera,
        }  # fmt: skip
        return message, np.ascontiguousarray(decoded.pixels).data.cast("B")

    channel.send({"unlimited": confine(may_open=False, memory=image_memory())})
    while (asked := channel.receive()) is not None:
        begin_job()
        message, content = asked
        pixels = memoryview(b"")
        try:
            with quiet_pillow():
                if message["job"] == "header":
                    reply = dict(zip(("height", "width", "mode"), header_of(content), strict=True))
                else:
                    size = message["size"]
                    reply, pixels = decode_content(content, None if size is None else tuple(size), kept)
        except DataError as error:
            reply = refused(error)
        channel.send(reply, pixels)


def _tables(channel: Channel, job: str) -> None:
    """Answer what is asked of tables; for them, and the names of time zones, it may open files."""
    from pellucid.data.tables.table_worker import answer, prepare, too_large

    prepare(job)
    # Of the address space that Arrow asks for it uses half: 550 MB of 1,500 for a page of 160 MB.
    channel.send({"unlimited": confine(may_open=True, memory=2 * MEMORY.value())})
    while (asked := channel.receive()) is not None:
        begin_job()
        try:
            reply = answer(asked[0])
            if reply is not None:
                channel.send(*reply)
        except MemoryError:
            channel.send({"error": Sentence("{asked}: {too_large}", asked[0]["place"], too_large())})
        except DataError as error:
            channel.send(refused(error))


if __name__ == "__main__":
    main(sys.argv[1:])
