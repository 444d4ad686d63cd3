"""Corrected labels: how many of the wrong ones a report shows, and what correcting them is worth.

    python benchmarks/corrections.py [--model logistic-regression] [--rounds 3]

Handwritten digits of scikit-learn, a twentieth labelled wrong by chance, or 45 % of the nines as fours, the
threes as eights and the ones as sevens. In each round somebody who knows corrects every likely label error
that the report shows, 40 at most, and trains again; in the last line all wrong labels are corrected. `score`
is that of the test by its labels, corrected as far as they are; `first run` that of the first run by the same
labels; `of others` both, of the test examples that nobody corrected.

Takes: 1 minute on two cores
"""

import json
import tempfile
from pathlib import Path

import numpy as np
from measuring import command_line, heading, print_table, write_json
from sklearn.datasets import load_digits

import pellucid
from pellucid.data.corrections import Correction, CorrectionsFile
from pellucid.pipeline.judging.corrected import model_digits

PATTERN = ((9, 4), (3, 8), (1, 7))


def labelled_wrong(kind: str, true: np.ndarray) -> np.ndarray:
    """Labels of which some are wrong."""
    draws, labels = np.random.default_rng(0), true.copy()
    if kind == "by chance":
        rows = draws.permutation(len(true))[: len(true) // 20]
        labels[rows] = (labels[rows] + draws.integers(1, 10, len(rows))) % 10
        return labels
    for digit, given in PATTERN:
        rows = draws.permutation(np.flatnonzero(true == digit))
        labels[rows[: int(0.45 * len(rows))]] = given
    return labels


def measured(kind: str, model: str, rounds: int, folder: Path) -> list[dict[str, object]]:
    """A line for each training."""
    digits = load_digits()
    true, labels = digits.target, labelled_wrong(kind, digits.target)
    place, table = folder / "d.npz", CorrectionsFile(folder / "corrections.csv")
    np.savez(place, x_train=(digits.images * 15.9).astype(np.uint8), y_train=labels)
    wrong, shown, found = set(np.flatnonzero(labels != true).tolist()), 0, []
    for number in range(rounds + 2):
        given = {"corrections": str(table.path)} if number else {}
        out = folder / f"run{number}"
        run = pellucid.train(place, out=out, model=model, learning_curve=False, quiet=True, **given)
        judged = run.metrics.get("corrections") or {}
        others = (judged.get("without_corrected") or judged.get("all") or {}).get("scores") or {}
        found.append(
            {
                "wrong": kind,
                "corrected": shown,
                "still_wrong": len(wrong),
                "score": run.metrics["models"][model]["test"]["accuracy"]["value"],
                "first": judged.get("all", {}).get("scores", {}).get("earlier"),
                "others": (others.get("earlier"), others.get("later")),
                "finding": judged.get("finding", ""),
            }
        )
        first = {"run": str(folder / "run0"), "model": model_digits(folder / "run0")}
        if number < rounds:
            ledger = {row["source"]: row for row in map(json.loads, (out / "data.jsonl").open())}
            issues = [each["source"] for each in run.metrics["label_issues"]["examples"]]
            chosen = [(source, ledger[source]["label"]) for source in issues]
        else:
            chosen = [(f"{place}:x_train:{row + 1}", str(labels[row])) for row in sorted(wrong)]
        for source, label in chosen:
            row = int(source.rpartition(":")[2]) - 1
            is_wrong = str(true[row]) != label
            table.append(Correction(source, str(true[row]), "label" if is_wrong else "right", label, **first))
            wrong.discard(row)
        shown += len(chosen)
    return found


def main() -> None:
    flags = command_line(__doc__, model="logistic-regression", rounds=3).parse_args()
    report = heading("numpy", "scikit-learn")
    lines = []
    for kind in ("by chance", "by a pattern"):
        with tempfile.TemporaryDirectory() as folder:
            lines += measured(kind, flags.model, flags.rounds, Path(folder))
    print_table(
        ["wrong", "looked at", "still wrong", "score", "first run", "of others", "finding"],
        [[_shown(value) for value in line.values()] for line in lines],
    )
    write_json(flags.json, {**report, "lines": lines})


def _shown(value: object) -> str:
    """A number, or the scores of the first run and of this one, in a table."""
    if isinstance(value, tuple):
        return ", ".join("" if each is None else f"{each:.3f}" for each in value)
    return f"{value:.3f}" if isinstance(value, float) else "" if value is None else str(value)


if __name__ == "__main__":
    main()
