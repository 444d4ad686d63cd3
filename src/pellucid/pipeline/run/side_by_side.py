"""Two pieces of work at a time: one in the main thread, which takes the signals, one in a thread beside."""

import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

Here = TypeVar("Here")
Beside = TypeVar("Beside")


def side_by_side(
    here: Callable[[], Here], beside: Callable[[Callable[[], bool]], Beside]
) -> tuple[Here, Beside]:
    """Results of both, once both are done.

    `beside` is given a function that says whether it should stop early: what was done here has failed, or a
    signal came. That error is raised once it has stopped; where nothing failed here, its own.
    """
    stopped = threading.Event()
    # Each would put filters of warnings and the threads of matrix products back to what it found, which the
    # other may have set: so both find here what they would set.
    with warnings.catch_warnings(), threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(1) as pool:
        other = pool.submit(beside, stopped.is_set)
        try:
            return here(), other.result()
        except BaseException:
            stopped.set()
            raise
