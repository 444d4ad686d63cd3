"""From INPUT, as people give it to label new texts, to texts.

Nothing here stops at one bad text: what cannot be read carries its reason along.
"""

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pellucid.data.reading.forms import Form, form_of
from pellucid.data.reading.samples import read_sample
from pellucid.data.reading.text_values import TextTaker
from pellucid.data.tables.columns import TEXT_FILES, choose_input
from pellucid.data.tables.encodings import require_known
from pellucid.data.tables.file_kinds import TEXT_KIND, files_of
from pellucid.data.tables.paths import PathFinder
from pellucid.data.tables.row_names import Chain, RowNames
from pellucid.data.tables.stream import open_table
from pellucid.data.texts.store import Texts
from pellucid.data.wording import count_of, quoted
from pellucid.errors import DataError
from pellucid.settings import Settings

Taken = tuple[Sequence[str], Sequence[str]]
"""Names of the texts that were taken, and warnings."""


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
    """Read the texts that INPUT names.

    Places are files that hold one text each, folders of `.txt` files (sub-folders included), tables or
    `sample:spam`. Of `settings` it takes the column of the texts and the encoding. Places stand as given,
    files of a folder by name, rows in their order.

    Raises: `DataError` if a place does not exist or holds images, a folder holds no text, or a table cannot
    be read.
    """
    for place in places:
        if form_of(place) is not Form.SAMPLE and not os.path.lexists(place):
            raise DataError(f"{place}: no such file or folder")
        require_known(settings.encoding, place)
    taker = TextTaker()
    names: list[Sequence[str]] = []
    warnings: list[str] = []
    for place in places:
        found, said = _TAKERS[form_of(place)](place, settings, taker)
        names.append(found)
        warnings += said
    texts = taker.finish()
    errors = [""] * len(texts)
    for index, reason in taker.reasons.items():
        errors[index] = reason
    return TextInputs(names[0] if len(names) == 1 else Chain(names), texts, errors, tuple(warnings))


def _take_sample(place: str, settings: Settings, taker: TextTaker) -> Taken:
    """Take the texts of a sample.

    Raises: `DataError` if it is one of images.
    """
    listing = read_sample(place)
    if not isinstance(listing.texts, Texts):
        return _refuse_images(place, settings, taker)
    taker.take_values(listing.texts)
    return listing.sources, ()


def _take_file(place: str, settings: Settings, taker: TextTaker) -> Taken:
    """Take the text that a file holds."""
    taker.take_file(Path(place), settings.encoding)
    return [place], ()


def _refuse_images(place: str, settings: Settings, taker: TextTaker) -> Taken:
    """Refuse a form that holds images alone.

    Raises: `DataError` always.
    """
    del settings, taker
    raise DataError(f"{place}: holds images; give texts to a model of texts")


def _take_folder(place: str, settings: Settings, taker: TextTaker) -> Taken:
    """Read the texts of a folder and its sub-folders.

    Raises: `DataError` if there is none.
    """
    folder = Path(place)
    files, others = files_of(folder, TEXT_KIND)
    if not files:
        raise DataError(f"{place}: no .txt file in this folder; choose another INPUT")
    for file in files:
        taker.take_file(file, settings.encoding)
    names = [os.path.join(place, file.relative_to(folder)) for file in files]
    warnings = [f"{place}: {count_of(len(others), 'file')} not ending in .txt left out"] if others else []
    return names, warnings


def _take_table(place: str, settings: Settings, taker: TextTaker) -> Taken:
    """Read the texts of a table's rows; labels are not needed."""
    path = Path(place)
    table = open_table(path, place, settings.encoding)
    holds, column = choose_input(table, path.parent, dataclasses.replace(settings, task="text"))
    finder = PathFinder(path.parent)
    numbers: list[np.ndarray] = []
    for block in table.read([column]):
        numbers.append(np.array(block.numbers, np.int64))
        if holds == TEXT_FILES:
            for value in block.columns[column]:
                _take_row(value, finder, settings, taker)
        else:
            taker.take_values(block.columns[column])
    return (
        RowNames(place, np.concatenate(numbers)),
        (*table.warnings, f"{place}: {holds} from column {quoted(column)}"),
    )


def _take_row(value: object, finder: PathFinder, settings: Settings, taker: TextTaker) -> None:
    """Read the text that a cell names."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        taker.add_missing("no path of a text in this row")
        return
    path, is_inside, exists = finder.find(value)
    if not is_inside:
        taker.add_missing("the path leaves the table's folder; give an absolute path")
    elif not exists:
        taker.add_missing(f"no such file ({value})")
    else:
        taker.take_file(path, settings.encoding)


_TAKERS: dict[Form, Callable[[str, Settings, TextTaker], Taken]] = {
    Form.SAMPLE: _take_sample,
    Form.IDX: _refuse_images,
    Form.FOLDER: _take_folder,
    Form.NPZ: _refuse_images,
    Form.TABLE: _take_table,
    Form.FILE: _take_file,
}
