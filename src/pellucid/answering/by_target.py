"""What questions about models of each target have of their own: labels of data, decisions, words, tables."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from jaxtyping import Int64, Shaped

from pellucid.arithmetic.rounding import figure, rounded
from pellucid.data.labels import number_text, read_number
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError
from pellucid.evaluation.promises import class_sets
from pellucid.language.sentence import Sentence
from pellucid.targets import (
    ABSENT,
    CLASSIFICATION,
    GENERATION,
    MULTILABEL,
    ORDERED,
    PRESENT,
    REGRESSION,
    UNKNOWN,
    Target,
)

if TYPE_CHECKING:
    from pellucid.data.listing import Listing

Names: TypeAlias = Sequence[str]
Values: TypeAlias = Shaped[np.ndarray, "n ..."]  # of labels: codes, states of several, or numbers
Places: TypeAlias = Int64[np.ndarray, " classes"]
# Why an option makes no sense: by all options, the name of this one, and the model's folder.
Refusal: TypeAlias = Callable[[Any, str, str], str]

_NAMES_SHOWN = 10


def _no_probabilities(options: Any, name: str, place: str) -> str:
    return Sentence("--probabilities: {place} predicts numbers, which have none; leave it out", place)


def _never_wrong(options: Any, name: str, place: str) -> str:
    return Sentence(
        "{names}: {place} predicts numbers, which are not just right or wrong; --sets 0.95 gives intervals",
        options.names[name],
        place,
    )


def _several(options: Any, name: str, place: str) -> str:
    return Sentence(
        "{names}: chooses among classes of which one is right, and an input of "
        "{place} may have several labels; leave it out, or give --threshold LABEL=SHARE",
        options.names[name],
        place,
    )


class OfClasses:
    """What a target of one class has of its own, and others where they do not say otherwise."""

    label: str = "class"  # one of its names, for people
    read_as: str = "class"  # the value of `--target` with which data for a model is read
    changed: tuple[str, str] = ("newly right", "newly wrong")  # what a later model's answers became
    refused: Mapping[str, Refusal] = {}  # options of predictions that make no sense
    lacks: frozenset[str] = frozenset()  # of `confusion` and `giveaways` those that there are not
    set_type: Any = list[str]  # of prediction sets
    width: int = 8  # of scores in a table
    note: str = ""  # below that table

    def score_text(self, value: float, places: int) -> str:
        """A score, or an end of its interval, of which the score has so many decimals."""
        return rounded(value, places)

    def values(self, listing: "Listing", rows: Sequence[int], classes: Names) -> Values:
        """Labels of some rows as a model of these classes answers: here codes.

        Raises: `DataError` if the model does not know some of them, or they are of another target.
        """
        labels = [listing.labels[index] for index in rows]
        codes = {name: code for code, name in enumerate(classes)}
        unknown = sorted(set(labels) - codes.keys())
        known = some([repr(name) for name in classes], _NAMES_SHOWN)
        numbers = [read_number(label) for label in unknown]
        if None not in numbers and any(value is not None and not value.is_integer() for value in numbers):
            raise DataError(
                "{place}: the labels are numbers with fractions, such as {unknown}, but the "
                "model predicts classes: {known}; give labels that are classes, or a model that was trained "
                "on numbers",
                listing.place,
                unknown[0],
                known,
            )
        if unknown:
            raise DataError(
                "{place}: the model does not know {word} {some}; it knows {known}; rename or remove them",
                listing.place,
                "class" if len(unknown) == 1 else "classes",
                some([repr(name) for name in unknown], _NAMES_SHOWN),
                known,
            )
        return np.array([codes[label] for label in labels], np.int64)

    def named(self, listing: "Listing", rows: Sequence[int]) -> set[str]:
        """Names of classes or labels that data has, some rows of it at least."""
        return {listing.labels[row] for row in rows}

    def present(self, listing: "Listing", rows: Sequence[int]) -> set[str]:
        """Names of classes or labels that some rows have."""
        return self.named(listing, rows)

    def among(self, predicted: Values, places: Places, names: int) -> Values:
        """Predicted labels by so many names, among which a model's own have these places."""
        found: np.ndarray = places[predicted]
        return found

    def texts(self, labels: Values, names: Names) -> list[str]:
        """Labels for people, those of one example joined by `;`."""
        return CLASSIFICATION.texts(labels, names)

    def truth(
        self, classes: Names, label: str | None, states: Callable[[], tuple[int, ...] | None]
    ) -> tuple[int | tuple[int, ...] | None, tuple[str, ...]]:
        """What a loss is against, by the label of an input or the states of its labels, and a sentence."""
        words = (Sentence("In the data of this run its label is {label}.", quoted(label)),) if label else ()
        return classes.index(label) if label in classes else None, words

    def sets(self, outputs: Values, answers: Values, cutoff: float, classes: Names) -> list[list[Any]]:
        """Prediction sets of a cutoff."""
        return [[classes[code] for code in each] for each in class_sets(outputs, answers, cutoff)]

    def covered(self, value: str, noun: str, draw: str, cutoff: float) -> str:
        """What such sets promise: a share in per cent, of images or texts, by some of them."""
        return Sentence(
            "Promised: sets contain the true class of at least {value} % of {noun}s (split conformal, "
            "score 1 - probability, {draw}).",
            value,
            noun,
            draw,
        )


class _OfNumbers(OfClasses):
    changed = "nearer", "farther"
    refused: Mapping[str, Refusal] = {
        "probabilities": _no_probabilities,
        "max_error": _never_wrong,
        "costs": _never_wrong,
    }
    lacks = frozenset(("confusion", "giveaways"))
    set_type = list[float]
    width = 12
    note = "Errors are in the unit of the labels."

    def score_text(self, value: float, places: int) -> str:
        return figure(value)

    def values(self, listing: "Listing", rows: Sequence[int], classes: Names) -> Values:
        """The labels as numbers.

        Raises: `DataError` if some are none, with their rows.
        """
        read = [read_number(listing.labels[index]) for index in rows]
        wrong = [index for index, value in zip(rows, read, strict=True) if value is None]
        if wrong:
            named = [f"{quoted(listing.labels[index])} at {listing.sources[index]}" for index in wrong]
            raise DataError(
                "{place}: the model predicts numbers, but not every label is one: "
                "{named}; fix or remove {word}",
                listing.place,
                some(named, _NAMES_SHOWN),
                "it" if len(wrong) == 1 else "them",
            )
        return np.array(read, np.float64)

    def named(self, listing: "Listing", rows: Sequence[int]) -> set[str]:
        return set()

    def among(self, predicted: Values, places: Places, names: int) -> Values:
        return predicted

    def texts(self, labels: Values, names: Names) -> list[str]:
        return [number_text(float(f"{value:.6g}")) for value in labels.tolist()]

    def sets(self, outputs: Values, answers: Values, cutoff: float, classes: Names) -> list[list[Any]]:
        """Intervals."""
        return [[number - cutoff, number + cutoff] for number in outputs.tolist()]

    def covered(self, value: str, noun: str, draw: str, cutoff: float) -> str:
        return Sentence(
            "Promised: intervals, {cutoff} to either side, contain the number of "
            "{value} % of {noun}s (split conformal, absolute residual, {draw}).",
            figure(cutoff),
            value,
            noun,
            draw,
        )


class _OfSeveral(OfClasses):
    label, read_as = "label", "labels"
    refused: Mapping[str, Refusal] = {"costs": _several, "sets": _several}
    lacks = frozenset(("confusion", "giveaways"))

    def values(self, listing: "Listing", rows: Sequence[int], classes: Names) -> Values:
        """States of the model's labels; one that is no column of 0 and 1 in the data is unknown.

        Raises: `DataError` if the model does not know some of the labels that are there.
        """
        known = {name: code for code, name in enumerate(classes)}
        unknown = [name for name in self._in_order(listing, rows) if name not in known]
        if unknown:
            raise DataError(
                "{place}: the model does not know {unknown} {some}; it knows {some2}; rename or remove them",
                listing.place,
                count_of(len(unknown), "label"),
                some([repr(name) for name in unknown], _NAMES_SHOWN),
                some([repr(name) for name in classes], _NAMES_SHOWN),
            )
        names, states = listing.coded.names, listing.coded.values
        # In lists a label that no example has does not occur at all.
        is_complete = not listing.has_label_columns
        found = np.full((len(rows), len(known)), ABSENT if is_complete else UNKNOWN, np.int8)
        for code, name in enumerate(names):
            if name in known:
                found[:, known[name]] = states[rows, code]
        return found

    def named(self, listing: "Listing", rows: Sequence[int]) -> set[str]:
        return {*listing.coded.names}

    def present(self, listing: "Listing", rows: Sequence[int]) -> set[str]:
        return {*self._in_order(listing, rows)}

    def _in_order(self, listing: "Listing", rows: Sequence[int]) -> list[str]:
        """Names of labels that some rows have, in their order."""
        names, states = listing.coded.names, listing.coded.values
        return [names[code] for code in np.flatnonzero((states[rows] == PRESENT).any(axis=0)).tolist()]

    def among(self, predicted: Values, places: Places, names: int) -> Values:
        states = np.full((len(predicted), names), ABSENT, np.int8)
        states[:, places] = predicted
        return states

    def texts(self, labels: Values, names: Names) -> list[str]:
        return MULTILABEL.texts(labels, names)

    def truth(
        self, classes: Names, label: str | None, states: Callable[[], tuple[int, ...] | None]
    ) -> tuple[int | tuple[int, ...] | None, tuple[str, ...]]:
        against = None if label is None else states()
        if against is None:
            return None, ()
        labels = Sentence("its labels are {label}", quoted(label)) if label else "it has none of the labels"
        return against, (Sentence("In the data of this run {labels}.", labels),)


ASKED: dict[Target, OfClasses] = {
    CLASSIFICATION: OfClasses(),
    ORDERED: OfClasses(),
    REGRESSION: _OfNumbers(),
    MULTILABEL: _OfSeveral(),
    GENERATION: OfClasses(),
}
