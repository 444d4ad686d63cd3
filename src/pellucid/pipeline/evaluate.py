"""Score a trained model on labelled pictures."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64, Int64

from pellucid.bundle import Model, PictureModel, load
from pellucid.data.inputs import Input, blocks_of, decoders, first_few, fit_inputs
from pellucid.data.listing import TEST, Listing
from pellucid.data.reading import read_images
from pellucid.data.targets import read_number
from pellucid.data.wording import quoted, some
from pellucid.errors import DataError
from pellucid.evaluation import score, score_numbers
from pellucid.pipeline.evaluated import Evaluation
from pellucid.settings import Settings

_NAMES_SHOWN = 10


def evaluate(
    run: str | Path,
    place: str,
    settings: Settings,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score a model on the test split of the data, or on all rows where there is none.

    Whether labels are classes or numbers is the model's to decide.

    Args:
        run: a run or a model folder of pictures, neural or classical, of classes or numbers.
        place: DATA, in any of its forms.
        settings: columns and encoding of tables, whether unreadable pictures are left out, seed of
            the bootstrap.
        progress: told the pictures done and the pictures in all.

    Returns:
        The scores.

    Raises:
        DataError: the data cannot be read, has a class that the model does not know, or holds no
            numbers where the model predicts some.
        ModelFileError: the model is damaged or unsafe.
    """
    model = load(run)
    listing = read_images(place, dataclasses.replace(settings, target="class"))
    chosen = [index for index, split in enumerate(listing.splits) if split == TEST]
    rows = chosen or list(range(len(listing)))
    labels = (_numbers if model.is_numbers else _class_codes)(listing, rows, model)
    answers, is_readable, warnings = _answers(model, listing, rows, settings.skip_bad, progress)
    scores = (score_numbers if model.is_numbers else score)(labels[is_readable], answers, settings.seed)
    return Evaluation(
        run=str(run),
        place=listing.place,
        rows="test split" if chosen else "all rows",
        skipped=int((~is_readable).sum()),
        classes=model.classes,
        scores=scores,
        warnings=(*_about_pictures(listing.warnings), *warnings),
    )


def _about_pictures(warnings: Sequence[str]) -> list[str]:
    """What reading said, but for what it decided about labels, which is the model's to decide."""
    return [warning for warning in warnings if "--target" not in warning]


def _numbers(listing: Listing, rows: Sequence[int], model: Model) -> Float64[np.ndarray, " rows"]:
    """The labels as numbers.

    Raises:
        DataError: some are none; with their rows.
    """
    del model
    read = [read_number(listing.labels[index]) for index in rows]
    wrong = [index for index, value in zip(rows, read, strict=True) if value is None]
    if wrong:
        named = [f"{quoted(listing.labels[index])} at {listing.sources[index]}" for index in wrong]
        raise DataError(
            f"{listing.place}: the model predicts numbers, but not every label is one: "
            f"{some(named, _NAMES_SHOWN)}; mend or remove {'it' if len(wrong) == 1 else 'them'}"
        )
    return np.array(read, np.float64)


def _class_codes(listing: Listing, rows: Sequence[int], model: Model) -> Int64[np.ndarray, " rows"]:
    """Position of each label among the model's classes.

    Raises:
        DataError: the model does not know some of them.
    """
    labels = [listing.labels[index] for index in rows]
    codes = {name: code for code, name in enumerate(model.classes)}
    unknown = sorted(set(labels) - codes.keys())
    if unknown and _are_numbers_with_fractions(unknown):
        raise DataError(
            f"{listing.place}: the labels are numbers with fractions, such as {unknown[0]}, but the model "
            f"predicts classes: {_names(model.classes)}; give labels that are classes, or a model that was "
            "trained on numbers"
        )
    if unknown:
        raise DataError(
            f"{listing.place}: the model does not know {'class' if len(unknown) == 1 else 'classes'} "
            f"{_names(unknown)}; it knows {_names(model.classes)}; rename or remove them"
        )
    return np.array([codes[label] for label in labels], np.int64)


def _are_numbers_with_fractions(labels: Sequence[str]) -> bool:
    """Whether all labels are numbers, some of them with fractions."""
    read = [read_number(label) for label in labels]
    return None not in read and any(value is not None and not value.is_integer() for value in read)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(repr(name) for name in names[:_NAMES_SHOWN]) + more


def _answers(
    model: PictureModel,
    listing: Listing,
    rows: Sequence[int],
    skip_bad: bool,
    progress: Callable[[int, int], None] | None,
) -> tuple[Float64[np.ndarray, "readable ..."], Bool[np.ndarray, " rows"], tuple[str, ...]]:
    """Probabilities or numbers of the readable pictures, which of the rows those are, and warnings.

    Raises:
        DataError: pictures cannot be read and are not to be skipped, or none can be read.
    """
    ask = model.predict_values if model.is_numbers else model.predict_proba
    pixels = listing.load_pixels() if listing.load_pixels is not None else listing.pixels
    sources = listing.paths if pixels is None else pixels
    assert sources is not None
    inputs = [Input(listing.sources[index], sources[index]) for index in rows]
    found, errors, warnings = [], [], []
    with decoders() as executor:
        for block in blocks_of(inputs, model.preprocessing):
            fitted = fit_inputs(block, model.preprocessing, executor)
            found.append(ask(fitted.pixels))
            errors += fitted.errors
            warnings += fitted.warnings
            if progress is not None:
                progress(len(errors), len(rows))
    bad = [f"{listing.sources[index]}: {error}" for index, error in zip(rows, errors, strict=True) if error]
    if bad and not skip_bad:
        listed = "\n  ".join(bad)
        raise DataError(
            f"{listing.place}: {len(bad):,} pictures cannot be read; mend them or leave them out with "
            f"--skip-bad\n  {listed}"
        )
    if len(bad) == len(rows):
        raise DataError(f"{listing.place}: no picture can be read; the first is {bad[0]}")
    return np.concatenate(found), np.array([not error for error in errors]), first_few(warnings)
