"""Images and texts inside archives, one after the other."""

import posixpath
from collections.abc import Callable, Iterator
from pathlib import Path

from pellucid.data.archives.members import Member
from pellucid.data.archives.opening import members_of
from pellucid.data.archives.stored import DAMAGED
from pellucid.data.reading.inputs.single import Input, stamp_of
from pellucid.data.tables.file_kinds import FileKind, is_clutter
from pellucid.data.wording import count_of
from pellucid.errors import DataError


def packed_inputs(path: Path, place: str, kind: FileKind, warnings: list[str]) -> Iterator[Input]:
    """Go through the files of a kind in an archive, in its own order; clutter is passed over.

    A file that cannot be used carries its reason along. Where the archive itself turns out to be damaged
    after the first of them, one more input named like the archive says so. `warnings` are told how many files
    of another kind there were.

    Raises: `DataError` with the reason alone if the archive cannot be read at all.
    """
    others, passed = 0, 0
    stamp = stamp_of(path)
    try:
        for member in members_of(path):
            if _is_clutter(member.name):
                continue
            found = _input(member, place, kind, stamp)
            if found is None:
                others += 1
                continue
            yield found
            passed += 1
    except DataError as error:
        if not passed:
            raise
        yield Input(place, b"", f"damaged after {count_of(passed, kind.noun)}: {error}", stamp)
    if others:
        warnings.append(f"{place}: {count_of(others, 'file')} left out, {kind.no_such}")


def _is_clutter(name: str) -> bool:
    return any(is_clutter(part) for part in name.split("/") if part not in ("", ".", ".."))


def _input(member: Member, place: str, kind: FileKind, stamp: str) -> Input | None:
    """The input that a member is; `None` where it is of another kind."""
    has_ending = kind.ends(member.name)
    name = posixpath.join(place, member.name.removeprefix("./").lstrip("/"))
    if member.error:
        return Input(name, b"", member.error, stamp) if has_ending else None
    start, reason = _read(member.start)
    if not has_ending and not kind.starts(start):
        return None
    content, reason = (b"", reason) if reason else _read(member.content)
    return Input(name, content, reason, stamp)


def _read(read: Callable[[], bytes]) -> tuple[bytes, str]:
    """Bytes of a member, or the reason why there are none."""
    try:
        return read(), ""
    except DataError as error:
        return b"", str(error)
    except DAMAGED as error:
        return b"", f"damaged in the archive ({str(error).lower()})"


def count_packed(path: Path, kind: FileKind) -> int | None:
    """Count the files of a kind by their names; `None` where all would have to be unpacked for it."""
    if path.name.lower().endswith("gz"):
        return None
    try:
        members = members_of(path)
        return sum(kind.ends(member.name) and not _is_clutter(member.name) for member in members)
    except DataError:
        return None
