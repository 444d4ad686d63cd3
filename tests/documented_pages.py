"""Documentation executed as its reader would: every block of a page, in order, in one folder with small data.

A shell block runs as it is written, with three differences that make it quick. What trains gets `QUICKER`, the
bundled samples are cut to a tenth, and lines that match `EXCEPTIONS` are left out. A line that is nothing but a
`pellucid` command runs within this process, anything else in a shell. A server goes on until the page ends.
"""

import contextlib
import csv
import gzip
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sybil import Example
from sybil.document import Document
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from command_line import within
from pellucid.data.reading import forms

ROOT = Path(__file__).parent.parent
# Pages of another language have the code of their English ones, which another test compares.
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"] + sorted(
    page for page in (ROOT / "docs").rglob("*.md") if not {"_build", "zh"} & set(page.parts)
)

# Lines that no test can run, and why.
EXCEPTIONS = {
    r"(\S*/)?pip install ": "downloads packages; what extras it names is tested",
    r"python3 -m venv ": "an environment without the packages that the next line would download",
    r"\.venv/bin/pellucid ": "of such an environment",
    r"pellucid demo$": "a minute; make demo and tests/end_to_end/test_main_path.py run it",
    r"docker ": "needs the daemon; tests/end_to_end/test_containers.py runs it where there is one",
    r"torchrun --nnodes 2 ": "needs two machines",
    r"export XDG_CACHE_HOME=/shared/cache": "a disk of these two machines",
    r".*postgresql://": "needs a server of PostgreSQL; tests/pipeline/test_tuning_storage.py has one",
    r".*mlflow:http:": "needs a server of MLflow; tests/pipeline/test_logs.py has one",
    r"python examples/run_all\.py|python examples/page\.py": "under an hour; tests/test_textbook.py",
    r"sudo ": "changes the machine",
}

# What is appended to a command that trains, by a pattern of the command, unless its flag is given already.
QUICKER = (
    (r"\b(train|compare|tune)\b(?!.*--model (svm|random-forest|logistic-regression|ridge))", "--epochs 1"),
    (r"\btune\b", "--trials 2"),
    (r"\bcompare\b.*--vary", "--seeds 2"),
)
# Folders of images that pages name: with the class of clothes that serves as each of theirs, and without classes.
CLASS_FOLDERS = {
    "photos": {"cat": 0, "dog": 1},
    "more": {"cat": 0, "bird": 9},
    "more-photos": {"cat": 0, "bird": 9},
    "new-photos": {"cat": 0, "bird": 9},
    "more-labelled-photos": {"cat": 0, "dog": 1},
}
FOLDERS = ("new-images", "many")
_SERVERS = re.compile(r"pellucid (serve|label) ")
_FOR_A_SHELL = set("$`*?|&;<>()~")
_PORTS = re.compile(r"\b(127\.0\.0\.1:|--port )(8000|8001)\b")


def excepted(line: str) -> bool:
    """Whether a line is one of those that no test can run."""
    return any(re.match(pattern, line) for pattern in EXCEPTIONS)


def lines_of(block: str) -> list[str]:
    """Commands of a shell block, one a line: continued lines joined, comments and blank lines left out."""
    lines = block.replace("\\\n", " ").splitlines()
    return [line for line in (re.sub(r"(^|\s+)#\s.*$", "", each).strip() for each in lines) if line]


def quicker(line: str) -> str:
    """The command with flags that shorten training."""
    for pattern, flag in QUICKER:
        if re.search(r"\bpellucid " + pattern, line) and flag.split()[0] not in line:
            end = " &" if line.endswith(" &") else ""
            line = f"{line.removesuffix(' &')} {flag}{end}"
    return line


class Reader:
    """Somebody who works through a page in a folder.

    Args:
        folder: where every block runs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._servers: list[subprocess.Popen[str]] = []
        self._ports: dict[str, str] = {}

    def shell(self, example: Example) -> None:
        """Run a shell block."""
        script: list[str] = []
        for line in map(self._local, lines_of(example.parsed)):
            if excepted(line):
                continue
            is_server = _SERVERS.match(line) is not None
            if is_server or (line.startswith("pellucid ") and not _FOR_A_SHELL & set(line)):
                self._script(script)
                script = []
                self._serve(line) if is_server else self._command(line)
            else:
                script.append(self._dry(line))
        self._script(script)

    def python(self, example: Example) -> None:
        """Run a Python block; its names are those of the page."""
        source = "\n" * (example.line + example.parsed.line_offset) + self._local(example.parsed)
        exec(compile(source, example.path, "exec"), example.namespace)

    def leave(self) -> None:
        """End what goes on."""
        for server in self._servers:
            server.send_signal(signal.SIGINT)
        for server in self._servers:
            server.communicate(timeout=30)

    def _command(self, line: str) -> None:
        done = within(*shlex.split(quicker(line))[1:])
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"

    def _script(self, lines: list[str]) -> None:
        if not lines:
            return
        text = "\n".join(map(quicker, lines))
        done = subprocess.run(
            ["bash", "-euc", text], cwd=self._folder, capture_output=True, text=True, timeout=300, env=_environment()
        )  # fmt: skip
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"

    def _serve(self, line: str) -> None:
        """Start a server, and wait until it has printed where it answers."""
        server = subprocess.Popen(
            ["bash", "-c", f"exec {line}"], cwd=self._folder, text=True, env=_environment(),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._servers.append(server)
        assert server.stdout is not None
        said = ""
        for each in server.stdout:
            said += each
            if "http://" in each:
                return
        raise AssertionError(f"{line}\n{said}")

    def _local(self, text: str) -> str:
        """The text with free ports in the place of documented ones, which other programs may have."""
        return _PORTS.sub(lambda found: found[1] + self._ports.setdefault(found[2], _free_port()), text)

    def _dry(self, line: str) -> str:
        """A target of make belongs to the clone; what it would run is printed alone."""
        return re.sub(r"^make ", f"make --dry-run --directory {shlex.quote(str(ROOT))} ", line)


def parse(page: Path, reader: Reader) -> Document:
    """A page with its blocks; each can be evaluated."""
    parsers = (PythonCodeBlockParser(), CodeBlockParser("sh", reader.shell))
    document = Document.parse(str(page), *parsers)
    for _, region in document.regions:
        if region.evaluator != reader.shell:
            region.evaluator = reader.python
    return document


@contextlib.contextmanager
def reading(folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """A reader in a folder, with a copy of the data that `prepare` wrote, and samples cut short."""
    shutil.copytree(data, folder, dirs_exist_ok=True)
    samples = _small_samples(data.parent)
    monkeypatch.setattr(forms, "FASHION_FOLDER", samples)
    monkeypatch.setattr(forms, "SPAM_FILE", samples / "spam.jsonl.gz")
    monkeypatch.chdir(folder)
    reader = Reader(folder)
    try:
        yield reader
    finally:
        reader.leave()


def prepare(folder: Path) -> None:
    """Write the data that pages name, made of the bundled samples: images of clothes, subjects of mails."""
    images, labels = (
        _idx(forms.FASHION_FOLDER / f"train-{kind}-ubyte.gz")[1] for kind in ("images-idx3", "labels-idx1")
    )
    taken = iter(range(10**6))

    def write(place: str, count: int, kind: int | None = None) -> None:
        fitting = np.flatnonzero(labels == kind) if kind is not None else np.arange(len(labels))
        (folder / place).mkdir(parents=True, exist_ok=True)
        for _ in range(count):
            number = fitting[next(taken) % len(fitting)]
            Image.fromarray(images[number]).save(folder / place / f"{number:05d}.png")

    for place, kinds in CLASS_FOLDERS.items():
        for name, kind in kinds.items():
            write(f"{place}/{name}", 40, kind)
    for place in FOLDERS:
        write(place, 10)
    for name in ("one.jpg", "two.jpg", "image.png", "new/one.jpg", "new/two.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(images[next(taken)]).save(folder / name)
    _write_reviews(folder)


def _write_reviews(folder: Path) -> None:
    with gzip.open(forms.SPAM_FILE, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][:160]
    names = {"ham": "good", "spam": "bad"}
    for name, labelled, part in (("reviews", True, rows), ("new-reviews", False, rows[:20])):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(["text", "label"] if labelled else ["text"])
            table.writerows([row["text"][:300], *([names[row["label"]]] if labelled else [])] for row in part)


def _small_samples(folder: Path) -> Path:
    """The two bundled samples cut to a tenth, in a folder that is made once."""
    small = folder / "samples"
    if small.exists():
        return small
    small.mkdir()
    for name in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            file = f"{name}-{kind}-ubyte.gz"
            header, array = _idx(forms.FASHION_FOLDER / file)
            few = np.ascontiguousarray(array[::10])
            header = header[:4] + len(few).to_bytes(4, "big") + header[8:]
            (small / file).write_bytes(gzip.compress(header + few.tobytes(), 1))
    with (
        gzip.open(forms.SPAM_FILE, "rt", encoding="utf-8") as lines,
        gzip.open(small / "spam.jsonl.gz", "wt") as out,
    ):
        out.writelines(line for number, line in enumerate(lines) if number % 10 == 0)
    return small


def _idx(path: Path) -> tuple[bytes, np.ndarray]:
    """Header of a packed IDX file, and its array of bytes."""
    content = gzip.decompress(path.read_bytes())
    header, numbers = (
        content[: 4 + 4 * content[3]],
        np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]),
    )
    return header, numbers.reshape(np.frombuffer(header, ">u4", offset=4))


def _environment() -> dict[str, str]:
    """What a shell gets: the commands of this environment, and one process for all that is computed."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
    }


def _free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])
