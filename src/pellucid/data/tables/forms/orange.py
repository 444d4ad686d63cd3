"""Headers of Orange's `.tab` files: three rows, or one whose names begin with flags such as `C#` and `m#`.

Source: https://orange3.readthedocs.io/projects/orange-data-mining-library/en/latest/reference/data.io.html
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pellucid.data.tables.forms.table import Block, Table

_TYPES = frozenset(
    (
        "",
        "c",
        "continuous",
        "numeric",
        "n",
        "d",
        "discrete",
        "categorical",
        "s",
        "string",
        "text",
        "t",
        "time",
        "basket",
    )
)
_ROLES = frozenset(("class", "c", "meta", "m", "ignore", "i", "weight", "w"))
_FLAGGED = re.compile(r"([cimw]?[CDNST]?|[CDNST][cimw])#(.*)", re.DOTALL)
_IS_TEXT = "include=True"  # of Orange's add-on for texts
_MISSING = ("?", "~", ".")
_CLASS, _IGNORED, _WEIGHT = "c", "i", "w"


class OrangeHeader(NamedTuple):
    """Columns as the header describes them.

    Attributes:
        names: of all columns.
        left_out: columns that are to be ignored, or hold weights.
        label: the column marked as the class, if one is.
        input: the column marked as the text, if one is.
        rows: further rows that belong to the header.
    """

    names: list[str]
    left_out: frozenset[str]
    label: str | None
    input: str | None
    rows: int

    def applied_to(self, table: Table) -> Table:
        """A table with these names, without what is left out and with the class marked."""
        kept = [name for name in self.names if name not in self.left_out]
        head = Block(
            {name: self._filled(name, table.head.columns[name]) for name in kept}, table.head.numbers
        )

        def read(names: Sequence[str]) -> Iterator[Block]:
            for block in table.read(names):
                columns = {name: self._filled(name, values) for name, values in block.columns.items()}
                yield Block(columns, block.numbers)

        roles = {"input": self.input, "label": self.label}
        marked = {role: name for role, name in roles.items() if name is not None}
        return dataclasses.replace(table, head=head, read=read, marked=marked)

    def _filled(self, name: str, values: Sequence[Any]) -> Sequence[Any]:
        """Values of a column; a class that is not known is written as a question mark."""
        if name != self.label:
            return values
        return ["" if value.strip() in _MISSING else value for value in values]


def orange_header(header: Sequence[str], rows: Sequence[Sequence[str]]) -> OrangeHeader | None:
    """Read what Orange says in the first row and, where they tell types and roles, the two below it.

    `None` where the first row is a plain header.
    """
    if len(rows) >= 2 and all(map(_is_type, rows[0])) and all(map(_is_role, rows[1])):
        texts = [name for name, cell in zip(header, rows[1], strict=True) if _IS_TEXT in cell.split()]
        return _header(list(header), [_role_of(cell) for cell in rows[1]], texts, 2)
    flagged = [_FLAGGED.fullmatch(cell) for cell in header]
    if not any(flagged):
        return None
    names = [cell if found is None else found[2] for cell, found in zip(header, flagged, strict=True)]
    return _header(names, ["" if found is None else _flag_of(found[1]) for found in flagged], [], 0)


def _is_type(cell: str) -> bool:
    """Tell the name of a type, or a list of the values that a column may have."""
    return cell.strip().lower() in _TYPES or len(cell.split()) > 1


def _is_role(cell: str) -> bool:
    """Tell roles and attributes such as `key=value`, parted by spaces."""
    return all(word.lower() in _ROLES or "=" in word[1:] for word in cell.split())


def _role_of(cell: str) -> str:
    """First letter of the role in a cell of the third row, among other words; empty where there is none."""
    words = cell.lower().split()
    return next((word[0] for word in words if word in ("class", "c", "ignore", "i", "weight", "w")), "")


def _flag_of(flags: str) -> str:
    """The role among flags before a name: a small letter, where a capital one is a type.

    `C#` alone is a continuous column, `c#` the class, `cD#` a discrete class.
    """
    return next((letter for letter in flags if letter in (_CLASS, _IGNORED, _WEIGHT)), "")


def _header(names: list[str], roles: Sequence[str], texts: Sequence[str], rows: int) -> OrangeHeader:
    of_role = {role: [name for name, own in zip(names, roles, strict=True) if own == role] for role in roles}
    classes = of_role.get(_CLASS, [])
    left_out = frozenset((*of_role.get(_IGNORED, []), *of_role.get(_WEIGHT, [])))
    return OrangeHeader(names, left_out, _only(classes), _only(texts), rows)


def _only(names: Sequence[str]) -> str | None:
    return names[0] if len(names) == 1 else None
