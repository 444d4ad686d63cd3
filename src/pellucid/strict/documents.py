"""JSON from a file that is not trusted: no duplicate keys, no infinity, nothing oversized."""

import json
import math
import re
from pathlib import Path
from typing import Any

from pellucid.budgets import DIGITS, NESTED, STRUCTURE
from pellucid.errors import ModelFileError
from pellucid.regular import read_regular

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
