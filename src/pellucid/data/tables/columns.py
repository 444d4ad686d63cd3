"""Choice of the columns of a table: images or texts, labels, splits, groups, sources, times and slices.

`choosing.inputs` has the rule for the inputs, `choosing.labels` that for the labels. Columns are chosen from
the first rows; later rows never change the choice.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pellucid.data.tables.choosing.asked import (
    joined_names,
    named_column,
)
from pellucid.data.tables.choosing.inputs import TEXTS, choose_input, holds_texts, why_input
from pellucid.data.tables.choosing.joining import inputs_of
from pellucid.data.tables.choosing.labels import choose_label
from pellucid.data.tables.forms.objects import numbered_columns
from pellucid.data.tables.forms.table import Table
from pellucid.data.tables.headers import (
    GROUP_NAME,
    SPLIT_NAME,
    names_source,
    place_of_source,
)
from pellucid.data.wording import quoted
from pellucid.errors import UsageError
from pellucid.settings import Settings


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
