"""Strict reading of untrusted files: JSON and annotated objects, checked before anything is built.

What a file holds is declared once, as a dataclass whose annotations carry the bounds:

    height: Annotated[int, Whole(1, 4096)]            # a number within bounds
    stretch: Annotated[bool, LEFT_OUT] = False        # left out of the file where it has its default

`to_json` writes such an object, `from_json` reads it and trusts nothing.
"""

import dataclasses
import functools
import hashlib
import json
import math
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from pellucid.errors import ModelFileError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import DIGITS, NESTED, STRUCTURE
from pellucid.safety.files import read_regular, write_file

# JSON from a file that is not trusted: no duplicate keys, no infinity, nothing oversized.

# A text, in which brackets do not count, or a bracket.
_MARK = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def parse(content: bytes) -> Any:
    """Parse JSON in UTF-8 and refuse whatever two readers could understand differently.

    The caller bounds its length.

    Raises: `ValueError` if it is not JSON, two keys are equal, a number is not finite, a text is not Unicode,
    or it is nested too deeply.
    """
    require_bounded(content)
    try:
        document = json.loads(content.decode(), parse_constant=_refuse_constant, **_HOOKS)
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
        return _LINE_DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def require_bounded(content: bytes | str) -> None:
    """Refuse JSON whose values would take far more memory than the text itself, or that is nested too deeply.

    Raises: `ValueError` with what there is too much of.
    """
    comma, list_, object_ = (b",", b"[", b"{") if isinstance(content, bytes) else (",", "[", "{")
    opened = content.count(list_) + content.count(object_)  # type: ignore[arg-type]
    if opened + content.count(comma) > STRUCTURE:  # type: ignore[arg-type]
        raise ValueError(Sentence("more than {STRUCTURE:,} values", STRUCTURE))
    if opened <= NESTED:
        return
    depth = 0
    text = content.decode(errors="replace") if isinstance(content, bytes) else content
    for found in _MARK.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        if depth > NESTED:
            raise ValueError("nested too deeply")


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
        raise ModelFileError(
            "{place}: not acceptable JSON: {error}; use an undamaged copy", place, error
        ) from error


def to_bytes(document: Any) -> bytes:
    """Plain values as compact JSON in UTF-8, always the same bytes for the same values."""
    return (json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; the first repeated key is refused."""
    document: dict[str, Any] = {}
    for key, value in pairs:
        if key in document:
            raise ValueError(Sentence("the key {key!r} is there twice", key[:40]))
        document[key] = value
    return document


def _refuse_constant(name: str) -> float:
    raise ValueError(Sentence("{name} is not a number", name))


def _whole(text: str) -> int:
    """Parse a whole number; time grows with the square of its digits."""
    if len(text) > DIGITS:
        raise ValueError(Sentence("{text}... has more than {DIGITS} digits", text[:20], DIGITS))
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(Sentence("{text} is too large", text[:20]))
    return number


def _empty_cell(name: str) -> float:
    return math.nan if name == "NaN" else _refuse_constant(name)


_HOOKS: Any = {"object_pairs_hook": _unique, "parse_float": _finite, "parse_int": _whole}
_LINE_DECODER = json.JSONDecoder(**_HOOKS, parse_constant=_empty_cell)


# Bounds, for annotations: each reads one value that JSON held.

_SHOWN = 40
_ANY = 1e308


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
class Read:
    """A value that a function of its owner reads, or refuses with a `ValueError`."""

    by: Callable[[Any], Any]

    def read(self, name: str, value: object) -> Any:
        """What the function makes of the value."""
        del name
        return self.by(value)


@dataclass(frozen=True)
class Truth:
    """True or false."""

    def read(self, name: str, value: object) -> bool:
        """Check, as `Field` says."""
        if not isinstance(value, bool):
            raise ValueError(Sentence("{name}: {shown} is neither true nor false", name, _shown(value)))
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
            raise ValueError(
                Sentence(
                    "{name}: {shown} is no whole number{least}",
                    name,
                    _shown(value),
                    _range(self.least, self.most),
                )
            )
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
            raise ValueError(
                Sentence(
                    "{name}: {shown} is no number{least}", name, _shown(value), _range(self.least, self.most)
                )
            )
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
                Sentence(
                    "{name}: {shown!r} is no text of {least} to {most} characters",
                    name,
                    _shown(value),
                    self.least,
                    self.most,
                )
            )
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise ValueError(Sentence("{name}: {shown!r} is malformed", name, _shown(value)))
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
        raise ValueError(
            Sentence("{name}: {shown} is not one of {str}", name, shown, ", ".join(map(str, self.choices)))
        )


@dataclass(frozen=True)
class Items:
    """A list of `least` to `most` values, which becomes a tuple."""

    most: int
    least: int = 0
    each: Field = Whole()
    noun: str = "whole numbers"

    def read(self, name: str, value: object) -> tuple[Any, ...]:
        """Check, as `Field` says."""
        if not isinstance(value, list) or not self.least <= len(value) <= self.most:
            count = (
                self.least
                if self.least == self.most
                else Sentence("{least} to {most}", self.least, self.most)
            )
            raise ValueError(Sentence("{name}: no list of {count} {noun}", name, count, self.noun))
        return tuple(self.each.read(name, entry) for entry in value)


@dataclass(frozen=True)
class Object:
    """An object by any names, whose values are all of one kind; without one, its owner checks them."""

    each: Field = Anything()
    noun: str = ""

    def read(self, name: str, value: object) -> dict[str, Any]:
        """Check, as `Field` says."""
        if not isinstance(value, dict):
            raise ValueError(Sentence("{name}: no object{noun}", name, self.noun))
        return {
            key: self.each.read(Sentence("{name}: {key}", name, key[:_SHOWN]), entry)
            for key, entry in value.items()
        }


def _shown(value: object) -> str:
    return str(value)[:_SHOWN]


def _range(least: float | None, most: float | None) -> str:
    """Bounds in words, where there are any."""
    if least is None or most is None:
        return ""
    return " from {} to {}".format(
        *(each if isinstance(each, int) else f"{each:g}" for each in (least, most))
    )


# The codec: annotated dataclasses to JSON and back.

# In an annotation: a file leaves the field out where it has its default.
LEFT_OUT = "left out"
# Most entries of a list that states no other bound.
_MOST_ENTRIES = 10_000_000

Built = TypeVar("Built")

_PLAIN: dict[Any, Field] = {
    bool: Truth(),
    int: Whole(),
    float: Number(-_ANY, _ANY),
    str: Text(_MOST_ENTRIES, 0),
    Any: Anything(),
}


@dataclass(frozen=True)
class _Inner:
    """A value, nothing where there may be nothing, or an object of a class, which reads itself."""

    field: Field | type
    or_none: bool = False

    def read(self, name: str, value: object) -> Any:
        if self.or_none and value is None:
            return None
        if not isinstance(self.field, type):
            return self.field.read(name, value)
        return (
            self.field.from_json(value)
            if issubclass(self.field, Saved)
            else from_json(name, value, self.field)
        )


def field_of(annotation: Any) -> Field:
    """What reads a value of an annotated type: its own bounds, or those of the plain type.

    Raises: `TypeError` if no file can hold such a type.
    """
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if dataclasses.is_dataclass(annotation):
        return _Inner(typing.cast(type, annotation))
    if origin is Annotated:
        return next((each for each in inner[1:] if hasattr(each, "read")), None) or field_of(inner[0])
    if origin in (typing.Union, types.UnionType) and inner[-1] is types.NoneType:
        return _Inner(field_of(inner[0]), or_none=True)
    if origin is tuple:
        size = _MOST_ENTRIES if inner[-1] is Ellipsis else len(inner)
        return Items(size, 0 if inner[-1] is Ellipsis else size, field_of(inner[0]), "values")
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return Object(field_of(inner[1]), " of numbers" if inner[1] is float else "")
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return Items(_MOST_ENTRIES, each=field_of(inner[0]), noun="objects")
    raise TypeError(f"{annotation} cannot be read from a file")


class Declared(NamedTuple):
    """A field as its dataclass declares it: its type, its default, and whether a file may leave it out."""

    annotation: Any
    default: Any
    is_left_out: bool


def _declarations(kind: type) -> dict[str, Declared]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return {
        each.name: Declared(
            hints[each.name],
            each.default if each.default_factory is MISSING else each.default_factory(),
            LEFT_OUT in getattr(hints[each.name], "__metadata__", ()),
        )
        for each in dataclasses.fields(kind)
        if each.init
    }


# Fields that a dataclass is built from, by name.
declared: Callable[[type], dict[str, Declared]] = functools.cache(_declarations)


def fields_of(kind: type) -> Fields:
    """Fields of an annotated dataclass by name, in its order."""
    fields = {name: field_of(each.annotation) for name, each in declared(kind).items()}
    # What may be left out is never null where it is there.
    return {
        name: field.field
        if isinstance(field, _Inner)
        and not isinstance(field.field, type)
        and declared(kind)[name].is_left_out
        else field
        for name, field in fields.items()
    }


def optional_of(kind: type) -> Set[str]:
    """Names of the fields that a file may leave out."""
    return {name for name, each in declared(kind).items() if each.is_left_out}


def to_json(value: Any) -> Any:
    """An annotated object as plain JSON values, tuples as lists; other values as they are."""
    return value.to_json() if isinstance(value, Saved) else _plain(value)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {
            name: to_json(getattr(value, name))
            for name, each in declared(type(value)).items()
            if not (each.is_left_out and getattr(value, name) == each.default)
        }
    if isinstance(value, (list, tuple)):
        return [to_json(each) for each in value]
    return {name: to_json(each) for name, each in value.items()} if isinstance(value, Mapping) else value


def from_json(what: str, document: object, kind: type[Built]) -> Built:
    """Build an annotated object from parsed JSON, trusting nothing; `what` names it in messages.

    Raises: `ValueError` as `read_object`, or if the object refuses its own fields.
    """
    return kind(**read_object(what, document, fields_of(kind), optional_of(kind)))


class Saved:
    """Base of annotated dataclasses that files hold by themselves."""

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values, by name."""
        document: dict[str, Any] = _plain(self)
        return document

    @classmethod
    def from_json(cls: type[Built], document: object) -> Built:
        """Read what `to_json` wrote, trusting nothing.

        Raises: `ValueError` as the function `from_json`.
        """
        return from_json(cls.__name__.lower(), document, cls)


def read_object(
    what: str, document: object, fields: Fields, optional: Set[str] = frozenset()
) -> dict[str, Any]:
    """Read an object of exactly these fields, `optional` ones aside; values in the order of `fields`.

    `what` names the object for messages.

    Raises: `ValueError` if it is no object, a field is unknown or missing, or a value is of another type or
    out of bounds.
    """
    if not isinstance(document, Mapping):
        raise ValueError(Sentence("{what}: {name} found, an object expected", what, type(document).__name__))
    unknown = sorted(_shown(name) for name in document.keys() - fields.keys())[:5]
    missing = sorted(fields.keys() - optional - document.keys())
    if unknown or missing:
        raise ValueError(
            Sentence("{what}: unknown keys {unknown}, missing keys {missing}", what, unknown, missing)
        )
    return {
        name: field.read(Sentence("{what}: {name}", what, name), document[name])
        for name, field in fields.items()
        if name in document
    }


# Sealed files: what a run leaves for itself carries its own checksum, so that no edit passes unnoticed. It
# detects accidents and well-meant edits; whoever wants to deceive can seal anew, so readers trust nothing.

# The last key of a sealed document: the SHA-256 of all before it.
SEAL = "own_sha256"
# Most bytes of a sealed document; those of long runs with many settings take less than one million.
MOST_BYTES = 64 << 20

_DIGEST_BYTES = 32
_CHANGED = "its checksum does not match: it was changed after it was written"


def sealed(document: Mapping[str, Any]) -> bytes:
    """A document as indented JSON in UTF-8 with its seal; refuses not-a-number and infinity."""
    plain = {name: value for name, value in document.items() if name != SEAL}
    return _indented({**plain, SEAL: hashlib.sha256(_indented(plain)).hexdigest()})


def read_sealed(path: Path, most: int = MOST_BYTES) -> dict[str, Any]:
    """Read a sealed document from a regular file, its seal taken off.

    Raises: `OSError` if the file is missing, no regular one or too large, `ValueError` if it is no object or
    was changed after it was written.
    """
    found = read_json(path, most)
    if not isinstance(found, dict):
        raise ValueError(Sentence("{name} found, an object expected", type(found).__name__))
    if found.pop(SEAL, None) != hashlib.sha256(_indented(found)).hexdigest():
        raise ValueError(_CHANGED)
    return found


def write_sealed_bytes(path: Path, content: bytes) -> None:
    """Write content, and its SHA-256 in 32 bytes behind it, through the save protocol.

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
        raise ValueError(_CHANGED)
    return content


def _indented(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
