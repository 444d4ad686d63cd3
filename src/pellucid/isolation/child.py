"""A child process that decodes, seen from its parent: asked over a channel, its death an exception."""

import contextlib
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from pellucid.budgets import MEMORY, PIXELS
from pellucid.errors import DataError, UsageError
from pellucid.isolation.channel import Channel
from pellucid.isolation.limits import SECONDS
from pellucid.strict import Fields, read_object

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
