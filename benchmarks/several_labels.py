"""Several labels: `pellucid train` beside one linear machine for each label, on the same split.

    python benchmarks/several_labels.py [TABLE ...] [--limit 9m] [--keep FOLDER]

Without tables two are made: 12,000 collages of one to four garments of Fashion-MNIST (Debian's package
`dataset-fashion-mnist`), tested on garments of its test files; and the packages that `apt-cache dumpavail`
lists with their one-line descriptions and the fifty commonest of their tags (debtags). The other contestant
is the usual twenty lines: TF-IDF of words and of characters, or histograms of oriented gradients, and
scikit-learn's `OneVsRestClassifier(LinearSVC())`, at its defaults.

Takes: 12 minutes a table on two cores
"""

import csv
import gzip
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measuring import FASHION, command_line, heading, print_table, ran, write_json
from PIL import Image
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_union
from sklearn.svm import LinearSVC

from pellucid.classical import extract
from pellucid.data import Dataset, prepare
from pellucid.settings import Settings

SIDE, COLLAGES, TAGS = 28, {"train": ("train", 10_000), "test": ("t10k", 2_000)}, 50
NAMES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")


def collages(folder: Path) -> Path:
    """Images of one to four garments in four places, and a table of what is on each."""
    draws, rows = np.random.default_rng(0), [["image", "labels", "split"]]
    (folder / "images").mkdir(parents=True)
    for split, (part, count) in COLLAGES.items():
        pixels, labels = (
            np.frombuffer(gzip.decompress((FASHION / f"{part}-{name}-ubyte.gz").read_bytes()), np.uint8)[
                skip:
            ]
            for name, skip in (("images-idx3", 16), ("labels-idx1", 8))
        )
        garments = pixels.reshape(-1, SIDE, SIDE)
        for number in range(count):
            chosen = draws.integers(0, len(garments), draws.integers(1, 5))
            collage = np.zeros((2, SIDE, 2, SIDE), np.uint8)
            for garment, place in zip(chosen, draws.permutation(4), strict=False):
                collage[place // 2, :, place % 2] = garments[garment]
            name = f"images/{split}{number:05}.png"
            Image.fromarray(collage.reshape(2 * SIDE, 2 * SIDE)).save(folder / name)
            rows.append([name, ";".join(sorted({NAMES[labels[garment]] for garment in chosen})), split])
    with (folder / "collages.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder / "collages.csv"


def packages() -> Iterator[dict[str, str]]:
    """Fields of every package that is available."""
    listed = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True, check=True).stdout
    for paragraph in listed.split("\n\n"):
        lines = paragraph.replace("\n ", " ").splitlines()
        yield dict(line.split(": ", 1) for line in lines if ": " in line)


def tags(folder: Path) -> Path:
    """Packages as texts, each description once, with their commonest tags."""
    found = {}
    for package in packages():
        if "Tag" in package and "Description" in package:
            text = f"{package['Package']}: {package['Description']}"
            found.setdefault(package["Description"], (text, package["Tag"].split(", ")))
    counts = Counter(tag for _, own in found.values() for tag in own if "{" not in tag)
    kept = {tag for tag, _ in counts.most_common(TAGS)}
    path = folder / "tags.jsonl"
    path.write_text(
        "".join(
            json.dumps({"text": text, "tags": sorted(kept & {*own})}) + "\n" for text, own in found.values()
        )
    )
    return path


def linear_machines(dataset: Dataset) -> dict[str, float]:
    """F1 of one machine for each label."""
    fit, test = np.sort(np.concatenate([dataset.train, dataset.validation])), dataset.test
    labels = dataset.labels == 1
    if isinstance(dataset.inputs, np.ndarray):
        seen, asked = (extract("hog", dataset.inputs[part]) for part in (fit, test))
    else:
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
        letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2)
        both = make_union(words, letters)
        texts = [[dataset.inputs[int(row)] for row in part] for part in (fit, test)]
        seen, asked = both.fit_transform(texts[0]), both.transform(texts[1])
    answers = OneVsRestClassifier(LinearSVC()).fit(seen, labels[fit].astype(int)).predict(asked)
    return {
        f"{average}_f1": float(f1_score(labels[test], answers, average=average, zero_division=0))
        for average in ("micro", "macro")
    }


def compared(table: Path, limit: str, out: Path) -> dict[str, Any]:
    """Scores of both on the same test examples."""
    flags = ["--unlabelled", "none"]
    train = [sys.executable, "-m", "pellucid", "train", table, "--out", out, "--time-limit", limit, *flags]
    ended = ran(train)
    metrics = json.loads((out / "metrics.json").read_text())
    dataset, _ = prepare(str(table), Settings(unlabelled="none"))
    test = metrics["models"][metrics["recommended"]]["test"]
    return {
        "table": table.name,
        "train": len(dataset.train) + len(dataset.validation),
        "test": len(dataset.test),
        "recommended": metrics["recommended"],
        "seconds": round(ended.seconds),
        **{f"{name}_f1": test[f"{name}_f1"] for name in ("micro", "macro")},
        "machines": linear_machines(dataset),
    }


def row(each: dict[str, Any]) -> list[str]:
    """One line of the table."""
    scores = [each[key] for key in ("micro_f1", "macro_f1")]
    intervals = [f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]" for found in scores]
    machines = [f"{each['machines'][key]:.3f}" for key in ("micro_f1", "macro_f1")]
    counts = [f"{each[part]:,}" for part in ("train", "test")]
    return [each["table"], *counts, each["recommended"], *intervals, *machines]


def main() -> int:
    flags = command_line(__doc__, limit="9m", keep=Path)
    flags.add_argument("tables", nargs="*", type=Path, help="tables of images or texts with several labels")
    given = flags.parse_args()
    record = heading("scikit-learn", "torch")
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        tables = given.tables or [collages(folder / "collages"), tags(folder)]
        found = []
        for table in tables:
            found.append(compared(table, given.limit, folder / f"run-{table.stem}"))
            print(*row(found[-1]), sep="  ", flush=True)
    print_table(
        ["table", "train", "test", "recommended", "micro-F1", "macro-F1", "machines: micro", "macro"],
        [row(each) for each in found],
    )
    write_json(given.json, {**record, "tables": found})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
