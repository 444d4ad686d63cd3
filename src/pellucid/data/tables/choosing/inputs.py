"""Choice of the column of the inputs of a table: images or texts.

The rule:

1. What the user asked for stands: `--input-column`, and `--task image` or `--task text`.
2. A column whose values end like images, or name files that are no texts, holds images.
3. Otherwise a column of a usual name for texts holds the texts; failing that, the one whose values
   are longest by far; numbers, the usual names of labels, and columns of few different values aside.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from pellucid.data.labels.numbers import read_number
from pellucid.data.tables.choosing.asked import (
    joined_names,
    listed,
    named_inputs,
    named_otherwise,
)
from pellucid.data.tables.file_kinds import TEXT_SUFFIX, ends_like_image
from pellucid.data.tables.forms.table import Table
from pellucid.data.tables.headers import (
    GROUP_NAME,
    IMAGE_NAMES,
    LABEL_NAMES,
    LESSER_TEXT_NAMES,
    SPLIT_NAME,
    TEXT_NAMES,
    names_id,
)
from pellucid.data.wording import quoted, some
from pellucid.errors import DataError, UsageError
from pellucid.settings import Settings

# Kinds of columns of inputs; both paths and texts are text themselves.
IMAGES, TEXTS, TEXT_FILES = "images", "texts", "text files"

_LOOKED_AT = 20

_NEARLY_AS_LONG = 2 / 3

_FEWEST_TO_COMPARE = 20


def why_input(table: Table, holds: str, name: str, settings: Settings) -> str:
    """Reason for a column of texts that neither the user nor its name told; empty elsewhere."""
    if settings.input_column is not None or holds != TEXTS or len(table.names) == 1:
        return ""
    if name == table.marked.get("input"):
        return "marked so in the file"
    return "" if name.lower() in TEXT_NAMES else "the longest texts"


def choose_input(table: Table, folder: Path, settings: Settings) -> tuple[str, str]:
    """Choose the column of the inputs: what it holds, and its name.

    Of `settings` it takes `input_column` and `task`; the head of the table is looked at.

    Raises: `DataError` if the column asked for is not there, or none can be told.
    """
    asked = named_inputs(table, settings.input_column)
    if asked is not None and len(joined_names(table.names, asked)) > 1:
        if settings.task == "image":
            raise UsageError(f"--input-column {asked}: images are not joined; name one column")
        return TEXTS, asked
    if settings.task == "image":
        return IMAGES, asked or _require_image_column(table, folder)
    if asked is None and settings.task == "auto":
        images = _image_column(table, folder)
        if images is not None:
            return IMAGES, images
    if asked is not None and settings.task == "auto" and _names_images(table, asked, folder):
        return IMAGES, asked
    name = asked or _text_column(table, settings)
    return (TEXT_FILES if _share(table, name, _ends_like_text) > 0.5 else TEXTS), name


def _require_image_column(table: Table, folder: Path) -> str:
    """The column of image paths.

    Raises: `DataError` if there is none.
    """
    fitting = _fitting_image_columns(table, folder)
    named = [name for name in table.names if name.lower() in IMAGE_NAMES]
    if not fitting and not named:
        raise DataError(
            f"{table.place}: no column holds paths of images; columns are {listed(table)}; "
            "name one with --input-column"
        )
    return (fitting or named)[0]


def _image_column(table: Table, folder: Path) -> str | None:
    """The column of image paths, if there is one: by its values, or by a name that no text has."""
    fitting = _fitting_image_columns(table, folder)
    if fitting:
        return fitting[0]
    if any(name.lower() in TEXT_NAMES for name in table.names):
        return None
    named = [name for name in table.names if name.lower() in IMAGE_NAMES]
    return next((name for name in named if _names_images(table, name, folder)), None)


def _names_images(table: Table, name: str, folder: Path) -> bool:
    """Tell a column of images by its values, or of other paths by its name and values."""
    if _holds_images(table.head.columns[name], folder):
        return True
    is_named_so = name.lower() in IMAGE_NAMES and name.lower() not in TEXT_NAMES
    return (
        is_named_so and _share(table, name, _ends_like_text) <= 0.5 and _share(table, name, _has_space) < 0.5
    )


def _fitting_image_columns(table: Table, folder: Path) -> list[str]:
    """Columns whose values look like paths of images, usual names first."""
    fitting = [name for name, values in table.head.columns.items() if _holds_images(values, folder)]
    return sorted(fitting, key=lambda name: name.lower() not in IMAGE_NAMES)


def _holds_images(values: Sequence[object], folder: Path) -> bool:
    """Most of the first values end like images or are files, text files aside."""
    first = values[:_LOOKED_AT]
    fitting = sum(
        isinstance(value, str) and (ends_like_image(value) or _is_file(folder, value)) for value in first
    )
    return 2 * fitting > len(first)


def _is_file(folder: Path, value: str) -> bool:
    if not value or "\0" in value or _ends_like_text(value):
        return False
    return os.path.isfile(folder / value)


def _ends_like_text(value: str) -> bool:
    return value.lower().endswith(TEXT_SUFFIX) and "\n" not in value


def _has_space(value: str) -> bool:
    return " " in value.strip()


def _share(table: Table, name: str, has: Callable[[str], bool]) -> float:
    """Share of the first values that have a property."""
    first = [value for value in table.head.columns[name][:_LOOKED_AT] if isinstance(value, str) and value]
    return sum(map(has, first)) / max(1, len(first))


def _text_column(table: Table, settings: Settings) -> str:
    """The column of texts by its name, or else by the length of what it holds.

    Raises: `DataError` if none holds texts, or several could.
    """
    marked = table.marked.get("input")
    if marked in table.names:
        return str(marked)
    taken = {settings.label_column, *named_otherwise(settings)}
    lengths = {
        name: _typical_length(values)
        for name, values in table.head.columns.items()
        if name not in taken
        and name.lower() not in (*LABEL_NAMES, SPLIT_NAME, GROUP_NAME)
        and not names_id(name)
    }
    for usual in TEXT_NAMES:
        for name in lengths:
            if name.lower() == usual and not _holds_numbers(table.head.columns[name]):
                return name
    if len(table.names) == 1 and not _holds_numbers(table.head.columns[table.names[0]]):
        return table.names[0]
    left = sorted((name for name in lengths if lengths[name]), key=lambda name: -lengths[name])
    if not left:
        what = "paths of images or texts" if settings.task == "auto" else "texts"
        raise DataError(
            f"{table.place}: no column holds {what}; columns are {listed(table)}; "
            "name one with --input-column"
        )
    close = [name for name in left if lengths[name] >= _NEARLY_AS_LONG * lengths[left[0]]]
    named = [name for name in close if name.lower() in LESSER_TEXT_NAMES]
    if len(close) > 1 and len(named) != 1:
        raise DataError(
            f"{table.place}: which column holds the texts, {some(list(map(quoted, close)), 10)}? "
            f"Columns are {listed(table)}; name one with --input-column, or several, comma-separated"
        )
    return (named if len(close) > 1 else close)[0]


def holds_texts(values: Sequence[object]) -> bool:
    """Tell a column of texts, which differ in most rows, from one of numbers or of few different values."""
    return _typical_length(values) > 0 and 2 * len(set(map(str, values))) > len(values)


def _typical_length(values: Sequence[object]) -> float:
    """Mean number of characters of the texts among values; 0 where they are numbers or mostly repeated."""
    filled = [value for value in values if value is not None and value != ""]
    texts = [value for value in filled if isinstance(value, str) and read_number(value) is None]
    is_repeated = len(texts) >= _FEWEST_TO_COMPARE and 2 * len(set(texts)) <= len(texts)
    if is_repeated or 2 * len(texts) <= len(filled):
        return 0.0
    return sum(map(len, texts)) / len(texts)


def _holds_numbers(values: Sequence[object]) -> bool:
    """True where every value that is there is a number, and one is."""
    filled = [value for value in values if value is not None and value != ""]
    return bool(filled) and all(
        not isinstance(value, str) or read_number(value) is not None for value in filled
    )
