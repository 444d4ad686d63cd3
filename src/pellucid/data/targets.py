"""The target of labels, one class, several labels or a number to predict, and classes by other names."""

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from pellucid.data.label_sets import LabelSets, array_in, read_label_sets, with_answer
from pellucid.data.labels import (
    LARGEST,
    MOST_ROWS,
    NUMBER,
    number_text,
    read_number,
    require_classes,
    require_labels,
)
from pellucid.data.listing import Listing
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError, UsageError
from pellucid.settings import Settings
from pellucid.targets import MULTILABEL, UNKNOWN

_NAMES_SHOWN = 10


def renamed(listing: Listing, names: Mapping[str, str]) -> Listing:
    """A listing whose classes have their new names, with warnings of what was renamed and which became one.

    Raises: `UsageError` if the table names a class that the data does not have.
    """
    sets = listing.label_sets
    counts = Counter(listing.labels)
    if sets is not None:
        counts = Counter(dict(zip(sets.names, MULTILABEL.counts(sets.states, len(sets.names)), strict=True)))
    require_classes("--rename", names, counts, listing.place)
    sources: dict[str, list[str]] = {}
    for name in counts:
        sources.setdefault(names.get(name, name), []).append(name)
    changed = [name for name in names if names[name] != name]
    pairs = [f"{quoted(name)} to {quoted(names[name])}" for name in changed]
    sentences = (
        [f"Renamed: {count_of(len(changed), 'class')}, {some(pairs, _NAMES_SHOWN)}."] if changed else []
    )
    for new, old in sources.items():
        if len(old) > 1:
            parts = " and ".join(f"{quoted(name)} ({count_of(counts[name], listing.noun)})" for name in old)
            sentences.append(f"Merged into {quoted(new)}: {parts}.")
    listing = listing.with_warnings(*sentences)
    if sets is not None:
        sets = renamed_sets(sets, names)
        return dataclasses.replace(listing, labels=sets.texts(), label_sets=sets)
    return dataclasses.replace(listing, labels=new_names(listing.labels, names))


def new_names(labels: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """Labels by their new names."""
    return [names.get(label, label) for label in labels]


# The target of labels, classes, several labels or numbers to predict, and the numbers themselves.
#
# The rule:
#
# 1. What the user asked for: `--target number`, `--target class` or `--target labels`.
# 2. Otherwise an example has several labels where `label_sets.py` finds them.
# 3. Otherwise the labels of a table are numbers where every one of them is a number, at least one
#    has a fraction, and more than 20 differ.
# 4. Everything else is classes.

# So many distinct numbers may still be the names of classes.
CLASSES_AT_MOST = 20

_SMALLEST_SHARE = 1e-6  # float32, in which networks compute, has about seven digits

# Forms whose labels may be numbers without being asked; elsewhere labels are names.
_TABLES = ("table", "tables", "table beside images")

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)


def with_target(listing: Listing, settings: Settings) -> Listing:
    """Decide by the rule at the top of this file whether labels are classes, several labels or numbers.

    Of `settings` it takes `target`, `label_separator` and `unlabelled`. Where they are numbers the listing
    has `values`, and each label as the shortest text of its number; where there are several, `label_sets`. A
    warning says what was decided and why, where the labels leave a doubt.

    Raises: `DataError` if a label is empty where one is needed, if numbers are asked for and a label is none,
    or all of many different labels are numbers but for a decimal comma; with the rows. `UsageError` if a
    setting belongs to several labels and there are none.
    """
    if not listing.is_labelled:
        return listing
    sets = _sets_of(listing, settings)
    if sets is not None:
        return _as_sets(listing, sets, settings)
    require_labels(listing.labels, listing.place, lambda index: _row(listing.sources[index]))
    if settings.target == "number":
        values = numbers_of(listing.labels, listing.sources, listing.place)
        return _as_numbers(listing, values, "as --target number asks")
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
        what = f"of only {distinct} values" if has_fractions else "without fractions"
        why = f"the labels are numbers {what}, taken as classes; predict numbers with --target number"
        return _as_classes(listing, why)
    why = f"since they have fractions and {distinct:,} values; take them as classes with --target class"
    return _as_numbers(listing, found, why)


def _row(source: str) -> str:
    """A row of a table by its source, such as `table.csv:7`, or the source of anything else."""
    number = source.rpartition(":")[2]
    return f"row {number}" if number.isdigit() else source


def _sets_of(listing: Listing, settings: Settings) -> LabelSets | None:
    """Several labels of each example, where they are asked for or found; else `None`."""
    given, separator = listing.label_sets, settings.label_separator
    if settings.target in (None, "labels"):
        is_asked = settings.target == "labels" or separator is not None
        found = given or read_label_sets(
            listing.labels, separator, listing.place, listing.sources, is_asked=is_asked
        )
        if found is not None:
            return found
    elif given is not None:
        raise UsageError(
            f"--target {settings.target}: the labels of {listing.place} are in "
            f"{count_of(len(given.names), 'column')}; name one with --label-column"
        )
    for flag, value in (("--unlabelled", settings.unlabelled), ("--label-separator", separator)):
        if value is not None:
            raise UsageError(
                f"{flag}: belongs to examples with several labels, and those of {listing.place} have one "
                "each; leave it out, or give --target labels"
            )
    return None


def _as_sets(listing: Listing, sets: LabelSets, settings: Settings) -> Listing:
    """A listing with several labels of each example, and what empty cells mean."""
    sets, sentences = with_answer(sets, settings.unlabelled, listing.place, listing.sources)
    why = f"{listing.place}: an example may have several labels"
    if listing.label_sets is None and settings.target is None:
        one = next((text for text in listing.labels if (array_in(text) or [text]) != [text]), "")
        one = one or next(text for text in listing.labels if text not in sets.names)
        why += f", as in {quoted(one)}; take each text as one class with --target class"
    return dataclasses.replace(listing, labels=sets.texts(), label_sets=sets).with_warnings(
        why, *(f"{listing.place}: {each}" for each in sentences)
    )


def renamed_sets(sets: LabelSets, names: Mapping[str, str]) -> LabelSets:
    """Sets whose labels have their new names; two labels of one new name become one."""
    found = tuple(sorted({names.get(name, name) for name in sets.names}))
    states = np.full((len(sets.states), len(found)), UNKNOWN, np.int8)
    for code, name in enumerate(sets.names):
        at = found.index(names.get(name, name))
        states[:, at] = np.maximum(states[:, at], sets.states[:, code])
    return LabelSets(found, states)


def numbers_of(texts: Sequence[str], sources: Sequence[str], place: str) -> Float64[np.ndarray, " n"]:
    """Read every label as a finite number, at most 1e30 in size.

    `sources` are where each was read, such as `table.csv:7`.

    Raises: `DataError` if a label is none; the message lists where and says what to do.
    """
    read = [read_number(text) for text in texts]
    wrong = [index for index, value in enumerate(read) if value is None]
    if wrong:
        complaint = _complaint([texts[index] for index in wrong], len(texts))
        listed = some([f"{quoted(texts[index])} at {sources[index]}" for index in wrong], MOST_ROWS)
        raise DataError(f"{place}: {complaint}: {listed}; {_REMEDY}")
    return np.array(read, np.float64)


def require_spread(values: Float64[np.ndarray, " n"], place: str, noun: str = "image") -> None:
    """Refuse numbers, finite and at least one, that leave nothing to learn.

    Raises: `DataError` if all are the same, or differ by so little that float32, in which networks compute,
    can hardly distinguish them.
    """
    low, high = float(values.min()), float(values.max())
    if low == high:
        raise DataError(
            f"{place}: every number to predict is {number_text(low)}, which leaves nothing to learn; "
            f"give {noun}s with different numbers"
        )
    if values.std() < max(1 / LARGEST, _SMALLEST_SHARE * max(abs(low), abs(high))):
        raise DataError(
            f"{place}: the numbers to predict differ too little for their size, from {number_text(low)} to "
            f"{number_text(high)}; subtract a constant from them, or give them in another unit"
        )


_REMEDY = "fix or remove them, or take the labels as classes with --target class"


def _complaint(wrong: Sequence[str], total: int) -> str:
    """Complaint about labels that are no numbers, out of a total."""
    if all(_DECIMAL_COMMA.fullmatch(text.strip()) for text in wrong):
        return "numbers are written with a decimal point and without a comma"
    if all(NUMBER.fullmatch(text.strip()) for text in wrong):
        return f"numbers to predict are at most {LARGEST:g} in size"
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
    named = some([f"{quoted(listing.labels[index])} at {listing.sources[index]}" for index in wrong])
    return (
        f"the labels are numbers but for {named}, and so taken as classes; fix or remove these to predict "
        "numbers"
    )


def _as_classes(listing: Listing, why: str | None) -> Listing:
    return listing if why is None else listing.with_warnings(f"{listing.place}: {why}")


def _as_numbers(listing: Listing, values: Float64[np.ndarray, " n"], why: str) -> Listing:
    labels = [number_text(value) for value in values.tolist()]
    numbers = dataclasses.replace(listing, labels=labels, values=values)
    return numbers.with_warnings(f"{listing.place}: the labels are taken as numbers to predict, {why}")
