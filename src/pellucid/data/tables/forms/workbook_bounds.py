"""Bounds of a workbook, held before a reader builds anything of it: a workbook is a ZIP archive of XML.

Each part is unpacked once, piece by piece, and measured: bytes, tags within one row or text, rows, and bytes
without the end of a tag. What a reader of XML keeps in memory grows with these alone.
"""

import re
import zipfile
from typing import BinaryIO

from pellucid.budgets import (
    MEMORY,
    PARTS,
    ROWS_BYTES,
    SHEET_ROWS,
    TAG_BYTES,
    TAGS,
    UNPACKED,
    unpacked_limit,
)
from pellucid.data.archives.zips import zip_members
from pellucid.errors import DataError

_UNITS = 2 * SHEET_ROWS  # each is built by the reader: a million takes seven seconds
_PIECE = 1 << 20
_UNIT = re.compile(rb"<(?:\w{1,20}:)?(?:row|si)[\s/>]")
_LONGEST_UNIT = 32


def require_bounded(file: BinaryIO, size: int) -> None:
    """Refuse a workbook that would take far more memory or time than an honest one of its size.

    Raises: `DataError` with the reason alone; `OSError`, `zipfile.BadZipFile` and others if it is damaged.
    """
    limit, unpacked = unpacked_limit(size), 0
    for number, member in enumerate(zip_members(file)):  # type: ignore[arg-type]  # it is buffered
        unpacked += member.size
        if number >= PARTS:
            raise DataError(f"more than {PARTS:,} parts; save it again")
        if unpacked > limit:
            raise DataError(f"unpacks to more than {limit / 1e6:,.0f} MB; {UNPACKED.remedy}")
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if sum(info.file_size for info in infos) > limit:
            raise DataError(f"unpacks to more than {limit / 1e6:,.0f} MB; {UNPACKED.remedy}")
        for info in infos:
            if info.filename.lower().endswith((".xml", ".rels")):
                _measure(archive, info)


def _measure(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Go through one part.

    Raises: `DataError` if it holds more than an honest one, or declares entities.
    """
    if "sharedstrings" in info.filename.lower() and info.file_size > MEMORY.value() // 4:
        raise DataError(f"its texts take {info.file_size / 1e6:,.0f} MB; {MEMORY.remedy}")
    units = tags = read = text = 0
    before = b""
    with archive.open(info) as part:
        while piece := part.read(_PIECE):
            plain = piece.replace(b"\0", b"")  # of UTF-16
            looked_at = before + plain
            if b"<!DOCTYPE" in looked_at or b"<!ENTITY" in looked_at:
                raise DataError("declares entities, which no workbook does; save it again")
            starts = [found.start() for found in _UNIT.finditer(looked_at)]
            units += len(starts)
            tags, read = _after(plain, looked_at, starts, tags, read)
            text = _unclosed(plain, text)
            if units > _UNITS or tags > TAGS or read > ROWS_BYTES or text > TAG_BYTES:
                raise DataError("a row or a part of it is larger than any that Excel writes; save it again")
            # A row that began in the last bytes is not counted twice.
            behind = starts[-1] + 1 if starts else 0
            before = looked_at[max(behind, len(looked_at) - _LONGEST_UNIT) :]


def _after(plain: bytes, looked_at: bytes, starts: list[int], tags: int, read: int) -> tuple[int, int]:
    """Tags and bytes since the last row or text began, or the most within one where that is too many."""
    if not starts:
        return tags + plain.count(b"<"), read + len(plain)
    most_tags = tags + looked_at.count(b"<", 0, starts[0])
    most_read = read + starts[0]
    for start, end in zip(starts, [*starts[1:], len(looked_at)], strict=True):
        tags, read = looked_at.count(b"<", start, end), end - start
        most_tags, most_read = max(most_tags, tags), max(most_read, read)
    if most_tags > TAGS or most_read > ROWS_BYTES:
        return most_tags, most_read
    return tags, read


def _unclosed(plain: bytes, text: int) -> int:
    """Bytes since the last tag ended."""
    end = plain.rfind(b">")
    return text + len(plain) if end < 0 else len(plain) - end - 1
