"""Ranks other than the first: they end when their parent does, and leave signals to rank 0.

`python -m pellucid.training.follower` is how rank 0 starts one.
"""

import os
import sys
import time
import traceback
from collections.abc import Callable

from pellucid.errors import RankFailedError
from pellucid.language.sentence import Sentence
from pellucid.training.joint import follow
from pellucid.training.observers import signals_to
from pellucid.training.ranks import GRACE, Ranks, of_started, of_torchrun


def follow_torchrun(threads: int | None) -> None:
    """Take part, as `torchrun` started this process, until rank 0 ends; returns where all went well."""
    _serve(lambda: of_torchrun(threads))


def _serve(connect: Callable[[], Ranks]) -> None:
    """Connect, and follow; the process ends at once where that fails."""
    rank = "this rank"
    try:
        ranks = connect()
        rank = Sentence("rank {rank} of {size}", ranks.rank, ranks.size)
        with signals_to(lambda *_: None):  # rank 0 takes them, and decides
            follow(ranks)
        ranks.close()
        return
    except RankFailedError:
        time.sleep(GRACE)  # so that rank 0, which reports it, finds out which rank was the first
    except BaseException as error:
        traceback.print_exception(error)
        sys.stderr.write(Sentence("error: {rank}: {name}: {error}\n", rank, type(error).__name__, error))
        sys.stderr.flush()
    os._exit(RankFailedError.exit_code)  # without waiting for ranks that do not answer


if __name__ == "__main__":
    folder, place, size, threads, time_out, parent = sys.argv[1:]
    if os.getppid() == int(parent):
        _serve(lambda: of_started(folder, int(place), int(size), int(threads), float(time_out)))
        os._exit(0)  # at once: to give memory back piece by piece takes longer than a small training
