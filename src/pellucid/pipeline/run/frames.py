"""Data frames handed over in Python, kept in the run, so that whatever reads its DATA later finds them."""

from pathlib import Path
from typing import Any

from pellucid.data.tables.forms.frames import is_frame, is_lazy, json_lines_of_frame
from pellucid.errors import DataError, UsageError
from pellucid.files import writing
from pellucid.pipeline.run.folder import FRAME_NAME, RunFolder
from pellucid.regular import open_regular

_NAME = "data"


def place_of(data: Any, folder: RunFolder) -> Any:
    """A frame as the path of the file in the run that will hold it; other DATA as it is.

    Raises: `UsageError` if it is a frame that is still to be computed.
    """
    if is_frame(data):
        return str(folder.path / FRAME_NAME)
    if is_lazy(data):
        raise UsageError("data: a frame that is still to be computed; give data.collect()")
    return data


def keep_frame(data: Any, place: Any, *, resume: bool) -> None:
    """Write a frame where `place_of` says; a run being resumed has it already.

    Raises: `DataError` if the frame cannot be kept, or is another than that of the run being resumed;
    `StorageError` if it cannot be written.
    """
    if not is_frame(data):
        return
    path = Path(place)
    if resume and path.exists():
        _require_same(data, path)
        return
    with writing(path) as draft:
        for lines in json_lines_of_frame(data, _NAME):
            draft.write(lines)


def _require_same(data: Any, path: Path) -> None:
    """Refuse another frame than the one that is kept."""
    with open_regular(path) as kept:
        same = all(kept.read(len(lines)) == lines for lines in json_lines_of_frame(data, _NAME))
        same = same and not kept.read(1)
    if not same:
        raise DataError(
            f"data: differs from {path}, which the run being resumed learns from; give the same frame"
        )
