"""Two workers by `predict --shard`, by Ray Data and as plain processes, on the same PNG files.

    python benchmarks/many_inputs.py [--images 60000] [--few 10000] [--rounds 3] [--ways shards ray]

Fashion-MNIST is written as PNG files, a `cnn` is trained on it for one epoch (what it weighs counts here,
not how good it is) and exported. Plain processes are two of `predict`, or of `pellucid.runtime`, each with
one half of the files and one thread. Beside them: two of `predict --shard` and their merge, and
`examples/many_inputs/ray_data.py` with two actors. Everybody labels `--few` files, too: what is left of the
time is that of the others alone, without the start of processes and, of Ray, of a cluster. Every row is
compared with those of the plain processes.

Takes: a quarter of an hour on two cores
"""

import csv
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from measuring import (
    PELLUCID,
    Among,
    command_line,
    fashion_or_sample,
    heading,
    in_turns,
    middle,
    print_table,
    ran,
    write_json,
)
from predict_files import BUNDLED, write_images

WORKERS = 2
RECIPE = Path(__file__).resolve().parent.parent / "examples" / "many_inputs" / "ray_data.py"
ONE_THREAD = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "RAY_raylet_start_wait_time_s": "300",  # a busy machine takes long to start Ray
}

Rows = dict[str, tuple[str, float]]


def side_by_side(commands: Sequence[Sequence[object]]) -> None:
    """Run commands at the same time until all have ended; `SystemExit` where one fails."""
    running = [
        subprocess.Popen([str(word) for word in words], env=ONE_THREAD, stderr=subprocess.PIPE, text=True)
        for words in commands
    ]
    for process, words in zip(running, commands, strict=True):
        _, said = process.communicate()
        if process.returncode:
            raise SystemExit(f"error: {shlex.join(map(str, words))}: {process.returncode}\n{said[-2000:]}")


def plain(command: Sequence[object], folder: Path, out: Path) -> Rows:
    """Rows of two processes, each with one half of the files."""
    outs = [out.with_suffix(f".{number}.csv") for number in range(WORKERS)]
    halves = [folder / f"half-{number}" for number in range(WORKERS)]
    side_by_side([[*command, half, "--out", to] for half, to in zip(halves, outs, strict=True)])
    return {name: row for to in outs for name, row in csv_rows(to).items()}


def in_shards(run: Path, folder: Path, out: Path) -> Rows:
    """Rows of two shards, once they are merged."""
    words = [PELLUCID, "predict", run, *sorted(folder.glob("half-*")), "--out", out.with_suffix(".csv")]
    side_by_side([[*words, "--shard", f"{number + 1}/{WORKERS}"] for number in range(WORKERS)])
    side_by_side([[PELLUCID, "predict", "--merge", out.with_suffix(".csv")]])
    return csv_rows(out.with_suffix(".csv"))


def by_ray(model: Path, folder: Path, out: Path) -> Rows:
    """Rows of two actors."""
    side_by_side([[sys.executable, RECIPE, model, folder, out, WORKERS]])
    from pyarrow import parquet

    rows = parquet.read_table(out).to_pylist()
    return unique([(row["path"], row["label"], row["probability"]) for row in rows])


def csv_rows(path: Path) -> Rows:
    with path.open(newline="") as file:
        return unique([(row["input"], row["label"], row["probability"]) for row in csv.DictReader(file)])


def unique(rows: Sequence[tuple[str, str, Any]]) -> Rows:
    """Label and probability of each file by its name; `SystemExit` where one has two rows."""
    found = {Path(path).name: (label, float(probability)) for path, label, probability in rows}
    if len(found) < len(rows):
        raise SystemExit(f"error: {len(rows) - len(found)} files have more than one row")
    return found


def timed(work: Callable[[Path, Path], Rows], folder: Path, wanted: Rows | None) -> tuple[float, Rows]:
    """Seconds and rows of a way; `SystemExit` where the rows are not those that are wanted."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        began = time.perf_counter()
        rows = work(folder, Path(scratch) / "answers")
        seconds = time.perf_counter() - began
    print(f"{len(rows):,} rows, {seconds:.1f} s", flush=True)
    if wanted is not None:
        differs = [name for name in wanted if name not in rows or abs(wanted[name][1] - rows[name][1]) > 1e-5]
        if differs or len(rows) != len(wanted):
            raise SystemExit(f"error: {len(rows)} rows for {len(wanted)} files, {len(differs)} of them other")
    return seconds, rows


def files(folder: Path, count: int) -> Path:
    """So many PNG files in two halves."""
    folder.mkdir()
    for number, path in enumerate(write_images(folder / "all", count, BUNDLED)):
        half = folder / f"half-{number * WORKERS // count}"
        half.mkdir(exist_ok=True)
        path.rename(half / path.name)
    (folder / "all").rmdir()
    return folder


def main() -> None:
    given = command_line(
        __doc__, images=60_000, few=10_000, rounds=3, ways=Among(("shards", "ray"))
    ).parse_args()
    facts = heading("pellucid", "ray", "onnxruntime", "torch")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        run, model = scratch / "run", scratch / "model.onnx"
        few = ["--model", "cnn", "--preset", "quick", "--epochs", "1", "--no-baselines", "--folds", "0"]
        ran([PELLUCID, "train", fashion_or_sample(), "--out", run, *few])
        ran([PELLUCID, "export", run, "--out", model])
        ways: dict[str, tuple[str, Callable[[Path, Path], Rows]]] = {}
        if "shards" in given.ways:
            alone = "two of predict"
            ways[alone] = (alone, partial(plain, [PELLUCID, "predict", run]))
            ways["predict --shard, merged"] = (alone, partial(in_shards, run))
        if "ray" in given.ways and find_spec("ray") is not None:
            alone = "two of pellucid.runtime"
            ways[alone] = (alone, partial(plain, [sys.executable, "-m", "pellucid.runtime", model]))
            ways["Ray Data"] = (alone, partial(by_ray, model))
        seconds: dict[int, dict[str, list[float]]] = {}
        for count in (given.few, given.images):
            folder = files(scratch / f"{count} files", count)
            rows = {alone: timed(ways[alone][1], folder, None)[1] for alone, _ in ways.values()}
            work = {name: partial(timed, way, folder, rows[alone]) for name, (alone, way) in ways.items()}
            took = in_turns(work, given.rounds)
            seconds[count] = {name: [each for each, _ in of] for name, of in took.items()}
    rates = {
        name: [
            (given.images - given.few) / (more - less)
            for more, less in zip(seconds[given.images][name], seconds[given.few][name], strict=True)
        ]
        for name in ways
    }
    shown = []
    for name, (alone, _) in ways.items():
        ratios = [mine / its for mine, its in zip(rates[name], rates[alone], strict=True)]
        whole = middle(seconds[given.images][name], 1)
        shown.append([name, whole, middle(rates[name]), "" if name == alone else middle(ratios, 2)])
    print(f"{given.images:,} files, {given.few:,} of them first; n = {given.rounds} rounds; every row once\n")
    print_table(
        ["median (range)", "seconds in all", "images/s without the start", "of plain processes"], shown
    )
    write_json(given.json, {**facts, "seconds": seconds, "rates": rates})


if __name__ == "__main__":
    main()
