"""Forms of DATA and of INPUT: the one place that tells them apart."""

import os
import re
from enum import Enum
from pathlib import Path

from pellucid.data.archives.opening import is_archive
from pellucid.data.reading.containers.places import names_several
from pellucid.data.reading.idx import is_idx_folder
from pellucid.data.reading.samples import PREFIX
from pellucid.data.tables.stream import is_table
from pellucid.errors import DataError, UsageError

# Every form that labelled data may have, for messages.
KNOWN_FORMS = (
    "a folder of class folders, a table (.csv .tsv .tab .json .jsonl .parquet .arrow .xlsx, lines of "
    "fastText), a folder of such tables, a .zip or .tar of any of them, a folder of IDX files, an .npz file, "
    "sample:fashion or sample:spam"
)


class Form(Enum):
    """A form of data; who reads data has one entry for each in a table."""

    SAMPLE = "sample"
    IDX = "folder of IDX files"
    FOLDER = "folder"
    ARCHIVE = "archive"
    NPZ = ".npz file"
    TABLE = "table"
    PATTERN = "pattern of files"
    FILE = "single file"


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def require_local(place: str) -> None:
    """Refuse an address on a network, and an empty name, which would stand for the current folder.

    Raises: `DataError` or, of an empty name, `UsageError`, with what to do.
    """
    if not place:
        raise UsageError("'': an empty name; give a folder or a file, or . for the current folder")
    if _SCHEME.match(place):
        raise DataError(f"{place}: Pellucid uses no network; download it and give the file")


def form_of(place: str) -> Form:
    """Form of a place, which need not exist: told by folders' content and by names of files."""
    if place.startswith(PREFIX):
        return Form.SAMPLE
    path = Path(place)
    if os.path.isdir(path):
        return Form.IDX if is_idx_folder(path) else Form.FOLDER
    if names_several(place) and not os.path.lexists(place):
        return Form.PATTERN
    if path.suffix.lower() == ".npz":
        return Form.NPZ
    if is_archive(path):
        return Form.ARCHIVE
    return Form.TABLE if is_table(path) else Form.FILE
