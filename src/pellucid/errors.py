"""Errors that a user can meet, and the exit code each ends the command with.

    PellucidError
    ├── UsageError          2   also ValueError
    │   └── ArgumentError   2   also TypeError
    ├── DataError           3   also ValueError
    ├── ModelFileError      4   also ValueError
    │   └── NotFiniteError  4
    ├── StorageError        5   also OSError
    │   ├── RunLockedError  5
    │   └── ChangedFileError 5
    ├── DivergedError       6   also ArithmeticError
    ├── RankFailedError     7
    └── InterruptedRun      129, 130 or 143

A message reads `PLACE: what is wrong; what to do`. It is given as a template and the values of its fields:
`DataError("{path}: row {row:,} has no label", path, row)`.
"""

from collections import abc

from pellucid.language.sentence import Sentence


class PellucidError(Exception):
    """Root of all errors that Pellucid raises on purpose.

    Args:
        template: message with a name for each field; without values the message itself.
        *values: of the fields, in their order.

    Attributes:
        exit_code: what the command returns to the shell for this error.
        sentence: the message with its template and values.
    """

    exit_code = 1

    def __init__(self, template: str = "", *values: object) -> None:
        self.sentence = template if isinstance(template, Sentence) else Sentence(template, *values)
        super().__init__(self.sentence)


class UsageError(PellucidError, ValueError):
    """A setting, flag or argument is unknown, out of range or contradicts another."""

    exit_code = 2


class ArgumentError(UsageError, TypeError):
    """A parameter that an estimator does not have."""


class DataError(PellucidError, ValueError):
    """The data cannot be used as it is; the message names the file and row."""

    exit_code = 3


class ModelFileError(PellucidError, ValueError):
    """A model folder is damaged, unsafe or not a model."""

    exit_code = 4


class NotFiniteError(ModelFileError):
    """A model whose weights are finite computes something for an input that is no finite number.

    Attributes:
        places: positions of all such inputs among those that were asked about together, ascending from 0.

    Args:
        message: what the user reads.
        places: see the attribute.
    """

    places: tuple[int, ...]

    def __init__(self, message: str, places: abc.Sequence[int]) -> None:
        super().__init__(message)
        self.places = tuple(places)


class StorageError(PellucidError, OSError):
    """The disk is full, a path is missing or permission is denied."""

    exit_code = 5


class RunLockedError(StorageError):
    """Another process is writing to the same run."""


class ChangedFileError(StorageError):
    """Somebody else has changed, renamed or removed a file that this process writes."""


class DivergedError(PellucidError, ArithmeticError):
    """The loss or a gradient stopped being finite."""

    exit_code = 6


class RankFailedError(PellucidError):
    """One of the processes that train together ended, stopped, or cannot do what the others do."""

    exit_code = 7


class InterruptedRun(PellucidError):
    """The user or the system asked the run to stop; a checkpoint was written first.

    Args:
        message: what the user reads.
        signal_number: the signal received; the exit code is 128 plus it.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number
