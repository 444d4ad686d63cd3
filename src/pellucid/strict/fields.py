"""Fields of a saved object, declared once: each knows the type and the bounds that it admits."""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

_SHOWN = 40


@runtime_checkable
class Field(Protocol):
    """Type and bounds of one value of an object."""

    def read(self, name: str, value: object) -> Any:
        """Check a value that JSON held; a `ValueError` names the field, what it is and what it may be."""
        ...


# The fields of an object by name.
Fields = Mapping[str, Field]


@dataclass(frozen=True)
class Anything:
    """A value that its owner checks."""

    def read(self, name: str, value: object) -> Any:
        """The value as it is."""
        del name
        return value


@dataclass(frozen=True)
class Truth:
    """True or false."""

    def read(self, name: str, value: object) -> bool:
        """Check, as `Field` says."""
        if not isinstance(value, bool):
            raise ValueError(f"{name}: {_shown(value)} is neither true nor false")
        return value


@dataclass(frozen=True)
class Whole:
    """A whole number from `least` to `most`; `None` leaves the bounds to its owner."""

    least: int | None = None
    most: int | None = None

    def read(self, name: str, value: object) -> int:
        """Check, as `Field` says."""
        if type(value) is not int or not _lies_between(self.least, value, self.most):
            raise ValueError(f"{name}: {_shown(value)} is no whole number{_range(self.least, self.most)}")
        return value


@dataclass(frozen=True)
class Number:
    """A finite number from `least` to `most`."""

    least: float = -1e9
    most: float = 1e9

    def read(self, name: str, value: object) -> float:
        """Check, as `Field` says."""
        # Compared before float(), which a huge int overflows; NaN fails the comparison.
        if type(value) not in (int, float) or not self.least <= value <= self.most:  # type: ignore[operator]
            raise ValueError(f"{name}: {_shown(value)} is no number{_range(self.least, self.most)}")
        return float(value)  # type: ignore[arg-type]  # a number, see above


@dataclass(frozen=True)
class Text:
    """A text of at most so many characters, of a pattern where one is given."""

    most: int
    least: int = 1
    pattern: str = ""

    def read(self, name: str, value: object) -> str:
        """Check, as `Field` says."""
        if not isinstance(value, str) or not self.least <= len(value) <= self.most:
            raise ValueError(
                f"{name}: {_shown(value)!r} is no text of {self.least} to {self.most} characters"
            )
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise ValueError(f"{name}: {_shown(value)!r} is malformed")
        return value


@dataclass(frozen=True)
class OneOf:
    """One of some texts, or of some whole numbers."""

    choices: tuple[str | int, ...]

    def read(self, name: str, value: object) -> Any:
        """Check, as `Field` says."""
        for choice in self.choices:
            if type(value) is type(choice) and value == choice:
                return choice
        shown = repr(_shown(value)) if isinstance(self.choices[0], str) else _shown(value)
        raise ValueError(f"{name}: {shown} is not one of {', '.join(map(str, self.choices))}")


@dataclass(frozen=True)
class Numbers:
    """An object of finite numbers by any names."""

    def read(self, name: str, value: object) -> dict[str, float]:
        """Check, as `Field` says."""
        if not isinstance(value, dict):
            raise ValueError(f"{name}: no object of numbers")
        return {each: _ANY_NUMBER.read(f"{name}: {each[:_SHOWN]}", number) for each, number in value.items()}


@dataclass(frozen=True)
class Object:
    """An object whose fields its owner checks."""

    def read(self, name: str, value: object) -> dict[str, Any]:
        """Check, as `Field` says."""
        if not isinstance(value, dict):
            raise ValueError(f"{name}: no object")
        return value


@dataclass(frozen=True)
class Records:
    """A list of objects, whose values their reader checks where it uses them."""

    def read(self, name: str, value: object) -> list[dict[str, Any]]:
        """Check, as `Field` says."""
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise ValueError(f"{name}: no list of objects")
        return value


@dataclass(frozen=True)
class Wholes:
    """A list of at most so many whole numbers."""

    most: int
    least: int = 0
    each: Whole = Whole()

    def read(self, name: str, value: object) -> tuple[int, ...]:
        """Check, as `Field` says."""
        if not isinstance(value, list) or not self.least <= len(value) <= self.most:
            count = self.least if self.least == self.most else f"{self.least} to {self.most}"
            raise ValueError(f"{name}: no list of {count} whole numbers")
        return tuple(self.each.read(name, number) for number in value)


_ANY_NUMBER = Number(-1e308, 1e308)


def read_object(
    what: str, document: object, fields: Fields, optional: Set[str] = frozenset()
) -> dict[str, Any]:
    """Read an object of exactly these fields, `optional` ones aside; values in the order of `fields`.

    `what` names the object for messages.

    Raises: `ValueError` if it is no object, a field is unknown or missing, or a value is of another type or
    out of bounds.
    """
    if not isinstance(document, Mapping):
        raise ValueError(f"{what}: {type(document).__name__} found, an object expected")
    unknown = sorted(_shown(name) for name in document.keys() - fields.keys())[:5]
    missing = sorted(fields.keys() - optional - document.keys())
    if unknown or missing:
        raise ValueError(f"{what}: unknown keys {unknown}, missing keys {missing}")
    return {
        name: field.read(f"{what}: {name}", document[name])
        for name, field in fields.items()
        if name in document
    }


def _shown(value: object) -> str:
    return str(value)[:_SHOWN]


def _lies_between(least: float | None, value: float, most: float | None) -> bool:
    return (least is None or least <= value) and (most is None or value <= most)


def _range(least: float | None, most: float | None) -> str:
    """Bounds in words, where there are any."""
    return "" if least is None or most is None else f" from {_figure(least)} to {_figure(most)}"


def _figure(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"
