"""Dictionaries of a Parquet file: how much the texts would take if each were written out where it stands.

A column may hold a text once, in a dictionary page, and count on it in a million rows. Writers begin with a
dictionary and leave it when it grows beyond a megabyte, so most files of long texts have one of little use.
Read as it stands, it is kept and grows with every text; written out, a few bytes become gigabytes. How long
its longest text is decides.
"""

from collections.abc import Sequence

from pellucid.data.tables.arrow.parquet_pages import Column, Page, pages_of
from pellucid.regular import Seekable

_PLAIN = 0
# Bytes of a dictionary that is looked through; writers stop at one million.
_LARGEST = 4 << 20

# Bytes of values times bytes of pages: a column below it is not looked at.
_LITTLE = 1 << 16


def growing_columns(
    file: Seekable, groups: Sequence[Sequence[Column]], size: int, texts: Sequence[int], limit: int
) -> set[int]:
    """Those of the columns of texts, by number, that written out may take more than `limit` bytes.

    The file is left at its beginning. Raises: `ValueError` if a header is damaged.
    """
    grown = dict.fromkeys(texts, 0)
    for columns in groups:
        for number in texts:
            column = columns[number]
            if 0 <= (most := column.num_values * column.unpacked) <= _LITTLE:
                grown[number] += most
                continue
            pages = list(pages_of(file, column, size))
            counted = sum(page.values for page in pages if not page.is_dictionary and page.encoding != _PLAIN)
            if counted:
                longest = max(
                    (longest_value(file, page, column) for page in pages if page.is_dictionary), default=limit
                )
                grown[number] += counted * longest
    file.seek(0)
    return {number for number, bytes_ in grown.items() if not 0 <= bytes_ <= limit}


def longest_value(file: Seekable, page: Page, column: Column) -> int:
    """Bytes of the longest text of a dictionary; of one that cannot be looked through, those of all."""
    import pyarrow as pa

    if page.unpacked > _LARGEST:
        return page.unpacked
    file.seek(page.at)
    content = file.read(page.packed)
    if column.compression != "UNCOMPRESSED":
        try:
            content = pa.decompress(content, page.unpacked, column.compression.lower(), asbytes=True)
        except (pa.ArrowException, ValueError):
            return page.unpacked
    longest = at = 0
    while at + 4 <= len(content):  # each text stands behind its length
        length = int.from_bytes(content[at : at + 4], "little")
        longest = max(longest, length)
        at += 4 + length
    return longest
