"""Labels of any admitted kind become text, and what is no label is refused with its row."""

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from pellucid.data.wording import quoted, some
from pellucid.errors import DataError, UsageError

# Number of rows that a message names; it also says how many more there are.
MOST_ROWS = 10


def label_texts(values: Sequence[object], place: str, source: Callable[[int], str]) -> list[str]:
    """Turn labels into class names.

    Text stays as it is ("NA" and "null" too), whole numbers lose their fraction (`3.0` is `3`),
    truth values become `true` and `false`.

    Values are text, numbers or truth values of one kind. `source` names one of them for messages, such as
    `row 7`.

    Raises: `DataError` if a label is empty, not a number, of an unknown kind, or numbers stand beside texts
    (1 and "1" would become one class by accident).
    """
    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    if all(type(value) is str for value in values):
        texts = list(map(str, values))
    else:
        _refuse_mixed_kinds(values, place, source)
        texts = ["" if _is_missing(value) else _as_text(value) for value in values]
    empty = [index for index, text in enumerate(texts) if not text or text.isspace()]
    if empty:
        raise DataError(
            f"{place}: empty label at {some([source(index) for index in empty], MOST_ROWS)}; "
            "fill it in or remove the row"
        )
    for index, text in enumerate(texts):
        if not is_encodable(text):
            raise DataError(
                f"{place}: the label at {source(index)} is not valid text: {quoted(text)}; fix it"
            )
    return texts


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
        shown.append(quoted(name) + (f" (is it {quoted(known[close[0]])}?)" if close else ""))
    raise UsageError(
        f"{flag}: {place} has no {'class' if len(unknown) == 1 else 'classes'} {some(shown, MOST_ROWS)}; "
        f"it has {some([quoted(name) for name in classes], MOST_ROWS)}"
    )


def require_threshold(threshold: Mapping[str, float] | None, classes: Sequence[str], place: str) -> None:
    """Refuse a threshold where there are not two classes, or of a class that is none of them.

    Raises: `UsageError` naming it.
    """
    if threshold is None:
        return
    if len(classes) != 2:
        raise UsageError(
            f"--threshold: decides between two classes, and {place} has {len(classes) or 'no'} classes; "
            "leave it out, or give predict --costs a table of costs"
        )
    require_classes("--threshold", threshold, classes, place)


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


def _kind(value: object) -> str:
    """Kind of a label in words; `bool` before `int`, which it is a subclass of."""
    for kind, name in ((bool, "truth value"), (int, "number"), (float, "number"), (str, "text")):
        if isinstance(value, kind):
            return name
    return type(value).__name__


def _refuse_mixed_kinds(values: Sequence[object], place: str, source: Callable[[int], str]) -> None:
    """Refuse numbers beside texts, and labels that are neither.

    Raises: `DataError` naming the first label of each kind.
    """
    first: dict[str, int] = {}
    for index, value in enumerate(values):
        if not _is_missing(value):
            first.setdefault(_kind(value), index)
    for kind, index in first.items():
        if kind not in ("truth value", "number", "text"):
            raise DataError(f"{place}: the label at {source(index)} is a {kind}; use text or a number")
    if len(first) > 1:
        found = " and ".join(
            f"the {kind} {_shown(values[index])} at {source(index)}" for kind, index in first.items()
        )
        raise DataError(f"{place}: labels of mixed kinds: {found}; make them all text or all numbers")


def _shown(value: object) -> str:
    return quoted(value) if isinstance(value, str) else _as_text(value)


def is_encodable(text: str) -> bool:
    """Tell text that can be written as UTF-8; lone surrogates cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
