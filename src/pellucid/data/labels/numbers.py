"""Numbers as labels have them: decimal notation, and the shortest text of each."""

import re

# Larger numbers leave the range in which networks compute; so do squares of their differences.
LARGEST = 1e30

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def number_text(value: float) -> str:
    """Shortest text that reads back as the same finite number, such as `3`, `3.5` or `1e-07`."""
    return repr(value).removesuffix(".0")


def read_number(text: str) -> float | None:
    """Read a number in decimal notation with a point.

    Spaces around it do not count. `None` where the text is no number, or none that is finite and at most 1e30
    in size.
    """
    number = text.strip()  # of more than what `float` takes for space
    if not NUMBER.fullmatch(number):
        return None
    value = float(number) + 0.0  # never -0.0
    return value if abs(value) <= LARGEST else None
