"""One entry of the cache of decoded images: written whole or not at all, and checked when opened.

    images/<key>/            lock file, and data/ once the entry is whole
    images/<key>/data/       pixels.npy, digests.npy, perceptual_hashes.npy, original_sizes.npy,
                               mode_codes.npy, taken.npy, entry.json (sizes and checksums of the others)

A writer works in `data.<random>.tmp` and renames it when all is on the disk. What a killed writer
left behind is never read, and cleared away by the next one.
"""

import contextlib
import errno
import hashlib
import io
import os
import secrets
import shutil
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pellucid.budgets import MEMORY
from pellucid.data.images.cached.plans import Plan
from pellucid.data.images.digests import difference_hashes
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.errors import StorageError
from pellucid.files import sync_folder, write_file
from pellucid.regular import open_regular, read_regular
from pellucid.strict import read_sealed, sealed

_BLOCK = 1 << 24
# Of the files and of their content: whatever changes a decoded pixel takes a new number.
FORMAT = 4
_COLUMNS = ("digests", "perceptual_hashes", "original_sizes", "mode_codes", "taken")


@dataclass(frozen=True)
class Entry:
    """Decoded images as they stand in the cache.

    Attributes:
        pixels: memory-mapped, read-only.
        columns: `digests`, `perceptual_hashes`, `original_sizes`, `mode_codes` and `taken` of all images.
        mode_names: what the mode codes mean.
        reasons: position to why an image cannot be used.
        notes: position to a warning.
        preprocessing: how the images were fitted.
    """

    pixels: np.ndarray
    columns: dict[str, np.ndarray]
    mode_names: Sequence[str]
    reasons: dict[int, str]
    notes: dict[int, str]
    preprocessing: Preprocessing

    @property
    def modes(self) -> list[str]:
        """Kind of each image."""
        return [self.mode_names[code] for code in self.columns["mode_codes"].tolist()]


class _Collector:
    """Gathers what blocks say about their images."""

    def __init__(self) -> None:
        self.parts: dict[str, list[np.ndarray]] = {name: [] for name in _COLUMNS}
        self.mode_codes: dict[str, int] = {}
        self.reasons: dict[int, str] = {}
        self.notes: dict[int, str] = {}

    def run(
        self,
        plan: Plan,
        take: Callable[[np.ndarray], object],
        progress: Callable[[int, int], None] | None,
    ) -> None:
        """Take every block: hand on its pixels, keep the rest; an interruption stops the threads."""
        done = 0
        with contextlib.closing(plan.blocks):
            for block in plan.blocks:
                take(block.pixels)
                codes = [self.mode_codes.setdefault(mode, len(self.mode_codes)) for mode in block.modes]
                found = {
                    "digests": block.digests,
                    "perceptual_hashes": difference_hashes(block.pixels),
                    "original_sizes": block.sizes,
                    "mode_codes": np.array(codes, np.uint8),
                    "taken": block.taken,
                }
                for name, part in found.items():
                    self.parts[name].append(part)
                self.reasons |= {done + index: reason for index, reason in block.reasons.items()}
                self.notes |= {done + index: note for index, note in block.notes.items()}
                done += len(block.pixels)
                if progress is not None:
                    progress(done, plan.count)

    def columns(self) -> dict[str, np.ndarray]:
        """The gathered values, one array for each column."""
        return {name: np.concatenate(parts) for name, parts in self.parts.items()}


def entry_in_memory(
    plan: Plan, ready: np.ndarray | None, progress: Callable[[int, int], None] | None
) -> Entry:
    """Carry a plan out without a disk; pixels that are `ready` need no work and are used as they are."""
    collector = _Collector()
    if ready is not None:
        collector.run(plan, lambda _: None, progress)
        pixels = ready.view()
    else:
        parts: list[np.ndarray] = []
        collector.run(plan, parts.append, progress)
        pixels = np.concatenate(parts)
    pixels.flags.writeable = False
    return Entry(
        pixels, collector.columns(), list(collector.mode_codes), collector.reasons, collector.notes,
        plan.preprocessing,
    )  # fmt: skip


def write_entry(home: Path, plan: Plan, progress: Callable[[int, int], None] | None) -> None:
    """Carry a plan out and write the entry, whole or not at all.

    `home` is an existing folder that this process has locked.

    Raises: `StorageError` if the disk is full or not to be written to; nothing is left behind.
    """
    clear_leftovers(home)
    temporary = home / f"data.{secrets.token_hex(4)}.tmp"
    try:
        temporary.mkdir()
        collector = _Collector()
        with (temporary / "pixels.npy").open("xb") as file:
            checked = _Checked(file)
            header = {"descr": "|u1", "fortran_order": False, "shape": plan.shape}
            np.lib.format.write_array_header_1_0(checked, header)
            collector.run(plan, lambda pixels: checked.write(np.ascontiguousarray(pixels).data), progress)
            file.flush()
            os.fsync(file.fileno())
            length = file.tell()
        written = checked.checksums()
        if _checksums(temporary / "pixels.npy") != written:
            raise OSError(errno.EIO, "what was read back differs from what was written")
        checksums = {
            name: _write_array(temporary, name, column) for name, column in collector.columns().items()
        }
        document = {
            "format": FORMAT,
            "pixel_bytes": length,
            "pixel_checksums": written,
            "checksums": checksums,
            "mode_names": list(collector.mode_codes),
            "reasons": list(collector.reasons.items()),
            "notes": list(collector.notes.items()),
            "preprocessing": plan.preprocessing.to_json(),
        }
        write_file(temporary / "entry.json", sealed(document))
        os.replace(temporary, home / "data")
        sync_folder(home)
    except StorageError:
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"{home}: cannot write decoded images: {reason}; free some space there, or name another "
            "folder in XDG_CACHE_HOME"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


class _Checked:
    """Bytes on their way to a file, with the CRC-32 of every block of them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._done: list[int] = []
        self._current = self._filled = 0

    def write(self, content: Any) -> int:
        """Write bytes."""
        view = memoryview(content).cast("B")
        written = len(view)
        self._file.write(view)
        while len(view):
            part, view = view[: _BLOCK - self._filled], view[_BLOCK - self._filled :]
            self._current = zlib.crc32(part, self._current)
            self._filled += len(part)
            if self._filled == _BLOCK:
                self._done.append(self._current)
                self._current = self._filled = 0
        return written

    def checksums(self) -> list[int]:
        """CRC-32 of every block, the last one perhaps shorter."""
        return [*self._done, self._current] if self._filled else self._done


def _checksums(path: Path) -> list[int]:
    """CRC-32 of every block of a file, which notices each flipped bit, read as fast as memory gives it.

    Whoever opens an entry reads all of it once: what training then maps was the same when it was checked.
    """
    found = []
    with open_regular(path) as file:
        while block := file.read(_BLOCK):
            found.append(zlib.crc32(block))
    return found


def _write_array(folder: Path, name: str, column: np.ndarray) -> str:
    buffer = io.BytesIO()
    np.save(buffer, column, allow_pickle=False)
    return write_file(folder / f"{name}.npy", buffer.getvalue())


def clear_leftovers(home: Path) -> None:
    """Remove what killed writers left, and data that failed its check, from a locked folder."""
    for leftover in home.glob("data*"):
        shutil.rmtree(leftover, ignore_errors=True)


def open_entry(home: Path, count: int) -> Entry | None:
    """Open an entry of `count` images and check it; `None` when there is none or it is damaged."""
    data = home / "data"
    try:
        document = read_sealed(data / "entry.json", MEMORY.value())
        if document["format"] != FORMAT or (data / "pixels.npy").stat().st_size != document["pixel_bytes"]:
            return None
        if _checksums(data / "pixels.npy") != document["pixel_checksums"]:
            return None
        columns = {name: _read_array(data, name, document) for name in _COLUMNS}
        preprocessing = Preprocessing.from_json(document["preprocessing"])
        pixels = np.load(data / "pixels.npy", mmap_mode="r", allow_pickle=False)
        size = (preprocessing.height, preprocessing.width, preprocessing.channels)
        if pixels.shape != (count, *size) or any(len(column) != count for column in columns.values()):
            return None
        os.utime(data / "entry.json")
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return Entry(
        pixels, columns, document["mode_names"], dict(document["reasons"]), dict(document["notes"]),
        preprocessing,
    )  # fmt: skip


def _read_array(data: Path, name: str, document: dict[str, Any]) -> np.ndarray:
    """Read a column.

    Raises: `ValueError` if its checksum differs.
    """
    content = read_regular(data / f"{name}.npy", MEMORY.value())
    if hashlib.sha256(content).hexdigest() != document["checksums"][name]:
        raise ValueError(f"{name}.npy is damaged")
    return np.load(io.BytesIO(content), allow_pickle=False)  # type: ignore[no-any-return]
