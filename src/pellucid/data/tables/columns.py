"""Choice of the columns of a table: as asked for by name, or by names and values of the first rows.

Columns are chosen from the first rows; later rows never change the choice.
"""

import dataclasses
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pellucid.data.data_files import TEXT_SUFFIX, ends_like_image
from pellucid.data.labels import read_number
from pellucid.data.tables.csv_tables import (
    GROUP_NAME,
    IMAGE_NAMES,
    LABEL_NAMES,
    LESSER_TEXT_NAMES,
    SPLIT_NAME,
    TEXT_NAMES,
    names_id,
    names_source,
    place_of_source,
)
from pellucid.data.tables.json_tables import numbered_columns
from pellucid.data.tables.table import Table, inputs_of
from pellucid.data.wording import quoted, some, visible
from pellucid.errors import DataError, UsageError
from pellucid.settings import Settings, likely_meant

# Columns that the user asked for by name.

_MOST_LISTED = 20


def named_column(table: Table, asked: str | None, flag: str, usual: str) -> str | None:
    """The column asked for; otherwise one with the usual name, if it has one; otherwise none.

    Raises: `DataError` if there is no column of the name asked for.
    """
    if asked is None:
        return next((name for name in table.names if usual and name.lower() == usual), None)
    if asked not in table.names:
        hint = likely_meant(asked, table.names)
        raise DataError(
            f"{table.place}: {flag} {quoted(asked)} is not there{visible(hint)}; columns are {listed(table)}"
        )
    return asked


def named_inputs(table: Table, asked: str | None) -> str | None:
    """The column of inputs asked for, or several whose texts are joined, parted by commas.

    Raises: `DataError` if one is not there, or stands twice.
    """
    if asked is None or asked in table.names or "," not in asked:
        return named_column(table, asked, "--input-column", "")
    parts = joined_names(table.names, asked)
    for name in parts:
        if name not in table.names:
            raise DataError(
                f"{table.place}: there is no column {quoted(name)}, whose texts are to be "
                f"joined{visible(likely_meant(name, table.names))}; "
                f"columns are {listed(table)}; name others with --input-column"
            )
        if parts.count(name) > 1:
            raise DataError(f"{table.place}: --input-column names {quoted(name)} twice; name it once")
    return asked


def joined_names(names: Sequence[str], asked: str) -> tuple[str, ...]:
    """The columns that an input is made of: one, or several whose texts are joined."""
    if asked in names or "," not in asked:
        return (asked,)
    return tuple(name.strip() for name in asked.split(","))


def named_otherwise(settings: Settings) -> set[str | None]:
    """Columns that the settings name, and that therefore hold neither inputs nor labels."""
    return {settings.split_column, settings.group_column, settings.time_column, settings.slice_column}


def listed(table: Table) -> str:
    """The columns, for messages; of many the first."""
    return some(list(map(quoted, table.names)), _MOST_LISTED)


# Choice of the column of the inputs of a table: images or texts.
#
# The rule:
#
# 1. What the user asked for stands: `--input-column`, and `--task image` or `--task text`.
# 2. A column whose values end like images, or name files that are no texts, holds images.
# 3. Otherwise a column of a usual name for texts holds the texts; failing that, the one whose values
#    are longest by far; numbers, the usual names of labels, and columns of few different values aside.

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
    """Detect a column of images by its values, or of other paths by its name and values."""
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
    """Detect a column of texts, which differ in most rows, from one of numbers or of few different values."""
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


# Choice of the column of labels, where only one can be it.
#
# 1. What the user asked for, and then what the file itself marks, stands.
# 2. A column of a usual name; or the only one left, empty ones aside.
# 3. Otherwise the only one that can hold labels: values that differ in every row are names of rows, long ones
#    and nearly all different ones of several words are texts, what is mostly empty is something else, and a
#    column such as `user_id` says which examples belong together. Where two can, none is.

_FEWEST = 6  # rows from which chance is told from rule
_FEWEST_DIFFERENT, _NEARLY_ALL = 20, 0.9  # rows, and their share of different values: titles, say, are texts
_LONG = 60  # characters: names of classes are shorter
_MARKED = "marked so in the file"
_ALONE = "the only one left whose values repeat"


def choose_label(table: Table, inputs: Sequence[str], settings: Settings) -> tuple[str, str]:
    """Choose the column of labels; with the reason, empty where its name or the user says so.

    Raises: `DataError` if none can be told.
    """
    asked = named_column(table, settings.label_column, "--label-column", "")
    if asked is not None:
        return asked, ""
    taken = {*inputs, *named_otherwise(settings)}
    left = [
        name for name in table.names if name not in taken and name.lower() not in (SPLIT_NAME, GROUP_NAME)
    ]
    marked = table.marked.get("label")
    if marked in left:
        return str(marked), _MARKED
    for usual in LABEL_NAMES:
        named = [name for name in left if name.lower() == usual]
        if named:
            return named[0], ""
    filled = [name for name in left if _filled(table.head.columns[name])]
    if len(left) == 1 or len(filled) == 1:
        only = (filled or left)[0]
        if names_source(only) and names_id(only):
            raise DataError(
                f"{table.place}: no column of labels; {quoted(only)} is named as one of identifiers. Columns "
                f"are {listed(table)}; name one with --label-column"
            )
        return only, ""
    able = [name for name in filled if not names_source(name) and _can_be(table.head.columns[name])]
    if len(able) == 1 and _repeats(table.head.columns[able[0]]):
        return able[0], _ALONE
    which = f", {some(list(map(quoted, able)), 10)}" if len(able) > 1 else ""
    raise DataError(
        f"{table.place}: which column holds the labels{which}? Columns are {listed(table)}; "
        "name one with --label-column"
    )


def _filled(values: Sequence[object]) -> list[object]:
    """Values that are there."""
    return [
        value
        for value in values
        if value is not None and value != "" and not (isinstance(value, float) and math.isnan(value))
    ]


def _can_be(values: Sequence[object]) -> bool:
    """Detect whether values may be labels: single ones, short, not different in every row, mostly there."""
    filled = _filled(values)
    if 2 * len(filled) < len(values) or not all(isinstance(value, (str, int, float)) for value in filled):
        return False
    if sum(len(str(value)) for value in filled) > _LONG * len(filled):
        return False
    if len(filled) >= _FEWEST_DIFFERENT and len(set(filled)) > _NEARLY_ALL * len(filled):
        words = sum(isinstance(value, str) and " " in value.strip() for value in filled)
        if 2 * words > len(filled):
            return False
    return len(filled) < _FEWEST or len(set(filled)) < len(filled)


def _repeats(values: Sequence[object]) -> bool:
    """Each value stands twice on average, in as many rows as can tell."""
    filled = _filled(values)
    return len(filled) >= _FEWEST and 2 * len(set(filled)) <= len(filled)


@dataclass(frozen=True)
class Columns:
    """The columns that are read.

    Attributes:
        holds: what the inputs are: `IMAGES`, `TEXTS` or `TEXT_FILES`.
        input: column of the images or texts; several names, parted by commas, of texts that are joined.
        label: column of the labels.
        split: column of the splits, if any.
        group: column of the groups, if any.
        sources: columns that say which examples belong together, if any.
        time: column of the times, if any.
        slice: column by whose values scores are taken apart, if any.
        joined: the columns whose texts are joined; none where one column holds the inputs.
        reasons: why a column was chosen that neither the user nor its name told, and the flag that names
            another, by `input` and `label`.
        left_out: what else stands in the table, for people; empty where names say it.
    """

    holds: str
    input: str
    label: str
    split: str | None
    group: str | None
    sources: tuple[str, ...] = ()
    time: str | None = None
    slice: str | None = None
    joined: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    left_out: str = ""

    @property
    def names(self) -> Sequence[str]:
        """The columns, each once."""
        chosen = (*self.parts, self.label, self.split, self.group, *self.sources, self.time, self.slice)
        return list(dict.fromkeys(name for name in chosen if name is not None))

    @property
    def parts(self) -> tuple[str, ...]:
        """The columns that an input is made of."""
        return self.joined or (self.input,)

    def inputs(self, columns: Mapping[str, Sequence[Any]]) -> Sequence[Any]:
        """Inputs of some rows: values of a column, or of several that are joined."""
        return inputs_of(columns, self.parts)

    def sentence(self) -> str:
        """The choice, for people."""
        reasons = {use: self.reasons.get(role) for use, role in ((self.holds, "input"), ("labels", "label"))}
        chosen = {
            self.holds: None if self.joined else self.input, "labels": self.label, "splits": self.split,
            "groups": self.group, "times": self.time, "slices": self.slice,
        }  # fmt: skip
        said = [f"{self.holds} joined from columns {' and '.join(map(quoted, self.joined))}"] * bool(
            self.joined
        )
        for use, name in chosen.items():
            if name is not None:
                said.append(f"{use} from column {quoted(name)}{because(reasons.get(use))}")
        if self.sources:
            first = min(self.sources, key=place_of_source)
            flag = f"--group-column {quoted(first)} keeps each in one split"
            said.append(f"perhaps groups in column {quoted(first)} ({flag})")
        return ", ".join(said) + self.left_out


def because(reason: str | None) -> str:
    """A reason in brackets; nothing without one."""
    return f" ({reason})" if reason else ""


def choose_columns(table: Table, folder: Path, settings: Settings) -> Columns:
    """Choose all columns by the rules that the top of this file names.

    Of `settings` it takes the columns asked for, and `task`; the head of the table is looked at.

    Raises: `DataError` if a column asked for is not there, or one cannot be told.
    """
    holds, name = choose_input(table, folder, settings)
    parts = joined_names(table.names, name)
    label, why_label = choose_label(table, parts, settings)
    chosen = Columns(
        holds=holds,
        input=name,
        label=label,
        joined=parts if len(parts) > 1 else (),
        reasons=_reasons(why_input(table, holds, name, settings), why_label),
        split=named_column(table, settings.split_column, "--split-column", SPLIT_NAME),
        group=named_column(table, settings.group_column, "--group-column", GROUP_NAME),
        time=named_column(table, settings.time_column, "--time-column", ""),
        slice=named_column(table, settings.slice_column, "--slice-column", ""),
    )
    _require_apart(table, chosen)
    chosen = dataclasses.replace(chosen, left_out=_left_out(table, chosen))
    if not settings.groups:
        return chosen
    taken = (*chosen.parts, chosen.label, chosen.split)
    left = [name for name in table.names if name not in taken]
    sources = tuple(name for name in left if names_source(name) and name != chosen.group)
    return dataclasses.replace(chosen, sources=sources)


def _left_out(table: Table, columns: Columns) -> str:
    """The columns of a table without a header that are not used, of which no name says what they hold."""
    names = [name for name in table.names if name != SPLIT_NAME]
    if names != numbered_columns(len(names)):
        return ""
    left = [name for name in names if name not in columns.names]
    texts = [name for name in left if holds_texts(table.head.columns[name])] if columns.holds == TEXTS else []
    said = [quoted(name) + " (texts)" * (name in texts) for name in left]
    joined = ",".join(name for name in names if name in (*columns.parts, *texts))
    how = f"; --input-column {quoted(joined)} reads the texts as one" if texts else ""
    return f"; left out: {', '.join(said)}{how}" if left else ""


def _reasons(of_input: str, of_label: str) -> dict[str, str]:
    """Reasons with the flags that name another column."""
    given = {"input": (of_input, "--input-column"), "label": (of_label, "--label-column")}
    return {role: f"{reason}; {flag} names another" for role, (reason, flag) in given.items() if reason}


def _require_apart(table: Table, columns: Columns) -> None:
    """Refuse a column of times or slices that holds inputs or labels, and inputs that hold the labels.

    Raises: `UsageError` naming it.
    """
    if columns.joined and columns.label in columns.joined:
        raise UsageError(
            f"--input-column {columns.input}: {table.place} has the labels in {quoted(columns.label)}; "
            "leave it out"
        )
    for flag, name in (("--time-column", columns.time), ("--slice-column", columns.slice)):
        for what, other in ((columns.holds, columns.parts), ("labels", (columns.label,))):
            if name is not None and name in other:
                raise UsageError(f"{flag} {quoted(name)}: {table.place} has the {what} in it; name another")
