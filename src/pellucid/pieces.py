"""Work in pieces, each computed by one thread, so that results do not depend on how many threads there are.

Torch and NumPy's BLAS divide an operation among their threads, and sums round as they were divided. So an
operation has one thread here, and threads share out what is computed piece by piece: parts of a batch, blocks
of examples, parameters. The pieces are the same for any number of threads, and which thread computes one
decides nothing.
"""

import contextlib
import functools
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import ContextVar
from typing import TypeVar

import torch
from threadpoolctl import ThreadpoolController

Piece = TypeVar("Piece")
Found = TypeVar("Found")


class _Crew:
    """Threads for pieces, the calling one among them; the others are started when they are first needed."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._others: ThreadPoolExecutor | None = None

    @property
    def others(self) -> ThreadPoolExecutor:
        """The threads besides the calling one."""
        if self._others is None:
            self._others = ThreadPoolExecutor(self.threads - 1, "pieces")
        return self._others

    def close(self) -> None:
        """End the threads."""
        if self._others is not None:
            self._others.shutdown()


# Threads that a piece itself starts do not see it, and so compute with one.
_CREW: ContextVar[_Crew | None] = ContextVar("crew", default=None)


@functools.lru_cache(1)
def _libraries(_of_scipy: int) -> ThreadpoolController:
    """The libraries that are loaded, whose search takes milliseconds; SciPy's modules bring one of BLAS."""
    return ThreadpoolController()


def _one_thread_of_blas() -> contextlib.AbstractContextManager[object]:
    libraries = _libraries(sum(name.startswith("scipy.") for name in list(sys.modules)))
    limited: contextlib.AbstractContextManager[object] = libraries.limit(limits=1, user_api="blas")
    return limited


@contextlib.contextmanager
def shared_out(threads: int) -> Iterator[None]:
    """Within, an operation has one thread, and `in_pieces` has so many threads for its pieces."""
    before, crew = torch.get_num_threads(), _Crew(threads)
    torch.set_num_threads(1)  # for threads that are started from now on, too
    token = _CREW.set(crew)
    try:
        with _one_thread_of_blas():
            yield
    finally:
        _CREW.reset(token)
        crew.close()
        torch.set_num_threads(before)


def threads() -> int:
    """Threads that `in_pieces` has: those of `shared_out`; elsewhere as many as an operation of torch has."""
    crew = _CREW.get()
    return torch.get_num_threads() if crew is None else crew.threads


def in_pieces(work: Callable[[Piece], Found], pieces: Sequence[Piece]) -> list[Found]:
    """Results of `work` on pieces, in their order, each by one thread; the calling one has the first.

    An error in one keeps further ones from being begun, and is raised once all threads have stopped.
    """
    crew = _CREW.get()
    if crew is None:
        with shared_out(torch.get_num_threads()):
            return in_pieces(work, pieces)
    if min(crew.threads, len(pieces)) <= 1:
        return [work(piece) for piece in pieces]
    found: dict[int, Found] = {}
    following, has_failed = itertools.count(1), False

    def work_on(place: int) -> None:
        nonlocal has_failed
        try:
            while place < len(pieces) and not has_failed:
                found[place] = work(pieces[place])
                place = next(following)
        except BaseException:
            has_failed = True
            raise

    helpers = [
        crew.others.submit(lambda: work_on(next(following)))
        for _ in range(min(crew.threads, len(pieces)) - 1)
    ]
    try:
        work_on(0)
    finally:
        wait(helpers)
    for helper in helpers:
        helper.result()
    return [found[place] for place in range(len(pieces))]
