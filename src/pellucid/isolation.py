"""Isolation: untrusted files decoded in child processes under limits, a second wall behind the readers."""

import contextlib
import json
import math
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pellucid.budgets import MEMORY, PIXELS
from pellucid.errors import DataError, UsageError
from pellucid.strict import Fields, parse_line, read_object

# Limits of a child process that decodes: memory, time and files, as far as the system has them.

# Processor time of one image, or of one table; a photograph of 100 megapixels takes a second or two.
SECONDS = 60

_BYTES_OF_A_PIXEL = 24


def address_space() -> int:
    """Bytes that a child may ask for beyond those it has as it starts: for the largest image, and a file."""
    return 2 * MEMORY.value() + _BYTES_OF_A_PIXEL * PIXELS.value()


def confine(*, may_open: bool, mapped: int = 0) -> list[str]:
    """Limit this process for good: address space, no core, no file written, and none opened unless it may.

    `mapped` bytes of a file may be mapped beside. Returns what the system does not limit, in words.
    """
    import resource

    wanted = {
        "the memory": ("RLIMIT_AS", _taken() + address_space() + mapped),
        "core files": ("RLIMIT_CORE", 0),
        "files to be written": ("RLIMIT_FSIZE", 0),
    }
    if not may_open:
        wanted["files to be opened"] = ("RLIMIT_NOFILE", 0)
    missing = []
    if sys.platform == "darwin":  # it takes this limit and does not keep it
        missing.append("the memory")
        del wanted["the memory"]
    for words, (name, most) in wanted.items():
        try:
            which = getattr(resource, name)
            resource.setrlimit(which, (most, most))
        except (AttributeError, ValueError, OSError):
            missing.append(words)
    return missing


def begin_job() -> None:
    """Limit the processor time from now on; a process that takes more is ended by the system."""
    import resource

    spent = time.process_time()
    with contextlib.suppress(ValueError, OSError):
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(spent) + SECONDS, hard))


def _taken() -> int:
    """Bytes of address space that this process takes; 0 where the system does not tell."""
    import resource

    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


# Messages between a process and its child: JSON behind its length, nothing that could run.

_LENGTH = struct.Struct("<Q")


class Channel:
    """One end of a pair of sockets.

    Args:
        end: of the pair; it is closed with the channel.
        most: bytes of the longest message that is taken.
    """

    def __init__(self, end: socket.socket, most: int) -> None:
        self._end, self._most = end, most

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message of plain values.

        Raises: `OSError` if the other end is gone.
        """
        content = json.dumps(message).encode()
        self._end.sendall(_LENGTH.pack(len(content)) + content)

    def receive(self) -> dict[str, Any] | None:
        """The next message; `None` where the other end is gone.

        Raises: `ValueError` if it is none, or too long; `OSError` if it does not come in time.
        """
        head = self._bytes(_LENGTH.size)
        if head is None:
            return None
        length = _LENGTH.unpack(head)[0]
        if length > self._most:
            raise ValueError(f"a message of {length:,} bytes")
        content = self._bytes(length)
        if content is None:
            return None
        message = parse_line(content.decode())
        if not isinstance(message, dict):
            raise ValueError("a message that is no object")
        return message

    def close(self) -> None:
        """Close this end."""
        self._end.close()

    def _bytes(self, count: int) -> bytes | None:
        found = bytearray()
        while len(found) < count:
            part = self._end.recv(min(count - len(found), 1 << 20))
            if not part:
                return None
            found += part
        return bytes(found)


# A child process that decodes, seen from its parent: asked over a channel, its death an exception.

PROGRAM = "pellucid.data.decoder"
_PATIENCE = 20.0 * SECONDS
_LARGE = 1 << 24


class Child:
    """A process under limits that shares memory with this one.

    Attributes:
        shared: memory for what it is given and gives back; it may change what stands there at any time.
        unlimited: what the system does not limit, in words.
        is_closed: it has ended, or was ended.

    Args:
        job: what it is for, as `PROGRAM` knows it.
        files: open files that it may read, by their numbers.

    Raises:
        UsageError: it cannot be started.
    """

    shared: mmap.mmap
    unlimited: Sequence[str]
    is_closed: bool = False

    def __init__(self, job: str, files: Sequence[int] = ()) -> None:
        ours, theirs = socket.socketpair()
        with theirs, _memory() as memory:
            size = MEMORY.value() + 3 * PIXELS.value()
            os.ftruncate(memory.fileno(), size)
            self.shared = mmap.mmap(memory.fileno(), size)
            passed = (theirs.fileno(), memory.fileno(), *files)
            # -P: no module is taken from the working folder, which may be a stranger's.
            words = [sys.executable, "-P", "-m", PROGRAM, job, *map(str, passed)]
            try:
                self._process = subprocess.Popen(
                    words, pass_fds=passed, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL, start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise UsageError(f"--isolate: no process can be started ({error}); leave it out") from error
        ours.settimeout(_PATIENCE)
        self._channel = Channel(ours, MEMORY.value())
        ready = self.receive()
        missing = ready.get("unlimited")
        self.unlimited = [str(each) for each in missing] if isinstance(missing, list) else []

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; where the child is gone, the next `receive` says so."""
        with contextlib.suppress(OSError):
            self._channel.send(message)

    def receive(self) -> dict[str, Any]:
        """The next message.

        Raises: `DataError` with the reason if the child is gone, refuses, or says what it never would.
        """
        try:
            message = self._channel.receive()
        except (OSError, ValueError, RecursionError) as error:
            raise self._ended(f"says what it never would: {str(error)[:100]}") from error
        if message is None:
            raise self._ended()
        if "error" in message:
            raise DataError(str(message["error"])[:10_000])
        return message

    def read(self, message: dict[str, Any], fields: Fields) -> dict[str, Any]:
        """Fields of a message.

        Raises: `DataError` after ending the child, if it says something else.
        """
        with self.judged():
            return read_object("decoder", message, fields)

    @contextlib.contextmanager
    def judged(self) -> Iterator[None]:
        """End the child where what it said cannot be understood: it is not our program any more.

        Raises: `DataError` afterwards.
        """
        try:
            yield
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
            self.close()
            reason = f"its decoder says what it never would ({str(error)[:100]}); use an undamaged copy"
            raise DataError(reason) from error

    def forget(self, size: int) -> None:
        """Give memory back that held so many bytes."""
        if size > _LARGE and hasattr(mmap, "MADV_REMOVE"):
            with contextlib.suppress(OSError):
                self.shared.madvise(mmap.MADV_REMOVE)

    def close(self) -> None:
        """End it, whatever it does."""
        self.is_closed = True
        self._channel.close()
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        with contextlib.suppress(BufferError):
            self.shared.close()

    def _ended(self, how: str = "") -> DataError:
        """An error that says how the child ended, which it has afterwards."""
        if not how:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(timeout=5)
                how = f"ended by {_name_of(-code)}" if code < 0 else f"ended with {code}"
        self.close()
        return DataError(f"the process that decodes it {how or 'does not answer'}; use an undamaged copy")


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _memory() -> Any:
    """An open file in memory, or one without a name where the system has none."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("pellucid"), "r+b")
    return tempfile.TemporaryFile()


# The room of children that decode: as many as threads ask at a time, kept for the next file.

Announce = Callable[[str], object]


class Room:
    """Children that wait for work.

    Attributes:
        inside: the room that decoders of this process use; `None` where they decode themselves.

    Args:
        announce: told once, in a sentence, what the system does not limit.
    """

    inside: ClassVar["Room | None"] = None

    def __init__(self, announce: Announce | None) -> None:
        self._announce = announce
        self._lock = threading.Lock()
        self._idle: list[Child] = []

    @contextlib.contextmanager
    def child(self) -> Iterator[Child]:
        """A child that decodes images, for one of them; it is kept unless it ended."""
        with self._lock:
            child = self._idle.pop() if self._idle else None
        if child is None:
            child = self.begun("images")
        try:
            yield child
        except DataError:  # of a bad file, after which it takes the next one, or of its own end
            self._keep(child)
            raise
        except BaseException:
            child.close()
            raise
        self._keep(child)

    def _keep(self, child: Child) -> None:
        if not child.is_closed:
            with self._lock:
                self._idle.append(child)

    def begun(self, job: str, *files: int) -> Child:
        """A new child, to be closed; `files` are open ones that it may read."""
        child = Child(job, files)
        with self._lock:
            announce, self._announce = self._announce, None
        if announce is not None and child.unlimited:
            announce(f"warning: --isolate: this system does not limit {', '.join(child.unlimited)}")
        return child

    def close(self) -> None:
        """End all children."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()


def current() -> Room | None:
    """The room that decoders use; `None` where they decode in this process."""
    return Room.inside


@contextlib.contextmanager
def isolated(announce: Announce | None = None) -> Iterator[None]:
    """Decode images, Parquet and Arrow files in child processes for a while, in all threads of this process.

    Answers are the same to the last byte. A file that ends its decoder is a file that cannot be read.

    Raises: `UsageError` where the system cannot do it.
    """
    try:
        import resource  # noqa: F401  # Windows has none
    except ImportError as error:
        raise UsageError("--isolate: needs Linux or macOS; leave it out") from error
    before, room = Room.inside, Room(announce)
    Room.inside = room
    try:
        yield
    finally:
        Room.inside = before
        room.close()


__all__ = ["Room", "current", "isolated"]
