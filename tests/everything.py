"""Runs with everything switched on at once, on crooked data: no two numbers in them are alike by chance.

Classes are rarer in one split than in the other and get new names in another order, rows come in groups, some
are unusable, a column slices, labels are corrected by what an earlier run showed, classes have weights and a
threshold, and folds judge. What is neutral elsewhere (one half, all rows, the identity) is nowhere here.
"""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import made_once
import pellucid
from pellucid.data.corrections import Correction, CorrectionsFile
from pellucid.data.ledger import read_ledger
from pellucid.pipeline.judging.corrected import model_digits

KNOWN = {"bad": ("awful", "late", "broken", "rude"), "good": ("lovely", "quick", "sound", "kind")}
SHARED = ("the", "parcel", "came", "and", "its", "box", "was", "here", "again", "so", "we", "called", "them")
OLD = {"good": "n", "bad": "y"}  # the order of the old names is another
OTHER = {"good": "bad", "bad": "good"}
SHARE_GOOD = {"train": 0.3, "test": 0.7}
CUSTOMERS = {"train": 150, "test": 80}
RARE, LEAST, SEED, FOLDS = "a rare one", 0.35, 3, 3
SHOPS = ("north", "south")


def rows_of_classes() -> list[dict[str, str]]:
    """Reviews of customers who wrote one or two, and rows of a class that is too rare."""
    draws, found = np.random.default_rng(4), []

    def row(text: str, label: str, split: str, customer: int) -> None:
        shop = SHOPS[customer % 2]
        found.append({
            "text": text, "label": label, "split": split, "customer": f"{split} {customer}", "shop": shop
        })  # fmt: skip

    for split, customers in CUSTOMERS.items():
        for customer in range(customers):
            usual = "good" if draws.random() < SHARE_GOOD[split] else "bad"
            for _ in range(1 + customer % 2):
                label = usual if draws.random() < 0.85 else OTHER[usual]
                telling = KNOWN[label if draws.random() < 0.85 else OTHER[label]]
                words = [
                    *draws.choice(SHARED, 5),
                    *draws.choice(telling, 2),
                    f"number{draws.integers(10**6)}",
                ]
                row(" ".join(draws.permutation(words)), OLD[label], split, customer)
            if customer % 40 == 0:
                row(f"nobody has seen more like {split} {customer}", RARE, split, customer)
    return found


def write_table(path: Path, rows: list[dict[str, str]]) -> None:
    """Rows as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)


def used(run: Path) -> Iterator[dict[str, Any]]:
    """Rows of a run's ledger that are in a split."""
    return (row for row in read_ledger(run) if row["fate"] == "used")


def write_corrections(folder: Path) -> None:
    """What somebody says of the first run: labels, examples to leave out, and what is right."""
    table, first = CorrectionsFile(folder / "corrections.csv"), folder / "first"
    rows = {split: [each for each in used(first) if each["split"] == split] for split in SHARE_GOOD}
    actions = [(each, "label") for each in (*rows["test"][:4], *rows["train"][:3])]
    actions += [
        (rows["test"][10], "leave-out"),
        (rows["train"][10], "leave-out"),
        (rows["train"][12], "right"),
    ]
    for each, action in actions:
        label = {"label": OTHER[each["label"]], "leave-out": "", "right": each["label"]}[action]
        given = {"was": each["label"], "content": each["content"], "model": model_digits(first)}
        table.append(Correction(each["source"], label, action, run=os.fspath(first), **given))


COLUMNS = {
    "input_column": "text", "label_column": "label", "split_column": "split", "group_column": "customer"
}  # fmt: skip


def _make_classes(folder: Path) -> None:
    """Train before and after the corrections; word vectors of the user are the network."""
    write_table(folder / "reviews.csv", rows_of_classes())
    (folder / "names.csv").write_text("old,new\nn,good\ny,bad\n")
    draws = np.random.default_rng(7)
    with (folder / "words.txt").open("w", encoding="utf-8") as file:
        for word in (*KNOWN["bad"], *KNOWN["good"], *SHARED):
            side = 2.0 * ((word in KNOWN["good"]) - (word in KNOWN["bad"]))
            vector = draws.normal(size=4) + np.array([side, 0, 0, 0])
            file.write(" ".join([word, *(f"{each:.3f}" for each in vector)]) + "\n")
    given = {
        **COLUMNS, "rename": folder / "names.csv", "min_examples": 9, "threshold": f"good={LEAST}",
        "seed": SEED, "threads": 1, "quiet": True,
    }  # fmt: skip
    data = folder / "reviews.csv"
    pellucid.train(
        data, out=folder / "first", model="logistic-regression", learning_curve=False, folds=0, **given
    )
    write_corrections(folder)
    pellucid.train(
        data, out=folder / "run", epochs=3, folds=FOLDS, class_weight="good=3", slice_column="shop",
        corrections=folder / "corrections.csv", backbone="mine", weights=folder / "words.txt", **given,
    )  # fmt: skip


def classes() -> Path:
    """Folder of the run of two classes (`run`), its data, and the run before its corrections (`first`)."""
    return made_once.made("everything-classes", _make_classes)
