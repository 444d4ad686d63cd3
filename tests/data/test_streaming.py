"""Tables are read as a stream: memory holds the chosen columns and never the file."""

import csv
import functools
import gzip
import json
import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from peak_memory import PEAK

MEASURE = (
    PEAK
    + """
import sys, time
from pellucid.data.sources.labelled import read_data
from pellucid.settings import Settings
before = peak_kilobytes()
start = time.process_time()
listing = read_data(sys.argv[1], Settings())
seconds = time.process_time() - start
after = peak_kilobytes()
print(len(listing), (after - before) // 1024, seconds)
"""
)


@functools.lru_cache(maxsize=1)  # to draw them takes longer than most tests do
def some_texts(count: int, words: int) -> list[str]:
    generator = random.Random(0)
    known = ["".join(generator.choices("abcdefghij", k=generator.randint(2, 9))) for _ in range(2_000)]
    return [" ".join(generator.choices(known, k=words)) for _ in range(count)]


def write_table(path: Path, texts: list[str]) -> Path:
    labels = [f"class {number % 20}" for number in range(len(texts))]
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        parquet.write_table(pa.table({"text": texts, "label": labels}), path)
        return path
    with gzip.open(path, "wt", compresslevel=1) if path.suffix == ".gz" else open(path, "w") as file:
        if name.endswith(".csv"):
            rows = csv.writer(file)
            rows.writerow(["text", "label", "note"])
            rows.writerows((text, label, text) for text, label in zip(texts, labels, strict=True))
        else:
            file.writelines(
                json.dumps({"text": text, "label": label, "note": text}) + "\n"
                for text, label in zip(texts, labels, strict=True)
            )
    return path


def measured(path: Path) -> tuple[int, float, float]:
    """Rows, megabytes by which the peak of memory grew, and seconds of processor time."""
    printed = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, check=True, text=True
    ).stdout
    rows, megabytes, seconds = printed.split()
    return int(rows), float(megabytes), float(seconds)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["t.csv.gz", "t.jsonl", "t.parquet"])
def test_a_large_table_costs_a_fraction_of_its_size(tmp_path: Path, name: str) -> None:
    """200,000 rows of 200 MB in CSV; what is kept may take 64 MB of texts, and then goes to disk."""
    path = write_table(tmp_path / name, some_texts(200_000, 80))
    rows, megabytes, _ = measured(path)
    assert rows == 200_000
    assert megabytes < (350 if name == "t.parquet" else 170)


def test_a_hundred_thousand_short_texts_take_about_a_second(tmp_path: Path) -> None:
    rows, _, seconds = measured(write_table(tmp_path / "t.csv", some_texts(100_000, 8)))
    assert rows == 100_000
    assert seconds < 2.5
