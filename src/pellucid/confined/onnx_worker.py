"""A process under limits of memory and processor time in which onnxruntime computes an untrusted ONNX file.

Nothing that a graph computes is foreseen: what takes more than the limits is refused. Started by
`IsolatedSession`, the process reads the file, limits itself for good, and only then lets onnxruntime open it.
"""

import contextlib
import functools
import importlib
import itertools
import math
import os
import sys
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.confined.onnx_files import LARGEST, read_model, require_plain
from pellucid.cores import usable
from pellucid.errors import ModelFileError, PellucidError, UsageError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import MEMORY, WORK
from pellucid.safety.isolation import Channel, Child, ChildEnded, answer_parent, begin_job, confine

INSTALL = "pip install onnxruntime"
_PROGRAM = "pellucid.confined.onnx_worker"

# Of the address space that onnxruntime asks for it uses half at worst: its arena grows by powers of two.
_ARENA = 2
# Bytes for each of the file's own: its content, the weights out of it, and these rearranged or in 32 bits.
WEIGHTS = 8
STACK_BYTES = 16 << 20  # of a thread of onnxruntime, with room for its own allocations
# Seconds of processor time for opening a file, and for a batch, on each thread: threads that wait spin.
_SECONDS = 30

# Seconds between two checks of the memory, and the exit code where it is too much.
_PAUSE = 0.02
_TOO_LARGE = 99
# Batches that go to the child together: a way there and back costs as much as computing a few small images.
_MESSAGE_BYTES = 4 << 20
_MESSAGE_BATCHES = 16

# Inputs of a graph by their names, one row of each for every example.
Feed = dict[str, np.ndarray]


def memory_limit() -> int:
    """Bytes that computing a batch may take beside the weights."""
    return _ARENA * MEMORY.value()


def seconds_limit(threads: int | None) -> int:
    """Seconds of processor time that a batch may take: 60 on two cores, more where more work is admitted."""
    return max(1, round(_SECONDS * max(2, threads or usable()) * WORK.value() / (WORK.default * WORK.scale)))


# A file that onnxruntime opens, in whatever process.


class SessionHere:
    """onnxruntime in this process.

    Attributes:
        about: types and axes of the graph's inputs, axes of its outputs, and metadata, by their names.

    Args:
        content: of the file.
        place: the file, as messages name it.
        threads: most threads of onnxruntime; `None` leaves their number to it.

    Raises:
        ModelFileError: the content is no plain graph, or onnxruntime refuses it.
        UsageError: onnxruntime is not installed.
    """

    about: dict[str, Any]

    def __init__(self, content: bytes, place: str, threads: int | None) -> None:
        self._place = place
        try:
            require_plain(content)
        except ValueError as error:
            raise ModelFileError("{place}: refused: {error}; export the model again", place, error) from error
        try:
            import onnxruntime
        except ImportError as error:
            raise UsageError(
                "{place}: needs onnxruntime, which is not installed; {INSTALL}", place, INSTALL
            ) from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        # Whatever the first bytes look like.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises types of its own without a common base
            raise ModelFileError("{place}: {error}", place, _refusal(error, "refuses")) from error
        self._session = session
        self.about = {
            "inputs": {each.name: [each.type, list(each.shape)] for each in session.get_inputs()},
            "outputs": {each.name: list(each.shape) for each in session.get_outputs()},
            "properties": dict(session.get_modelmeta().custom_metadata_map),
        }

    def run(self, outputs: Sequence[str], feeds: Iterable[Feed]) -> Iterator[list[np.ndarray]]:
        """Outputs by their names, of each batch.

        Raises: `ModelFileError` if onnxruntime cannot compute them.
        """
        for feed in feeds:
            try:
                found = self._session.run(list(outputs), feed)
            except Exception as error:  # see above
                raise ModelFileError(
                    "{place}: {error}", self._place, _refusal(error, "cannot compute")
                ) from error
            yield found


def _refusal(error: Exception, verb: str) -> str:
    """Words for what onnxruntime raised, which says that memory ran out in several ways."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or "alloc" in text:
        return _too_large()
    return Sentence(
        "onnxruntime {verb} it: {value}; export the model again", verb, text[:200] or type(error).__name__
    )


def _too_large() -> str:
    most = memory_limit() / 1e9
    return Sentence(
        "refused: takes more than {most:g} GB of memory beside the weights; {remedy}", most, MEMORY.remedy
    )


# The parent's side.


class IsolatedSession:
    """onnxruntime in a child process, which opens the file while this process goes on.

    A child that ended, or that belongs to the process from which this one was forked, is replaced.

    Attributes:
        place: the file, as messages name it.

    Args:
        path: of the file.
        threads: most threads of onnxruntime; `None` leaves their number to it.
        content: of the file, by default read when a child is started.

    Raises:
        UsageError: no process can be started.
    """

    place: str

    def __init__(self, path: str | Path, threads: int | None, content: bytes | memoryview = b"") -> None:
        self.place, self._threads, self._content = str(path), threads, content
        self._path = os.path.abspath(path)
        self._lock = threading.Lock()
        self._child = self._start()

    @functools.cached_property
    def about(self) -> dict[str, Any]:
        """As `SessionHere.about`, not trusted.

        Raises: `ModelFileError` if the file is refused or takes more than the limits, `UsageError` without
        onnxruntime.
        """
        return self._receive()[0]

    def run(self, outputs: Sequence[str], feeds: Iterable[Feed]) -> Iterator[list[np.ndarray]]:
        """Outputs by their names, of each batch; several small ones go there and back together.

        Raises: `ModelFileError` if one takes more than the limits, or onnxruntime cannot compute it.
        """
        group: list[Feed] = []
        size = 0
        for feed in feeds:
            more = sum(array.nbytes for array in feed.values())
            if group and (size + more > _MESSAGE_BYTES or len(group) == _MESSAGE_BATCHES):
                yield from self._run(outputs, group)
                group, size = [], 0
            group.append(feed)
            size += more
        if group:
            yield from self._run(outputs, group)

    def _run(self, outputs: Sequence[str], feeds: Sequence[Feed]) -> list[list[np.ndarray]]:
        forms = [list(feed) for feed in feeds], [_forms(feed.values()) for feed in feeds]
        content = _joined(array for feed in feeds for array in feed.values())
        with self._lock:
            about = self.about
            if self._child.is_closed or self._process != os.getpid():
                self._child = self._start()
                if self._receive()[0] != about:
                    self._child.close()
                    raise ModelFileError("{place}: changed since it was loaded; load it again", self.place)
            try:
                self._child.send({"outputs": list(outputs), "names": forms[0], "forms": forms[1]}, content)
                message, given = self._receive()
                found = _arrays(message["forms"], given)
                if len(found) != len(feeds):
                    raise LookupError(f"{len(found)} answers")
            except PellucidError:
                raise
            except BaseException as error:
                self._child.close()  # the next answer would be that to this message
                if not isinstance(error, Exception):
                    raise
                text = Sentence(
                    "{place}: its process answers something else ({error})", self.place, str(error)[:100]
                )
                raise ModelFileError("{text}; export the model again", text) from error
            return found

    def _start(self) -> Child:
        """A child that opens the file."""
        child, self._process = Child("onnx", _PROGRAM), os.getpid()
        weakref.finalize(self, _end, child, self._process)
        child.send({"path": self._path, "place": self.place, "threads": self._threads}, self._content)
        return child

    def _receive(self) -> tuple[dict[str, Any], bytes]:
        """The answer of the child.

        Raises: `ModelFileError` and `UsageError` as `about`.
        """
        try:
            reply, content = self._child.receive()
        except ChildEnded as error:
            raise ModelFileError("{place}: {how}", self.place, self._why(error.how)) from error
        if "refused" in reply:
            kind = UsageError if reply.get("code") == UsageError.exit_code else ModelFileError
            raise kind(str(reply["refused"])[:10_000])
        return reply, content

    def _why(self, how: str) -> str:
        """Words for the end of a child, which the limits may have brought about."""
        if how in ("ended by SIGXCPU", "ended by SIGKILL"):
            most = seconds_limit(self._threads)
            return Sentence(
                "refused: takes more than {most} seconds of processor time at once; {remedy}",
                most,
                WORK.remedy,
            )
        if how == Sentence("ended with {TOO_LARGE}", _TOO_LARGE):
            return _too_large()
        return Sentence(
            "refused: onnxruntime {how}, where it may take {memory_limit:g} GB of memory beside the "
            "weights; {remedy}",
            how,
            memory_limit() / 1000000000.0,
            MEMORY.remedy,
        )


def _end(child: Child, process: int) -> None:
    if os.getpid() == process:  # or it is the child of the process from which this one was forked
        child.close()


def _forms(arrays: Iterable[np.ndarray]) -> list[tuple[str, tuple[int, ...]]]:
    return [(array.dtype.str, array.shape) for array in arrays]


def _joined(arrays: Iterable[np.ndarray]) -> bytes | memoryview:
    parts = [np.ascontiguousarray(array).reshape(-1).view(np.uint8).data for array in arrays]
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _arrays(forms: Sequence[Sequence[tuple[str, Sequence[int]]]], content: bytes) -> list[list[np.ndarray]]:
    """Lists of arrays of these forms from their bytes, laid end to end.

    Raises: `LookupError`, `TypeError` or `ValueError` if the bytes are not theirs.
    """
    at = 0
    found: list[list[np.ndarray]] = []
    for some in forms:
        found.append([])
        for kind, shape in some:
            if np.dtype(kind).kind not in "fiub":
                raise TypeError("no numbers")
            size = np.dtype(kind).itemsize * math.prod(shape)
            # A part by itself is aligned, wherever it begins.
            found[-1].append(np.ndarray(shape, kind, content[at : at + size]))
            at += size
    return found


# The child's side.


def main() -> None:
    """Open one file, and answer about batches until the parent is gone."""
    answer_parent(_serve, LARGEST)


def _serve(channel: Channel) -> None:
    with contextlib.suppress(ImportError):  # of which `SessionHere` speaks
        importlib.import_module("onnxruntime")  # it opens files of its own, which it may no longer do below
    channel.send({"unlimited": []})
    asked = channel.receive()
    if asked is None:
        return
    place, threads = asked[0]["place"], asked[0]["threads"]
    seconds = seconds_limit(threads)

    def refuse(error: ModelFileError | UsageError) -> None:
        channel.send({"refused": str(error), "code": error.exit_code})

    try:
        content = asked[1] or read_model(asked[0]["path"], place)
        memory = memory_limit() + WEIGHTS * len(content) + STACK_BYTES * (threads or usable())
        if "the memory" in confine(may_open=False, memory=memory):
            threading.Thread(target=watch_memory, args=(memory,), daemon=True).start()
        begin_job(seconds)
        session = SessionHere(content, place, threads)
    except (ModelFileError, UsageError) as error:
        refuse(error)
        return
    del content, asked
    channel.send(session.about)
    while (asked := channel.receive()) is not None:
        message, content = asked
        arrays = _arrays(message["forms"], content)
        feeds = [dict(zip(*each, strict=True)) for each in zip(message["names"], arrays, strict=True)]
        answers: list[list[np.ndarray]] = []
        try:
            for feed in feeds:
                begin_job(seconds)
                answers += session.run(message["outputs"], [feed])
        except ModelFileError as error:
            refuse(error)
            continue
        channel.send({"forms": list(map(_forms, answers))}, _joined(itertools.chain(*answers)))


def watch_memory(most: int) -> None:
    """End this process where it comes to hold so many bytes more, on a system that does not limit them."""
    with contextlib.suppress(ImportError):  # Windows
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        while unit * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - first) <= most:
            time.sleep(_PAUSE)
        os._exit(_TOO_LARGE)


if __name__ == "__main__":
    main()
