"""What `--isolate` costs: `predict` on image files and Parquet tables, decoded here and in child processes.

Writes images of Fashion-MNIST as PNG files at 28 x 28, as JPEG files at 640 x 480, and the texts of the
spam sample as a Parquet and a CSV table, trains a small model of each, and then, in one process and in turns,
calls `predict` with and without isolation, from the paths to the finished CSV. Processor time is that of this
process and its children. The answers are compared byte for byte.

Takes: about 2 minutes.
"""

import contextlib
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from measuring import command_line, heading, print_table
from PIL import Image
from pyarrow import csv, parquet

from pellucid import ImageClassifier, TextClassifier
from pellucid.answering.predict import predict
from pellucid.data.reading.dispatch import read_data
from pellucid.isolation import isolated
from pellucid.settings import Settings


def seconds() -> float:
    """Processor time of this process and of its children that have ended."""
    used = (resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def write_all(folder: Path, small: int, large: int, rows: int) -> dict[str, tuple[Path, Path, int]]:
    """Write small images of 28 x 28, large ones of 640 x 480, tables, and a trained model of each kind.

    What is asked to a model, its inputs, and how many they are.
    """
    fashion = read_data("sample:fashion", Settings())
    pixels = fashion.load_pixels() if fashion.load_pixels is not None else fashion.pixels
    assert pixels is not None
    for name in ("small", "large"):
        (folder / name).mkdir()
    for number in range(small):
        Image.fromarray(pixels[number % len(pixels), ..., 0]).save(folder / "small" / f"{number:06}.png")
    for number in range(large):
        image = Image.fromarray(pixels[number, ..., 0]).resize((640, 480)).convert("RGB")
        image.save(folder / "large" / f"{number:06}.jpg", quality=90)
    labels = np.array(fashion.labels)
    ImageClassifier(model="cnn", epochs=1).fit(pixels[:1000], labels[:1000]).save(folder / "images")
    spam = read_data("sample:spam", Settings())
    assert spam.texts is not None
    texts = [spam.texts[number] for number in range(len(spam.texts))]
    TextClassifier(model="bag", epochs=1).fit(texts[:1000], list(spam.labels[:1000])).save(folder / "texts")
    table = pa.table({"text": [texts[number % len(texts)] for number in range(rows)]})
    parquet.write_table(table, folder / "texts.parquet")
    csv.write_csv(table, folder / "texts.csv")
    return {
        "PNG, 28 x 28": (folder / "images", folder / "small", small),
        "JPEG, 640 x 480": (folder / "images", folder / "large", large),
        "texts in Parquet": (folder / "texts", folder / "texts.parquet", rows),
        "texts in CSV": (folder / "texts", folder / "texts.csv", rows),
    }


def measure(model: Path, inputs: Path, out: Path, isolate: bool) -> tuple[float, float]:
    """Time one `predict` of a folder or table: seconds by the clock, and of processors."""
    began, used = time.perf_counter(), seconds()
    with isolated() if isolate else contextlib.nullcontext():
        predict(model, [str(inputs)], out, Settings())
    return time.perf_counter() - began, seconds() - used


def compare(model: Path, inputs: Path, folder: Path, runs: int) -> list[list[float]]:
    """Time both in turns, and compare their answers.

    Without and with isolation, the medians of `measure`.
    """
    outs = (folder / "here.csv", folder / "apart.csv")
    times: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
    for turn in range(runs + 1):
        for isolate, out in enumerate(outs):
            measured = measure(model, inputs, out, bool(isolate))
            if turn:  # the first loads what the others have
                times[isolate].append(measured)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    return [[statistics.median(each) for each in zip(*both, strict=True)] for both in times]


def main() -> int:
    """Measure and print a table."""
    parser = command_line(__doc__, with_json=False)
    parser.add_argument("--runs", type=int, default=5, help="of each, in turns (default: 5)")
    parser.add_argument("--small", type=int, default=4000, help="images of 28 x 28 (default: 4000)")
    parser.add_argument("--large", type=int, default=300, help="images of 640 x 480 (default: 300)")
    parser.add_argument("--rows", type=int, default=20_000, help="rows of a table (default: 20000)")
    given = parser.parse_args()
    heading(("pellucid", "torch", "pillow", "pyarrow"))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        cases = write_all(folder, given.small, given.large, given.rows)
        rows = []
        for name, (model, inputs, count) in cases.items():
            here, apart = compare(model, inputs, folder, given.runs)
            more = 1e6 * (apart[1] - here[1]) / count
            speeds = [f"{count / each[0]:,.0f}" for each in (here, apart)]
            rows.append([name, *speeds, f"{here[1]:.2f}", f"{apart[1]:.2f}", f"{more:,.0f}"])
    print_table(
        ["predict", "inputs/s", "with --isolate", "CPU seconds", "with --isolate", "more CPU µs an input"],
        rows,
    )
    print(f"medians of {given.runs}, {os.cpu_count()} cores; the answers are the same bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
