"""Numbers as labels have them: decimal notation, and the shortest text of each."""

import re

LARGEST = 1e30
"""Larger numbers leave the range in which networks compute; so do squares of their differences."""

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def number_text(value: float) -> str:
    """A number as text, the shortest that reads back as the same number.

    Args:
        value: finite.

    Returns:
        Such as `3`, `3.5` or `1e-07`.
    """
    return repr(value).removesuffix(".0")


def read_number(text: str) -> float | None:
    """Read a number in decimal notation with a point.

    Args:
        text: spaces around it do not count.

    Returns:
        The number; `None` where the text is none, or none that is finite and at most 1e30 in size.
    """
    if not NUMBER.fullmatch(text.strip()):
        return None
    value = float(text) + 0.0  # never -0.0
    return value if abs(value) <= LARGEST else None
