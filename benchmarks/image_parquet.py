"""First and second start on images in containers, against the same files in class folders.

    python benchmarks/image_parquet.py [--images 2000] [--sides 32 375] [--runs 5]

Smooth random images with noise, in JPEG: as class folders, as Parquet in groups of 100 rows (as `datasets` of
Hugging Face writes them), as `.zip`, `.tar` and `.tar.gz`. What is timed is all that comes before training:
reading, decoding, looking for copies, splitting. Each start of a round has a cache of its own, and the forms
take turns; the operating system's own cache of files is warm for all. The most memory is that of a process of
its own, which prepares the form once.

Takes: about two minutes on two cores.
"""

import argparse
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from measuring import command_line, heading, print_table, spread, summary, write_json
from PIL import Image
from pyarrow import parquet

NAMES = ("cat", "dog")
FORMS = ("folders", "parquet", "zip", "tar", "tar.gz")


def write_images(place: Path, count: int, side: int) -> None:
    """Write JPEG files into class folders."""
    draws = np.random.default_rng(0)
    for number in range(count):
        label = number % 2
        coarse = draws.integers(0, 256, (6, 8, 3)).astype(np.uint8)
        smooth = np.asarray(Image.fromarray(coarse).resize((side * 4 // 3, side), Image.Resampling.BICUBIC))
        noisy = np.clip(smooth + draws.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)
        folder = place / NAMES[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noisy).save(folder / f"{number:06}.jpg", quality=90)


def pack(place: Path) -> dict[str, str]:
    """Bring the same files into every form; where each lies."""
    paths = sorted(place.rglob("*.jpg"))
    cells = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
    table = pa.table({"image": cells, "label": [path.parent.name for path in paths]})
    parquet.write_table(table, f"{place}.parquet", row_group_size=100)
    found = {"folders": str(place), "parquet": f"{place}.parquet"}
    for form, name in (("zip", "zip"), ("tar", "tar"), ("gztar", "tar.gz")):
        found[name] = shutil.make_archive(str(place), form, place)
    return found


class Start(NamedTuple):
    """What a start took.

    Attributes:
        seconds: by the clock.
        processor: seconds of all cores together, on which other work of the machine tells little.
    """

    seconds: float
    processor: float


def prepare_once(place: str) -> Start:
    """Make data ready to train on."""
    from pellucid.data import prepare
    from pellucid.settings import Settings

    began, used = time.perf_counter(), time.process_time()
    prepare(place, Settings())
    return Start(time.perf_counter() - began, time.process_time() - used)


def two_starts(place: str) -> tuple[Start, Start]:
    """A first and a second start with a cache of their own."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        return prepare_once(place), prepare_once(place)


def most_memory(place: str) -> float:
    """Mebibytes that a process of its own takes at most; not a number where the system does not say."""
    if not Path("/proc/self/status").exists():
        return math.nan
    with tempfile.TemporaryDirectory() as cache:
        surroundings = {**os.environ, "XDG_CACHE_HOME": cache}
        command = [sys.executable, __file__, "--only", place]
        done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> int:
    """Measure and print a table for each size."""
    parser = command_line(__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--sides", type=int, nargs="+", default=[32, 375], help="height in pixels")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        prepare_once(arguments.only)
        # Not `ru_maxrss`, which begins with the memory of the process that started this one.
        status = Path("/proc/self/status").read_text().splitlines()
        print(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024)
        return 0

    facts = heading(("pellucid", "numpy", "pillow", "pyarrow"))
    results = {}
    for side in arguments.sides:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "images"
            write_images(place, arguments.images, side)
            places = pack(place)
            size = os.path.getsize(places["parquet"]) / 1e6
            two_starts(places["folders"])  # imports, and the cache of files
            found: dict[str, list[tuple[Start, Start]]] = {form: [] for form in FORMS}
            for _ in range(arguments.runs):
                for form in FORMS:
                    found[form].append(two_starts(places[form]))
            memory = {form: most_memory(places[form]) for form in FORMS}
        print(f"\n{arguments.images:,} JPEG images {side} pixels high, {size:.1f} MB, n = {arguments.runs}")
        rows = []
        base = Start(*map(statistics.median, zip(*(first for first, _ in found["folders"]), strict=True)))
        for form, times in found.items():
            first, second = ([pair[at].seconds for pair in times] for at in (0, 1))
            processor = [pair[0].processor for pair in times]
            rows.append(
                [
                    form,
                    f"{statistics.median(first):.2f} ({spread(first, 2)})",
                    f"{statistics.median(first) / base.seconds:.2f}",
                    f"{statistics.median(processor):.2f} ({spread(processor, 2)})",
                    f"{statistics.median(processor) / base.processor:.2f}",
                    f"{statistics.median(second):.2f} ({spread(second, 2)})",
                    f"{memory[form]:,.0f}",
                ]
            )
            results[f"{form}, {side}"] = {
                "first": summary(first),
                "second": summary(second),
                "processor": summary(processor),
            }
        print_table(
            ["", "first start, s", "of folders", "processor, s", "of folders", "second start, s", "MiB"], rows
        )
    write_json(arguments.json, {**facts, "seconds": results})
    return 0


if __name__ == "__main__":
    sys.exit(main())
