"""Forms of labels in memory by target: how they are read, counted, answered and compared."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Int8, Int64, Shaped

from pellucid.data.class_order import asked_order
from pellucid.data.labels import new_names, require_classes
from pellucid.data.listing import Listing
from pellucid.data.wording import count_of, quoted
from pellucid.errors import DataError, UsageError
from pellucid.estimators.fit_labels import (
    Indicators,
    OwnLabels,
    plain_labels,
    read_indicators,
    read_labels,
    read_numbers,
    require_one_each,
    texts_of,
    warn_of_rare,
)
from pellucid.input_kinds import InputKind
from pellucid.language.sentence import Sentence
from pellucid.settings import Settings
from pellucid.targets import (
    ABSENT,
    CLASSIFICATION,
    GENERATION,
    MULTILABEL,
    ORDERED,
    PRESENT,
    REGRESSION,
    TARGETS,
    UNKNOWN,
    Labels,
    Target,
)

# `fit` sets 10 % aside for validation from this many examples of each class.
VALIDATION_FROM_EACH = 10


def estimator_of(kind: InputKind, role: str) -> str:
    """Name of the `Classifier` or `Regressor` of a kind of input."""
    return f"{kind.noun.capitalize()}{role}"


@dataclass(frozen=True)
class Form:
    """One class of each example, and what other targets have alike."""

    target: Target

    role: ClassVar = "Classifier"
    is_multilabel: ClassVar = False  # in the words of scikit-learn
    needed: ClassVar[str] = Sentence(
        " and {VALIDATION_FROM_EACH} of each class", VALIDATION_FROM_EACH
    )  # by a validation split, for messages
    # kind of a classical predictor to the value of `model` that fits one
    models: ClassVar[Mapping[str, str]] = {
        "constant": "majority",
        "linear": "logistic-regression",
        "kernel": "svm",
        "forest": "random-forest",
    }

    def read(self, y: Any, count: int, settings: Settings, kind: InputKind) -> OwnLabels:
        """Check the labels of so many examples of a kind."""
        return read_labels(y, count, self.target, settings)

    def require_asked(self, place: str, kind: InputKind) -> None:
        """Refuse labels that were found at a place, and that nobody asked for, where they may mislead."""

    def of_listing(self, listing: Listing, positions: Int64[np.ndarray, " some"]) -> Labels:
        """Labels of some examples that were read, with the names that these have."""
        names, codes = np.unique(
            np.array([listing.labels[at] for at in positions.tolist()], str), return_inverse=True
        )
        return Labels(codes, tuple(names.tolist()), self.target)

    def in_listing(self, labels: Labels) -> dict[str, Any]:
        """The columns of a listing that hold labels."""
        return {"labels": labels.texts()}

    def can_be_split(self, labels: Labels, least: int = 0) -> bool:
        """True where each class that has at least so many examples has enough; all, where none has."""
        counts = np.array(labels.counts())
        return (
            int((counts[counts >= least] if (counts >= least).any() else counts).min())
            >= VALIDATION_FROM_EACH
        )

    def own_order(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Names of a model's classes in the order of `classes_`."""
        return names

    def answers(
        self, labels: Shaped[np.ndarray, "n ..."], classes: Shaped[np.ndarray, " classes"], as_lists: bool
    ) -> Any:
        """Predicted labels as `predict` gives them."""
        return classes[labels]

    def truth(
        self, y: Any, own: Sequence[str], renamed: Mapping[str, str], settings: Settings
    ) -> Shaped[np.ndarray, "n ..."]:
        """True labels by the names of `classes_`; what a model cannot answer is behind them."""
        places = {name: place for place, name in enumerate(own)}
        return np.array([places.get(name, len(own)) for name in new_names(texts_of(y), renamed)], np.int64)

    def is_wrong(
        self, predicted: Shaped[np.ndarray, "n ..."], truth: Shaped[np.ndarray, "n ..."]
    ) -> Bool[np.ndarray, " n"]:
        """Whether predicted labels are other than `truth`."""
        return self.target.wrong(predicted, truth)


class InOrder(Form):
    """One of several ordered classes of each example: a model has them in their order, `classes_` sorted."""

    def read(self, y: Any, count: int, settings: Settings, kind: InputKind) -> OwnLabels:
        """Check classes, and bring them into the order that is given, or that their names imply."""
        found = super().read(y, count, settings, kind)
        names, codes = found.labels.names, found.labels.values
        order = asked_order(names, settings.order, "y")
        places = np.array([order.index(name) for name in names], np.int64)
        ordered = Labels(np.where(codes < 0, codes, places[codes]), order, self.target)
        return dataclasses.replace(found, labels=ordered)

    def of_listing(self, listing: Listing, positions: Int64[np.ndarray, " some"]) -> Labels:
        """Those that are there, in their order."""
        labels = listing.coded.at(positions)
        return labels.by(labels.target.arranged(labels.texts(), labels.names))

    def in_listing(self, labels: Labels) -> dict[str, Any]:
        """Their names, and their order."""
        labels = dataclasses.replace(labels, values=np.maximum(labels.values, 0))
        return {"labels": labels.texts(), "decided": labels}


class Several(Form):
    """Several labels of each example, in the forms of `label_forms`, and answered in the same."""

    is_multilabel: ClassVar = True
    needed: ClassVar[str] = ""

    def read(self, y: Any, count: int, settings: Settings, kind: InputKind) -> OwnLabels:
        """Check several labels, or one class of each where there are no several and nobody asks for them.

        The settings `rename` and `min_examples` belong to lists of labels.
        """
        found = None
        if y is not None:
            found = read_indicators(
                y,
                separator=settings.label_separator,
                unlabelled=settings.unlabelled,
                is_asked=settings.target == self.target.noun,
            )
        if found is None:
            if y is not None and settings.unlabelled is not None:
                raise UsageError(
                    "unlabelled: belongs to examples with several labels, and y has one label for each; "
                    "leave it out, or give target='labels'"
                )
            return FORMS[CLASSIFICATION].read(y, count, settings, kind)
        if settings.label_separator is not None and found.form != "texts":
            raise UsageError(
                "label_separator: belongs to texts of several labels, and y has none; leave it out"
            )
        require_one_each(len(found.sets), count)
        if not found.has_columns:
            found = _as_asked(found, settings)
        elif settings.rename is not None or settings.min_examples is not None:
            named = "min_examples" if settings.rename is None else "rename"
            raise UsageError(
                "{named}: y is an indicator array, whose columns are answered as they are; leave it out, "
                "and change the columns, or give y as lists of labels",
                named,
            )
        sets = found.sets
        is_known, is_present = sets.values != UNKNOWN, sets.values == PRESENT
        for name in np.array(sets.names)[~is_known.any(axis=0)].tolist()[:1]:
            raise DataError(
                "y: label {name} is known of no example; leave it out, or give examples of it", quoted(name)
            )
        if not (is_present.any(axis=0) & (is_known & ~is_present).any(axis=0)).any():
            raise DataError(
                "y: no label is there for some examples and not for others, which leaves nothing to learn; "
                "give examples of both"
            )
        return OwnLabels(sets.by(sorted(sets.names)), found.classes, not found.has_columns)

    def of_listing(self, listing: Listing, positions: Int64[np.ndarray, " some"]) -> Labels:
        """States of all labels."""
        return listing.coded.at(positions)

    def in_listing(self, labels: Labels) -> dict[str, Any]:
        """Their names, and their states."""
        return {"labels": labels.texts(), "decided": labels}

    def can_be_split(self, labels: Labels, least: int = 0) -> bool:
        """Always: most labels are rare; those too rare for a split stay in training."""
        return True

    def own_order(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Columns of an indicator array, whose names are their numbers, in their order."""
        numbered = tuple(map(str, range(len(names))))
        return numbered if tuple(sorted(numbered)) == names else names

    def answers(
        self, labels: Int8[np.ndarray, "n labels"], classes: Shaped[np.ndarray, " labels"], as_lists: bool
    ) -> Any:
        """An array of 0 and 1, or a list of the labels of each example."""
        return [classes[row == PRESENT].tolist() for row in labels] if as_lists else labels.astype(np.int64)

    def truth(
        self, y: Any, own: Sequence[str], renamed: Mapping[str, str], settings: Settings
    ) -> Int8[np.ndarray, "n labels_and_other"]:
        """States of `classes_`, and behind them of any other label, which no example may have to be right."""
        found = read_indicators(
            plain_labels(y),
            separator=settings.label_separator,
            unlabelled=settings.unlabelled or "unknown",
            is_asked=True,
        )
        assert found is not None  # since several labels are asked for
        sets = found.sets.renamed(renamed) if found.form != "array" else found.sets
        if found.form == "array":
            if len(sets.names) != len(own):
                raise DataError(
                    "y: {names} where the model has {own}; give one for each of classes_",
                    count_of(len(sets.names), "column"),
                    count_of(len(own), "label"),
                )
            sets = dataclasses.replace(sets, names=tuple(own))
        missing = [name for name in own if name not in sets.names]
        if missing and found.has_columns:
            raise DataError(
                "y: no column {missing}, which is a label of the model; add it", quoted(missing[0])
            )
        states = np.full((len(sets), len(own) + 1), ABSENT, np.int8)  # of those that `y` never has
        states[:, -1] = UNKNOWN
        places = {name: place for place, name in enumerate(own)}
        for name, column in zip(sets.names, sets.values.T, strict=True):
            place = places.get(name, -1)
            states[:, place] = column if place >= 0 else np.maximum(states[:, place], column)
        if sets.names:
            states[~sets.is_known()] = UNKNOWN
        return states

    def is_wrong(
        self, predicted: Int8[np.ndarray, "n labels"], truth: Int8[np.ndarray, "n labels_and_other"]
    ) -> Bool[np.ndarray, " n"]:
        """Whether any label that is known is another, or one is there that no model answers."""
        return self.target.wrong(np.pad(predicted, ((0, 0), (0, 1))), truth)


def _as_asked(found: Indicators, settings: Settings) -> Indicators:
    """Labels of lists by their new names, without those of too few examples."""
    sets = found.sets
    if settings.rename is not None:
        require_classes("--rename", settings.rename, sets.names, "y")
        sets = sets.renamed(settings.rename)
        found = found._replace(classes=np.array(sets.names), sets=sets)
    counts = np.array(sets.counts(), np.int64)
    kept = counts >= (settings.min_examples or 0)
    if len(kept) and not kept.any():
        raise DataError("y: min_examples leaves no label; give a smaller number")
    if kept.all():
        return found
    warn_of_rare("label", found.classes[~kept], counts[~kept])
    return found._replace(classes=found.classes[kept], sets=sets.by(np.array(sets.names)[kept].tolist()))


class Numbers(Form):
    """A number of each example, answered in the same unit."""

    role: ClassVar = "Regressor"
    models: ClassVar[Mapping[str, str]] = {
        "constant": "mean",
        "linear": "ridge",
        "kernel": "svm",
        "forest": "random-forest",
    }
    needed: ClassVar[str] = ""

    def read(self, y: Any, count: int, settings: Settings, kind: InputKind) -> OwnLabels:
        """Check finite numbers."""
        values = read_numbers(y, count, estimator_of(kind, "Classifier"))
        return OwnLabels(Labels(values, (), self.target), np.zeros(0))

    def require_asked(self, place: str, kind: InputKind) -> None:
        """Refused: who learns classes may have more of them than examples."""
        raise DataError(
            "{place}: its labels are numbers with fractions; learn them with "
            "{kind}, or write them as texts to have classes",
            place,
            estimator_of(kind, "Regressor"),
        )

    def of_listing(self, listing: Listing, positions: Int64[np.ndarray, " some"]) -> Labels:
        """The numbers."""
        return listing.coded.at(positions)

    def in_listing(self, labels: Labels) -> dict[str, Any]:
        """Their texts, and themselves."""
        return {"labels": labels.texts(), "decided": labels}

    def can_be_split(self, labels: Labels, least: int = 0) -> bool:
        """Always."""
        return True


class Conditions(Form):
    """Examples of images that are to be made, which need no labels."""

    needed: ClassVar[str] = ""

    def read(self, y: Any, count: int, settings: Settings, kind: InputKind) -> OwnLabels:
        """A class of each, or none."""
        if y is None:
            return OwnLabels(Labels(np.zeros(count, np.int64), (), self.target), np.zeros(0))
        return FORMS[CLASSIFICATION].read(y, count, settings, kind)

    def in_listing(self, labels: Labels) -> dict[str, Any]:
        """No labels."""
        return {"labels": [""] * len(labels), "decided": labels}

    def can_be_split(self, labels: Labels, least: int = 0) -> bool:
        """Always."""
        return True


FORMS: dict[Target, Form] = {
    form.target: form
    for form in (
        Form(CLASSIFICATION),
        InOrder(ORDERED),
        Numbers(REGRESSION),
        Several(MULTILABEL),
        Conditions(GENERATION),
    )
}


def read_targets(y: Any, count: int, settings: Settings, kind: InputKind) -> OwnLabels:
    """Check the labels of examples in memory: by the target that settings ask for, else several or classes.

    Raises: `UsageError` if there are none; `DataError` if one is unfit, or there are not as many as examples.
    """
    target = GENERATION if settings.generates else TARGETS[settings.target or MULTILABEL.noun]
    return FORMS[target].read(plain_labels(y), count, settings, kind)
