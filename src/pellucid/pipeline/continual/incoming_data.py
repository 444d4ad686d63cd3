"""Labelled data for continual training: read as what the network takes, fitted to what it is."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from pellucid.data import Check, Dataset, Listing, prepare, read_data
from pellucid.data.earlier import EarlierConstraints
from pellucid.data.images.decoding import GREY_MODES
from pellucid.data.labels.numbers import number_text, read_number
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError
from pellucid.settings import Settings
from pellucid.tasks import CLASSIFICATION, REGRESSION, InputKind, Target

_NAMES_SHOWN = 10


def prepare_for(
    place: str, settings: Settings, known: EarlierConstraints, input_kind: InputKind, target: Target
) -> tuple[Dataset, Check]:
    """Make data ready for continual training, as `prepare` does for a fresh network.

    `known` has the classes and the preprocessing of the network. The data set has all classes, old and new.

    Raises: `DataError` if the data holds other inputs or labels than the network takes, or cannot be used.
    """
    listing = read_data(
        # Numbers are read by the network's rule, whatever the settings say of them.
        place,
        dataclasses.replace(settings, target="class" if target is REGRESSION else settings.target),
    )
    if listing.input_kind is not input_kind:
        nouns = input_kind.nouns
        raise DataError(
            f"{place}: holds {listing.noun}s, and the network that continues training takes {nouns}; "
            f"give labelled {nouns}"
        )
    listing = _WITH[target](listing)
    dataset, check = prepare(listing, settings, known=known)
    return dataset, dataclasses.replace(check, warnings=(*check.warnings, *_turned_grey(check, known)))


def _with_classes(listing: Listing) -> Listing:
    """The listing, whose labels are classes.

    Raises: `DataError` if they are numbers.
    """
    if listing.values is not None:
        raise DataError(
            f"{listing.place}: the labels are numbers, such as {listing.labels[0]}, and the network that "
            "continues training answers classes; give classes, or take these numbers as such with --target "
            "class"
        )
    return listing


def _with_numbers(listing: Listing) -> Listing:
    """The listing with its labels as numbers.

    Raises: `DataError` if some are none, with their rows.
    """
    read = [read_number(label) for label in listing.labels]
    wrong = [index for index, value in enumerate(read) if value is None]
    if wrong:
        named = [f"{quoted(listing.labels[index])} at {listing.sources[index]}" for index in wrong]
        raise DataError(
            f"{listing.place}: the network that continues training predicts numbers, but not every label is "
            "one: "
            f"{some(named, _NAMES_SHOWN)}; fix or remove {'it' if len(wrong) == 1 else 'them'}"
        )
    values = np.array(read, np.float64)
    return dataclasses.replace(
        listing,
        labels=[number_text(value) for value in values.tolist()],
        values=values,
        # What reading decided about the labels is for the network to decide.
        warnings=tuple(each for each in listing.warnings if "--target" not in each),
    )


def _turned_grey(check: Check, known: EarlierConstraints) -> Sequence[str]:
    """A sentence about colour images for a network of grey ones."""
    coloured = sum(count for mode, count in check.modes if mode not in GREY_MODES)
    if known.preprocessing is None or known.preprocessing.channels == 3 or not coloured:
        return ()
    become = f"{count_of(coloured, 'colour image')} {'becomes' if coloured == 1 else 'become'} grey"
    return (f"{become}: the network that continues training was trained on grey ones.",)


_WITH = {CLASSIFICATION: _with_classes, REGRESSION: _with_numbers}
