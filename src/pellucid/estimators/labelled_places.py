"""Labelled data at a place, read for `score` as the command `evaluate` reads it."""

import os
from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped

from pellucid.answering.answers import REASON, answered
from pellucid.answering.evaluate import labels_for, listing_for, scored_rows
from pellucid.answering.incoming import incoming_rows
from pellucid.bundle import Model
from pellucid.data.reading.in_memory import is_in_memory
from pellucid.data.wording import count_of, some
from pellucid.errors import DataError, ModelFileError, UsageError
from pellucid.settings import Settings


def is_labelled_place(X: Any) -> bool:
    """True for what may bring its own labels: a path, or a data set of `datasets` or PyTorch."""
    return isinstance(X, (str, os.PathLike)) or is_in_memory(X)


def answers_at(
    model: Model, X: Any, settings: Settings, sample_weight: Any
) -> tuple[Float64[np.ndarray, "examples ..."], Shaped[np.ndarray, "examples ..."]]:
    """Answers to the examples at a place and their labels, both as the model has them.

    Those of the test split where there is one, else all; of several labels the examples that are labelled.

    Raises: `UsageError` if there are no labels to be had; `DataError` if the data cannot be read, or its
    labels are none of the model's.
    """
    if not is_labelled_place(X):
        raise UsageError(
            "y: score needs labels, and {name} brings none; give them, or the path of labelled data",
            type(X).__name__,
        )
    place = os.fspath(X) if isinstance(X, (str, os.PathLike)) else X
    if sample_weight is not None:
        name = place if isinstance(place, str) else type(X).__name__
        raise UsageError("sample_weight: {name} is read as a whole; give examples and labels as arrays", name)
    listing = listing_for(model, place, settings)
    rows, _ = scored_rows(listing)
    labels = labels_for(model, listing, rows)
    outputs, errors = list[np.ndarray](), list[str]()
    for block in incoming_rows(model, listing, rows).blocks:
        answers, block = answered(model, block)
        outputs.append(answers.said)
        errors += block.errors
    bad = [f"{listing.sources[row]} ({error})" for row, error in zip(rows, errors, strict=True) if error]
    if bad:
        kind = ModelFileError if REASON in errors else DataError
        inputs = count_of(len(bad), model.input_kind.noun)
        raise kind(f"{listing.place}: {inputs} cannot be scored: {some(bad)}; fix or remove them")
    return np.concatenate(outputs), labels.values
