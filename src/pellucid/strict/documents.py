"""JSON from a file that is not trusted: no duplicate keys, no infinity, nothing oversized."""

import json
import math
from typing import Any

from pellucid.errors import ModelFileError


def parse(content: bytes) -> Any:
    """Parse JSON in UTF-8 and refuse whatever two readers could understand differently.

    The caller bounds its length.

    Raises: `ValueError` if it is not JSON, a key stands twice, a number is not finite, a text is not Unicode,
    or it is nested too deeply.
    """
    try:
        document = json.loads(
            content.decode(),
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
        if b"\\u" in content:  # only an escape can spell a lone surrogate, which then fails here
            json.dumps(document, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except UnicodeError as error:
        raise ValueError("it is not UTF-8") from error
    return document


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


def _finite(text: str) -> float:
    """Parse a floating-point number that float64 can hold."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large")
    return number
