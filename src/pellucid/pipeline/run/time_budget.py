"""Time of a run or of one learner under a limit: what is left, and what is reserved for what comes later.

Stages read the clock when they begin, and turn what is left into counts, which the journal keeps. What a
stage will take is estimated by what the same work took on this run's own data; work of which nothing was done
yet by counts, times how much slower this machine is just now than an idle one.
"""

import math
import time

from pellucid.settings import Settings, parse_duration

# Of a time limit, what training a network gets in any case, even where the time is up before.
LEAST_SHARE = 0.1

# Seconds, and at most such a share of a limit, for the detector of a learner that nothing stands beside.
_OF_DETECTOR, _MOST_OF_DETECTOR = 3.0, 0.2

_PROBE = 0.08  # seconds; a scheduler lets others run every few milliseconds
_MOST_SLOWED = 20.0


class TimeBudget:
    """Seconds until a deadline, of which some are reserved for what comes later.

    Args:
        seconds: of the whole; `None` without a limit.
        began: reading of `time.monotonic` from which they count; default: now.
    """

    def __init__(self, seconds: float | None = None, began: float | None = None) -> None:
        self.whole = math.inf if seconds is None else seconds
        self.began = time.monotonic() if began is None else began
        self._reserved: dict[str, float] = {}

    @classmethod
    def of(cls, settings: Settings, began: float | None = None) -> "TimeBudget":
        """The time limit of settings."""
        return cls(parse_duration(settings.time_limit), began)

    @property
    def is_limited(self) -> bool:
        """True where there is a limit."""
        return math.isfinite(self.whole)

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began

    def reserve(self, what: str, seconds: float) -> None:
        """Set seconds aside for something that comes later; 0 gives them back."""
        self._reserved[what] = seconds

    def left(self) -> float:
        """Seconds left that are not reserved, below 0 after them; infinite without a limit."""
        return self.whole - self.spent - sum(self._reserved.values())

    @property
    def deadline(self) -> float:
        """Reading of `time.monotonic` at which nothing is left."""
        return time.monotonic() + self.left()


UNLIMITED = TimeBudget()


def learner_time(settings: Settings, began: float | None = None) -> TimeBudget:
    """A time limit for a learner that nothing stands beside, less what its detector takes."""
    found = TimeBudget.of(settings, began)
    if found.is_limited:
        found.reserve("detector", min(_OF_DETECTOR, _MOST_OF_DETECTOR * found.whole))
    return found


def slowdown() -> float:
    """How many times longer than on an idle machine work takes just now, at least 1, by a short look.

    Other programs take turns with this one: a loop that counts for a moment gets its share of the clock.
    """
    began, worked = time.perf_counter(), time.thread_time()
    while time.perf_counter() - began < _PROBE:
        pass
    share = (time.thread_time() - worked) / (time.perf_counter() - began)
    return min(_MOST_SLOWED, max(1.0, 1 / max(share, 1e-3)))
