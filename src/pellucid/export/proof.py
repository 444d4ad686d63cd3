"""Proof of an export: it answers held-out examples, from original files, and abstains as the model does."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pellucid.answering.incoming import incoming_rows
from pellucid.answering.training_examples import ChangedData, rows_of, run_of
from pellucid.arithmetic.probabilities import decided
from pellucid.bundle import Answers, HeldOut, Model
from pellucid.data.listing import TEST, VALIDATION, Listing
from pellucid.errors import DataError, ModelFileError, PellucidError, UsageError
from pellucid.evaluation.promises import checked_promise, least_examples
from pellucid.runtime.exported import ExportedModel
from pellucid.runtime.metadata import Threshold

# The held-out examples of a run, found again through its ledger, on which an export proves itself.

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


# Thresholds of trust for a few errors, so that a file's promises can be kept without computing them.

# Errors for which a file holds thresholds, where the held-out answers suffice to promise them.
ERRORS = (0.01, 0.02, 0.05, 0.1, 0.2)


def thresholds_of(
    held_out: HeldOut | None, classes: Sequence[str], rate: float | None, decision: Mapping[str, float]
) -> tuple[Threshold, ...]:
    """Thresholds for the errors that held-out answers suffice to promise and the test does not refute.

    None where numbers are predicted. `rate` is the share of familiar inputs that may count as unfamiliar,
    `decision` the threshold between two classes, if any.
    """
    if held_out is None or not classes:
        return ()
    judged, of_test = (
        None if each is None else each.judged(rate, decided(each.said, classes, decision))
        for each in (held_out, held_out.test)
    )
    assert judged is not None  # only the test may be missing
    possible = (error for error in ERRORS if len(held_out) >= least_examples(error))
    found = [checked_promise(judged, of_test, error) for error in possible]
    return tuple(
        Threshold(each.max_error, each.threshold if each.answered else None)
        for each in found
        if not each.is_refuted
    )


_REFERENCE_EXAMPLES = 4
_SHOWN = 3


class Allowance(NamedTuple):
    """Change of an answer that rounding may make.

    Attributes:
        difference: largest one of a probability, and of a number as a share of the largest.
        tie: another label is no fault where the model itself finds both equally likely, to so much.
        novelty: difference of novelty, beyond one rank of the validation examples.
    """

    difference: float
    tie: float
    novelty: float


# Of a file with the weights of the model in their own precision.
ALLOWANCE = Allowance(difference=1e-4, tie=1e-5, novelty=1e-4)


class Proof(NamedTuple):
    """Outcome of a proof that was passed.

    Attributes:
        examples: answered by onnxruntime and by the model.
        reference: of these answered by `onnx.reference` too.
        difference: largest one found, of probabilities or numbers.
    """

    examples: int
    reference: int
    difference: float


class DisagreeingError(ModelFileError):
    """An exported file answers held-out examples otherwise than its model."""


class _Differing(NamedTuple):
    """An example about which file and model disagree."""

    name: str
    by_model: str
    by_file: str


def prove(
    model: Model, exported: ExportedModel, reference: ExportedModel, examples: HeldOutExamples
) -> Proof:
    """Ask the model, and the file by two engines, about the same original files, decoded for each anew.

    Labels must be equal unless the model itself finds two equally likely; probabilities within `ALLOWANCE`;
    novelty within one rank of the validation examples.

    Raises: `ModelFileError` with examples if they disagree, `DataError` if none can be read any more.
    """
    asked = incoming_rows(model, examples.listing, examples.rows)
    again = incoming_rows(exported, examples.listing, examples.rows)
    answered = checked = 0
    largest = 0.0
    for ours, theirs in zip(asked.blocks, again.blocks, strict=True):
        readable = [name for name, error in zip(ours.names, ours.errors, strict=True) if not error]
        if not readable:
            continue
        said = model.answer(ours.inputs)
        largest = max(
            largest, compare(model, readable, said, exported.computed(theirs.inputs), "onnxruntime")
        )
        few = min(_REFERENCE_EXAMPLES - checked, len(readable))
        if few > 0:
            part = Answers(said.said[:few], None if said.novelty is None else said.novelty[:few])
            found = reference.computed(theirs.inputs[:few])
            largest = max(largest, compare(model, readable[:few], part, found, "onnx.reference"))
            checked += few
        answered += len(readable)
    if not answered:
        raise DataError("export: none of the held-out examples can be read any more; put the data back")
    return Proof(answered, checked, largest)


def compare(
    model: Model,
    names: Sequence[str],
    ours: Answers,
    theirs: Any,
    engine: str,
    allowance: Allowance = ALLOWANCE,
) -> float:
    """Largest difference of the answers of a model and of a file, which `engine` answers.

    Raises: `DisagreeingError` if it is too large, a label is another, or novelty is.
    """
    if ours.said.shape != theirs.said.shape:
        raise ModelFileError(f"export: {engine} gives answers of the shape {theirs.said.shape}; not written")
    off = np.abs(ours.said - theirs.said).reshape(len(names), -1).max(axis=1)
    scale = 1.0 if model.classes else max(1e-30, float(np.abs(ours.said).max()))
    wrong = ~(off <= allowance.difference * scale)
    if model.classes:
        wrong |= _other_labels(ours.said, theirs.said, allowance.tie)
    wrong |= _other_novelty(model, ours, theirs, allowance.novelty)
    if wrong.any():
        places = np.flatnonzero(wrong)
        shown = list(islice(_differing(model, names, ours, theirs, places), _SHOWN))
        listed = "; ".join(
            f"{each.name}: {each.by_model} by the model, {each.by_file} by the file" for each in shown
        )
        raise DisagreeingError(
            f"export: not written: {engine} disagrees with the model on {len(places):,} of {len(names):,} "
            f"held-out {model.input_kind.nouns} ({listed}); please report it"
        )
    return float(off.max())


def _other_labels(ours: np.ndarray, theirs: np.ndarray, tie: float) -> np.ndarray:
    """True where the label is another, and the model does not find both equally likely."""
    best, other = ours.argmax(axis=1), theirs.argmax(axis=1)
    rows = np.arange(len(ours))
    other_labels: np.ndarray = (best != other) & (ours[rows, best] - ours[rows, other] > tie)
    return other_labels


def _other_novelty(model: Model, ours: Answers, theirs: Any, more: float) -> np.ndarray:
    """True where novelty is off by more than a rank, which rounding may change."""
    if model.detector is None or ours.novelty is None or theirs.novelty is None:
        return np.full(len(ours.said), (ours.novelty is None) != (theirs.novelty is None))
    rank = 1 / (len(model.detector.reference) + 1)
    other_novelty: np.ndarray = ~(np.abs(ours.novelty - theirs.novelty) <= rank + more)
    return other_novelty


def _differing(
    model: Model, names: Sequence[str], ours: Answers, theirs: Any, places: np.ndarray
) -> Iterator[_Differing]:
    """Examples of disagreement, in words."""
    for place in places.tolist():
        yield _Differing(names[place], _told(model, ours, place), _told(model, theirs, place))


def _told(model: Model, answers: Any, place: int) -> str:
    """An answer in words."""
    said = answers.said[place]
    words = f"{said:.6g}" if said.ndim == 0 else f"{model.classes[int(said.argmax())]} {said.max():.5f}"
    return words if answers.novelty is None else f"{words} (novelty {answers.novelty[place]:.4f})"
