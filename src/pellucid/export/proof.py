"""Proof of an export: it answers held-out examples, from original files, and abstains as the model does."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pellucid.answering.incoming import incoming_rows
from pellucid.answering.training_examples import ChangedData, rows_of, run_of
from pellucid.bundle import Answers, HeldOut, Model
from pellucid.data.listing import TEST, VALIDATION, Listing
from pellucid.errors import DataError, ModelFileError, PellucidError, UsageError
from pellucid.evaluation.promises import checked_promise, least_examples
from pellucid.export.by_target import HEADS
from pellucid.language.sentence import Sentence, join
from pellucid.runtime.exported import ExportedModel
from pellucid.runtime.metadata import Metadata, Threshold

# Held-out examples by which an export is proved.
MOST_EXAMPLES = 1_000
# Of these answered by `onnx.reference` too, and those that a message shows.
_REFERENCE_EXAMPLES = 4
_SHOWN = 3

# Errors for which a file has thresholds of trust, where the held-out answers suffice to promise them.
ERRORS = (0.01, 0.02, 0.05, 0.1, 0.2)


class HeldOutExamples(NamedTuple):
    """Labelled data that a model did not learn from: a listing, read again, and positions in it."""

    listing: Listing
    rows: list[int]
    split: str = TEST  # that they are of; what is kept of a model may have learned from validation in the end


def held_out_examples(place: str, folder: Path, most: int = MOST_EXAMPLES) -> HeldOutExamples:
    """Up to `most` test examples of the run in which a model folder lies; without such, validation examples.

    Raises: `UsageError` if the folder lies in no run, `DataError` if the run's data is gone or changed.
    """
    run = run_of(folder)
    if run is None:
        raise UsageError(
            "{place}: no run, so there are no held-out examples on which the file could be proved; "
            "give the RUN folder that pellucid train wrote",
            place,
        )
    try:
        for split in (TEST, VALIDATION):
            listing, rows = rows_of(run, (split,), most)
            if rows:
                return HeldOutExamples(listing, rows, split)
    except ChangedData as error:
        raise DataError(
            "{place}: {error}; put the data back, on which the file is proved", place, error
        ) from error
    except PellucidError as error:
        raise DataError("{place}: its data cannot be read again: {error}", place, error) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError("{place}: the files of the run cannot be read; train it again", place) from error
    raise DataError("{place}: the run has no held-out examples on which the file could be proved", place)


def thresholds_of(model: Model | Metadata, held_out: HeldOut | None) -> tuple[Threshold, ...]:
    """Thresholds for the errors that held-out answers suffice to promise and the test does not refute.

    None where numbers are predicted.
    """
    if held_out is None or not model.target.right:
        return ()
    target, classes, threshold = model.target, model.classes, model.threshold
    judged, of_test = (
        None
        if each is None
        else each.judged(model.novelty_rate, target.labels(each.said.astype(np.float64), classes, threshold))
        for each in (held_out, held_out.test)
    )
    assert judged is not None  # only the test may be missing
    unseen = len(held_out) + (0 if held_out.test is None else len(held_out.test))
    possible = (error for error in ERRORS if unseen >= least_examples(error))
    found = [checked_promise(judged, of_test, error) for error in possible]
    return tuple(
        Threshold(each.max_error, each.threshold if each.answered else None)
        for each in found
        if not each.is_refuted
    )


class Allowance(NamedTuple):
    """Change of an answer that rounding may make.

    `difference` is that of a probability, and of a number as a share of the largest; `novelty` is beyond one
    rank of the validation examples. Another label is no fault where the model itself finds both equally
    likely, to within `tie`.
    """

    difference: float
    tie: float
    novelty: float


# Of a file with the weights of the model in their own precision.
ALLOWANCE = Allowance(difference=1e-4, tie=1e-5, novelty=1e-4)


class Proof(NamedTuple):
    """Outcome of a proof that was passed.

    Examples, those that `onnx.reference` answered too, and the largest difference of a probability or number.
    """

    examples: int
    reference: int
    difference: float


class DisagreeingError(ModelFileError):
    """An exported file answers held-out examples otherwise than its model."""


def prove(
    model: Model, exported: ExportedModel, reference: ExportedModel, examples: HeldOutExamples
) -> Proof:
    """Ask the model, and the file by two engines, about the same original files, decoded for each anew.

    Labels must be equal unless the model itself finds two equally likely; probabilities within `ALLOWANCE`;
    novelty within one rank of the validation examples.

    Raises: `ModelFileError` with examples if they disagree, `DataError` if none can be read any more.
    """
    of_model = incoming_rows(model, examples.listing, examples.rows)
    of_file = incoming_rows(exported, examples.listing, examples.rows)
    answered = checked = 0
    largest = 0.0
    for block, again in zip(of_model.blocks, of_file.blocks, strict=True):
        names = [name for name, error in zip(block.names, block.errors, strict=True) if not error]
        if not names:
            continue
        ours, theirs = model.answer(block.inputs), exported.computed(again.inputs)
        largest = max(largest, compare(model, names, ours, theirs, "onnxruntime"))
        few = min(_REFERENCE_EXAMPLES - checked, len(names))
        if few > 0:
            part = Answers(ours.said[:few], None if ours.novelty is None else ours.novelty[:few])
            theirs = reference.computed(again.inputs[:few])
            largest = max(largest, compare(model, names[:few], part, theirs, "onnx.reference"))
            checked += few
        answered += len(names)
    if not answered:
        raise DataError("export: none of the held-out examples can be read any more; put the data back")
    return Proof(answered, checked, largest)


def compare(
    model: Model,
    names: Sequence[str],
    ours: Answers,
    theirs: Answers,
    engine: str,
    allowance: Allowance = ALLOWANCE,
) -> float:
    """Largest difference of the answers of a model and of a file, which `engine` answers.

    Raises: `DisagreeingError` if it is too large, a label is another, or novelty is.
    """
    if ours.said.shape != theirs.said.shape:
        raise ModelFileError(
            "export: {engine} gives answers of the shape {shape}; not written", engine, theirs.said.shape
        )
    off = np.abs(ours.said - theirs.said).reshape(len(names), -1).max(axis=1)
    head = HEADS[model.target]
    wrong = ~(off <= allowance.difference * head.scale(ours.said))
    wrong |= head.are_other(model, ours.said, theirs.said, allowance.tie)
    if model.detector is None or ours.novelty is None or theirs.novelty is None:
        wrong |= (ours.novelty is None) != (theirs.novelty is None)
    else:
        rank = 1 / (len(model.detector.reference) + 1)  # by so much rounding may change it
        wrong |= ~(np.abs(ours.novelty - theirs.novelty) <= rank + allowance.novelty)
    if wrong.any():
        places = np.flatnonzero(wrong).tolist()
        shown = join(
            "; ",
            [
                Sentence(
                    "{names}: {model} by the model, {model2} by the file",
                    names[place],
                    _in_words(model, ours, place),
                    _in_words(model, theirs, place),
                )
                for place in places[:_SHOWN]
            ],
        )
        raise DisagreeingError(
            "export: not written: {engine} disagrees with the model on {places:,} of {names:,} "
            "held-out {nouns} ({shown}); please report it",
            engine,
            len(places),
            len(names),
            model.input_kind.nouns,
            shown,
        )
    return float(off.max())


def _in_words(model: Model, answers: Answers, place: int) -> str:
    """An answer for messages: the label and its probability, the labels, or the number."""
    words = HEADS[model.target].in_words(model, answers.said[place : place + 1])
    return (
        words
        if answers.novelty is None
        else Sentence("{words} (novelty {novelty:.4f})", words, answers.novelty[place])
    )
