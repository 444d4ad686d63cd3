"""Strict reading of files that are not trusted: JSON, fields and arrays, checked before anything is built."""

from pellucid.strict.arrays import Forms, Stored, read_arrays
from pellucid.strict.documents import parse, parse_file, read_json, require_bounded, to_bytes
from pellucid.strict.fields import (
    Anything,
    Field,
    Fields,
    Number,
    OneOf,
    Text,
    Truth,
    Whole,
    Wholes,
    read_object,
)

__all__ = [
    "Anything",
    "Field",
    "Fields",
    "Forms",
    "Number",
    "OneOf",
    "Stored",
    "Text",
    "Truth",
    "Whole",
    "Wholes",
    "parse",
    "parse_file",
    "read_arrays",
    "read_json",
    "read_object",
    "require_bounded",
    "to_bytes",
]
