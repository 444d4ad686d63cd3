"""What another client of a server notices of 1,000 hostile requests.

    python benchmarks/hostile_requests.py [--run RUN] [--processes 2] [--kinds dear bodies unread all]
                                          [--requests 1000] [--rounds 3] [--quiet-seconds 10]

A `cnn` of Fashion-MNIST (or its bundled part) is served with its report, on loopback. One client on a kept
connection sends the PNG of a test image again and again, and its latencies are noted: for some seconds alone,
then while other processes send hostile requests as fast as they are answered:

- dear: 200 requests on 2 connections, each of 256 images of 9,999 x 9,999 pixels in 19.4 MB;
- bodies: 410 requests on 8 connections with bodies of 20 MB, to paths of which most are not there;
- unread: 390 connections that ask for the report and read nothing;
- all: the three at the same time, 1,000 requests.

The client stops when the last hostile request was answered, refused or cut off; after 120 seconds in any
case. "refused" counts its own replies that are not 200 (503 while the server is busy).

`sink` sends `all` to a process that reads and discards what it is sent, beside the server: what is slower
then is the work of the attackers themselves, which have the same cores.

Takes: on two cores some ten minutes with the training
"""

import asyncio
import base64
import contextlib
import io
import json
import multiprocessing
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measuring import (
    PELLUCID,
    Among,
    command_line,
    fashion_or_sample,
    heading,
    middle,
    print_table,
    ran,
    summary,
    write_json,
)
from PIL import Image

# Share of each kind among all requests, the connections on which they come, and seconds after which all are
# over.
DEAR, DEAR_AT_ONCE = 0.2, 2
BODIES, BODIES_AT_ONCE = 0.41, 8
UNREAD = 0.39
LONGEST = 120.0
BODY = bytes(20 << 20)
PATHS = ("/api/predict", "/nothing", "/api/model", "/report")


class Latencies(NamedTuple):
    """What one client saw: seconds of its replies of 200, and how many were others."""

    seconds: list[float]
    refused: int

    def at(self, share: float) -> float:
        """Milliseconds within which this share of its replies came."""
        return 1000 * float(np.quantile(self.seconds, share)) if self.seconds else float("inf")


def image_of(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=False)
    return file.getvalue()


def request_of(path: str, kind: str, body: bytes) -> bytes:
    lines = (
        f"POST {path} HTTP/1.1",
        "host: 127.0.0.1",
        f"content-type: {kind}",
        f"content-length: {len(body)}",
    )
    return "\r\n".join((*lines, "", "")).encode() + body


def dear_request() -> bytes:
    """256 images, each a few bytes and 100 million pixels."""
    image = base64.b64encode(image_of(np.full((9_999, 9_999), 255, np.uint8)))
    most = (20 << 20) - 1_000
    count = min(256, most // (len(image) + 3))
    return request_of(
        "/api/predict", "application/json", b'{"images":["' + b'","'.join([image] * count) + b'"]}'
    )


# Hostile clients, each kind in a process of its own.


def sent(port: int, request: bytes, seconds: float = 30.0) -> str:
    """Send a request on a new connection, and return the status of the reply."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=seconds) as own:
        with contextlib.suppress(ConnectionError):
            own.sendall(request)
        return own.recv(64)[9:12].decode() or "closed"
    return "closed"


def together(port: int, requests: list[bytes], count: int, at_once: int, found: Any) -> None:
    """Send so many requests, some at a time, and put the statuses of the replies into a queue."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(at_once) as executor:
        statuses = executor.map(lambda at: sent(port, requests[at % len(requests)]), range(count))
        found.put(Counter(statuses))


def dear(port: int, requests: int, found: Any) -> None:
    together(port, [dear_request()], round(DEAR * requests), DEAR_AT_ONCE, found)


def bodies(port: int, requests: int, found: Any) -> None:
    together(
        port,
        [request_of(path, "image/png", BODY) for path in PATHS],
        round(BODIES * requests),
        BODIES_AT_ONCE,
        found,
    )


def unread(port: int, requests: int, found: Any) -> None:
    """Ask for the report on all connections at once, and read nothing until the server ends them."""

    async def one() -> str:
        with contextlib.suppress(OSError), socket.socket() as own:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
            own.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(own, ("127.0.0.1", port))
            await loop.sock_sendall(own, b"GET /report HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            own_end = loop.time() + 60
            while loop.time() < own_end:
                await asyncio.sleep(0.5)
                if own.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    return "cut off"
            return "kept for a minute"
        return "closed"

    async def all_of_them() -> None:
        found.put(Counter(await asyncio.gather(*(one() for _ in range(round(UNREAD * requests))))))

    asyncio.run(all_of_them())


KINDS: dict[str, tuple[Any, ...]] = {
    "dear": (dear,),
    "bodies": (bodies,),
    "unread": (unread,),
    "all": (dear, bodies, unread),
    "sink": (dear, bodies),
}


def sink(port: Any) -> None:
    """Accept connections, read all that comes and reply with nothing."""

    async def discarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            head = await reader.readuntil(b"\r\n\r\n")
            left = int((re.search(rb"content-length: (\d+)", head) or [0, 0])[1])
            while left > 0 and (more := await reader.read(1 << 18)):
                left -= len(more)
            writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            writer.close()

    async def accept() -> None:
        server = await asyncio.start_server(discarded, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(accept())


# The server, and the client that is measured.


class Served(NamedTuple):
    """A server that runs."""

    process: subprocess.Popen[str]
    port: int

    def megabytes(self) -> float:
        """Most memory that the process which speaks HTTP had at a time."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int((re.search(r"VmHWM:\s+(\d+) kB", status) or ["0", "0"])[1]) / 1000


@contextlib.contextmanager
def serving(run: Path, folder: Path, processes: int) -> Iterator[Served]:
    """The run and its report, for a while."""
    words = [PELLUCID, "serve", run, "--corrections", folder / "corrections.csv"]
    process = subprocess.Popen(
        [*map(str, words), "--workers", str(processes), "--port", "0"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"serving at http://[^ ]+:(\d+)/", line):
                break
        else:
            raise SystemExit("error: the server did not start")
        yield Served(process, int(found[1]))
    finally:
        process.terminate()
        process.wait(60)


def asked(port: int, request: bytes, end: Any) -> Latencies:
    """Ask the same on a kept connection until `end()`."""
    seconds, refused = [], 0
    own = None
    while not end():
        began = time.perf_counter()
        try:
            if own is None:
                own = socket.create_connection(("127.0.0.1", port), timeout=60)
                own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            own.sendall(request)
            found = own.recv(1 << 16)
        except OSError:
            found = b""
        if found.startswith(b"HTTP/1.1 200 "):
            seconds.append(time.perf_counter() - began)
        else:
            refused += 1
            if own is not None:
                own.close()
            own = None
            time.sleep(0.01)
    if own is not None:
        own.close()
    return Latencies(seconds, refused)


def one_round(
    run: Path, folder: Path, kind: str, processes: int, requests: int, quiet_seconds: float
) -> dict[str, Any]:
    """A server asked by one client, alone and among hostile ones."""
    request = request_of(
        "/api/predict", "image/png", image_of(np.random.default_rng(0).integers(0, 255, (28, 28), np.uint8))
    )
    with serving(run, folder, processes) as server, contextlib.ExitStack() as ending:
        port, context = server.port, multiprocessing.get_context("spawn")
        asked(port, request, until(2.0))
        alone = asked(port, request, until(quiet_seconds))
        target = port
        if kind == "sink":
            told = context.Queue()
            other = context.Process(target=sink, args=(told,), daemon=True)
            other.start()
            ending.callback(other.terminate)
            target = told.get(timeout=30)
        before, queue = server.megabytes(), context.Queue()
        attackers = [
            context.Process(target=each, args=(target, requests, queue), daemon=True) for each in KINDS[kind]
        ]
        for each in attackers:
            each.start()
        limit = time.perf_counter() + LONGEST
        among = asked(
            port,
            request,
            lambda: time.perf_counter() > limit or not any(each.is_alive() for each in attackers),
        )
        took = time.perf_counter() - (limit - LONGEST)
        statuses: Counter[str] = Counter()
        while not queue.empty():
            statuses += queue.get()
        for each in attackers:
            each.terminate()
        after = server.megabytes()
        asked(port, request, until(1.0))
        found = {
            f"{name} {words}": each.at(share)
            for words, each in (("alone", alone), ("among", among))
            for name, share in (("p50", 0.5), ("p99", 0.99), ("most", 1.0))
        }
        return {
            **found,
            "answered": len(among.seconds),
            "refused": among.refused,
            "seconds": took,
            "memory": after - before,
            "statuses": dict(statuses),
        }


def until(seconds: float) -> Any:
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() > end


def main() -> None:
    """Measure what was asked for."""
    parser = command_line(
        __doc__,
        run=str,
        kinds=Among(KINDS, list(KINDS)),
        processes=2,
        requests=1_000,
        rounds=3,
        quiet_seconds=10.0,
    )
    arguments = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
    document = heading("pellucid", "onnxruntime", "starlette", "uvicorn", "h11", "numpy", "pillow")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run = Path(arguments.run or folder / "run")
        if not run.exists():
            ran([PELLUCID, "train", fashion_or_sample(), "--preset", "quick", "--no-baselines", "--out", run])
        rows = []
        for kind in arguments.kinds:
            rounds = [
                one_round(run, folder, kind, arguments.processes, arguments.requests, arguments.quiet_seconds)
                for _ in range(arguments.rounds)
            ]
            numbers = {key: [each[key] for each in rounds] for key in rounds[0] if key != "statuses"}
            statuses = sum((Counter(each["statuses"]) for each in rounds), Counter[str]())
            document[kind] = {
                **{key: summary(each) for key, each in numbers.items()},
                "statuses": dict(statuses),
            }
            ratio = statistics.median(one["p99 among"] / one["p99 alone"] for one in rounds)
            print(f"{kind}: hostile replies {json.dumps(statuses)}", file=sys.stderr)
            rows.append(
                [
                    kind,
                    middle(numbers["p50 alone"], 2),
                    middle(numbers["p50 among"], 2),
                    middle(numbers["p99 alone"], 2),
                    middle(numbers["p99 among"], 2),
                    f"{ratio:.2f}",
                    middle(numbers["most among"], 0),
                    middle(numbers["refused"]),
                    middle(numbers["answered"]),
                    middle(numbers["memory"]),
                ]
            )
        print_table(
            [
                "median (range), ms",
                "p50 alone",
                "p50",
                "p99 alone",
                "p99",
                "ratio",
                "most",
                "refused",
                "answered",
                "MB more",
            ],
            rows,
        )
    write_json(arguments.json, document)


if __name__ == "__main__":
    main()
