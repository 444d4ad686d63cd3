"""Inputs made ready while a model answers those before them."""

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator

from pellucid.answering.incoming.blocks import Block

_MOST_READY = 2
_PATIENCE = 0.1
_END = None


def ahead(blocks: Iterator[Block]) -> Generator[Block, None, None]:
    """Go through blocks that a thread makes ready beforehand, at most two more than are asked for.

    Decoding lets other threads compute, and so do the operations of a network: side by side they use what one
    of them alone would leave idle. What making a block raises is raised when its turn comes.
    """
    ready: queue.Queue[Block | BaseException | None] = queue.Queue(_MOST_READY)
    is_left = threading.Event()
    worker = threading.Thread(target=_make_ready, args=(blocks, ready, is_left), daemon=True)
    worker.start()
    try:
        while True:
            found = ready.get()
            if isinstance(found, BaseException):
                raise found
            if found is _END:
                return
            yield found
    finally:
        is_left.set()
        worker.join(timeout=1.0)  # one that waits for standard input may never come back


def _make_ready(
    blocks: Iterator[Block],
    ready: "queue.Queue[Block | BaseException | None]",
    is_left: threading.Event,
) -> None:
    """Fill the queue with blocks, and with the error or the end that follows them, until nobody listens."""

    def hand_over(found: Block | BaseException | None) -> bool:
        """Wait for room in the queue; false where nobody waits for the block any more."""
        while not is_left.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(found, timeout=_PATIENCE)
                return True
        return False

    try:
        for block in blocks:
            if not hand_over(block):
                break
        else:
            hand_over(_END)
    except BaseException as error:  # whatever it is belongs to the thread that asks
        hand_over(error)
    finally:
        close = getattr(blocks, "close", None)
        if close is not None:
            close()
