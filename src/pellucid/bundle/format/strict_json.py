"""JSON from a file that is not trusted: no duplicate keys, no infinity, nothing oversized."""

import json
import math
from typing import Any

from pellucid.errors import ModelFileError


def parse_strictly(content: bytes, place: str) -> Any:
    """Parse JSON and refuse whatever two readers could understand differently.

    Args:
        content: the document in UTF-8; the caller bounds its length.
        place: file name, for messages.

    Returns:
        The document.

    Raises:
        ModelFileError: it is not JSON, a key stands twice, a number is not finite, a text is not
            Unicode, or it is nested too deeply.
    """
    try:
        document = json.loads(
            content.decode(),
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
        json.dumps(document, ensure_ascii=False).encode()  # a lone surrogate fails here
    except (ValueError, RecursionError) as error:
        raise ModelFileError(
            f"{place}: not acceptable JSON: {_reason(error)}; use an undamaged copy"
        ) from error
    return document


def _reason(error: Exception) -> str:
    """What is wrong, in words."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeError):
        return "it is not UTF-8"
    return str(error)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; the first repeated key is refused."""
    document: dict[str, Any] = {}
    for key, value in pairs:
        if key in document:
            raise ValueError(f"the key {key!r} stands twice")
        document[key] = value
    return document


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _finite(text: str) -> float:
    """A floating-point number that float64 can hold."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large")
    return number
