"""Inputs of a table: the values of one column, or those of several that are joined to one text."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_MOST, _LONGEST = 100, 1000


class Joined(NamedTuple):
    """Values of one row whose texts make one input, each behind the name of its column.

    Attributes:
        names: of the columns, in the order in which they were asked for.
        values: of the row.
    """

    names: tuple[str, ...]
    values: tuple[Any, ...]


def joined_columns_of(value: object) -> tuple[str, ...]:
    """Names of joined columns as a file holds them, trusted in nothing.

    Raises: `ValueError` if they are not two or more different names as `--input-column` takes them.
    """
    if not isinstance(value, (list, tuple)) or not 2 <= len(value) <= _MOST:
        raise ValueError(f"joined_columns: not two to {_MOST} names of columns")
    for name in value:
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST or "," in name or name != name.strip():
            raise ValueError("joined_columns: not every one is a name of a column")
    if len(set(value)) < len(value):
        raise ValueError("joined_columns: a name stands twice")
    return tuple(value)


def inputs_of(columns: Mapping[str, Sequence[Any]], names: tuple[str, ...]) -> Sequence[Any]:
    """The inputs of some rows, made of the columns of these names."""
    if len(names) == 1:
        return columns[names[0]]
    return [Joined(names, values) for values in zip(*(columns[name] for name in names), strict=True)]
