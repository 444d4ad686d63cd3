"""Isolation: untrusted files decoded in child processes under limits of memory, time and files."""

import atexit
import contextlib
import functools
import json
import math
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, ClassVar

from pellucid.errors import DataError, UsageError
from pellucid.language.codes import codes
from pellucid.language.sentence import Sentence, message_of
from pellucid.safety.budgets import MEMORY, PIXELS, UNPACKED
from pellucid.safety.strict import Fields, read_object

# Processor time of one image, or of one block of a table; 100 megapixels take a second or two.
SECONDS = 60

# Address space beyond what is asked for, of which allocators and libraries take some as they please.
SLACK = 256 << 20
_BYTES_OF_A_PIXEL = 24
# Characters of what a child says is wrong.
_LONGEST_REASON = 10_000


def confine(*, may_open: bool, memory: int) -> list[str]:
    """Limit this process for good: address space, no core, no file written, and none opened unless it may.

    `memory` bytes may be asked for beyond those it has. Returns what the system does not limit, in words.
    """
    try:
        import resource
    except ImportError:  # Windows
        return ["the memory", "the processor time", "files to be written"]
    taken = 0  # address space of this process, where the system counts it
    with contextlib.suppress(OSError), open("/proc/self/statm") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    wanted = {
        "the memory": ("RLIMIT_AS", taken + memory + SLACK),
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
            hard = resource.getrlimit(which)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(which, (most, most))
        except (AttributeError, ValueError, OSError):
            missing.append(words)
    return missing


def image_memory() -> int:
    """Bytes that the largest image takes while it is decoded, with those of its file."""
    return 2 * MEMORY.value() + _BYTES_OF_A_PIXEL * PIXELS.value()


def begin_job(seconds: float | None = None) -> None:
    """Limit the processor time from now on; the system ends a process that takes more."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        hard, most = resource.getrlimit(resource.RLIMIT_CPU)[1], SECONDS if seconds is None else seconds
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time() + most), hard))


_LENGTHS = struct.Struct("<QQ")
_PIPE_BYTES = 1 << 20


class Channel:
    """The two pipes between a process and its child, for messages of plain values as JSON, with bytes.

    `most` are the bytes of the longest message that is taken, and of the bytes with it.
    """

    def __init__(self, read: IO[bytes], write: IO[bytes], most: int) -> None:
        self._read, self._write, self._most = read, write, most

    def send(self, message: dict[str, Any], content: bytes | memoryview = b"") -> None:
        """Send a message; `OSError` if the other end is gone."""
        text = json.dumps(message, ensure_ascii=False).encode(errors="surrogatepass")
        self._write.write(_LENGTHS.pack(len(text), len(content)) + text)
        self._write.write(content)
        self._write.flush()

    def receive(self) -> tuple[dict[str, Any], bytes] | None:
        """The next message and its bytes; `None` where the other end is gone.

        Raises: `ValueError` if it is no message, or too long.
        """
        head = self._read.read(_LENGTHS.size)
        if len(head) < _LENGTHS.size:
            return None
        lengths = _LENGTHS.unpack(head)
        if max(lengths) > self._most:
            raise ValueError(Sentence("a message of {lengths:,} bytes", max(lengths)))
        text, content = map(self._read.read, lengths)
        if (len(text), len(content)) != lengths:
            return None
        message = json.loads(text.decode(errors="surrogatepass"))
        if not isinstance(message, dict):
            raise ValueError("a message that is no object")
        return message, content

    def close(self) -> None:
        """Close both pipes."""
        for each in (self._read, self._write):
            with contextlib.suppress(OSError):
                each.close()


def answer_parent(work: Callable[[Channel], None], most: int) -> None:
    """Do the work of a child program over its standard input and output, until it is done or the parent gone.

    `most` are the bytes of the longest message that is taken.
    """
    # What a library prints must not come between messages.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        work(Channel(sys.stdin.buffer, answers, most))
    except BrokenPipeError:
        os._exit(0)  # the parent went away; nothing is left to be flushed


def refused(error: Exception) -> dict[str, Any]:
    """An error as a child program sends it: its text, and where it has one its message with the values."""
    sentence = getattr(error, "sentence", None)
    if sentence is None or not sentence.values:
        return {"error": str(error)}
    return {"error": str(error), "message": message_of(sentence.template), "values": sentence.texts()}


def _refusal(reply: Mapping[str, Any]) -> DataError:
    """The error that a child sent; only a message of ours is filled, and no form that the child names."""
    text, message, values = str(reply["error"])[:_LONGEST_REASON], reply.get("message"), reply.get("values")
    if isinstance(message, str) and isinstance(values, list) and message in codes():
        with contextlib.suppress(ValueError):
            known = DataError(message, *map(str, values))
            if str(known) == text:
                return known
    return DataError(text)


PROGRAM = "pellucid.data.decoder"
_PATIENCE = 20.0 * SECONDS


class ChildEnded(DataError):
    """A child ended, or was ended because of what it sent; `how` is the reason alone."""

    how: str = ""


class Child:
    """A process under limits that decodes, as its parent sees it: its death is an exception.

    Args:
        job: what it is for, as its program knows it.
        program: module that it runs, by default `PROGRAM`.

    Raises:
        UsageError: it cannot be started.
    """

    def __init__(self, job: str, program: str | None = None) -> None:
        self.is_closed = False  # it has ended, or was ended
        # -P: no module is taken from the working folder, whose files may be untrusted.
        words = [sys.executable, "-P", "-m", program or PROGRAM, job]
        try:
            self._process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                start_new_session=True, pipesize=_PIPE_BYTES,
            )  # fmt: skip
        except OSError as error:
            raise UsageError(
                "no process can be started that decodes files ({error}); end others", error
            ) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        most = MEMORY.value() + 3 * PIXELS.value()
        self._channel = Channel(self._process.stdout, self._process.stdin, most)
        self._deadline, self._closing = math.inf, threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    @functools.cached_property
    def unlimited(self) -> list[str]:
        """What the system does not limit, in words: the first message, once the child has started.

        Raises: `ChildEnded` as `receive`.
        """
        missing = self._receive()[0].get("unlimited")
        return [str(each) for each in missing] if isinstance(missing, list) else []

    def send(self, message: dict[str, Any], content: bytes | memoryview = b"") -> None:
        """Send a message; where the child is gone, the next `receive` reports it."""
        self._deadline = time.monotonic() + _PATIENCE
        with contextlib.suppress(OSError, ValueError):
            self._channel.send(message, content)

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """The next message and the bytes with it.

        Raises: `ChildEnded` if it is gone or sent what no decoder of ours would, `DataError` if it refuses.
        """
        _ = self.unlimited
        return self._receive()

    def _receive(self) -> tuple[dict[str, Any], bytes]:
        self._deadline = time.monotonic() + _PATIENCE
        try:
            found = self._channel.receive()
        except (OSError, ValueError, RecursionError) as error:
            raise self._ended(
                Sentence("gave an answer that is no answer: {error}", str(error)[:100])
            ) from error
        self._deadline = math.inf
        if found is None:
            raise self._ended()
        if "error" in found[0]:
            raise _refusal(found[0])
        return found

    def read(self, message: dict[str, Any], fields: Fields) -> dict[str, Any]:
        """Fields of a message; `ChildEnded` after ending the child if it has others."""
        with self.judged():
            return read_object("decoder", message, fields)

    @contextlib.contextmanager
    def judged(self) -> Iterator[None]:
        """End the child where its answer makes no sense, with `ChildEnded`: it is no longer our program."""
        try:
            yield
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
            self.close()
            reason = Sentence(
                "its decoder answered what no decoder answers ({error}); use an undamaged copy",
                str(error)[:100],
            )
            raise ChildEnded(reason) from error

    def close(self) -> None:
        """End it, whatever it does."""
        self.is_closed = True
        self._closing.set()
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        self._channel.close()

    def _watch(self) -> None:
        """End a child that does not answer in time: one that waits takes no processor time."""
        while not self._closing.wait(5):
            if time.monotonic() > self._deadline:
                self._process.kill()

    def _ended(self, how: str = "") -> ChildEnded:
        """An error that says how the child ended, which it has afterwards."""
        if not how:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(timeout=5)
                how = Sentence("ended with {code}", code)
                if code < 0:
                    how = Sentence("ended by signal {value}", -code)
                    with contextlib.suppress(ValueError):
                        how = Sentence("ended by {name}", signal.Signals(-code).name)
        self.close()
        how = how or "does not answer"
        error = ChildEnded("the process that decodes it {how}; use an undamaged copy", how)
        error.how = how
        return error


class Worker:
    """The one child of a job that reads tables, for all threads, whatever file they read.

    It is started when it is first asked, kept, and started afresh after each refusal.
    """

    _all: ClassVar[dict[str, "Worker"]] = {}

    def __init__(self, job: str) -> None:
        self._job = job
        self._lock = threading.RLock()
        self._child: Child | None = None
        self._made_for: tuple[object, ...] = ()

    @classmethod
    def of(cls, job: str) -> "Worker":
        """The worker of a job."""
        return cls._all.setdefault(job, cls(job))

    def ask(self, message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Send a message that is understood without others, and take the answer, or raise as a child does."""
        with self._lock:
            # A process that was forked has no child of its own, and a budget may have been raised.
            made_for = (os.getpid(), PROGRAM, MEMORY.value(), UNPACKED.value())
            if self._child is None or made_for != self._made_for:
                self.end()
                self._child, self._made_for = Child(self._job), made_for
            try:
                self._child.send(message)
                return self._child.receive()
            except BaseException:
                self.end()
                raise

    def forget(self, message: dict[str, Any]) -> None:
        """Send a message that has no answer, if there is a child."""
        with self._lock:
            if self._child is not None and self._made_for[0] == os.getpid():
                self._child.send(message)

    def end(self) -> None:
        """End the child, if this process started one."""
        with self._lock:
            child, self._child = self._child, None
            if child is not None and self._made_for[0] == os.getpid():
                child.close()


@atexit.register
def _end_workers() -> None:
    for worker in Worker._all.values():
        worker.end()


Announce = Callable[[str], object]


class Room:
    """Children that decode images: as many as threads ask at a time, kept for the next file.

    `announce` is called once, with a sentence about what the system does not limit.
    """

    inside: ClassVar["Room | None"] = None  # that decoders of this process use; they may decode themselves

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
            child = Child("images")
            with self._lock:
                announce, self._announce = self._announce, None
            if announce is not None and child.unlimited:
                announce(
                    Sentence(
                        "warning: --isolate: this system does not limit {unlimited}",
                        ", ".join(child.unlimited),
                    )
                )
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
    """Decode images in child processes for a while, in all threads of this process.

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
