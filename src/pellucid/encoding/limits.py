"""Limits of saved encoders, and the one way their files are read."""

from collections.abc import Mapping
from typing import Any

from pellucid.strict import Field, Whole, Wholes, parse, read_object

# Most ids of a text that an encoder can be asked for.
LONGEST = 65_536

# Most ids that a vocabulary may hold.
MOST_ENTRIES = 1_000_000

# Most bytes of a file with a vocabulary.
MOST_BYTES = 64 << 20

LENGTH = Whole(1, LONGEST)


def kept_field(most: int) -> Wholes:
    """Field of at most so many counts of entries."""
    return Wholes(most, 1, Whole(0, MOST_ENTRIES))


def read_content(content: bytes, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Parse the file of an encoder, an object of exactly these fields; a `ValueError` says what is wrong."""
    if len(content) > MOST_BYTES:
        raise ValueError(f"{len(content)} bytes, where a vocabulary has at most {MOST_BYTES}")
    return read_object("vocabulary", parse(content), fields)
