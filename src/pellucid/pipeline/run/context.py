"""Context of a run: its time, cores, data and library versions, in one thing to hand on."""

import contextlib
import math
import platform
import time
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, NamedTuple

from pellucid import cores
from pellucid.data import Dataset
from pellucid.data.wording import count_of
from pellucid.errors import DataError
from pellucid.input_kinds import TEXTS
from pellucid.language.sentence import Sentence, join
from pellucid.pipeline.by_target import target_of_run
from pellucid.pipeline.run.journal import NOTES, Journal, RunFolder
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings, parse_duration
from pellucid.training.hardware import instructions


class Share(NamedTuple):
    """Most that a part of a run may take under a time limit: the smaller of two shares."""

    of_limit: float  # of the whole limit
    of_left: float = math.inf  # of what is left and not reserved when it begins


# Who gets how much of a time limit: the one table. What a part does not use is left for those after it.
SHARES = {
    "classical": Share(0.3, 0.5),
    "classical-of-texts": Share(0.55, 0.7),  # where linear models reach most in little time
    "classical-alone": Share(0.5, 1.0),
    # Features that were learned elsewhere are worth most where examples are few, if they serve all of these.
    "backbones": Share(0.5, 0.65),
    "backbones-on-a-part": Share(0.3, 0.5),
    "all-on-network": Share(0.12, 0.2),
    "one-on-network": Share(0.1, 1 / 3),
    "detector-alone": Share(0.2),
    "conclusion": Share(0.4),  # reserved at most
    "network": Share(0.1),  # it gets so much in any case where it was named, else it is left out with less
    "detectors": Share(0.05),  # while folds are judged
    "late-test": Share(0.03),  # the test of models that are there may end so much behind the limit
}

_OF_DETECTOR = 3.0  # seconds at most for the detector of a learner that trains alone
_PROBE = 0.08  # seconds; a scheduler lets others run every few milliseconds
_MOST_SLOWED = 20.0


class TimeBudget:
    """Seconds until a deadline, of which some are reserved for what comes later; of `None` without a limit.

    Stages read the clock when they begin, and turn what is left into counts, which the journal keeps. What a
    stage will take is estimated by what the same work took on this run's own data; work of which nothing was
    done yet by counts, times how much slower this machine is just now than an idle one.
    """

    def __init__(self, seconds: float | None = None, began: float | None = None) -> None:
        self.whole = math.inf if seconds is None else seconds
        self.is_limited = math.isfinite(self.whole)
        self.began = time.monotonic() if began is None else began
        self._reserved: dict[str, float] = {}

    @classmethod
    def of(cls, settings: Settings, began: float | None = None) -> "TimeBudget":
        """The time limit of settings."""
        return cls(parse_duration(settings.time_limit), began)

    def reserve(self, what: str, seconds: float) -> None:
        """Set seconds aside for something that comes later; 0 gives them back."""
        self._reserved[what] = seconds

    def left(self) -> float:
        """Seconds left that are not reserved, below 0 after them; infinite without a limit."""
        return self.whole - (time.monotonic() - self.began) - sum(self._reserved.values())

    def share(self, part: str, besides: float = 0.0) -> float:
        """Seconds that a part of the run may take at most, by `SHARES`, where others need some `besides`."""
        found = SHARES[part]
        of_left = math.inf if math.isinf(found.of_left) else found.of_left * (self.left() - besides)
        return max(0.0, min(found.of_limit * self.whole, of_left))

    @property
    def deadline(self) -> float:
        """Reading of `time.monotonic` at which nothing is left."""
        return time.monotonic() + self.left()


UNLIMITED = TimeBudget()


def learner_time(settings: Settings, began: float | None = None) -> TimeBudget:
    """A time limit for a learner that trains alone, less what its detector takes."""
    found = TimeBudget.of(settings, began)
    if found.is_limited:
        found.reserve("detector", min(_OF_DETECTOR, found.share("detector-alone")))
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


class RunContext(NamedTuple):
    """A run under way: its folder, data, settings, stages on the terminal, journal and time."""

    folder: RunFolder
    dataset: Dataset
    settings: Settings
    stages: Stages
    journal: Journal
    time: TimeBudget = UNLIMITED

    def leave_out(self, sentence: str) -> None:
        """Report, in a line and in the report, what there is no time for; a resumed run leaves it out too."""
        if self.journal.note(sentence):
            self.stages.paragraph(sentence)

    def affords(self, seconds: float, sentence: str) -> bool:
        """True where so many seconds are left; otherwise report, by a sentence, what is left out.

        What a run before a kill left out stays so.
        """
        is_affordable = sentence not in self.journal.content.get(NOTES, ()) and seconds <= self.time.left()
        if not is_affordable:
            self.leave_out(sentence)
        return is_affordable


@contextlib.contextmanager
def free_cores(settings: Settings, journal: Journal, stages: Stages) -> Iterator[None]:
    """Compute with one thread for each core that other programs left free when the run was started.

    A second thread on a core that is taken makes each step wait for the slower of the two. Nothing is counted
    where the user says how many threads to use.
    """
    with cores.sharing(settings.threads, lambda: journal.decided("free_cores", cores.free)) as found:
        usable = cores.usable()
        if found is not None and found < usable:
            stages.paragraph(
                Sentence(
                    "Other programs keep {usable} of {usable2} busy, so this run "
                    "computes with {found}; --threads {usable3} makes it use all.",
                    usable - found,
                    count_of(usable, "core"),
                    count_of(found, "thread"),
                    usable,
                )
            )
        yield


_LIBRARIES = ("pellucid", "torch", "numpy", "pillow", "safetensors")


def require_same_data(place: str, dataset: Dataset, journal: Journal, stages: Stages) -> None:
    """Enter data and versions into the journal; refuse to resume on other data, warn of other versions."""
    fitted = dataset.preprocessing  # None for texts, which every model makes ready in its own way
    identity = data_identity(dataset)
    kept = None if fitted is None else fitted.to_json()
    before = journal.decided("data", lambda: {"place": place, **identity, "preprocessing": kept})
    changed = [
        Sentence("{name} was {name2}, is {value}", name, before.get(name), value)
        for name, value in identity.items()
        if before.get(name) != value
    ]
    if changed:
        raise DataError(
            "{place}: the data changed since the run was started ({changed}); "
            "restore it, or start again with --overwrite",
            place,
            join("; ", changed),
        )
    # Texts also depend on what cuts them into tokens.
    names = (*_LIBRARIES, *(("tokenizers",) if dataset.input_kind is TEXTS else ()))
    versions = {"python": platform.python_version(), **{name: version(name) for name in names}}
    versions["instructions"] = instructions()
    before = journal.decided("versions", lambda: versions)
    for name, value in versions.items():
        if before.get(name, value) != value:  # an older run may not have noted it
            stages.line(
                Sentence(
                    "warning: {name} was {name2}, is {value}; weights may differ from an unbroken run",
                    name,
                    before.get(name),
                    value,
                )
            )


def task_name(dataset: Dataset, settings: Settings | None = None) -> str:
    """The task as `metrics.json` names it, such as `image-classification` or `text-regression`.

    With settings that ask for a network which makes images it is `image-generation`.
    """
    target = dataset.target if settings is None else target_of_run(settings.model, dataset)
    return f"{dataset.input_kind.task}-{target.name}"


def data_identity(dataset: Dataset) -> dict[str, Any]:
    """Facts that must be equal for a resumed run to go on with the same data."""
    return {
        "train": len(dataset.train),
        "validation": len(dataset.validation),
        "test": len(dataset.test),
        "classes": list(dataset.classes),
        "fingerprint": dataset.fingerprint,
    }
