"""Strict reading of untrusted files: JSON, fields and arrays, checked before anything is built."""

import hashlib
import inspect
import json
import math
import re
from abc import abstractmethod
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np

from pellucid.budgets import DIGITS, NESTED, STRUCTURE
from pellucid.errors import ModelFileError
from pellucid.files import read_regular, write_file

# JSON from a file that is not trusted: no duplicate keys, no infinity, nothing oversized.

# A text, in which brackets do not count, or a bracket.
_MARK = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def parse(content: bytes) -> Any:
    """Parse JSON in UTF-8 and refuse whatever two readers could understand differently.

    The caller bounds its length.

    Raises: `ValueError` if it is not JSON, a key stands twice, a number is not finite, a text is not Unicode,
    or it is nested too deeply.
    """
    require_bounded(content)
    try:
        document = json.loads(
            content.decode(),
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
        if b"\\u" in content:  # only an escape can spell a lone surrogate, which then fails here
            json.dumps(document, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except UnicodeError as error:
        raise ValueError("it is not UTF-8") from error
    return document


def parse_line(text: str) -> Any:
    """Parse one line of a table as `parse` does, with two exceptions that others judge.

    A text may hold a lone surrogate, and `NaN`, as Python's own writer leaves an empty cell, is one.

    Raises: `ValueError` as `parse`.
    """
    require_bounded(text)
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def require_bounded(content: bytes | str) -> None:
    """Refuse JSON whose values would take far more memory than the text itself, or that is nested too deeply.

    Raises: `ValueError` with what there is too much of.
    """
    comma, list_, object_ = (b",", b"[", b"{") if isinstance(content, bytes) else (",", "[", "{")
    opened = content.count(list_) + content.count(object_)  # type: ignore[arg-type]
    if opened + content.count(comma) > STRUCTURE:  # type: ignore[arg-type]
        raise ValueError(f"more than {STRUCTURE:,} values")
    if opened > NESTED and _depth(content) > NESTED:
        raise ValueError("nested too deeply")


def _depth(content: bytes | str) -> int:
    """Most brackets open at a time, texts left out."""
    text = content.decode(errors="replace") if isinstance(content, bytes) else content
    depth = deepest = 0
    for found in _MARK.finditer(text):
        mark = found[0]
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in "]}":
            depth -= 1
    return deepest


def read_json(path: Path, most: int) -> Any:
    """Parse a regular file of at most so many bytes as `parse` does.

    Raises: `OSError` if it is missing, no regular file or larger, `ValueError` if `parse` refuses it.
    """
    return parse(read_regular(path, most))


def parse_file(content: bytes, place: str) -> Any:
    """Parse JSON as `parse` does; `place` is the file name, for messages.

    Raises: `ModelFileError` with place and reason.
    """
    try:
        return parse(content)
    except ValueError as error:
        raise ModelFileError(f"{place}: not acceptable JSON: {error}; use an undamaged copy") from error


def to_bytes(document: Any) -> bytes:
    """Plain values as compact JSON in UTF-8, always the same bytes for the same values."""
    return (json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; the first repeated key is refused."""
    document: dict[str, Any] = {}
    for key, value in pairs:
        if key in document:
            raise ValueError(f"the key {key[:40]!r} stands twice")
        document[key] = value
    return document


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _whole(text: str) -> int:
    """Parse a whole number; time grows with the square of its digits."""
    if len(text) > DIGITS:
        raise ValueError(f"{text[:20]}... has more than {DIGITS} digits")
    return int(text)


def _finite(text: str) -> float:
    """Parse a floating-point number that float64 can hold."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large")
    return number


def _empty_cell(name: str) -> float:
    return math.nan if name == "NaN" else _refuse_constant(name)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_empty_cell, parse_float=_finite, parse_int=_whole
)


# Fields of a saved object, declared once: each knows the type and the bounds that it admits.

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
        if type(value) is not int or not (
            (self.least is None or self.least <= value) and (self.most is None or value <= self.most)
        ):
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


def _range(least: float | None, most: float | None) -> str:
    """Bounds in words, where there are any."""
    return "" if least is None or most is None else f" from {_figure(least)} to {_figure(most)}"


def _figure(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


# Arrays out of a file, compared with what the settings beside them announce.

Own = TypeVar("Own", bound="Stored")

# Name of an array to its type and shape.
Forms = dict[str, tuple[str, tuple[int, ...]]]


def read_arrays(kind: str, expected: Forms, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Compare arrays with their announced forms; they come back read-only.

    `kind` is what they belong to, for messages.

    Raises: `ValueError` if an array is missing, is one too many, has another type or shape, or is not finite.
    """
    if arrays.keys() != expected.keys():
        raise ValueError(f"{kind}: holds the arrays {sorted(arrays)[:12]}, not {sorted(expected)}")
    found = {}
    for name, (dtype, shape) in expected.items():
        array = arrays[name]
        if str(array.dtype) != dtype or array.shape != shape:
            raise ValueError(f"{kind}: {name} is {array.dtype} {array.shape}, not {dtype} {shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{kind}: {name} holds numbers that are not finite")
        found[name] = array.view()
        found[name].flags.writeable = False
    return found


class Stored:
    """Base of dataclasses that a file holds as settings in JSON and arrays beside them.

    Attributes:
        kind: name of what is stored, for files and messages.
        SETTINGS: type and bounds of each setting.
    """

    kind: ClassVar[str]
    SETTINGS: ClassVar[Fields]

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Settings as plain JSON values, from which `expected` tells the forms of the arrays."""

    @classmethod
    @abstractmethod
    def _forms(cls, stated: Mapping[str, Any]) -> Forms:
        """Forms of the arrays by settings within their bounds, or `ValueError` where these disagree."""

    def _check(self) -> None:
        """Refuse arrays of the right form that hold something impossible, with a `ValueError`."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Arrays, for a file."""
        return {name: getattr(self, name) for name in self.expected(self.to_json())}

    @classmethod
    def expected(cls, settings: object) -> Forms:
        """Tell type and shape of every array by its name from the settings alone, nothing trusted.

        Raises: `ValueError` if they are not what `to_json` gives.
        """
        return cls._forms(read_object(cls.kind, settings, cls.SETTINGS))

    @classmethod
    def from_parts(cls: type[Own], settings: object, arrays: Mapping[str, np.ndarray]) -> Own:
        """Build one from a file's content, nothing trusted; the arrays are taken over, not copied.

        Raises: `ValueError` if something is not what `to_json` and `arrays` give.
        """
        found = read_arrays(cls.kind, cls.expected(settings), arrays)
        assert isinstance(settings, dict)  # `expected` refused everything else
        parts = {**settings, **found}
        built = cls(**{name: parts[name] for name in inspect.signature(cls).parameters})
        built._check()
        return built


# Sealed files: what a run leaves for itself carries its own checksum, so that no edit passes unnoticed.
#
# A sealed JSON document has as its last key, `own_sha256`, the SHA-256 of all that stands before it. Other
# content is followed by its SHA-256 in 32 bytes. Whoever wants to deceive can seal anew what he changed: a
# seal
# speaks of accidents, and of hands that meant well; readers trust nothing all the same.

SEAL = "own_sha256"
# Most bytes of a sealed document; those of long runs with many settings take less than one million.
MOST_BYTES = 64 << 20

_DIGEST_BYTES = 32


def sealed(document: Mapping[str, Any]) -> bytes:
    """A document as indented JSON in UTF-8 with its seal; refuses not-a-number and infinity."""
    plain = {name: value for name, value in document.items() if name != SEAL}
    return _text({**plain, SEAL: hashlib.sha256(_text(plain)).hexdigest()})


def read_sealed(path: Path, most: int = MOST_BYTES) -> dict[str, Any]:
    """Read a sealed document from a regular file, its seal taken off.

    Raises: `OSError` if the file is missing, no regular one or too large, `ValueError` if it is no object or
    was changed after it was written.
    """
    found = read_json(path, most)
    if not isinstance(found, dict):
        raise ValueError(f"{type(found).__name__} found, an object expected")
    seal = found.pop(SEAL, None)
    if seal != hashlib.sha256(_text(found)).hexdigest():
        raise ValueError("its checksum does not match: it was changed after it was written")
    return found


def write_sealed_bytes(path: Path, content: bytes) -> None:
    """Write content and its seal through the save protocol.

    Raises: `StorageError` as `write_file` does.
    """
    write_file(path, content + hashlib.sha256(content).digest())


def read_sealed_bytes(path: Path, most: int) -> bytes:
    """Read content from a regular file, its seal taken off.

    Raises: `OSError` if the file is missing, no regular one or too large, `ValueError` if it was changed.
    """
    found = read_regular(path, most + _DIGEST_BYTES)
    content = found[:-_DIGEST_BYTES]
    if hashlib.sha256(content).digest() != found[-_DIGEST_BYTES:]:
        raise ValueError("its checksum does not match: it was changed after it was written")
    return content


def _text(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


__all__ = [
    "MOST_BYTES",
    "Anything",
    "Field",
    "Fields",
    "Forms",
    "Number",
    "Numbers",
    "Object",
    "OneOf",
    "Records",
    "Stored",
    "Text",
    "Truth",
    "Whole",
    "Wholes",
    "parse",
    "parse_file",
    "parse_line",
    "read_arrays",
    "read_json",
    "read_object",
    "read_sealed",
    "read_sealed_bytes",
    "require_bounded",
    "sealed",
    "to_bytes",
    "write_sealed_bytes",
]
