"""Settings and vocabulary of a saved encoder, each read as if an attacker had written it."""

import json
from typing import Any

LONGEST = 65_536
"""Most ids of a text that an encoder can be asked for."""

MOST_ENTRIES = 1_000_000
"""Most ids that a vocabulary may hold."""

MOST_BYTES = 64 << 20
"""Most bytes of a file with a vocabulary."""


def read_content(content: bytes, names: set[str]) -> dict[str, Any]:
    """Object in the file of an encoder, with exactly the keys `names`.

    Raises: `ValueError` if it is too large, not JSON in UTF-8, or a key stands twice, is missing or unknown.
    """
    if len(content) > MOST_BYTES:
        raise ValueError(f"{len(content)} bytes, where a vocabulary has at most {MOST_BYTES}")
    return read_object("vocabulary", parse(content), names)


def parse(content: bytes) -> Any:
    """JSON document of bounded length, in which nothing can be read in two ways.

    Raises: `ValueError` if it is not JSON in UTF-8, a key stands twice, or a number is none.
    """
    try:
        return json.loads(content.decode(), object_pairs_hook=_object, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8") from error


def read_object(what: str, document: object, names: set[str]) -> dict[str, Any]:
    """Check an object with exactly these keys; `what` it is goes into messages.

    Raises: `ValueError` if it is none, or a key is missing or unknown.
    """
    if not isinstance(document, dict):
        raise ValueError(f"{what}: {type(document).__name__} found, an object expected")
    if document.keys() != names:
        unknown = sorted(str(name)[:40] for name in document.keys() - names)[:5]
        raise ValueError(f"{what}: unknown keys {unknown}, missing keys {sorted(names - document.keys())}")
    return document


def read_whole(what: str, value: object, low: int, high: int) -> int:
    """Check a whole number from `low` to `high`; `what` it counts goes into messages.

    Raises: `ValueError` if it is none, or out of bounds.
    """
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{what}: {str(value)[:40]} is no whole number from {low} to {high}")
    return value


def read_counts(what: str, value: object, most: int) -> tuple[int, ...]:
    """Check a list of up to `most` counts of entries; `what` they count goes into messages.

    Raises: `ValueError` if it is no list, too long, or one of them is no whole number or out of bounds.
    """
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise ValueError(f"{what}: no list of 1 to {most} whole numbers")
    return tuple(read_whole(what, each, 0, MOST_ENTRIES) for each in value)


def read_length(value: object) -> int:
    """Check the most ids of a text.

    Raises: `ValueError` if it is no whole number, or out of bounds.
    """
    return read_whole("length", value, 1, LONGEST)


def write_content(document: dict[str, Any]) -> bytes:
    """File of an encoder: JSON in UTF-8, always the same bytes for the same values."""
    return (json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, value in pairs:
        if key in document:
            raise ValueError(f"the key {key[:40]!r} stands twice")
        document[key] = value
    return document


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not a number")
