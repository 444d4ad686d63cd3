"""The order of classes: as the user gives it, or as their names imply it."""

import csv
from collections.abc import Collection, Sequence

from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError, UsageError
from pellucid.targets.ordered import FEWEST_CLASSES, order_of

NAMES_SHOWN = 10


def asked_order(classes: Collection[str], order: str | None, place: str) -> tuple[str, ...]:
    """All classes from the lowest to the highest, as the user gives them, or else as their names imply.

    Raises: `UsageError` if the user misses a class, or names one that there is not or one twice; `DataError`
    if names imply no order, or there are too few classes to have one.
    """
    if len(classes) < FEWEST_CLASSES:
        raise DataError(
            "{place}: {classes}, and an order needs at least {FEWEST_CLASSES}; leave out --target ordered",
            place,
            count_of(len(classes), "class"),
            FEWEST_CLASSES,
        )
    if order is None:
        found = order_of(sorted(classes))
        if found is None:
            raise DataError(
                "{place}: the names of the classes imply no order: {classes}; give all of "
                "them from the lowest to the highest with --order",
                place,
                named(sorted(classes)),
            )
        return found
    given = tuple(name.strip() for name in next(csv.reader([order], skipinitialspace=True), []))
    unknown, missing = [name for name in given if name not in classes], sorted({*classes} - {*given})
    if unknown:
        raise UsageError(
            "--order: {place} has no class {unknown}; it has {classes}",
            place,
            named(unknown),
            named(sorted(classes)),
        )
    if missing:
        raise UsageError("--order: leaves out {missing} of {place}; name every class", named(missing), place)
    if len({*given}) < len(given):
        raise UsageError("--order: names a class twice: {order}; name each once", order)
    return given


def named(names: Sequence[str]) -> str:
    """Names of classes in a sentence; of many the first."""
    return some([quoted(name) for name in names], NAMES_SHOWN)
