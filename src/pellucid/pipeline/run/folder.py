"""The folder of a run: who may write to it, what stands in it, and when it counts as finished."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pellucid.errors import StorageError, UsageError
from pellucid.files import locked, make_folder, require_space, resumable, write_file, write_json
from pellucid.strict import read_sealed, sealed

# A data frame that was handed over in Python: the run's own DATA.
FRAME_NAME = "frame.jsonl"

# Files of a run that may as well be a user's own, and so do not mark a folder as a run.
_TABLES = ("test.csv", "test.csv.gz")

_NAMES = (
    "report.html",
    "metrics.json",
    "history.jsonl",
    "config.json",
    "data.jsonl",
    "data.jsonl.gz",
    *_TABLES,
    FRAME_NAME,
    "model",
    "models",
    "checkpoints",
    "samples",
)
_SPACE = 50_000_000


def unusable(path: Path, reason: str) -> StorageError:
    """Refusal of a file of a run that is to be resumed: nothing may be built on it."""
    return StorageError(f"{path}: {reason}; put back what stood there, or start again with --overwrite")


class RunFolder:
    """Paths of one run, and the rules for writing to it.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def samples(self) -> Path:
        """Folder of the sheets of images that a generator makes while it learns."""
        return self.path / "samples"

    @property
    def is_finished(self) -> bool:
        """True where a run ended: its metrics are written last of all."""
        return (self.path / "metrics.json").is_file()

    def read_sealed(self, name: str) -> dict[str, Any] | None:
        """Read one of the run's sealed files; `None` where there is none.

        Raises: `StorageError` if it is damaged, was changed, or is no regular file.
        """
        path = self.path / name
        try:
            return read_sealed(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise unusable(path, getattr(error, "strerror", None) or str(error)) from error

    def write_sealed(self, name: str, document: dict[str, Any]) -> None:
        """Write one of the run's files with its seal, through the save protocol."""
        write_file(self.path / name, sealed(document))

    def write_json(self, name: str, document: dict[str, Any]) -> None:
        """Write one of the run's JSON files through the save protocol."""
        write_json(self.path / name, document)

    @contextlib.contextmanager
    def opened(self, resume: bool, overwrite: bool) -> Iterator[None]:
        """Hold the folder for this process, ready to be written to.

        A former run's files may stand there: with `resume` they are kept, with `overwrite` removed.

        Raises: `UsageError` if both flags are given; `StorageError` if a run or something else stands there,
        or the place cannot be written to; `RunLockedError` if another process writes there.
        """
        if resume and overwrite:
            raise UsageError("--resume: contradicts --overwrite; give one of them")
        existed = self.path.is_dir()
        make_folder(self.path)
        with locked(self.path), resumable():
            self._require_free(resume, overwrite, existed)
            self._remove_leftovers()
            require_space(self.path, _SPACE)
            if overwrite:
                self._empty()
            yield

    def _require_free(self, resume: bool, overwrite: bool, existed: bool) -> None:
        if not existed:
            return
        present = {entry.name for entry in self.path.iterdir()} - {".lock"}
        is_run = bool(present & (set(_NAMES) - set(_TABLES)))
        if is_run and not (resume or overwrite):
            raise StorageError(
                f"{self.path}: already holds a run; give --resume to go on, --overwrite to replace it, "
                "or another --out"
            )
        hidden = {name for name in present if name.startswith(".") and name.endswith((".tmp", ".old"))}
        if present - hidden and not is_run:
            raise StorageError(f"{self.path}: holds files that are no run; choose another --out")

    def _remove_leftovers(self) -> None:
        """Remove temporary files of a process that was killed inside a save."""
        for folder in (self.path, self.checkpoints, self.path / "models"):
            for pattern in (".*.tmp", ".*.old"):
                for entry in folder.glob(pattern):
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def _empty(self) -> None:
        """Remove a former run's own files, `metrics.json` first so that it no longer counts as finished."""
        for name in ("metrics.json", *_NAMES):
            path = self.path / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def prune(self) -> None:
        """Remove what only an unfinished run needs."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)
