"""The held-out examples of a run, found again through its ledger, on which an export proves itself."""

from pathlib import Path
from typing import NamedTuple

from pellucid.answering.training_examples import ChangedData, rows_of, run_of
from pellucid.data.listing import TEST, VALIDATION, Listing
from pellucid.errors import DataError, PellucidError, UsageError

MOST_EXAMPLES = 1_000


class HeldOutExamples(NamedTuple):
    """Rows of labelled data that a model did not learn from.

    Attributes:
        listing: the data of the run, read again.
        rows: their positions.
    """

    listing: Listing
    rows: list[int]


def held_out_examples(place: str, folder: Path, most: int = MOST_EXAMPLES) -> HeldOutExamples:
    """Up to `most` test examples of the run in which a model folder lies; without such, validation examples.

    Raises: `UsageError` if the folder lies in no run, `DataError` if the run's data is gone or changed.
    """
    run = run_of(folder)
    if run is None:
        raise UsageError(
            f"{place}: no run, so there are no held-out examples on which the file could be proved; "
            "give the RUN folder that pellucid train wrote"
        )
    try:
        for split in (TEST, VALIDATION):
            listing, rows = rows_of(run, (split,), most)
            if rows:
                return HeldOutExamples(listing, rows)
    except ChangedData as error:
        raise DataError(f"{place}: {error}; put the data back, on which the file is proved") from error
    except PellucidError as error:
        raise DataError(f"{place}: its data cannot be read again: {error}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{place}: the files of the run cannot be read; train it again") from error
    raise DataError(f"{place}: the run has no held-out examples on which the file could be proved")
