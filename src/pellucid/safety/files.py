"""Files: read without ever waiting for a pipe, and written atomically, verified and synced, or not at all.

To write: temporary file in the same folder, write, fsync, re-open and verify the hash, `os.replace`, fsync
the folder. A reader sees the old file or the new one, never half of either, and a full disk leaves the old
one intact. What is read is a regular file: a pipe, a socket or a device in its place is refused.
"""

import contextlib
import errno
import hashlib
import io
import json
import os
import secrets
import shutil
import stat
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Protocol, runtime_checkable

from pellucid.errors import ChangedFileError, RunLockedError, StorageError
from pellucid.language.sentence import Sentence

_BLOCK = 1 << 20
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@runtime_checkable
class Seekable(Protocol):
    """Bytes that are read from any place on: a file, or one in memory."""

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or all that are left."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""

    def tell(self) -> int:
        """The place to read from next."""


def open_regular(path: str | Path) -> BufferedReader:
    """Open a regular file for its bytes, never a FIFO, socket or device, on which one may wait for ever.

    Raises: `OSError` if there is no such file, or it is of another kind.
    """
    number, _ = _opened(path)
    return os.fdopen(number, "rb")


def _opened(path: str | Path) -> tuple[int, int]:
    """File descriptor of a regular file, opened for reading, and its size."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise _irregular(path)
    # Should something else have taken its place meanwhile, opening it does not wait either.
    number = os.open(path, _FLAGS)
    status = os.fstat(number)
    if not stat.S_ISREG(status.st_mode):
        os.close(number)
        raise _irregular(path)
    return number, status.st_size


class Unpacking(io.BufferedIOBase):
    """A file packed with gzip, read unpacked; closing it closes the packed file too.

    Not by `gzip`, which takes minutes for a header of 200 MB and for millions of empty members: here both are
    refused.
    """

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        self._restart()

    def _restart(self) -> None:
        self._packed.seek(0)
        self._rest = b""
        self._at = self._idle = 0
        self._unpacker: Any = None  # of the member that is being read
        self._members = 0
        self._error: Exception | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is; going back begins anew."""
        return True

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place, counted from the start."""
        assert whence == os.SEEK_SET
        if offset < self._at:
            self._restart()
        while self._at < offset and self.read(min(_BLOCK, offset - self._at)):
            pass
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """So many bytes, or all that are left; fewer where the file ends, or is damaged behind them.

        Raises: `EOFError`, `OSError` or `zlib.error` where no byte is left before the damage.
        """
        found = bytearray()
        most = sys.maxsize if size is None or size < 0 else size
        while len(found) < most and self._error is None:
            try:
                if not (piece := self._unpacked(min(most - len(found), _BLOCK))):
                    break
                found += piece
            except (EOFError, OSError, zlib.error) as error:
                self._error = error
        self._at += len(found)
        if self._error is not None and not found and most:
            raise self._error
        return bytes(found)

    def _unpacked(self, most: int) -> bytes:
        """Some bytes, at most so many; none at the end."""
        found = b""
        while not found:
            if len(self._rest) < 2:
                self._rest += self._packed.read(_BLOCK >> 4)
            if self._unpacker is None and not self._begins_member():
                return b""
            if not self._rest:
                raise EOFError("Compressed file ended before the end-of-stream marker was reached")
            before = len(self._rest)
            found = self._unpacker.decompress(self._rest, most)
            if self._unpacker.eof:
                self._rest, self._unpacker = self._unpacker.unused_data, None
            else:
                self._rest = self._unpacker.unconsumed_tail
            self._idle = 0 if found else self._idle + before - len(self._rest)
            if self._idle > _BLOCK:
                raise OSError("more than a megabyte of headers without content")
        return found

    def _begins_member(self) -> bool:
        """Begin the next member, behind the zeros with which tapes are filled; false at the end."""
        while self._members and not (rest := self._rest.lstrip(b"\0")) and self._rest:
            self._rest = self._packed.read(_BLOCK >> 4)
        self._rest = rest if self._members else self._rest
        if not self._rest:
            return False
        if not self._rest.startswith(b"\x1f\x8b"):
            raise OSError(Sentence("Not a gzipped file ({rest!r})", self._rest[:2]))
        self._unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._members += 1
        return True

    def close(self) -> None:
        """Close both."""
        super().close()
        self._packed.close()


def _irregular(path: str | Path) -> OSError:
    if os.path.isdir(path):
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return OSError(errno.EINVAL, "not a regular file", str(path))


def read_regular(path: str | Path, most: int) -> bytes:
    """The bytes of a regular file, at most so many of them.

    Raises: `OSError` as `open_regular`, or if there are more.
    """
    # Straight from the system: for an image of a kilobyte a file object would cost as much as reading it.
    number, size = _opened(path)
    try:
        # Not `most + 1` at once: room for as many bytes as are asked for is taken before the first is read.
        content = os.read(number, min(size, most) + 1)
        while len(content) <= most and (more := os.read(number, min(_BLOCK, most + 1 - len(content)))):
            content += more  # it grew, has no size, or is read in parts
    finally:
        os.close(number)
    if len(content) > most:
        raise OSError(errno.EFBIG, Sentence("larger than {most:,.0f} MB", most / 1000000.0), str(path))
    return content


def sha256(path: Path) -> str:
    """SHA-256 of a regular file as 64 hexadecimal digits, read block by block."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


_RESUMABLE = ContextVar("resumable", default=False)


def write_file(path: Path, content: bytes) -> str:
    """Replace a file with its whole content through the save protocol; SHA-256 of that in hexadecimal.

    Its folder must exist.

    Raises: `StorageError` if the disk is full, permission is denied or the bytes read back differ.
    """
    with writing(path) as draft:
        draft.write(content)
    return draft.sha256()


class Draft(io.BufferedIOBase):
    """File under way: it can only be added to, and hashes what it is given."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def writable(self) -> bool:
        """True: bytes can always be added."""
        return True

    def write(self, content: Any, /) -> int:
        """Add bytes and return their number."""
        self._digest.update(content)
        return self._file.write(content)

    def tell(self) -> int:
        """Number of bytes added."""
        return self._file.tell()

    def sha256(self) -> str:
        """SHA-256 of all that was added, in hexadecimal."""
        return self._digest.hexdigest()

    def cut_off(self, size: int) -> None:
        """Keep and hash the first so many bytes of a file that exists already; called before adding any."""
        while (left := size - self._file.tell()) > 0 and (block := self._file.read(min(_BLOCK, left))):
            self._digest.update(block)
        self._file.seek(self._file.tell())
        self._file.truncate()

    def flush_to_disk(self) -> None:
        """Bring every byte to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def finish(self) -> None:
        """Bring every byte to the disk and close the file."""
        self.flush_to_disk()
        self._file.close()

    def close(self) -> None:
        """Close the file whatever state it is in."""
        with contextlib.suppress(OSError):
            self._file.close()
        super().close()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Draft]:
    """Replace `path` bit by bit through the save protocol; for files too large for memory.

    Its folder must exist. It changes only when the block ends without an exception.

    Raises: `StorageError` if the disk is full, permission is denied or the bytes read back differ.
    """
    temporary = _beside(path, "tmp")
    try:
        if path.exists() and not path.is_file():
            raise OSError(errno.EEXIST, "what is there is not a regular file")
        with contextlib.closing(Draft(temporary.open("xb"))) as draft:
            yield draft
            draft.finish()
        put_in_place(temporary, path, draft.sha256())
    except StorageError:
        raise
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def append_synced(path: Path, content: bytes) -> None:
    """Add to a file, or begin one, in a single write, and sync; what a full disk took of it is taken back.

    Raises: `StorageError` if the disk is full or refuses; the file is then as it was.
    """
    is_new = not path.exists()
    try:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags, 0o644)
        try:
            before = os.fstat(descriptor).st_size
            written = os.write(descriptor, content)
            if written < len(content):
                os.ftruncate(descriptor, before)
                raise OSError(errno.ENOSPC, "no space left on device")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error


class OwnFile:
    """A file that one process adds to for a while: where somebody else has changed it, nothing is written.

    An editor or a spreadsheet saves a file as it was when it was opened, or in its place: what is written at
    the same time would be lost, or follow half a line. Who the file is, its size and its time are compared
    before each write; its content, where these differ.

    Attributes:
        path: of the file.

    Args:
        path: of the file, which need not be there.
    """

    path: Path

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen = self._status()
        self._digest, self._size = hashlib.sha256(), 0

    def read(self, most: int) -> bytes:
        """Its content, at most so many bytes; none where there is no such file.

        Raises: `OSError` as `read_regular`.
        """
        self._seen = self._status()
        content = b"" if self._seen is None else read_regular(self.path, most)
        self._digest, self._size = hashlib.sha256(content), len(content)
        return content

    def append(self, content: bytes) -> None:
        """Add to it, synced, or begin it.

        Raises: `ChangedFileError` as `require_same`; `StorageError` as `append_synced`.
        """
        self.require_same()
        append_synced(self.path, content)
        self._digest.update(content)
        self._size, self._seen = self._size + len(content), self._status()

    def replace(self, content: bytes) -> None:
        """Replace its content by the save protocol.

        Raises: `ChangedFileError` as `require_same`; `StorageError` as `write_file`.
        """
        self.require_same()
        write_file(self.path, content)
        self._digest, self._size = hashlib.sha256(content), len(content)
        self._seen = self._status()

    def require_same(self) -> None:
        """Refuse to go on where the file is not as this process read or left it.

        Raises: `ChangedFileError` with what was found and what to do.
        """
        found = self._status()
        if found == self._seen:
            return
        again = "end this command and start it again, and it goes on from the file as it then is"
        if found is None:
            raise ChangedFileError(
                "{path}: is no longer there, renamed or removed by somebody else; nothing was "
                "written; put it back, or {again}",
                self.path,
                again,
            )
        with contextlib.suppress(OSError):
            if self._seen is not None and sha256(self.path) == self._digest.hexdigest():
                self._seen = found  # saved anew with the same content
                return
        raise ChangedFileError(
            "{path}: was changed by somebody else ({found:,} bytes, {size:,} expected); "
            "nothing was written; {again}",
            self.path,
            found[2],
            self._size,
            again,
        )

    def _status(self) -> tuple[int, int, int, int] | None:
        """Device, number, size and time of the file; `None` where there is none."""
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def put_in_place(temporary: Path, path: Path, digest: str) -> None:
    """End of the save protocol: read back what was written and synced, give it its name, sync the folder.

    Raises: `OSError` if the SHA-256 of `temporary` is another than `digest`, or the file system refuses.
    """
    if sha256(temporary) != digest:
        raise OSError(errno.EIO, "what was read back differs from what was written")
    os.replace(temporary, path)
    sync_folder(path.parent)


def _beside(path: Path, ending: str) -> Path:
    """Name for something temporary in the same folder, short enough for every file system."""
    return path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.{ending}")


def write_json(path: Path, document: Any) -> str:
    """Write JSON with a final newline through the save protocol, and return its SHA-256 in hexadecimal.

    Refuses not-a-number and infinity.

    Raises: `StorageError` as for `write_file`.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return write_file(path, text.encode())


def write_folder(path: Path, files: Mapping[str, bytes], linked: Mapping[str, Path] | None = None) -> None:
    """Replace a folder, whose parent must exist, by files (name to content), whole or not at all.

    A name may lead into folders below. `linked` are files elsewhere by name, of which hard links are made
    where that is possible.

    Raises: `StorageError` as for `write_file`; the former folder is then still in place.
    """
    temporary, retired = _beside(path, "tmp"), _beside(path, "old")
    try:
        temporary.mkdir()
        contents: dict[str, bytes | Path] = {**(linked or {}), **files}
        for name, content in contents.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes) or not _is_linked(content, temporary / name):
                write_file(temporary / name, content if isinstance(content, bytes) else content.read_bytes())
        for below in temporary.rglob("*"):
            if below.is_dir():
                sync_folder(below)
        if path.exists():
            os.replace(path, retired)
        os.replace(temporary, path)
        sync_folder(path.parent)
    except StorageError:
        raise
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        if retired.exists() and not path.exists():
            os.replace(retired, path)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)


def _is_linked(source: Path, target: Path) -> bool:
    """Make a hard link; false where the file system has none."""
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def link_folder(source: Path, target: Path) -> None:
    """Make `target` hold the files of `source`, whole or not at all, as hard links where possible.

    Raises: `StorageError` as for `write_file`; the former folder is then still in place.
    """
    linked = {str(file.relative_to(source)): file for file in sorted(source.rglob("*")) if not file.is_dir()}
    write_folder(target, {}, linked)


def make_folder(path: Path) -> None:
    """Create a folder and its parents where they are missing, and prove that it can be written to.

    Raises: `StorageError` if a parent is read-only, a file is in the way, or the disk is full.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".{secrets.token_hex(4)}.tmp"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise storage_error(path, error) from error


def require_space(path: Path, needed: int) -> None:
    """Refuse to start when the disk of an existing folder cannot hold the bytes that will be written.

    Raises: `StorageError` if fewer bytes are free.
    """
    free = shutil.disk_usage(path).free
    if free < needed:
        raise StorageError(
            "{path}: {free:.0f} MB free, about {needed:.0f} MB needed; free some space",
            path,
            free / 1000000.0,
            needed / 1000000.0,
        )


@contextlib.contextmanager
def resumable() -> Iterator[None]:
    """Say in messages about a full disk, for a while, that the command can be resumed."""
    token = _RESUMABLE.set(True)
    try:
        yield
    finally:
        _RESUMABLE.reset(token)


def storage_error(path: Path, error: OSError) -> StorageError:
    """Message for users, with what to do, from the system's error about a path."""
    again = "with --resume" if _RESUMABLE.get() else "again"
    remedy = {
        errno.ENOSPC: Sentence("free some space, then run the same command {again}", again),
        errno.EDQUOT: Sentence("free some of your quota, then run the same command {again}", again),
        errno.ENOENT: "create the folder first",
        errno.EACCES: "choose a folder you may write to",
        errno.EPERM: "choose a folder you may write to",
        errno.EROFS: "choose a folder on a disk that is not read-only",
        errno.ENOTDIR: "there is a file where a folder is needed; choose another path",
        errno.EEXIST: "something of another kind is there; choose another path",
        errno.ELOOP: "remove it",
    }.get(error.errno or 0, "check the disk")
    reason = (error.strerror or str(error)).lower()
    return StorageError("{path}: cannot write: {reason}; {remedy}", path, reason, remedy)


@contextlib.contextmanager
def locked(folder: Path, name: str = ".lock") -> Iterator[None]:
    """Hold an existing folder, or one file in it, for this process alone, by a file of that name in it.

    The system frees the lock when the process dies.

    Raises: `RunLockedError` if another living process holds it; the message names it. `StorageError` if the
    lock file cannot be written, or is a link.
    """
    path = folder / name
    try:
        # Its content is replaced: of a link, hard or soft, that would be the content of somebody's own file.
        if path.is_symlink():
            raise OSError(errno.ELOOP, "it is a link")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o644)
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise storage_error(path, OSError(errno.ELOOP, "not a regular file of its own"))
        try:
            # Take the system's own exclusive lock on an open file, or fail at once.
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            raise RunLockedError(
                "{folder}: process {holder} is writing here; wait for it or choose another --out",
                folder,
                holder,
            ) from error
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        except OSError as error:
            raise storage_error(path, error) from error
        yield
        with contextlib.suppress(OSError):  # the lock goes with the descriptor, whatever the file says
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make a rename durable; systems that cannot open folders are left alone."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
