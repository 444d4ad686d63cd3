"""Row of the settings table: admitted values, and the check of a value against them."""

import dataclasses
import difflib
import numbers
import os
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

from pellucid.errors import UsageError

Group = Literal["data", "network", "training", "run"]

_OURS = {
    "random_state": "seed",
    "n_jobs": "threads",
    "max_iter": "epochs",
    "n_epochs": "epochs",
    "num_epochs": "epochs",
    "lr": "learning_rate",
    "learning_rate_init": "learning_rate",
}  # what other libraries call them


# So many letters and more, found within a name, are a part of it that somebody remembers.
_A_PART = 3


@dataclass(frozen=True)
class Row:
    """Setting as flags, TOML and the reference need it.

    Attributes:
        name: name in Python.
        kind: `str`, `int`, `float` or `bool`.
        default: value when nothing is given; `None` means decided by rule.
        group: which part of the work it steers.
        meaning: one sentence for people, without the closing stop.
        choices: every admitted text; empty when any text will do.
        low: smallest admitted number, or `None`.
        high: largest admitted number, or `None`.
    """

    name: str
    kind: type
    default: Any
    group: Group
    meaning: str
    choices: tuple[str, ...]
    low: float | None
    high: float | None

    @property
    def key(self) -> str:
        """Name in TOML: that in Python, without the underscore that keeps `from_` apart from a keyword."""
        return self.name.rstrip("_")

    @property
    def flag(self) -> str:
        """Flag of the command line, such as `--learning-rate`."""
        return "--" + self.key.replace("_", "-")


def row(
    default: Any,
    group: Group,
    meaning: str,
    *,
    choices: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """Field of the table, whose name and type stand beside it; arguments as the attributes of `Row`."""
    metadata = {"group": group, "meaning": meaning, "choices": choices, "low": low, "high": high}
    return field(default=default, metadata=metadata)


def rows_of(table: type) -> tuple[Row, ...]:
    """Rows of a dataclass whose fields were made by `row`, in their order."""
    return tuple(
        Row(name=each.name, kind=_kind(each.type), default=each.default, **each.metadata)
        for each in dataclasses.fields(table)
    )


def _kind(annotation: Any) -> type:
    """Plain type behind `X` or `X | None`."""
    if get_origin(annotation) in (types.UnionType, typing.Union):
        return next(part for part in get_args(annotation) if part is not types.NoneType)  # type: ignore[no-any-return]
    return annotation  # type: ignore[no-any-return]


def likely_meant(name: str, known: Sequence[str]) -> str:
    """For messages: a question in brackets for the known name that is likely meant; nothing where none is."""
    plain = name.lstrip("-").replace("-", "_")
    twins = [each for each in known if each.casefold() == name.casefold()]
    ours = "--" + _OURS.get(plain, "").replace("_", "-")
    near = (
        twins
        or [each for each in known if each == ours]
        or difflib.get_close_matches(name, known, 1)
        or [each for each in known if len(name) > _A_PART and name in each]
    )
    if not near:
        return ""
    return f" (did you mean {near[0]}?{' They differ only in capitals' if twins else ''})"


def not_known(value: str, known: Sequence[str]) -> str:
    """For messages: that a value is none of the known, which of them is likely meant, and all of them."""
    return f"{value!r} is not known{likely_meant(value, known)}; choose one of {', '.join(known)}"


def instead_of(name: str, known: Sequence[str]) -> str:
    """An unknown name, for messages, with the one that is meant where that can be guessed."""
    if _OURS.get(name) in known:
        return f"{name!r}; use {_OURS[name]}"
    return f"{name!r}{likely_meant(name, known)}; known are {', '.join(known)}"


_KIND_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def checked(row: Row, value: Any) -> Any:
    """Bring a value to its plain type, or refuse it; `None` stays `None` where a rule decides.

    A NumPy number becomes a plain one, `3.0` a whole number and, where any text will do, `32` the
    text `"32"`, a path a text: what is saved is JSON, whatever it came from.

    Raises: `UsageError` for the wrong type, outside the choices or outside the bounds; with the flag, the
    value found and what is admitted.
    """
    if value is None and row.default is None:
        return None
    if row.kind is str and isinstance(value, os.PathLike):
        value = os.fspath(value)
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    is_integer = isinstance(value, numbers.Integral) and is_number
    right_type = {
        bool: isinstance(value, bool),
        int: is_integer or (is_number and float(value).is_integer()),
        float: is_number and value == value,
        str: isinstance(value, str) or (is_integer and not row.choices),
    }[row.kind]
    if not right_type:
        raise UsageError(f"{row.flag}: {value!r} is not {_KIND_WORDS[row.kind]}")
    if row.choices and value not in row.choices:
        raise UsageError(f"{row.flag}: {not_known(value, row.choices)}")
    if (row.low is not None and value < row.low) or (row.high is not None and value > row.high):
        raise UsageError(f"{row.flag}: {value!r} is outside {row.low} to {row.high}")
    return row.kind(value)
