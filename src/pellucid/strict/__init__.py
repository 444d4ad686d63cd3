"""Strict reading of files that are not trusted: JSON, fields and arrays, checked before anything is built."""

from pellucid.strict.arrays import Forms, Stored, read_arrays
from pellucid.strict.documents import parse, parse_file, parse_line, read_json, require_bounded, to_bytes
from pellucid.strict.fields import (
    Anything,
    Field,
    Fields,
    Number,
    Numbers,
    Object,
    OneOf,
    Records,
    Text,
    Truth,
    Whole,
    Wholes,
    read_object,
)
from pellucid.strict.sealed import MOST_BYTES, read_sealed, read_sealed_bytes, sealed, write_sealed_bytes

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
