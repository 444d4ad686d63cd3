"""The ledger: the split and fate of every example read, one line each."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.applied_corrections import Applied
from pellucid.data.checking import Check
from pellucid.data.corrections import content_digits
from pellucid.data.dataset import Dataset
from pellucid.data.tables.csv_tables import as_csv
from pellucid.data.tables.text_files import TextFile, count_lines
from pellucid.language.sentence import Sentence
from pellucid.safety.files import open_regular, write_file
from pellucid.safety.strict import Fields, Text, Whole, parse, read_object

# Corrections with what became of each.
APPLIED_NAME = "applied.csv"
USED = "used"
LEAKED = "leaked"
SKIPPED = "skipped"
LARGEST_PLAIN = 100_000
_LONGEST = 1 << 20
_ROW: Fields = {
    "id": Whole(0, 1 << 40),
    **{name: Text(_LONGEST, 0) for name in ("source", "label", "split", "fate", "reason", "content")},
}


def write_ledger(folder: Path, dataset: Dataset, check: Check) -> Path:
    """Write `data.jsonl`, or `data.jsonl.gz` above 100,000 examples, into a folder; equal data, equal bytes.

    Beside it `applied.csv`, where labels were corrected.

    Raises: `StorageError` if it cannot be written.
    """
    if check.corrections is not None:
        write_applied(folder, check.corrections)
    content = "".join(ledger_lines(dataset, check)).encode()
    return write_rows(folder / "data.jsonl", content, len(dataset.sources))


def write_rows(path: Path, content: bytes, rows: int) -> Path:
    """Write a file of rows through the save protocol; above 100,000 packed, with `.gz` behind its name.

    Raises: `StorageError` if it cannot be written.
    """
    if rows > LARGEST_PLAIN:
        path = path.with_name(f"{path.name}.gz")
        content = gzip.compress(content, compresslevel=6, mtime=0)
    write_file(path, content)
    return path


def write_applied(folder: Path, corrections: Applied) -> Path:
    """Write `applied.csv` into a folder: every correction as it was read, with what became of it.

    Raises: `StorageError` if it cannot be written.
    """
    rows = list(corrections.rows())
    return write_rows(folder / APPLIED_NAME, as_csv(rows), len(rows))


def read_ledger(run: Path) -> Iterator[dict[str, Any]]:
    """Read the rows of a run's ledger, nothing trusted.

    Raises: `OSError` if there is none, `ValueError` if a line is no row of a ledger.
    """
    path = run / "data.jsonl"
    if not path.is_file():
        path = run / "data.jsonl.gz"
    open_regular(path).close()  # a ledger that is missing is no fault of the data
    with TextFile(path, str(path), "utf-8").lines("\n", count_lines) as lines:
        for line in lines:
            yield read_object("ledger", parse(line.encode()), _ROW, {"content"})


def ledger_lines(dataset: Dataset, check: Check) -> Iterator[str]:
    """The fate of every example as JSON lines, in the order of the data.

    `fate` is `used`; `leaked`, a test example that is scored but left out of `test_without_leaked`;
    or `skipped`, an example in no split. `reason` says why it was skipped, of which example it is an
    exact copy, or with which one it belongs and by which rule, and what a correction made of it; it is empty
    for all others. `content` is equal for exact copies, and empty where it is not known.

    Each text ends in a newline.
    """
    skipped = {each.position: each for each in (*check.skipped, *check.left_out, *check.removed)}
    splits = [""] * len(dataset.labels)
    for part, positions in dataset.split_positions.items():
        for position in positions.tolist():
            splits[position] = part
    fates = dict.fromkeys(dataset.leaked.tolist(), LEAKED)
    reasons: dict[int, str] = {
        index: Sentence("belongs with {sources} ({replace})", dataset.sources[other], rule.replace("_", " "))
        for index, (rule, other) in check.siblings.reasons.items()
    }
    reasons |= _copies(dataset, check, splits)
    for index, reason in ({} if check.corrections is None else check.corrections.reasons()).items():
        reasons[index] = (
            Sentence("{reason}; {reasons}", reason, reasons[index]) if index in reasons else reason
        )
    contents = [""] * len(dataset.labels) if dataset.digests is None else content_digits(dataset.digests)
    for index, source in enumerate(dataset.sources):
        label, split, fate = dataset.label_text(index), splits[index], fates.get(index, USED)
        reason = reasons.get(index, "")
        if index in skipped:
            left_out = skipped[index]
            label, split, fate, reason = left_out.label, left_out.split, SKIPPED, left_out.reason
        row = {"id": index, "source": source, "label": label, "split": split, "fate": fate, "reason": reason}
        row["content"] = contents[index]
        yield json.dumps(row) + "\n"


def _copies(dataset: Dataset, check: Check, splits: list[str]) -> dict[int, str]:
    """Original of each copy; for a leaked one, the first example that it repeats."""
    first = check.first
    fitted_on = np.sort(np.concatenate([dataset.train, dataset.validation]))[::-1]
    repeated = dict(zip(first[fitted_on].tolist(), fitted_on.tolist(), strict=True))
    others = {index: repeated[int(first[index])] for index in dataset.leaked.tolist()}
    for index in np.flatnonzero(first != np.arange(len(first))).tolist():
        others.setdefault(index, int(first[index]))
    reasons = dict[int, str]()
    for index, other in others.items():
        reasons[index] = Sentence(
            "exact copy of {sources} in {splits}", dataset.sources[other], splits[other]
        )
        other_label = dataset.label_text(other)
        if other_label != dataset.label_text(index):
            reasons[index] += Sentence(", labelled {other_label} there", dataset.target.quoted(other_label))
    return reasons
