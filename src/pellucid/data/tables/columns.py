"""Columns of a table: their usual names, and which of them hold inputs, labels, splits, groups and times.

They are chosen from the first rows; later rows never change the choice. The inputs:

1. What the user asked for: `--input-column`, and `--task image` or `--task text`.
2. A column whose values end like images, or name files that are no texts, holds images.
3. Otherwise a column of a usual name for texts holds them; failing that, the one whose values are longest by
   far. Numbers, usual names of labels and columns of few different values do not count.

The labels, where only one column can hold them:

1. What the user asked for, and then what the file itself marks.
2. A column of a usual name; or the only one left, empty ones not counted.
3. Several columns of 0 and 1, where no other column can hold labels: each is one label.
4. Otherwise the only one that can hold labels: values that differ in every row are names of rows, long ones
   and nearly all different ones of several words are texts, what is mostly empty is something else, and a
   column such as `user_id` names groups of examples. Where two can, none is chosen.
"""

import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pellucid.data.data_files import TEXT_SUFFIX, ends_like_image
from pellucid.data.label_sets import are_states
from pellucid.data.labels import read_number
from pellucid.data.tables.table import Table
from pellucid.data.wording import quoted, some, some_quoted, visible
from pellucid.errors import DataError, UsageError
from pellucid.language.sentence import Sentence, join
from pellucid.settings import Settings, likely_meant

# Usual names of a column of image paths.
IMAGE_NAMES = ("image", "path", "file", "filename", "file_name", "filepath", "image_path", "input", "img")

# Usual names of a column of texts, the surest first.
TEXT_NAMES = (
    "text", "texts", "review", "review_text", "message", "body", "content", "sentence", "comment", "tweet",
    "document", "post", "sms", "email", "input", "文本", "正文", "内容", "评论", "句子",
)  # fmt: skip

# Names of texts that often accompany longer ones.
LESSER_TEXT_NAMES = ("title", "subject", "headline", "question", "summary", "description", "标题", "摘要")

# Usual names of a column of labels, the surest first.
LABEL_NAMES = (
    "label", "class", "category", "target", "y", "labels", "species", "tags", "标签", "类别", "分类",
)  # fmt: skip

# Columns that are used without being asked for.
SPLIT_NAME = "split"
GROUP_NAME = "group"

# Names of columns that group examples which belong together, the narrowest first; in small letters, without
# signs.
SOURCE_NAMES = (
    # One talk: its parts answer and quote one another.
    "thread", "threadid", "conversation", "conversationid", "dialogue", "dialogueid", "dialog", "dialogid",
    "discussionid", "sessionid", "ticketid", "parentid",
    # One document or page: its parts share subject, words and names.
    "documentid", "docid", "articleid", "pageid", "postid", "submissionid", "url", "sourceurl", "sourceid",
    # One recording: its images differ by moments.
    "video", "videoid", "clip", "clipid", "sequenceid", "scene", "sceneid", "burstid", "seriesid",
    # One body, or one hand: what a model recognises is easily the person.
    "patient", "patientid", "subjectid", "participant", "participantid", "speaker", "speakerid", "author",
    "authorid", "user", "userid", "username", "reviewer", "reviewerid", "customerid", "accountid",
    "source",
)  # fmt: skip

_USUAL = frozenset((*IMAGE_NAMES, *TEXT_NAMES, *LESSER_TEXT_NAMES, *LABEL_NAMES, SPLIT_NAME, GROUP_NAME))
_MOST_LISTED = 20  # columns in a message


def is_usual(name: str) -> bool:
    """Detect a usual name of a column of images, texts, labels, splits or groups."""
    return name.lower() in _USUAL


def names_source(name: str) -> bool:
    """Detect a column that groups related examples by its name: `user_id`, `tweet.user.id`."""
    return _source(name) in SOURCE_NAMES


def place_of_source(name: str) -> int:
    """Place of such a column in `SOURCE_NAMES`."""
    return SOURCE_NAMES.index(_source(name))


def _source(name: str) -> str:
    """The name in `SOURCE_NAMES` that is meant: of a name in several parts the last two count too."""
    words = re.split(r"[\W_]+", name.lower())
    whole, last = "".join(words), "".join(words[-2:])
    return last if len(words) > 2 and last in SOURCE_NAMES else whole


def _names_id(name: str) -> bool:
    """Detect a column of identifiers by its name: `id`, `tweet.id`, `userId`; they are no texts."""
    if re.search(r"(?i:(^|[\W_])id$)|[a-z](Id|ID)$", name):
        return True
    return names_source(name) and name.lower().endswith("id")


def numbered_columns(count: int) -> list[str]:
    """Names of columns that have none."""
    return [f"column {number}" for number in range(1, count + 1)]


def joined_names(names: Sequence[str], asked: str) -> tuple[str, ...]:
    """The columns that an input is made of: one, or several, comma-separated, whose texts are joined."""
    if asked in names or "," not in asked:
        return (asked,)
    return tuple(name.strip() for name in asked.split(","))


def _listed(table: Table) -> str:
    names = some(list(map(quoted, table.names)), _MOST_LISTED)
    if len(table.names) == 1 and "\uff0c" in names:
        return Sentence(
            "{names} (full-width commas do not separate columns; save it with ordinary ones)", names
        )
    return names


def _named_column(table: Table, asked: str | None, flag: str, usual: str = "") -> str | None:
    """The column asked for; otherwise one with the usual name, if there is one."""
    if asked is None:
        return next((name for name in table.names if usual and name.lower() == usual), None)
    if asked not in table.names:
        hint = visible(likely_meant(asked, table.names))
        raise DataError(
            "{place}: {flag} {asked} is not there{hint}; columns are {table}",
            table.place,
            flag,
            quoted(asked),
            hint,
            _listed(table),
        )
    return asked


def named_inputs(table: Table, asked: str | None) -> str | None:
    """The column of inputs asked for, or several, comma-separated, whose texts are joined.

    Raises: `DataError` if one is not there, or named twice.
    """
    if asked is None or asked in table.names or "," not in asked:
        return _named_column(table, asked, "--input-column")
    names = joined_names(table.names, asked)
    for name in names:
        if name not in table.names:
            raise DataError(
                "{place}: there is no column {name}, whose texts are to be "
                "joined{name2}; "
                "columns are {table}; name others with --input-column",
                table.place,
                quoted(name),
                visible(likely_meant(name, table.names)),
                _listed(table),
            )
        if names.count(name) > 1:
            raise DataError(
                "{place}: --input-column names {name} twice; name it once", table.place, quoted(name)
            )
    return asked


def _named_otherwise(settings: Settings) -> set[str | None]:
    """Columns that the settings name, and that therefore hold neither inputs nor labels."""
    return {settings.split_column, settings.group_column, settings.time_column, settings.slice_column}


# Columns beside those of inputs, labels and splits, among which giveaways are looked for: short values alone.
_MOST_OTHERS = 40  # columns
_LONGEST_OTHER = 80  # characters


def other_columns(table: Table, columns: "Columns") -> tuple[str, ...]:
    """Columns of short values that hold neither inputs nor labels nor splits."""
    used = {*columns.input.parts, *columns.label_parts, columns.label, columns.split, *table.images}
    found = []
    for name in table.names:
        values = [value for value in table.head.columns[name] if value not in (None, "")]
        plain = all(isinstance(value, (str, int, float)) for value in values)
        if (
            name not in used
            and values
            and plain
            and max(len(str(value)) for value in values) <= _LONGEST_OTHER
        ):
            found.append(name)
    return tuple(found[:_MOST_OTHERS])


# The column of the inputs.

# Kinds of columns of inputs; both paths and texts are text themselves.
IMAGES = "images"
TEXTS = "texts"
TEXT_FILES = "text files"

_FIRST = 20  # values by which a column of paths is detected
_NEARLY_AS_LONG = 2 / 3
_FEWEST_TO_COMPARE = 20  # texts from which on repetition counts


class ChosenInput(NamedTuple):
    """The column of the inputs."""

    holds: str  # `IMAGES`, `TEXTS` or `TEXT_FILES`
    name: str  # as it was asked for
    parts: tuple[str, ...]  # the columns whose texts are joined, or the one
    why: str = ""  # reason where neither the user nor the name decided

    def clause(self, flag: str = "") -> str:
        """The choice, for people; `flag` chooses another column, where this one has a reason."""
        if len(self.parts) > 1:
            return Sentence(
                "{holds} joined from columns {quoted}", self.holds, " and ".join(map(quoted, self.parts))
            )
        if self.why and flag:
            return Sentence(
                "{holds} from column {name} ({why}, {flag} names another)",
                self.holds,
                quoted(self.name),
                self.why,
                flag,
            )
        why = Sentence(" ({why})", self.why) if self.why else ""
        return Sentence("{holds} from column {name}{why}", self.holds, quoted(self.name), why)


def choose_input(table: Table, folder: Path, settings: Settings) -> ChosenInput:
    """Choose the column of the inputs, by `input_column` and `task` of the settings.

    Raises: `DataError` if the column asked for is not there, or none can be chosen.
    """
    asked = named_inputs(table, settings.input_column)
    if asked is not None and len(joined_names(table.names, asked)) > 1:
        if settings.task == "image":
            raise UsageError("--input-column {asked}: images are not joined; name one column", asked)
        return ChosenInput(TEXTS, asked, joined_names(table.names, asked))
    usual = [name for name in table.names if name.lower() in IMAGE_NAMES]
    if settings.task == "image":
        found = [asked] if asked else _image_columns(table, folder) or usual
        if not found:
            raise DataError(
                "{place}: no column holds paths of images; columns are {table}; name one with --input-column",
                table.place,
                _listed(table),
            )
        return ChosenInput(IMAGES, found[0], (found[0],))
    if settings.task == "auto":
        if asked is not None:
            found = [asked] if _names_images(table, asked, folder) else []
        else:
            found = _image_columns(table, folder)
            if not found and not any(name.lower() in TEXT_NAMES for name in table.names):
                found = [name for name in usual if _names_images(table, name, folder)]
        if found:
            return ChosenInput(IMAGES, found[0], (found[0],))
    name = asked or _text_column(table, settings)
    if _share(table, name, _ends_like_text) > 0.5:
        return ChosenInput(TEXT_FILES, name, (name,))
    is_marked = name == table.marked.get("input")
    why = "marked so in the file" if is_marked else "the longest texts"
    is_usual = name.lower() in TEXT_NAMES and not is_marked
    is_clear = asked is not None or is_usual or len(table.names) == 1
    return ChosenInput(TEXTS, name, (name,), "" if is_clear else why)


def _image_columns(table: Table, folder: Path) -> list[str]:
    """Columns whose values look like paths of images, usual names first."""
    fitting = [name for name, values in table.head.columns.items() if _holds_images(values, folder)]
    return sorted(fitting, key=lambda name: name.lower() not in IMAGE_NAMES)


def _names_images(table: Table, name: str, folder: Path) -> bool:
    """Detect a column of images by its values, or of other paths by its name and values."""
    if _holds_images(table.head.columns[name], folder):
        return True
    if name.lower() not in IMAGE_NAMES or name.lower() in TEXT_NAMES:
        return False
    with_space = _share(table, name, lambda value: " " in value.strip())
    return _share(table, name, _ends_like_text) <= 0.5 and with_space < 0.5


def _holds_images(values: Sequence[object], folder: Path) -> bool:
    """Most of the first values end like images or are files, text files not counted."""

    def is_image(value: object) -> bool:
        if not isinstance(value, str) or not value:
            return False
        may_be_path = "\0" not in value and not _ends_like_text(value)
        return ends_like_image(value) or (may_be_path and os.path.isfile(folder / value))

    first = values[:_FIRST]
    return 2 * sum(map(is_image, first)) > len(first)


def _ends_like_text(value: str) -> bool:
    return value.lower().endswith(TEXT_SUFFIX) and "\n" not in value


def _share(table: Table, name: str, has: Callable[[str], bool]) -> float:
    """Share of the first values that have a property."""
    first = [value for value in table.head.columns[name][:_FIRST] if isinstance(value, str) and value]
    return sum(map(has, first)) / max(1, len(first))


def _text_column(table: Table, settings: Settings) -> str:
    """The column of texts by its name, or else by the length of what it holds."""
    marked = table.marked.get("input")
    if marked in table.names:
        return str(marked)
    taken = {settings.label_column, *_named_otherwise(settings)}
    lengths = {
        name: _typical_length(values)
        for name, values in table.head.columns.items()
        if name not in taken
        and name.lower() not in (*LABEL_NAMES, SPLIT_NAME, GROUP_NAME)
        and not _names_id(name)
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
            "{place}: no column holds {what}; columns are {table}; name one with --input-column",
            table.place,
            what,
            _listed(table),
        )
    close = [name for name in left if lengths[name] >= _NEARLY_AS_LONG * lengths[left[0]]]
    named = [name for name in close if name.lower() in LESSER_TEXT_NAMES]
    if len(close) > 1 and len(named) != 1:
        raise DataError(
            "{place}: which column holds the texts, {quoted}? "
            "Columns are {table}; name one with --input-column, or several, comma-separated",
            table.place,
            some(list(map(quoted, close)), 10),
            _listed(table),
        )
    return (named if len(close) > 1 else close)[0]


def _given(values: Sequence[object]) -> list[object]:
    return [value for value in values if value is not None and value != ""]


def _typical_length(values: Sequence[object]) -> float:
    """Mean number of characters of the texts among values; 0 where they are numbers or mostly repeated."""
    given = _given(values)
    texts = [value for value in given if isinstance(value, str) and read_number(value) is None]
    is_repeated = len(texts) >= _FEWEST_TO_COMPARE and 2 * len(set(texts)) <= len(texts)
    if is_repeated or 2 * len(texts) <= len(given):
        return 0.0
    return sum(map(len, texts)) / len(texts)


def _holds_numbers(values: Sequence[object]) -> bool:
    given = _given(values)
    are_numbers = (not isinstance(value, str) or read_number(value) is not None for value in given)
    return bool(given) and all(are_numbers)


# The column of the labels.

_FEWEST = 6  # rows from which on repetition is no accident
# Titles, say, are texts: of so many rows nearly all differ.
_FEWEST_DIFFERENT = 20
_NEARLY_ALL = 0.9  # share of different values
_LONG = 60  # characters: names of classes are shorter


def _choose_label(table: Table, inputs: Sequence[str], settings: Settings) -> tuple[str, str]:
    """Choose the column of labels, or several, comma-separated; with the reason.

    It is empty where the name or the user decided.
    """
    several = joined_names(table.names, settings.label_column or "")
    if len(several) > 1 and all(name in table.names for name in several):
        return ",".join(several), ""
    asked = _named_column(table, settings.label_column, "--label-column")
    if asked is not None:
        return asked, ""
    taken = {*inputs, *_named_otherwise(settings)}
    left = [
        name for name in table.names if name not in taken and name.lower() not in (SPLIT_NAME, GROUP_NAME)
    ]
    marked = table.marked.get("label")
    if marked in left:
        return str(marked), "marked so in the file"
    for usual in LABEL_NAMES:
        named = [name for name in left if name.lower() == usual]
        if named:
            return named[0], ""
    filled = [name for name in left if _filled(table.head.columns[name])]
    if len(left) == 1 or len(filled) == 1:
        only = (filled or left)[0]
        if names_source(only) and _names_id(only):
            raise DataError(
                "{place}: no column of labels; {only} is named as one of identifiers. Columns "
                "are {table}; name one with --label-column",
                table.place,
                quoted(only),
                _listed(table),
            )
        return only, ""
    return _only_able(table, left, filled, settings)


def _only_able(
    table: Table, left: Sequence[str], filled: Sequence[str], settings: Settings
) -> tuple[str, str]:
    """Choose the only column that can hold labels, or all of 0 and 1 where no other can; with the reason."""
    able = [name for name in filled if not names_source(name) and _can_be_labels(table.head.columns[name])]
    states = [name for name in left if are_states(table.head.columns[name]) and "," not in name]
    if len(states) > 1 and {*able} <= {*states} and settings.target in (None, "labels"):
        return ",".join(states), "columns of 0 and 1, of which each is one label"
    if len(able) == 1:
        values = _filled(table.head.columns[able[0]])
        if len(values) >= _FEWEST and 2 * len(set(values)) <= len(values):
            return able[0], "the only one left whose values repeat"
    found = some(list(map(quoted, able)), 10)
    if len(able) > 1:
        raise DataError(
            "{place}: which column holds the labels, {found}? Columns are {table}; "
            "name one with --label-column",
            table.place,
            found,
            _listed(table),
        )
    raise DataError(
        "{place}: which column holds the labels? Columns are {table}; name one with --label-column",
        table.place,
        _listed(table),
    )


def _filled(values: Sequence[object]) -> list[object]:
    return [value for value in _given(values) if not (isinstance(value, float) and math.isnan(value))]


def _can_be_labels(values: Sequence[object]) -> bool:
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


# All columns of a table.


@dataclass(frozen=True)
class Columns:
    """The columns that are read."""

    input: ChosenInput
    label: str  # one, or several of 0 and 1, comma-separated
    split: str | None
    group: str | None
    sources: tuple[str, ...] = ()  # those that group related examples
    time: str | None = None
    slice: str | None = None  # by whose values scores are reported separately
    label_parts: tuple[str, ...] = ()  # the columns of labels, one of them or several of 0 and 1
    why_label: str = ""  # reason where neither the user nor the name decided
    left_out: str = ""  # end of the sentence: what else is in a table without names of columns

    @property
    def names(self) -> Sequence[str]:
        """The columns, each once."""
        others = (self.split, self.group, *self.sources, self.time, self.slice)
        chosen = (*self.input.parts, *self.label_parts, *others)
        return list(dict.fromkeys(name for name in chosen if name is not None))

    @property
    def joined(self) -> tuple[str, ...]:
        """The columns whose texts are joined; none where one column holds the inputs."""
        return self.input.parts if len(self.input.parts) > 1 else ()

    def sentence(self) -> str:
        """The choice, for people."""
        clauses = [self.input.clause("--input-column")]
        why = (
            Sentence(" ({why_label}, --label-column names another)", self.why_label) if self.why_label else ""
        )
        uses = {"splits": self.split, "groups": self.group, "times": self.time, "slices": self.slice}
        if len(self.label_parts) > 1:
            clauses.append(
                Sentence(
                    "labels from columns {label_parts}{why}", some_quoted(self.label_parts, _MOST_LISTED), why
                )
            )
        elif self.why_label:
            label, reason = quoted(self.label), self.why_label
            clauses.append(
                Sentence("labels from column {label} ({reason}, --label-column names another)", label, reason)
            )
        else:
            clauses.append(Sentence("labels from column {label}", quoted(self.label)))
        clauses += [
            Sentence("{use} from column {name}", use, quoted(name))
            for use, name in uses.items()
            if name is not None
        ]
        if self.sources:
            first = quoted(min(self.sources, key=place_of_source))
            flag = Sentence("--group-column {first} keeps each in one split", first)
            clauses.append(Sentence("perhaps groups in column {first} ({flag})", first, flag))
        return join("; ", clauses) + self.left_out


def choose_columns(table: Table, folder: Path, settings: Settings) -> Columns:
    """Choose all columns, as the settings ask for them, or by the rules of this file.

    Raises: `DataError` if a column asked for is not there, or one cannot be chosen; `UsageError` if one asked
    for holds something else.
    """
    chosen = choose_input(table, folder, settings)
    holds, name, parts, _ = chosen
    label, why_label = _choose_label(table, parts, settings)
    split = _named_column(table, settings.split_column, "--split-column", SPLIT_NAME)
    group = _named_column(table, settings.group_column, "--group-column", GROUP_NAME)
    time = _named_column(table, settings.time_column, "--time-column")
    slices = _named_column(table, settings.slice_column, "--slice-column")
    label_parts = joined_names(table.names, label)
    if len(parts) > 1 and {*label_parts} & {*parts}:
        raise UsageError(
            "--input-column {name}: {place} has the labels in {label}; leave it out",
            name,
            table.place,
            quoted(label),
        )
    for flag, column in (("--time-column", time), ("--slice-column", slices)):
        if column is not None and column in (*parts, *label_parts):
            what = holds if column in parts else "labels"
            raise UsageError(
                "{flag} {column}: {place} has the {what} in it; name another",
                flag,
                quoted(column),
                table.place,
                what,
            )
    sources: tuple[str, ...] = ()
    if settings.groups:
        taken = (*parts, *label_parts, split, group)
        sources = tuple(name for name in table.names if name not in taken and names_source(name))
    return Columns(
        input=chosen,
        label=label,
        label_parts=label_parts,
        split=split,
        group=group,
        sources=sources,
        time=time,
        slice=slices,
        why_label=why_label,
        left_out=_left_out(table, holds, parts, {*label_parts, split, group, time, slices}),
    )


def _left_out(table: Table, holds: str, parts: tuple[str, ...], others: set[str | None]) -> str:
    """The columns of a table without a header that are not used, of which no name shows what they hold."""
    names = [name for name in table.names if name != SPLIT_NAME]
    left = [name for name in names if name not in parts and name not in others]
    if names != numbered_columns(len(names)) or not left:
        return ""
    # Texts differ in most rows; numbers and few different values are none.
    columns = table.head.columns if holds == TEXTS else {}
    texts = [
        name
        for name in left
        if name in columns
        and _typical_length(columns[name]) > 0
        and 2 * len(set(map(str, columns[name]))) > len(columns[name])
    ]
    shown = join(", ", [quoted(name) + " (texts)" * (name in texts) for name in left])
    joined = ",".join(name for name in names if name in (*parts, *texts))
    return Sentence("; left out: {shown}", shown) + (
        Sentence("; --input-column {joined} reads the texts as one", quoted(joined)) * bool(texts)
    )
