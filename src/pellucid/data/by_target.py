"""From cells to labels: the rule that decides what they are, and what differs by that in this room."""

import dataclasses
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from pellucid.data.class_order import NAMES_SHOWN, asked_order, named
from pellucid.data.label_findings import (
    ClassFindings,
    NameFindings,
    TargetFindings,
    label_findings,
    number_findings,
)
from pellucid.data.label_sets import array_in, parts_of, read_label_sets
from pellucid.data.labels import (
    LARGEST,
    MOST_ROWS,
    NUMBER,
    number_text,
    read_number,
    require_classes,
    require_labels,
    require_spread,
)
from pellucid.data.listing import TRAIN, UNDECIDED, Listing
from pellucid.data.split_units import Units, tabulated, tabulated_sets
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError, UsageError
from pellucid.language.sentence import Sentence, join
from pellucid.settings import Settings
from pellucid.targets import (
    ABSENT,
    CLASSIFICATION,
    GENERATION,
    MULTILABEL,
    ORDERED,
    PRESENT,
    REGRESSION,
    SEPARATOR,
    UNKNOWN,
    Labels,
    Target,
    class_labels,
)
from pellucid.targets.ordered import FEWEST_CLASSES, in_order, is_telling, order_of


def with_labels(listing: Listing, labels: Labels) -> Listing:
    """A listing with other labels, and the text of each."""
    return dataclasses.replace(listing, labels=READERS[labels.target].texts(labels), decided=labels)


def renamed(listing: Listing, names: Mapping[str, str]) -> Listing:
    """A listing whose classes have their new names, with warnings of what was renamed and which became one.

    Raises: `UsageError` if the table names a class that the data does not have, or labels have no names.
    """
    counts = READERS[listing.target].named(listing)
    require_classes("--rename", names, counts, listing.place)
    sources: dict[str, list[str]] = {}
    for name in counts:
        sources.setdefault(names.get(name, name), []).append(name)
    changed = [name for name in names if names[name] != name]
    pairs = [Sentence("{name} to {names}", quoted(name), quoted(names[name])) for name in changed]
    sentences = (
        [Sentence("Renamed: {changed}, {pairs}.", count_of(len(changed), "class"), some(pairs, NAMES_SHOWN))]
        if changed
        else []
    )
    for new, old in sources.items():
        if len(old) > 1:
            parts = join(
                " and ",
                [
                    Sentence("{name} ({counts})", quoted(name), count_of(counts[name], listing.noun))
                    for name in old
                ],
            )
            sentences.append(Sentence("Merged into {new}: {parts}.", quoted(new), parts))
    return with_labels(listing.with_warnings(*sentences), listing.coded.renamed(names))


# The target of labels, classes, several labels or numbers to predict, and the numbers themselves.
#
# The rule:
#
# 1. What the user asked for: `--target number`, `--target class`, `--target labels` or `--target ordered`.
# 2. Otherwise an example has several labels where `label_sets.py` finds them.
# 3. Otherwise the labels of a table are numbers where every one of them is a number, at least one
#    has a fraction, and more than 20 differ.
# 4. Everything else is classes.

# So many distinct numbers may still be the names of classes.
CLASSES_AT_MOST = 20

# Forms whose labels may be numbers without being asked; elsewhere labels are names.
_TABLES = ("table", "tables", "table beside images")

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)


def with_target(listing: Listing, settings: Settings) -> Listing:
    """Decide by the rule above whether labels are classes, several labels or numbers.

    Of `settings` it takes `target`, `order`, `label_separator` and `unlabelled`. Numbers have their shortest
    texts. A warning says what was decided and why, where the labels leave a doubt.

    Raises: `DataError` if a label is empty where one is needed, if numbers are asked for and a label is none,
    or all of many different labels are numbers but for a decimal comma; with the rows. `UsageError` if a
    setting belongs to several labels and there are none.
    """
    if listing.decided is not None and listing.decided.target is GENERATION:
        return listing
    sets = _sets_of(listing, settings)
    if sets is not None:
        return _as_sets(listing, sets, settings)
    require_labels(listing.labels, listing.place, lambda index: _row(listing.sources[index]))
    if settings.target == "number":
        values = numbers_of(listing.labels, listing.sources, listing.place)
        return _as_numbers(listing, values, "as --target number asks")
    if settings.target == "ordered":
        order = asked_order({*listing.labels}, settings.order, listing.place)
        return with_labels(listing, in_order(listing.coded, order))
    listing = _with_order_told(listing, settings)
    if listing.form not in _TABLES:
        return listing
    if settings.target is None and _have_decimal_commas(listing.labels):
        numbers_of(listing.labels, listing.sources, listing.place)
    read = [read_number(text) for text in listing.labels]
    found = np.array([value for value in read if value is not None], np.float64)
    distinct = len(np.unique(found))
    has_fractions = bool((found != np.floor(found)).any())
    if settings.target == "class":
        is_odd = len(found) == len(read)
        why = "the labels are numbers, taken as classes as --target class asks" if is_odd else None
        return _as_classes(listing, why)
    if len(found) < len(read):
        return _as_classes(listing, _why_not_all(listing, read, distinct, has_fractions))
    if distinct <= CLASSES_AT_MOST or not has_fractions:
        what = Sentence("of only {distinct} values", distinct) if has_fractions else "without fractions"
        why = Sentence(
            "the labels are numbers {what}, taken as classes; predict numbers with --target number", what
        )
        return _as_classes(listing, why)
    why = Sentence(
        "since they have fractions and {distinct:,} values; take them as classes with --target class",
        distinct,
    )
    return _as_numbers(listing, found, why)


def _with_order_told(listing: Listing, settings: Settings) -> Listing:
    """A listing with a warning where the names of classes tell an order, and nobody asked for a target."""
    order = order_of(sorted({*listing.labels})) if settings.target is None else None
    if order is None or not is_telling(order):
        return listing
    return listing.with_warnings(
        Sentence(
            "{place}: the classes look ordered ({order}); predict them in that order with --target ordered",
            listing.place,
            named(order),
        )
    )


def _row(source: str) -> str:
    """A row of a table by its source, such as `table.csv:7`, or the source of anything else."""
    number = source.rpartition(":")[2]
    return Sentence("row {number}", number) if number.isdigit() else source


def _sets_of(listing: Listing, settings: Settings) -> Labels | None:
    """Several labels of each example, where they are asked for or found; else `None`."""
    given, separator = listing.decided, settings.label_separator
    if settings.target in (None, "labels"):
        is_asked = settings.target == "labels" or separator is not None
        found = given or read_label_sets(
            listing.labels, separator, listing.place, listing.sources, is_asked=is_asked
        )
        if found is not None:
            return found
    elif given is not None:
        raise UsageError(
            "--target {target}: the labels of {place} are in {names}; name one with --label-column",
            settings.target,
            listing.place,
            count_of(len(given.names), "column"),
        )
    for flag, value in (("--unlabelled", settings.unlabelled), ("--label-separator", separator)):
        if value is not None:
            raise UsageError(
                "{flag}: belongs to examples with several labels, and those of {place} have one "
                "each; leave it out, or give --target labels",
                flag,
                listing.place,
            )
    return None


def _as_sets(listing: Listing, sets: Labels, settings: Settings) -> Listing:
    """A listing with several labels of each example, and what empty cells mean."""
    sets, sentences = with_answer(sets, settings.unlabelled, listing.place, listing.sources)
    why: str = Sentence("{place}: an example may have several labels", listing.place)
    if listing.decided is None and settings.target is None:
        one = next((text for text in listing.labels if (array_in(text) or [text]) != [text]), "")
        one = one or next(text for text in listing.labels if text not in sets.names)
        why += Sentence(", as in {one}; take each text as one class with --target class", quoted(one))
    return with_labels(listing, sets).with_warnings(
        why, *(Sentence("{place}: {each}", listing.place, each) for each in sentences)
    )


def with_answer(
    sets: Labels, unlabelled: str | None, place: str, sources: Sequence[str]
) -> tuple[Labels, list[str]]:
    """Sets with empty cells as the user says they are meant, `none` or `unknown`, and what was done.

    Raises: `DataError` if a cell is empty and the user has not said what that means.
    """
    is_empty = sets.values == UNKNOWN
    rows = np.flatnonzero(is_empty.any(axis=1))
    if len(rows) == 0:
        return sets, []
    of_rows = is_empty[rows].all(axis=1)
    shown = some([sources[row] for row in rows.tolist()])
    what = count_of(len(rows), "example")
    if unlabelled is None:
        cells = "no label" if of_rows.all() else "an empty cell of a label"
        raise DataError(
            "{place}: {what} with {cells}: {shown}; give --unlabelled none if no label applies there, or "
            "--unlabelled unknown if nobody has looked",
            place,
            what,
            cells,
            shown,
        )
    if unlabelled == "none":
        words: str = Sentence("{what} without a label, taken as: no label applies (--unlabelled none)", what)
        states = np.where(is_empty, ABSENT, sets.values).astype(np.int8)
        return dataclasses.replace(sets, values=states), [words]
    some_known = len(rows) - int(of_rows.sum())
    words = Sentence("{sum:,} examples of which nobody knows the labels are left out", int(of_rows.sum()))
    if some_known:
        words += Sentence(
            ", and {sum} of others count nowhere", count_of(int(is_empty.sum()), "unknown label")
        )
    return sets, [Sentence("{words} (--unlabelled unknown)", words)]


def numbers_of(texts: Sequence[str], sources: Sequence[str], place: str) -> Float64[np.ndarray, " n"]:
    """Read every label as a finite number, at most 1e30 in size.

    `sources` are where each was read, such as `table.csv:7`.

    Raises: `DataError` if a label is none; the message lists where and says what to do.
    """
    read = [read_number(text) for text in texts]
    wrong = [index for index, value in enumerate(read) if value is None]
    if wrong:
        complaint = _complaint([texts[index] for index in wrong], len(texts))
        listed = some(
            [Sentence("{texts} at {sources}", quoted(texts[index]), sources[index]) for index in wrong],
            MOST_ROWS,
        )
        raise DataError("{place}: {complaint}: {listed}; {REMEDY}", place, complaint, listed, _REMEDY)
    return np.array(read, np.float64)


_REMEDY = "fix or remove them, or take the labels as classes with --target class"


def _complaint(wrong: Sequence[str], total: int) -> str:
    """Complaint about labels that are no numbers, out of a total."""
    if all(_DECIMAL_COMMA.fullmatch(text.strip()) for text in wrong):
        return "numbers are written with a decimal point and without a comma"
    if all(NUMBER.fullmatch(text.strip()) for text in wrong):
        return Sentence("numbers to predict are at most {LARGEST:g} in size", LARGEST)
    if 2 * len(wrong) > total:
        return "numbers are to be predicted, but most labels are names"
    return "not a finite number"


def _have_decimal_commas(labels: Sequence[str]) -> bool:
    """True of labels that would all be numbers if their commas were points."""
    with_commas = [bool(_DECIMAL_COMMA.fullmatch(text.strip())) for text in labels]
    if not any(with_commas) or len(set(labels)) <= CLASSES_AT_MOST:
        return False
    pairs = zip(labels, with_commas, strict=True)
    return all(has_comma or read_number(text) is not None for text, has_comma in pairs)


def _why_not_all(
    listing: Listing, read: Sequence[float | None], distinct: int, has_fractions: bool
) -> str | None:
    """The sentence for labels most of which would be numbers to predict, but not all."""
    wrong = [index for index, value in enumerate(read) if value is None]
    if 2 * len(wrong) > len(read) or distinct <= CLASSES_AT_MOST or not has_fractions:
        return None
    named = some(
        [
            Sentence("{labels} at {sources}", quoted(listing.labels[index]), listing.sources[index])
            for index in wrong
        ]
    )
    return Sentence(
        "the labels are numbers but for {named}, and so taken as classes; fix or remove these to predict "
        "numbers",
        named,
    )


def _as_classes(listing: Listing, why: str | None) -> Listing:
    return listing if why is None else listing.with_warnings(Sentence("{place}: {why}", listing.place, why))


def _as_numbers(listing: Listing, values: Float64[np.ndarray, " n"], why: str) -> Listing:
    numbers = with_labels(listing, Labels(values, (), REGRESSION))
    return numbers.with_warnings(
        Sentence("{place}: the labels are taken as numbers to predict, {why}", listing.place, why)
    )


# What differs by target on the way from cells to a data set.

# Label of an example that can be compared: a class, a number, or a set of labels.
Value = str | float | frozenset[str]


def counts_of(parts: Mapping[str, Labels]) -> dict[str, tuple[int, ...]]:
    """Examples of each class in each split; of numbers, all of them."""
    return {part: labels.counts() for part, labels in parts.items()}


class Reader(ABC):
    """What differs by target where labels are named, corrected, checked and split."""

    @abstractmethod
    def named(self, listing: Listing) -> Mapping[str, int]:
        """Names that can be changed, and the examples of each.

        Raises: `UsageError` if there are none.
        """

    @abstractmethod
    def texts(self, labels: Labels) -> list[str]:
        """Labels as a listing has them."""

    @abstractmethod
    def value(self, text: str, names: Collection[str]) -> Value | None:
        """The label that a text stands for; `None` where it is none. `names` are those of the data."""

    @abstractmethod
    def shown(self, value: Any) -> str:
        """A label in a message."""

    @abstractmethod
    def changed(self, labels: Labels, changes: Mapping[int, Any]) -> Labels:
        """Labels of which some, by position, are other values."""

    def of_new(self, labels: Labels, splits: np.ndarray, needed: int) -> tuple[Mapping[str, int], int]:
        """Examples of each class where a new one is needed, and how many are.

        `splits` are those of the examples that are used, empty text for the others; `needed` is how many a
        class needs to be in each split.
        """
        return {}, needed

    def without_rare(
        self, listing: Listing, readable: Bool[np.ndarray, " n"], least: int, kept: Collection[str]
    ) -> tuple[Listing, Bool[np.ndarray, " n"], dict[str, int]]:
        """A listing without labels that fewer than `least` examples have, and which examples are used.

        Also the classes that are left out with their examples, and how many each has; those `kept` stay.
        """
        return listing, readable, {}

    @abstractmethod
    def require_learnable(
        self, labels: Labels, place: str, noun: str, needed: int, kept: Collection[str]
    ) -> None:
        """Refuse labels that leave nothing to learn, where at least `needed` classes are, or are `kept`.

        Raises: `DataError` saying why.
        """

    @abstractmethod
    def findings(self, parts: Mapping[str, Labels], noun: str, names: NameFindings) -> TargetFindings:
        """Findings about the labels of each split."""

    def units(self, sets: Int64[np.ndarray, " n"], labels: Labels, seed: int, least: int = 15) -> Units:
        """Units of splits, `sets` that must stay together, by what gives its share to each split.

        Deciles of numbers are of `least` or more.
        """
        return tabulated(sets, labels.strata(least), seed)


class ClassReader(Reader):
    """One class of each example, by its text."""

    def named(self, listing: Listing) -> Mapping[str, int]:
        """The classes, in the order of the data."""
        return Counter(listing.labels)

    def texts(self, labels: Labels) -> list[str]:
        """The names of the classes."""
        return labels.texts()

    def value(self, text: str, names: Collection[str]) -> str | None:
        """The class of that name, or else of the name without space around it."""
        return text if text in names else text.strip() or None

    def shown(self, value: Any) -> str:
        """The name between quotation marks."""
        return quoted(value)

    def changed(self, labels: Labels, changes: Mapping[int, Any]) -> Labels:
        """The labels with other classes, new ones among them; a class of no example is gone."""
        texts = labels.texts()
        for position, name in changes.items():
            texts[position] = name
        return class_labels(texts)

    def of_new(self, labels: Labels, splits: np.ndarray, needed: int) -> tuple[Mapping[str, int], int]:
        """Examples of any split, of which each needs one."""
        counts = labels.at(splits != UNDECIDED).counts()
        return {name: count for name, count in zip(labels.names, counts, strict=True) if count}, needed

    def without_rare(
        self, listing: Listing, readable: Bool[np.ndarray, " n"], least: int, kept: Collection[str]
    ) -> tuple[Listing, Bool[np.ndarray, " n"], dict[str, int]]:
        """Examples of rare classes are not used."""
        labels = listing.coded
        counts = zip(labels.names, labels.at(readable).counts(), strict=True)
        rare = {name: count for name, count in counts if 0 < count < least and name not in kept}
        is_rare = np.array([name in rare for name in labels.names], bool)
        return listing, readable & ~is_rare[labels.values], rare

    def require_learnable(
        self, labels: Labels, place: str, noun: str, needed: int, kept: Collection[str]
    ) -> None:
        """Refuse too few classes."""
        classes = {name for name, count in zip(labels.names, labels.counts(), strict=True) if count}
        if len(classes | {*kept}) < needed:
            raise DataError(
                "{place}: only one class, {pop}; give {noun}s of at least two classes",
                place,
                quoted(classes.pop()),
                noun,
            )

    def findings(self, parts: Mapping[str, Labels], noun: str, names: NameFindings) -> TargetFindings:
        """Names and imbalance."""
        return ClassFindings(counts_of(parts), parts[TRAIN].names, names)


class OrderedReader(ClassReader):
    """One of several ordered classes of each example."""

    def value(self, text: str, names: Collection[str]) -> str | None:
        """The class of that name; a new one would have no place in the order."""
        return next((each for each in (text, text.strip()) if each in names), None)

    def changed(self, labels: Labels, changes: Mapping[int, Any]) -> Labels:
        """The labels with other ones of the classes; all keep their places."""
        values = labels.values.copy()
        for position, name in changes.items():
            values[position] = labels.names.index(name)
        return dataclasses.replace(labels, values=values)

    def require_learnable(
        self, labels: Labels, place: str, noun: str, needed: int, kept: Collection[str]
    ) -> None:
        """Refuse too few classes, also for an order."""
        super().require_learnable(labels, place, noun, needed, kept)
        count = sum(map(bool, labels.counts()))
        if needed > 1 and count < FEWEST_CLASSES:
            raise DataError(
                "{place}: only {count} classes are left, and an order needs at least {FEWEST_CLASSES}; "
                "leave out --target ordered",
                place,
                count,
                FEWEST_CLASSES,
            )


class NumberReader(Reader):
    """A number for each example."""

    def named(self, listing: Listing) -> Mapping[str, int]:
        """Refused: numbers have no names."""
        raise UsageError(
            "--rename: names classes, but the labels of {place} are numbers; leave it out", listing.place
        )

    def texts(self, labels: Labels) -> list[str]:
        """The shortest text of each number, whole ones without a fraction."""
        return [number_text(value) for value in labels.values.tolist()]

    def value(self, text: str, names: Collection[str]) -> float | None:
        """The number."""
        return read_number(text)

    def shown(self, value: Any) -> str:
        """The shortest text."""
        return number_text(value)

    def changed(self, labels: Labels, changes: Mapping[int, Any]) -> Labels:
        """The labels with other numbers."""
        values = labels.values.copy()
        for position, value in changes.items():
            values[position] = value
        return dataclasses.replace(labels, values=values)

    def require_learnable(
        self, labels: Labels, place: str, noun: str, needed: int, kept: Collection[str]
    ) -> None:
        """Refuse numbers that are all but the same."""
        require_spread(labels.values, place, noun)

    def findings(self, parts: Mapping[str, Labels], noun: str, names: NameFindings) -> TargetFindings:
        """The spread of the numbers."""
        values = {part: labels.values for part, labels in parts.items()}
        return number_findings(counts_of(parts), values, noun)


class SetReader(Reader):
    """Any number of labels of each example."""

    def named(self, listing: Listing) -> Mapping[str, int]:
        """The labels, sorted."""
        return dict(zip(listing.coded.names, listing.coded.counts(), strict=True))

    def texts(self, labels: Labels) -> list[str]:
        """The names of those present, joined by `;`."""
        return labels.texts()

    def value(self, text: str, names: Collection[str]) -> frozenset[str]:
        """The labels of the names, none included."""
        return frozenset(parts_of(text, SEPARATOR))

    def shown(self, value: Any) -> str:
        """The names between one pair of quotation marks."""
        return quoted(SEPARATOR.join(sorted(value)))

    def changed(self, labels: Labels, changes: Mapping[int, Any]) -> Labels:
        """The labels with other sets; what nobody looked at stays so, and a new label is absent elsewhere."""
        found = labels.by(sorted({*labels.names}.union(*changes.values())))
        is_new = np.array([name not in labels.names for name in found.names])
        found.values[np.ix_(labels.is_known(), is_new)] = ABSENT
        for position, present in changes.items():
            row = found.values[position]
            row[row == PRESENT] = ABSENT
            row[[found.names.index(name) for name in present]] = PRESENT
        return found

    def of_new(self, labels: Labels, splits: np.ndarray, needed: int) -> tuple[Mapping[str, int], int]:
        """Training examples, of which one is needed."""
        return dict(zip(labels.names, labels.at(splits == TRAIN).counts(), strict=True)), 1

    def without_rare(
        self, listing: Listing, readable: Bool[np.ndarray, " n"], least: int, kept: Collection[str]
    ) -> tuple[Listing, Bool[np.ndarray, " n"], dict[str, int]]:
        """Rare labels are left out of all examples, with a warning, and examples of which none is known."""
        labels = listing.coded
        usable = readable & labels.is_known()
        counts = labels.at(usable).counts()
        named = list(zip(labels.names, counts, strict=True))
        left = [
            Sentence("{name} ({count:,})", quoted(name), count)
            for name, count in named
            if count < max(1, least)
        ]
        if not left:
            return listing, usable, {}
        labels = labels.by([name for name, count in named if count >= max(1, least)])
        why = (
            Sentence("fewer than {least} examples have them (--min-examples)", least)
            if least
            else "no example has them"
        )
        warning = Sentence(
            "{place}: {left} left out, since {why}: {left2}",
            listing.place,
            count_of(len(left), "label"),
            why,
            some(left, 10),
        )
        return with_labels(listing, labels).with_warnings(warning), usable, {}

    def require_learnable(
        self, labels: Labels, place: str, noun: str, needed: int, kept: Collection[str]
    ) -> None:
        """Refuse labels none of which differs among the examples."""
        differs = (labels.values == PRESENT).any(axis=0) & (labels.values == ABSENT).any(axis=0)
        if not kept and needed > 1 and not differs.any():
            raise DataError(
                "{place}: no label is there for some {noun}s and not for others, which leaves nothing to "
                "learn; give examples of both",
                place,
                noun,
            )

    def units(self, sets: Int64[np.ndarray, " n"], labels: Labels, seed: int, least: int = 15) -> Units:
        """Each label gives its share."""
        return tabulated_sets(sets, labels.values == PRESENT, seed)

    def findings(self, parts: Mapping[str, Labels], noun: str, names: NameFindings) -> TargetFindings:
        """How labels go together."""
        is_present = {part: labels.values == PRESENT for part, labels in parts.items()}
        unknown = sum(int((labels.values == UNKNOWN).sum()) for labels in parts.values())
        return label_findings(parts[TRAIN].names, counts_of(parts), is_present, unknown)


class UnlabelledReader(ClassReader):
    """No labels: each is an empty text."""

    of_new, without_rare = Reader.of_new, Reader.without_rare

    def texts(self, labels: Labels) -> list[str]:
        """Empty texts."""
        return [""] * len(labels)

    def changed(self, labels: Labels, changes: Mapping[int, Any]) -> Labels:
        """The very same."""
        return labels

    def require_learnable(
        self, labels: Labels, place: str, noun: str, needed: int, kept: Collection[str]
    ) -> None:
        """Refuse nothing: a generator learns from inputs alone."""


READERS: dict[Target, Reader] = {
    CLASSIFICATION: ClassReader(),
    REGRESSION: NumberReader(),
    MULTILABEL: SetReader(),
    ORDERED: OrderedReader(),
    GENERATION: UnlabelledReader(),
}
