"""What a server of an exported model costs, beside the model alone and other servers of the same file.

    python benchmarks/serving.py [--model FILE.onnx] [--servers pellucid fastapi litserve bentoml]
                                 [--rounds 3] [--seconds 180] [--requests 50000] [--folder FOLDER]

The model is a `cnn` of Fashion-MNIST (or its bundled part), trained with `--preset quick` unless a file is
given. Every request is the PNG of one test image, on loopback and kept connections.

1. Median of one client, beside onnxruntime alone and the same answer in one process (decoded, fitted,
   computed); from the start of the process to its first answer; images a second of 16 clients. In turns,
   `--rounds` times.
2. Pellucid alone: 50 clients for `--seconds`: latencies, replies that are not 200, and the memory of all
   its processes before and after `--requests` requests.
3. Megabytes that each takes beyond onnxruntime, NumPy and Pillow, installed in an environment of its own.

Other servers answer by the same file and onnxruntime with one thread, in the way their documentation shows;
they decode by Pillow alone, without limits. Load is made by wrk (Debian's package `wrk`).

Takes: on two cores about 15 minutes with the training; others than `pellucid` need pip's index
"""

import gzip
import io
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measuring import (
    FASHION,
    PELLUCID,
    Among,
    command_line,
    fashion_or_sample,
    heading,
    in_turns,
    middle,
    print_table,
    ran,
    summary,
    write_json,
)
from PIL import Image

ONE, IMAGES = 2000, 100
PACKAGES = {
    "pellucid": ["starlette", "uvicorn", "prometheus-client"],
    "fastapi": ["fastapi", "uvicorn"],
    "litserve": ["litserve"],
    "bentoml": ["bentoml"],
}
RUNTIME = ["onnxruntime", "numpy", "pillow"]
_ANSWER = """
import io, json, os, sys
import numpy as np, onnxruntime
from PIL import Image
model, port = os.environ["MODEL"], int(os.environ["PORT"])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
def answer(content):
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
    shares, novelty = session.run(["probabilities", "novelty"], {"images": pixels[None, None]})
    shares = shares[0].tolist()
    found = {"label": classes[int(np.argmax(shares))], "probabilities": dict(zip(classes, shares))}
    return {**found, "novelty": float(novelty[0])}
"""
SERVERS = {
    "fastapi": _ANSWER
    + """
import fastapi, uvicorn
app = fastapi.FastAPI()
@app.post("/api/predict")
async def predict(request: fastapi.Request):
    return await fastapi.concurrency.run_in_threadpool(answer, await request.body())
uvicorn.run(app, port=port, http="h11", access_log=False, log_level="error")
""",
    "litserve": _ANSWER
    + """
import litserve
class Plain(litserve.LitAPI):
    def setup(self, device): pass
    def decode_request(self, request): return bytes.fromhex(request["image"])
    def predict(self, content): return answer(content)
    def encode_response(self, output): return output
if __name__ == "__main__":
    server = litserve.LitServer(Plain(api_path="/api/predict"), accelerator="cpu", workers_per_device=2)
    server.run(port=port, host="127.0.0.1", log_level="error", generate_client_file=False)
""",
    "bentoml": _ANSWER
    + """
import bentoml
from pathlib import Path
@bentoml.service(workers=2)
class Service:
    @bentoml.api(route="/api/predict")
    def predict(self, image: str) -> dict:
        return answer(bytes.fromhex(image))
""",
}
# These take JSON more readily than bytes: an image as hexadecimal digits in it.
BY_JSON = ("litserve", "bentoml")


class Kept(NamedTuple):
    """A server that runs: its process, port and seconds to the first answer."""

    process: subprocess.Popen[Any]
    port: int
    seconds: float


def images() -> list[bytes]:
    """PNG files of test images; noise where Fashion-MNIST is not installed."""
    found = sorted(FASHION.glob("t10k-images*")) if FASHION.exists() else []
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, 28, 28), np.uint8)
    if found:
        content = gzip.open(found[0]).read() if found[0].suffix == ".gz" else found[0].read_bytes()
        pixels = np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28)[:IMAGES]
    files = []
    for each in pixels:
        file = io.BytesIO()
        Image.fromarray(each).save(file, "PNG")
        files.append(file.getvalue())
    return files


def body_of(name: str, image: bytes) -> tuple[str, bytes]:
    """Content type and body of a request to a server."""
    if name in BY_JSON:
        return "application/json", b'{"image": "' + image.hex().encode() + b'"}'
    return "image/png", image


def request_of(name: str, image: bytes, port: int) -> bytes:
    kind, body = body_of(name, image)
    head = f"POST /api/predict HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: {kind}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def asked(own: socket.socket, request: bytes) -> bytes:
    """The body of a reply; `SystemExit` where it is not 200."""
    own.sendall(request)
    found = b""
    while b"\r\n\r\n" not in found:
        more = own.recv(1 << 16)
        if not more:
            raise ConnectionError("closed")
        found += more
    head, _, rest = found.partition(b"\r\n\r\n")
    if b" 200 " not in head[:16]:
        raise SystemExit(f"error: {found[:300]!r}")
    length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])
    while len(rest) < length:
        rest += own.recv(1 << 16)
    return rest


def connected(port: int) -> socket.socket:
    own = socket.create_connection(("127.0.0.1", port), timeout=60)
    own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return own


@contextmanager
def serving(name: str, model: Path, folder: Path, image: bytes) -> Iterator[Kept]:
    """A server for a while, once it has answered."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "MODEL": str(model), "PORT": str(port), "OMP_WAIT_POLICY": "PASSIVE"}
    script = folder / f"{name}_server.py"
    if name == "pellucid":
        command = [sys.executable, "-m", "pellucid.serving", str(model), "--port", str(port)]
    else:
        script.write_text(SERVERS[name])
        python = python_of(name, folder)
        command = [str(python), str(script)]
        if name == "bentoml":
            command = [str(python), "-m", "bentoml", "serve", f"{script.stem}:Service", "--port", str(port)]
    began = time.perf_counter()
    silent = subprocess.DEVNULL
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=silent, stderr=silent, start_new_session=True
    )
    try:
        while True:
            try:
                with connected(port) as own:
                    asked(own, request_of(name, image, port))
                break
            except (OSError, SystemExit) as error:
                if process.poll() is not None or time.perf_counter() - began > 120:
                    raise SystemExit(f"error: {name} does not answer: {error}") from error
                time.sleep(0.01)
        yield Kept(process, port, time.perf_counter() - began)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def python_of(name: str, folder: Path) -> Path:
    """Interpreter of an environment in which a server and the runtime's libraries are installed."""
    place = folder / f"venv-{name}"
    if not (place / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        python = place / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", *RUNTIME], check=True)
        before = size_of(place)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES[name]], check=True)
        (place / "done").write_text(str(size_of(place) - before))
    return place / "bin" / "python"


def size_of(place: Path) -> int:
    """Bytes of the files of an environment as pip leaves them."""
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file() and not path.is_symlink())


def median_of(call: Any, count: int = ONE) -> float:
    """Milliseconds of the median call."""
    found = []
    for number in range(count + 50):
        began = time.perf_counter()
        call(number)
        found.append(time.perf_counter() - began)
    return 1000 * statistics.median(found[50:])


def alone(model: Path, files: list[bytes]) -> dict[str, float]:
    """Milliseconds of onnxruntime, and of the whole answer, in this process."""
    from pellucid.runtime.exported import opened

    loaded = opened(model.read_bytes(), str(model), 1)
    session: Any = loaded.session
    feeds = [next(iter(loaded.batches(loaded.ready([each]))))[0] for each in files]
    return {
        "onnxruntime": median_of(lambda at: session._session.run(loaded.outputs, feeds[at % len(feeds)])),
        "answer": median_of(lambda at: loaded.answer(loaded.ready([files[at % len(files)]]))),
    }


def load(
    name: str, kept: Kept, files: list[bytes], clients: int, seconds: float, folder: Path
) -> dict[str, Any]:
    """What wrk measures: requests a second, latencies in milliseconds, replies that are not 200."""
    script = folder / "load.lua"
    requests = folder / "requests"
    requests.mkdir(exist_ok=True)
    kind, _ = body_of(name, files[0])
    for number, each in enumerate(files):
        (requests / str(number)).write_bytes(body_of(name, each)[1])
    script.write_text(
        f"""
local bodies, at = {{}}, 0
for number = 0, {len(files) - 1} do
  local file = io.open("{requests}/" .. number, "rb")
  bodies[number] = file:read("*a")
  file:close()
end
request = function()
  at = (at + 1) % {len(files)}
  return wrk.format("POST", "/api/predict", {{ ["Content-Type"] = "{kind}" }}, bodies[at])
end
done = function(summary, latency, requests)
  local errors = summary.errors
  print(string.format("found %d %d %d %d %f %f %f", summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
"""
    )
    threads = str(min(2, clients))
    done = ran(
        [
            "wrk",
            "-t",
            threads,
            "-c",
            clients,
            "-d",
            f"{seconds:.0f}s",
            "-s",
            script,
            f"http://127.0.0.1:{kept.port}/",
        ]
    )
    numbers = [float(each) for each in re.search(r"found (.+)", done.output)[1].split()]
    return {
        "requests": numbers[0],
        "per_second": numbers[0] / (numbers[1] / 1e6),
        "not_200": numbers[2],
        "broken": numbers[3],
        "p50": numbers[4] / 1000,
        "p99": numbers[5] / 1000,
        "most": numbers[6] / 1000,
    }


def memory_of(kept: Kept) -> float:
    """Megabytes of a process and its children."""
    numbers = [kept.process.pid]
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended meanwhile
            continue
        if parent == kept.process.pid:
            numbers.append(int(place.name))
    pages = sum(int(Path(f"/proc/{number}/statm").read_text().split()[1]) for number in numbers)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def one_round(name: str, model: Path, folder: Path, files: list[bytes]) -> dict[str, float]:
    """A server started, asked by one client, then by sixteen."""
    with serving(name, model, folder, files[0]) as kept:
        with connected(kept.port) as own:
            bodies = [request_of(name, each, kept.port) for each in files]
            one = median_of(lambda at: asked(own, bodies[at % len(bodies)]))
        many = load(name, kept, files, 16, 10, folder)
        return {"start": kept.seconds, "one": one, "per_second": many["per_second"]}


def endurance(model: Path, folder: Path, files: list[bytes], seconds: float, requests: int) -> dict[str, Any]:
    """Fifty clients for a time, and the memory over many requests."""
    with serving("pellucid", model, folder, files[0]) as kept:
        load("pellucid", kept, files, 50, 5, folder)
        before, answered = memory_of(kept), 0.0
        found = load("pellucid", kept, files, 50, seconds, folder)
        answered = found["requests"]
        while answered < requests:
            answered += load("pellucid", kept, files, 50, 10, folder)["requests"]
        after = memory_of(kept)
        return {**found, "answered": answered, "memory_before": before, "memory_after": after}


def model_file(folder: Path) -> Path:
    """A `cnn` of Fashion-MNIST, trained and exported."""
    run, model = folder / "run", folder / "fashion.onnx"
    if not model.exists():
        ran(
            [
                PELLUCID,
                "train",
                fashion_or_sample(),
                "--preset",
                "quick",
                "--no-baselines",
                "--out",
                run,
                "--overwrite",
            ]
        )
        ran([PELLUCID, "export", run, "--out", model])
    return model


def main() -> None:
    """Measure what was asked for."""
    parser = command_line(
        __doc__,
        model=str,
        servers=Among(PACKAGES, ["pellucid"]),
        rounds=3,
        seconds=180.0,
        requests=50_000,
        folder=str,
    )
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("error: wrk is not installed; apt-get install wrk")
    document = heading("pellucid", "onnxruntime", "starlette", "uvicorn", "h11", "numpy", "pillow")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(arguments.folder or temporary).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        model = Path(arguments.model).absolute() if arguments.model else model_file(folder)
        files = images()
        work: dict[str, Any] = {"alone": lambda: alone(model, files)}
        for name in arguments.servers:
            work[name] = lambda name=name: one_round(name, model, folder, files)
        found = in_turns(work, arguments.rounds)
        bare = found.pop("alone")
        for name in bare[0]:
            values = [each[name] for each in bare]
            print(f"{name} alone: {middle(values, 3)} ms")
            document[name] = summary(values)
        print()
        rows = []
        for name, rounds in found.items():
            columns = {key: [each[key] for each in rounds] for key in rounds[0]}
            document[name] = {key: summary(values) for key, values in columns.items()}
            over = [one - each["answer"] for one, each in zip(columns["one"], bare, strict=True)]
            rows.append(
                [
                    name,
                    middle(columns["one"], 3),
                    middle(over, 3),
                    middle(columns["per_second"]),
                    middle(columns["start"], 2),
                ]
            )
        print_table(
            ["median (range)", "1 client, ms", "over the answer, ms", "16 clients, images/s", "start, s"],
            rows,
        )
        if "pellucid" in arguments.servers and arguments.seconds:
            document["endurance"] = last = endurance(
                model, folder, files, arguments.seconds, arguments.requests
            )
            print(
                f"50 clients for {arguments.seconds:.0f} s: {last['per_second']:,.0f} images/s, "
                f"p50 {last['p50']:.1f} ms, p99 {last['p99']:.1f} ms, longest {last['most']:.0f} ms; "
                f"not 200: {last['not_200']:.0f}, broken: {last['broken']:.0f}\n"
                f"memory of all processes: {last['memory_before']:.1f} MB, after "
                f"{last['answered']:,.0f} requests {last['memory_after']:.1f} MB"
            )
        for name in arguments.servers:
            if arguments.folder and (name != "pellucid" or len(arguments.servers) > 1):
                python_of(name, folder)
                size = int((folder / f"venv-{name}" / "done").read_text()) / 1e6
                document[f"{name}_megabytes"] = size
                print(f"{name}: {size:.1f} MB beyond {', '.join(RUNTIME)}")
    write_json(arguments.json, document)


if __name__ == "__main__":
    main()
