"""Ranks: processes that train one network together, and what they send to one another: tensors alone.

Rank 0 runs the whole command, and alone writes and prints. The others wait for its orders (`joint.py`);
rank 0 starts them on its own machine, or `torchrun` starts all of them. A message is JSON and tensors in one
tensor of bytes, so that nothing is ever pickled. On one machine all sockets are on the loopback.
"""

import contextlib
import ctypes
import datetime
import json
import math
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from enum import IntEnum
from importlib.metadata import version
from types import FrameType
from typing import Any, NamedTuple, TypeVar

import torch
import torch.distributed as dist
from jaxtyping import UInt8
from torch import Tensor

from pellucid import cores
from pellucid.errors import DivergedError, RankFailedError, UsageError
from pellucid.language.sentence import Sentence
from pellucid.settings import Settings
from pellucid.training.hardware import instructions

Piece = TypeVar("Piece")

TIME_OUT = 120.0  # seconds that one exchange may take
_START = 120.0  # seconds that a started process may take until it is ready
# While rank 0 does work of its own the others wait, nearly as long as 32 bits of milliseconds hold.
_PATIENCE = datetime.timedelta(days=20)
# Bytes that are broadcast at a time, each piece within the time-out.
_PIECE_BYTES = 64 << 20
# Seconds within which rank 0 finds out which process ended first, before those end that noticed it, too.
_SEARCH = 2.0
GRACE = 4.0
_LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"
# Of Linux's <sys/prctl.h>: the signal that a process gets when its parent ends.
_PDEATHSIG = 1
_EVERY_BYTES = 16  # tensors in a message begin at a multiple of it

Bytes = UInt8[Tensor, " bytes"]


class Order(IntEnum):
    """First number of an order: what is done next."""

    TRAIN = 0  # a message follows, which says what
    STEP = 1  # followed by the number of the batch, the steps already taken and the learning rate
    LEARN = 2  # a message follows: which parameters learn from now on
    VALIDATE = 3
    END = 4  # of this training
    QUIT = 5


class Message(NamedTuple):
    """JSON and tensors."""

    document: Any
    tensors: list[Tensor]


_NAMES = "float64 float32 bfloat16 float16 int64 int32 int16 int8 uint8 bool".split()
_KINDS: dict[str, torch.dtype] = {name: getattr(torch, name) for name in _NAMES}


def packed(document: Any, tensors: Sequence[Tensor] = ()) -> Bytes:
    """JSON and tensors as one tensor of bytes: the length of a heading, it, and the values of each tensor."""
    shapes = [[str(each.dtype).removeprefix("torch."), [*each.shape]] for each in tensors]
    heading = json.dumps([document, shapes], separators=(",", ":")).encode()
    begin = _aligned(8 + len(heading))
    ends = [begin]
    for tensor in tensors:
        ends.append(_aligned(ends[-1] + tensor.nbytes))
    message = torch.zeros(ends[-1], dtype=torch.uint8)
    start = len(heading).to_bytes(8, "little") + heading
    message[: len(start)] = torch.frombuffer(bytearray(start), dtype=torch.uint8)
    for place, tensor in zip(ends, tensors, strict=False):
        message[place : place + tensor.nbytes].view(tensor.dtype).view(tensor.shape).copy_(tensor.detach())
    return message


def unpacked(message: Bytes, device: str = "cpu") -> Message:
    """What `packed` made a message of; the tensors share its memory where they stay on the processor."""
    length = int(message[:8].view(torch.int64))
    document, shapes = json.loads(message[8 : 8 + length].numpy().tobytes())
    place, tensors = _aligned(8 + length), []
    for kind, shape in shapes:
        size = math.prod(shape) * _KINDS[kind].itemsize
        tensors.append(message[place : place + size].view(_KINDS[kind]).view(shape).to(device))
        place = _aligned(place + size)
    return Message(document, tensors)


def _aligned(place: int) -> int:
    return -(-place // _EVERY_BYTES) * _EVERY_BYTES


class Ranks:
    """All processes of a training, as one of them sees them."""

    def __init__(
        self,
        rank: int,
        size: int,
        threads: int,
        time_out: float,
        started: Sequence[subprocess.Popen[bytes]] = (),
    ) -> None:
        self.rank, self.size = rank, size
        self.threads = threads  # of this process, for its parts
        self.is_busy = False  # a training is under way
        # They may be at different places, or were never connected, so that no further exchange makes sense.
        self.is_broken = True
        self._time_out, self._started = time_out, started
        self._abouts: list[dict[str, Any]] = []

    def connect(self, store: Any | None = None) -> None:
        """Form the group, through a store or, without one, as the environment says.

        Raises: `RankFailedError` if a process is missing, or computes or is installed in another way.
        """
        if torch.cuda.is_available():
            here = int(os.environ.get("LOCAL_RANK", self.rank))
            torch.cuda.set_device(here % torch.cuda.device_count())
        with self._exchanging():
            limit = datetime.timedelta(seconds=self._time_out)
            given: dict[str, Any] = {} if store is None else {"store": store}
            dist.init_process_group("gloo", rank=self.rank, world_size=self.size, timeout=limit, **given)
            # The others wait for orders as long as they must, but they take them from rank 0 soon.
            patience = _PATIENCE if self.rank else limit
            self._orders = dist.new_group(timeout=patience, backend="gloo")
        self.is_broken = False
        about = {
            "pid": os.getpid(),
            "machine": _machine(),
            "instructions": instructions(),
            "versions": ", ".join(f"{name} {version(name)}" for name in ("pellucid", "torch", "numpy")),
        }
        if self.rank:
            self.send(packed(about), 0)
            self._abouts = unpacked(self.broadcast()).document
            return
        self._abouts = [about, *(unpacked(self.receive(rank)).document for rank in range(1, self.size))]
        self.broadcast(packed(self._abouts))
        for rank, other in enumerate(self._abouts):
            for what in ("instructions", "versions"):
                if other[what] != about[what]:
                    self.is_broken = True
                    raise RankFailedError(
                        "rank {rank} of {size}: has {other}, rank 0 has {about}, and so "
                        "would round otherwise; use machines of one kind with the same versions",
                        rank,
                        self.size,
                        other[what],
                        about[what],
                    )

    def send(self, message: Tensor, to: int) -> None:
        """Send a message, as `packed` makes it, to one rank, which receives it."""
        with self._exchanging(to):
            dist.send(torch.tensor([len(message)]), to)
            dist.send(message, to)

    def receive(self, sender: int) -> Tensor:
        """The next message of one rank."""
        with self._exchanging(sender):
            length = torch.zeros(1, dtype=torch.int64)
            dist.recv(length, sender)
            message = torch.zeros(int(length), dtype=torch.uint8)
            dist.recv(message, sender)
        return message

    def broadcast(self, message: Tensor | None = None) -> Tensor:
        """The message of rank 0, which alone gives it, for all of them."""
        with self._exchanging(None if self.rank == 0 else 0):
            length = torch.tensor([0 if message is None else len(message)])
            dist.broadcast(length, 0)
            if message is None:
                message = torch.zeros(int(length), dtype=torch.uint8)
            for start in range(0, len(message), _PIECE_BYTES):
                dist.broadcast(message[start : start + _PIECE_BYTES], 0)
        return message

    def order(self, kind: Order, number: int = 0, taken: int = 0, rate: float = 0.0) -> None:
        """Let the others know what is done next, in numbers."""
        with self._exchanging():
            order = torch.tensor([kind, number, taken, rate], dtype=torch.float64)
            dist.broadcast(order, 0, group=self._orders)

    def ordered(self) -> tuple[Order, int, int, float]:
        """The next order, however long rank 0 takes."""
        with self._exchanging(0):
            order = torch.zeros(4, dtype=torch.float64)
            dist.broadcast(order, 0, group=self._orders)
        kind, number, taken, rate = order.tolist()
        return Order(int(kind)), int(number), int(taken), rate

    def share(self, pieces: Sequence[Piece]) -> Sequence[Piece]:
        """The pieces of this rank: consecutive ones, the first of all with rank 0."""
        first, last = (-(-len(pieces) * rank // self.size) for rank in (self.rank, self.rank + 1))
        return pieces[first:last]

    def rank_of(self, place: int, pieces: int) -> int:
        """The rank that has one of so many pieces."""
        return place * self.size // pieces

    @contextlib.contextmanager
    def in_step(self) -> Iterator[None]:
        """Within, ranks do the same; an error of this one alone leaves the others where they cannot go on."""
        try:
            yield
        except DivergedError:
            raise  # by all of them at the same place
        except BaseException:
            self.is_broken = True
            raise

    @contextlib.contextmanager
    def _exchanging(self, peer: int | None = None) -> Iterator[None]:
        """Report an exchange that failed, perhaps with one `peer`, by the rank that is the cause."""
        try:
            yield
        except RuntimeError as error:
            self.is_broken = True
            raise self._failure(str(error).partition("\n")[0], peer) from error

    def _failure(self, reason: str, peer: int | None) -> RankFailedError:
        """Error that names the rank that ended or stopped, after a short search."""
        deadline = time.monotonic() + _SEARCH
        while not (found := self._unwell()) and time.monotonic() < deadline:
            time.sleep(0.02)
        if found:
            rank, what = found[0]
        else:
            silent = Sentence("did not answer within {time_out:g} seconds", self._time_out)
            what = silent if "imed out" in reason else Sentence("cannot be reached ({reason})", reason[:200])
            rank = -1 if peer is None else peer
        name = (
            Sentence("rank {rank} of {size}", rank, self.size)
            if rank >= 0
            else Sentence("a rank of {size}", self.size)
        )
        return RankFailedError(
            "{name}: {what}; run the same command with --resume, with any number of processes", name, what
        )

    def _unwell(self) -> list[tuple[int, str]]:
        """Ranks that ended or stopped, with what became of them; the likely cause first."""
        found: list[tuple[int, int, str]] = []
        for rank, process in enumerate(self._started, start=1):
            code = process.poll()
            if code is not None and code < 0:
                name = signal.Signals(-code).name
                memory = ", which is also sent where memory runs out" if name == "SIGKILL" else ""
                found.append((0, rank, Sentence("was ended by {name}{memory}", name, memory)))
            elif code is not None:
                found.append(
                    (
                        2 + (code == RankFailedError.exit_code),
                        rank,
                        Sentence("ended with exit code {code}", code),
                    )
                )
        here = _machine()
        for rank, about in enumerate(self._abouts):
            state = _state(about["pid"]) if about["machine"] == here and rank != self.rank else "R"
            if state == "T":
                found.append((1, rank, "is stopped, as by SIGSTOP or Ctrl-Z"))
            elif state in ("", "Z", "X") and not self._started:
                found.append((0, rank, "has ended"))
        return [(rank, what) for _, rank, what in sorted(found)]

    def words(self, parts: int) -> str:
        """How many processes compute a batch of so many parts, as `2 of 3 processes of 1 thread each`."""
        some = f"{parts} of " if parts < self.size else ""
        why = Sentence(", as a batch has {parts} part{value}", parts, "s" * (parts > 1)) if some else ""
        return Sentence(
            "{some}{size} processes of {threads} thread{value} each{why}",
            some,
            self.size,
            self.threads,
            "s" * (self.threads > 1),
            why,
        )

    @property
    def is_on_one_machine(self) -> bool:
        """True where all of them share the cores of one machine."""
        return len({about["machine"] for about in self._abouts}) == 1

    @property
    def first(self) -> int | None:
        """Process of rank 0, where it is on this machine."""
        about = self._abouts[0]
        return about["pid"] if about["machine"] == _machine() else None

    @property
    def has_started(self) -> bool:
        """True where this process started the others."""
        return bool(self._started)

    def require_alive(self, *_: int | FrameType | None) -> None:
        """Signal handler for the end of a child: `RankFailedError` if it is one of those started."""
        if any(process.poll() is not None for process in self._started):
            self.is_broken = True
            raise self._failure("", None)

    def close(self) -> None:
        """Leave the group; rank 0 lets the others end, and ends those it started that do not."""
        if self.rank == 0 and not self.is_broken:
            with contextlib.suppress(RankFailedError):  # whoever failed is needed no more
                self.order(Order.QUIT)
        for process in self._started if self.is_broken else ():
            process.kill()
        for process in self._started:
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if dist.is_initialized():
            dist.destroy_process_group()


def _machine() -> str:
    """Name under which processes see one another's numbers: of the machine, and of a container on it."""
    found = platform.node()
    with contextlib.suppress(OSError):
        with open("/proc/sys/kernel/random/boot_id") as file:
            found = f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    return found


def _state(process: int) -> str:
    """State of a process, such as `T` where it is stopped; empty where there is none, `R` where unknown."""
    if not sys.platform.startswith("linux"):
        return "R"
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def rank_of_torchrun() -> int | None:
    """Rank of this process where `torchrun` started several, as the environment says; else `None`."""
    known = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys()
    return int(os.environ["RANK"]) if known and os.environ["WORLD_SIZE"] != "1" else None


def of_torchrun(threads: int | None) -> Ranks:
    """This process as a rank, as `torchrun` started it, connected."""
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if os.environ.get("LOCAL_WORLD_SIZE") == os.environ["WORLD_SIZE"]:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", _LOOPBACK)
    ranks = Ranks(rank, size, cores.threads(threads), TIME_OUT)
    ranks.connect()
    if rank and ranks.first is not None:
        watch(ranks.first, TIME_OUT)
    return ranks


def of_started(folder: str, rank: int, size: int, threads: int, time_out: float) -> Ranks:
    """This process as a rank that rank 0 started, connected through a folder that the two share."""
    watch(os.getppid(), time_out)
    ranks, store = Ranks(rank, size, threads, time_out), _store(folder, size)
    store.set(f"ready/{rank}", "")
    while not store.check(["go"]):
        time.sleep(0.02)
    ranks.connect(store)
    return ranks


def _store(folder: str, size: int) -> Any:
    return dist.FileStore(  # type: ignore[attr-defined]
        os.path.join(folder, "store"), size
    )


def watch(first: int, time_out: float) -> None:
    """End this process when its parent ends, or rank 0, a process of this machine, is stopped too long."""
    parent = os.getppid()
    if sys.platform.startswith("linux"):  # where the system does so even if this process is stopped
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)

    def keep_watching() -> None:
        stopped = 0.0
        while os.getppid() == parent and stopped <= time_out:
            time.sleep(1.0)
            stopped = stopped + 1 if _state(first) == "T" else 0.0
        os._exit(RankFailedError.exit_code)

    threading.Thread(target=keep_watching, daemon=True).start()


# Threads of a pool do not see it, so that of two trainings at a time one is shared.
_CURRENT: ContextVar[Ranks | None] = ContextVar("ranks", default=None)


def current() -> Ranks | None:
    """The ranks with which this thread may share a training; `None` where there are none."""
    return _CURRENT.get()


@contextlib.contextmanager
def together(settings: Settings) -> Iterator[Ranks | None]:
    """Within, trainings are shared with other processes, which end afterwards; yields them, if there are any.

    They are those that `torchrun` started, or are started here, as many as the settings say.

    Raises: `UsageError` if both are asked for, or torch.distributed is in use already; `RankFailedError` if a
    process is missing or ends.
    """
    count, is_of_torchrun = settings.processes or 1, rank_of_torchrun() is not None
    if _CURRENT.get() is not None or (count == 1 and not is_of_torchrun):
        yield _CURRENT.get()
        return
    if is_of_torchrun and count > 1:
        raise UsageError("--processes: torchrun starts the processes already; leave it out")
    if dist.is_initialized():
        raise UsageError("--processes: torch.distributed is in use in this process already; end that first")
    if is_of_torchrun:
        with _in_use(of_torchrun(settings.threads)) as ranks:
            yield ranks
    else:
        threads = settings.threads or max(1, cores.threads(None) // count)
        with tempfile.TemporaryDirectory(prefix="pellucid-ranks-") as folder:
            started = _start(folder, count, threads)
            ranks = Ranks(0, count, threads, TIME_OUT, started)
            with _in_use(ranks):
                store = _store(folder, count)
                _await_all(ranks, store)
                before = os.environ.get("GLOO_SOCKET_IFNAME")
                os.environ["GLOO_SOCKET_IFNAME"] = _LOOPBACK
                try:
                    ranks.connect(store)
                finally:
                    os.environ.pop("GLOO_SOCKET_IFNAME")
                    if before is not None:
                        os.environ["GLOO_SOCKET_IFNAME"] = before
                yield ranks


def _start(folder: str, count: int, threads: int) -> list[subprocess.Popen[bytes]]:
    """Start all ranks but the first."""
    given = {**os.environ, "GLOO_SOCKET_IFNAME": _LOOPBACK}
    started: list[subprocess.Popen[bytes]] = []
    # A terminal sends Ctrl-C to all of them, but rank 0 decides: they take over that it is blocked here.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        for rank in range(1, count):
            words = [folder, str(rank), str(count), str(threads), str(TIME_OUT), str(os.getpid())]
            # -P: no module is taken from the working folder, whose files may be untrusted.
            program = [sys.executable, "-P", "-m", "pellucid.training.follower", *words]
            nothing = subprocess.DEVNULL
            started.append(subprocess.Popen(program, stdin=nothing, stdout=nothing, env=given))
    except OSError as error:
        for process in started:
            process.kill()
            process.wait()
        raise UsageError(
            "--processes: no further process can be started ({error}); give fewer", error
        ) from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return started


def _await_all(ranks: Ranks, store: Any) -> None:
    """Wait until every started process is ready, so that the time-out counts from then on."""
    deadline = time.monotonic() + _START
    for rank in range(1, ranks.size):
        while not store.check([f"ready/{rank}"]):
            ranks.require_alive()
            if time.monotonic() > deadline:
                raise RankFailedError(
                    "rank {rank} of {size}: was not ready within {START:g} seconds; give fewer "
                    "--processes, or end other programs",
                    rank,
                    ranks.size,
                    _START,
                )
            time.sleep(0.02)
    store.set("go", "")


@contextlib.contextmanager
def _in_use(ranks: Ranks) -> Iterator[Ranks]:
    """Make ranks the current ones; afterwards they end. A started one that ends is an error at once."""
    token, before = _CURRENT.set(ranks), None
    with contextlib.suppress(ValueError):  # only the main thread may; elsewhere the next exchange fails
        before = signal.signal(signal.SIGCHLD, ranks.require_alive) if ranks.has_started else None
    try:
        yield ranks
    finally:
        if before is not None:
            signal.signal(signal.SIGCHLD, before)
        _CURRENT.reset(token)
        ranks.close()
