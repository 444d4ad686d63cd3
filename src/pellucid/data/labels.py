"""Labels of any admitted kind as text, numbers read strictly, and values of sources as codes."""

import difflib
import functools
import hashlib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeGuard

import numpy as np
from jaxtyping import Float64, UInt64

from pellucid.data.label_sets import as_array
from pellucid.data.wording import quoted, some, some_quoted
from pellucid.errors import DataError, UsageError
from pellucid.language.sentence import Sentence
from pellucid.targets import Target

# Larger numbers leave the range in which networks compute; so do squares of their differences.
LARGEST = 1e30

_SMALLEST_SHARE = 1e-6  # float32, in which networks compute, has about seven digits

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def number_text(value: float) -> str:
    """Shortest text that reads back as the same finite number, such as `3`, `3.5` or `1e-07`."""
    return repr(value).removesuffix(".0")


def read_number(text: str) -> float | None:
    """Read a decimal number with a point; `None` where it is none, or none of at most 1e30 in size."""
    number = text.strip()  # of more than what `float` takes for space
    if not NUMBER.fullmatch(number):
        return None
    value = float(number) + 0.0  # never -0.0
    return value if abs(value) <= LARGEST else None


def require_spread(values: Float64[np.ndarray, " n"], place: str, noun: str = "image") -> None:
    """Refuse numbers, finite and at least one, that leave nothing to learn.

    Raises: `DataError` if all are the same, or differ by so little that float32, in which networks compute,
    can hardly distinguish them.
    """
    low, high = float(values.min()), float(values.max())
    if low == high:
        raise DataError(
            "{place}: every number to predict is {low}, which leaves nothing to learn; "
            "give {noun}s with different numbers",
            place,
            number_text(low),
            noun,
        )
    if values.std() < max(1 / LARGEST, _SMALLEST_SHARE * max(abs(low), abs(high))):
        raise DataError(
            "{place}: the numbers to predict differ too little for their size, from {low} to "
            "{high}; subtract a constant from them, or give them in another unit",
            place,
            number_text(low),
            number_text(high),
        )


# Number of rows that a message names; it also says how many more there are.
MOST_ROWS = 10


def label_texts(
    values: Sequence[object], place: str, source: Callable[[int], str], *, may_be_empty: bool = False
) -> list[str]:
    """Turn labels, which are text, numbers or truth values of one kind, into class names.

    Text stays as it is ("NA" and "null" too), whole numbers lose their fraction (`3.0` is `3`), truth values
    become `true` and `false`, lists become arrays of JSON (`label_sets.as_array`). `source` names one of them
    for messages, such as `row 7`.

    Raises: `DataError` if a label is empty, not a number, of an unknown kind, or there are numbers and texts
    (1 and "1" would become one class by accident).
    """
    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    values = [as_array(value) if _is_list(value) else value for value in values]
    if all(type(value) is str for value in values):
        texts = list(map(str, values))
    else:
        _refuse_mixed_kinds(values, place, source)
        texts = ["" if _is_missing(value) else _as_text(value) for value in values]
    if not may_be_empty:
        require_labels(texts, place, source)
    for index, text in enumerate(texts):
        if not is_encodable(text):
            raise DataError(
                "{place}: the label at {index} is not valid text: {text}; fix it",
                place,
                source(index),
                quoted(text),
            )
    return texts


def require_labels(texts: Sequence[str], place: str, source: Callable[[int], str]) -> None:
    """Refuse empty labels.

    Raises: `DataError` naming the first, as `source` does.
    """
    empty = [index for index, text in enumerate(texts) if not text or text.isspace()]
    if empty:
        raise DataError(
            "{place}: empty label at {some}; fill it in or remove the row",
            place,
            some([source(index) for index in empty], MOST_ROWS),
        )


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    """Detect several labels of one example: a list of texts, numbers and truth values."""
    return isinstance(value, (list, tuple)) and all(isinstance(each, (str, int, float)) for each in value)


def require_classes(flag: str, names: Iterable[str], classes: Iterable[str], place: str) -> None:
    """Refuse a setting that names a class which there is not, with the class that is meant, if it is close.

    Raises: `UsageError` naming those that are unknown, and those that are there.
    """
    known = {name.casefold(): name for name in classes}
    unknown = sorted(set(names) - set(known.values()) - set(classes))
    if not unknown:
        return
    shown = []
    for name in unknown:
        close = difflib.get_close_matches(name.casefold(), known, n=1)
        shown.append(quoted(name) + (Sentence(" (is it {known}?)", quoted(known[close[0]])) if close else ""))
    raise UsageError(
        "{flag}: {place} has no {word} {shown}; it has {classes}",
        flag,
        place,
        "class" if len(unknown) == 1 else "classes",
        some(shown, MOST_ROWS),
        some_quoted(classes, MOST_ROWS),
    )


def require_threshold(
    threshold: Mapping[str, float] | None, classes: Sequence[str], place: str, target: Target
) -> None:
    """Refuse a threshold of a class that is none, and of one class but one of two; labels have one each.

    Raises: `UsageError` naming it.
    """
    if threshold is None:
        return
    is_of_two = not classes or bool(target.exclusive(classes))
    if len(classes) != 2 and is_of_two:
        raise UsageError(
            "--threshold: decides between two classes, and {place} has {value} classes; "
            "leave it out, or give predict --costs a table of costs",
            place,
            len(classes) or "no",
        )
    if len(threshold) != 1 and is_of_two:
        raise UsageError("--threshold: takes one of two classes, such as spam=0.9; the other one follows")
    require_classes("--threshold", threshold, classes, place)


def new_names(labels: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """Labels by their new names."""
    return [names.get(label, label) for label in labels]


def group_text(value: object) -> str:
    """Turn the name of a group into text; empty, which is no group, where nothing is given."""
    return "" if _is_missing(value) else str(value)


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


# `bool` comes before `int`, of which it is a subclass.
_KINDS = {bool: "truth value", int: "number", float: "number", str: "text"}


def _refuse_mixed_kinds(values: Sequence[object], place: str, source: Callable[[int], str]) -> None:
    """Refuse labels of several kinds, and those that are neither text nor numbers."""
    first: dict[str, int] = {}
    for index, value in enumerate(values):
        if not _is_missing(value):
            names = (name for kind, name in _KINDS.items() if isinstance(value, kind))
            first.setdefault(next(names, type(value).__name__), index)
    for kind, index in first.items():
        if kind not in _KINDS.values():
            raise DataError(
                "{place}: the label at {index} is a {kind}; use text or a number", place, source(index), kind
            )
    if len(first) > 1:
        shown = {index: values[index] for index in first.values()}
        texts = {at: quoted(each) if isinstance(each, str) else _as_text(each) for at, each in shown.items()}
        found = " and ".join(
            Sentence("the {kind} {texts} at {at}", kind, texts[at], source(at)) for kind, at in first.items()
        )
        raise DataError(
            "{place}: labels of mixed kinds: {found}; make them all text or all numbers", place, found
        )


def is_encodable(text: str) -> bool:
    """True of text that can be written as UTF-8; lone surrogates cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def source_codes(values: Iterable[object]) -> UInt64[np.ndarray, " values"]:
    """A number for each value of a column of sources, equal for equal ones, 0 where there is none."""

    @functools.cache
    def code(text: str) -> int:
        digest = hashlib.blake2b(text.encode(errors="replace"), digest_size=8).digest()
        return int.from_bytes(digest) if text else 0

    return np.array([code(group_text(value).strip()) for value in values], np.uint64)
