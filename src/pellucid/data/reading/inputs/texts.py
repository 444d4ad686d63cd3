"""From INPUT, as people give it to label new texts, to texts.

Nothing here stops at one bad text: what cannot be read carries its reason along.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pellucid.data.reading.inputs.places import open_places
from pellucid.data.reading.inputs.single import Cell, Input
from pellucid.data.reading.text_values import read_text_file, text_of_content, text_or_reason
from pellucid.data.texts.store import TextWriter
from pellucid.settings import Settings
from pellucid.tasks import TEXTS


class TextInputs(NamedTuple):
    """Every text to label, in the order given.

    Attributes:
        names: the given path, joined with the relative path in a folder; `file:row` in a table.
        texts: the texts; an empty one where there is none.
        errors: why there is no text; empty where there is one.
        warnings: sentences for the user that refuse nothing.
    """

    names: Sequence[str]
    texts: Sequence[str]
    errors: Sequence[str]
    warnings: tuple[str, ...]


def list_texts(places: Sequence[str], settings: Settings) -> TextInputs:
    """Read the texts that INPUT names, as `open_places` does, all of them.

    Raises: `DataError` if a place does not exist or holds images, a folder holds no text, or a table cannot
    be read.
    """
    opened = open_places(places, settings, TEXTS)
    names: list[str] = []
    errors: list[str] = []
    writer = TextWriter()
    for each in opened.inputs:
        text, reason = text_of(each, settings.encoding)
        names.append(each.name)
        errors.append(reason)
        writer.append(text)
    return TextInputs(names, writer.finish(), errors, tuple(opened.warnings))


def text_of(given: Input, encoding: str | None) -> tuple[str, str]:
    """The text of an input, or the reason why there is none; files are read in that encoding."""
    if given.error:
        return "", given.error
    if isinstance(given.source, Cell):
        return text_or_reason(given.source.value)
    if isinstance(given.source, Path):
        return read_text_file(given.source, encoding)[:2]
    assert isinstance(given.source, bytes)  # arrays hold images
    return text_of_content(given.source, encoding)[:2]
