"""Processes that answer requests, and the bounded queues before them; for one event loop, without threads.

Each process has every model, whose files were read once: what becomes of them later changes no answer. One
that ends is replaced; what it was asked goes to another once, unless the limits ended it.

Requests stand in two queues: short ones, and long ones, which are known by their kind, or by a process that
gave them up after half a second. Long ones have all processes but one, so that short ones never wait for
them.
"""

import asyncio
import collections
import contextlib
import json
import signal
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pellucid.confined.onnx_files import LARGEST
from pellucid.cores import usable
from pellucid.errors import ModelFileError, PellucidError, UsageError
from pellucid.export.app.shell import FolderPage
from pellucid.language.sentence import Sentence

_PROGRAM = "pellucid.serving.worker"
_LENGTHS = struct.Struct("<QQ")
_PIPE_BYTES = 1 << 20
# More processes than this gain little: one process speaks HTTP for all of them.
_MOST_WORKERS = 8
# Requests that wait, and seconds for which the last of them would wait, or one does: more are refused.
MOST_WAITING = 256
LONGEST_WAIT = 5.0
# Seconds for which one request may take a process, and for which a process may start.
_PATIENCE = 150.0
# Seconds between two attempts to replace a process.
_PAUSE = 1.0
_SMOOTHING = 0.05  # weight of the last request in the mean of how long one takes


class Overloaded(Exception):
    """Too many requests wait; `seconds` later there may be room."""

    def __init__(self, seconds: int) -> None:
        super().__init__("the server is busy; try again later")
        self.seconds = seconds


class Gone(Exception):
    """Whoever asked has closed the connection."""


class _Ended(Exception):
    """A process ended; `how` is the signal or exit code."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class Reply(NamedTuple):
    """What a process answers: a status, what is counted, and the body of the reply."""

    status: int
    counted: Mapping[str, Any]
    body: bytes
    waited: float  # seconds in the queue
    took: float  # seconds in the process


class Source(NamedTuple):
    """A model: its name, the file as messages call it, and its content."""

    name: str
    place: str
    content: bytes
    folder_page: FolderPage | None = None  # what its folder adds to its page, if it has one


class Asked(NamedTuple):
    """What a process is asked, as JSON: as one of the short requests, and as one of the long ones."""

    short: bytes
    long: bytes


class _Queue:
    """Requests of one length: those that wait, and how long one takes a process."""

    def __init__(self) -> None:
        # each since when, and what it is given
        self.waiting: collections.deque[tuple[float, asyncio.Future[_Worker]]] = collections.deque()
        self.under_way = 0
        self._seconds = 0.0  # that a request takes, on average

    def took(self, seconds: float) -> None:
        """Note how long a request took."""
        self._seconds += (seconds - self._seconds) * (_SMOOTHING if self._seconds else 1.0)

    def wait(self, processes: int) -> float:
        """Seconds for which one more request would wait."""
        return (len(self.waiting) + 1) * self._seconds / max(1, processes)

    def next(self) -> "tuple[float, asyncio.Future[_Worker]] | None":
        """The request that has waited longest, of those whose clients still wait."""
        while self.waiting and self.waiting[0][1].done():
            self.waiting.popleft()
        return self.waiting[0] if self.waiting else None


class _Worker(asyncio.SubprocessProtocol):
    """One process, as the event loop sees it; it is asked one thing at a time.

    Attributes:
        ended: how the process ended, once it has or is given up.
        gone: done once there is no such process any more.
    """

    ended: asyncio.Future[str]
    gone: asyncio.Future[None]

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended, self.gone = self._loop.create_future(), self._loop.create_future()
        self._found = bytearray()
        self._reply: asyncio.Future[tuple[dict[str, Any], bytes]] | None = None

    @classmethod
    async def start(cls, sources: Sequence[Source]) -> tuple["_Worker", dict[str, Any]]:
        """A process that has the models, and what their files say about themselves.

        Raises: `ModelFileError` if a file is refused, `UsageError` if no process can be started, `_Ended`.
        """
        # -P: no module is taken from the working folder, whose files may be untrusted.
        words = [sys.executable, "-P", "-m", _PROGRAM]
        try:
            _, self = await asyncio.get_running_loop().subprocess_exec(
                cls,
                *words,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the server, which lets it finish
                pipesize=_PIPE_BYTES,
            )
        except OSError as error:
            raise UsageError("serve: no process can be started ({error}); end others", error) from error
        message = {
            "names": [each.name for each in sources],
            "places": {each.name: each.place for each in sources},
            "lengths": [len(each.content) for each in sources],
        }
        try:
            reply, _ = await self.ask(json.dumps(message).encode(), *(each.content for each in sources))
        except BaseException:
            self.kill()
            raise
        if "refused" in reply:
            self.kill()
            kind = UsageError if reply.get("code") == UsageError.exit_code else ModelFileError
            raise kind(str(reply["refused"])[:10_000])
        return self, reply

    async def ask(self, message: bytes, *contents: bytes) -> tuple[dict[str, Any], bytes]:
        """Send a message, which is JSON, with bytes, and take the answer.

        Raises: `_Ended` if the process is gone, answers what it never would, or takes too long.
        """
        if self.ended.done():
            raise _Ended(self.ended.result())
        self._reply = self._loop.create_future()
        patience = self._loop.call_later(_PATIENCE, self._end, "does not answer")
        head = _LENGTHS.pack(len(message), sum(map(len, contents)))
        # What is small goes in one write; what is large is not copied once more.
        parts = (head, message, *contents)
        for part in parts if sum(map(len, contents)) > _PIPE_BYTES else (b"".join(parts),):
            self._to.write(part)
        try:
            return await self._reply
        except asyncio.CancelledError:
            self.kill()  # the next answer would be that to this message
            raise
        finally:
            patience.cancel()

    def connection_made(self, transport: Any) -> None:
        """Take the pipes of the process."""
        self._transport, self._to = transport, transport.get_pipe_transport(0)

    def pipe_data_received(self, _: int, data: bytes) -> None:
        """Take a part of an answer, and hand it over once it is complete."""
        found = self._found
        found += data
        if len(found) < _LENGTHS.size:
            return
        of_reply, of_body = _LENGTHS.unpack_from(found)
        end = _LENGTHS.size + of_reply
        if max(of_reply, of_body) > LARGEST:
            self._end("sent what is no answer")
        elif len(found) >= end + of_body and self._reply is not None and not self._reply.done():
            try:
                reply = json.loads(found[_LENGTHS.size : end])
            except ValueError:
                reply = None
            body = bytes(found[end : end + of_body])
            found.clear()
            if isinstance(reply, dict):
                self._reply.set_result((reply, body))
            else:
                self._end("sent what is no answer")

    def process_exited(self) -> None:
        """Let whoever waits know how the process ended."""
        code = self._transport.get_returncode() or 0
        how: str = Sentence("ended with {code}", code)
        if code < 0:
            with contextlib.suppress(ValueError):
                how = signal.Signals(-code).name
        self._end(how)
        if not self.gone.done():
            self.gone.set_result(None)

    def _end(self, how: str) -> None:
        if not self.ended.done():
            self.ended.set_result(how)
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(_Ended(self.ended.result()))
        self.kill()

    def kill(self) -> None:
        """End the process, whatever it does."""
        if not self.ended.done():
            self.ended.set_result("was ended")
        self._transport.close()  # kills it, and closes its pipes


class Workers:
    """Processes that answer, and the requests that wait for one.

    Attributes:
        about: of each model, what its file says about itself, not trusted; empty until the first has started.
        restarts: processes that were replaced.

    Args:
        sources: the models.
        count: of processes; by default one for each core, at most 8.
    """

    about: dict[str, dict[str, Any]]
    restarts: int

    def __init__(self, sources: Sequence[Source], count: int | None = None) -> None:
        self.about, self.restarts = {}, 0
        self.count = count or min(_MOST_WORKERS, usable())
        self._sources = sources
        self._alive: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._short, self._long = _Queue(), _Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start all processes, and wait for the first.

        Raises: `ModelFileError` if a file is refused, `UsageError` if no process can be started.
        """
        first = asyncio.ensure_future(_Worker.start(self._sources))
        for _ in range(1, self.count):
            self._do(self._replace())
        try:
            worker, reply = await first
        except _Ended as error:
            places = ", ".join(each.place for each in self._sources)
            raise ModelFileError(
                "{places}: refused: the process that opens it {how}", places, error.how
            ) from error
        self.about = reply["about"]
        self._take(worker)

    @property
    def alive(self) -> int:
        """Processes that can be asked."""
        return len(self._alive)

    @property
    def waiting(self) -> int:
        """Requests that wait for a process."""
        return len(self._short.waiting) + len(self._long.waiting)

    def overload(self, *, is_long: bool = False) -> Overloaded | None:
        """The reason to refuse one more request now, if there is one."""
        queue = self._long if is_long else self._short
        if self._idle and (not is_long or queue.under_way < self._of_long):
            return None
        wait = queue.wait(self._of_long if is_long else self.alive)
        if self.waiting < MOST_WAITING and wait <= LONGEST_WAIT:
            return None
        return Overloaded(max(1, round(wait)))

    @property
    def _of_long(self) -> int:
        """Processes that long requests may have."""
        return max(1, self.alive - 1)

    async def answer(
        self,
        asked: Asked,
        content: bytes,
        is_gone: Callable[[], Awaitable[bool]],
        *,
        is_long: bool = False,
    ) -> Reply:
        """The answer of a process to a request, once one is free.

        Raises: `Overloaded` if too many wait, or this one for too long; `Gone` if nobody waits for the answer
        any more.
        """
        began = time.perf_counter()
        is_lost = False  # whether a process was ended by somebody while it answered
        while True:
            queue = self._long if is_long else self._short
            worker = await self._free(queue, is_gone)
            at = time.perf_counter()
            try:
                reply, body = await worker.ask(asked.long if is_long else asked.short, content)
            except _Ended as error:
                self._lose(worker)
                if error.how == signal.SIGKILL.name:  # by somebody, or by the system for want of memory
                    if is_lost:
                        raise Overloaded(1) from error
                    is_lost = True
                    continue
                if error.how == signal.SIGXCPU.name and not is_long:
                    is_long = True  # one step of it took more than short requests may
                    continue
                reason = Sentence("this input is refused: the process that answers it {how}", error.how)
                return Reply(422, {}, json.dumps({"error": reason}).encode(), at - began, 0.0)
            except BaseException:
                self._lose(worker)
                raise
            finally:
                queue.under_way -= 1
            took = time.perf_counter() - at
            self._release(worker)
            if reply.get("is_long") is True and not is_long:
                is_long = True
                continue
            queue.took(took)
            return Reply(int(reply.get("status", 500)), reply, body, at - began, took)

    async def _free(self, queue: _Queue, is_gone: Callable[[], Awaitable[bool]]) -> _Worker:
        is_long = queue is self._long
        if self._idle and (not is_long or queue.under_way < self._of_long):
            queue.under_way += 1
            return self._idle.pop()
        overload = self.overload(is_long=is_long)
        if overload is not None:
            raise overload
        future: asyncio.Future[_Worker] = asyncio.get_running_loop().create_future()
        queue.waiting.append((time.monotonic(), future))
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                worker = await future
            if await is_gone():
                raise Gone
            return worker
        except BaseException as error:
            if future.done() and not future.cancelled():
                queue.under_way -= 1
                self._release(future.result())
            if isinstance(error, TimeoutError):
                raise Overloaded(max(1, round(queue.wait(self.alive)))) from error
            raise

    def _take(self, worker: _Worker) -> None:
        self._alive.add(worker)
        self._release(worker)

    def _release(self, worker: _Worker) -> None:
        """Give a process to the request that has waited longest, or keep it for the next."""
        queues = [self._short, self._long] if self._long.under_way < self._of_long else [self._short]
        found = [(each, head) for each in queues if (head := each.next()) is not None]
        if not found:
            self._idle.append(worker)
            return
        queue, (_, future) = min(found, key=lambda each: each[1][0])
        queue.waiting.popleft()
        queue.under_way += 1
        future.set_result(worker)

    def _lose(self, worker: _Worker) -> None:
        worker.kill()
        self._alive.discard(worker)
        self.restarts += 1
        self._do(self._replace())

    async def _replace(self) -> None:
        """Start a process in the place of one that ended, until it succeeds."""
        while True:
            try:
                self._take((await _Worker.start(self._sources))[0])
                return
            except (PellucidError, _Ended):
                await asyncio.sleep(_PAUSE)

    def _do(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End all processes."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for worker in self._alive:
            worker.kill()
        if self._alive:
            await asyncio.wait([each.gone for each in self._alive], timeout=5)
