"""Columns that the user asked for by name."""

from collections.abc import Sequence

from pellucid.data.tables.forms.table import Table
from pellucid.data.wording import quoted, some, visible
from pellucid.errors import DataError
from pellucid.settings import Settings, likely_meant

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
