"""Images that do not fit into memory: rate of training and memory, beside a part of them that fits.

    python benchmarks/larger_than_memory.py [--gigabytes 20] [--part 1] [--memory 4] [--folder FOLDER]

JPEG files of squares and discs with noise, in WebDataset shards (`.tar`), are trained on by `pellucid train`
for one epoch with the `lenet`, the fastest network of images, so that reading weighs most. `--gigabytes` are
those of the decoded images. With `--memory` the large run is held below so many gigabytes, what the system
keeps of files included, by a control group; this needs root on Linux. Memory is what the process itself has
(`RssAnon`), sampled every second while the network trains: in the first and the last tenth of the epoch, and
the most of all.

Takes: 25 minutes on two cores, and 25 GB of disk
"""

import io
import json
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measuring import PELLUCID, command_line, cores, heading, print_table, write_json
from PIL import Image

_SHARD = 10_000
_GROUPS = Path("/sys/fs/cgroup")


def shards(folder: Path, count: int, side: int) -> Path:
    """Shards of JPEG files with their classes; no two images alike."""
    draws, (rows, columns) = np.random.default_rng(0), np.mgrid[:side, :side]
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, count, _SHARD):
        path = folder / f"train-{start // _SHARD:04}.tar"
        if path.exists():
            continue
        begun = path.with_suffix(".begun")
        with tarfile.open(begun, "w") as shard:
            for number in range(start, min(start + _SHARD, count)):
                label = int(draws.integers(2))
                (y, x), radius = draws.uniform(side / 4, 3 * side / 4, 2), draws.uniform(side / 8, side / 4)
                down, across = np.abs(rows - y), np.abs(columns - x)
                inside = (np.hypot(down, across) if label else np.maximum(down, across)) < radius
                coarse = draws.integers(0, 200, (8, 8, 3), np.uint8)
                shown = np.array(Image.fromarray(coarse).resize((side, side)))
                shown[inside] += 55
                content = io.BytesIO()
                Image.fromarray(shown).save(content, "JPEG", quality=80)
                for ending, data in (("jpg", content.getvalue()), ("cls", str(label).encode())):
                    member = tarfile.TarInfo(f"{number:08}.{ending}")
                    member.size = len(data)
                    shard.addfile(member, io.BytesIO(data))
        begun.rename(path)
    return folder


class Group:
    """A control group of memory for one process; none without a limit."""

    def __init__(self, gigabytes: float) -> None:
        is_first = (_GROUPS / "memory").is_dir()
        self.place = (_GROUPS / "memory" if is_first else _GROUPS) / "pellucid-benchmark"
        self.gigabytes = gigabytes
        if gigabytes:
            self.place.mkdir(exist_ok=True)
            limit = "memory.limit_in_bytes" if is_first else "memory.max"
            (self.place / limit).write_text(str(int(gigabytes * 1e9)))

    def take(self, process: int) -> None:
        """Put a process into it."""
        if self.gigabytes:
            (self.place / "cgroup.procs").write_text(str(process))


class Trained(NamedTuple):
    """What was measured of a training."""

    rate: float  # images a second of its epoch
    seconds: float  # of the whole command
    anonymous: list[float]  # megabytes of the process itself, while the network trained


def anonymous(process: int) -> float | None:
    """Megabytes of a process that no file holds; `None` once it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")), None)


def sampled(process: subprocess.Popen[bytes], seconds: float = 1.0) -> Iterator[float]:
    """Memory of a process, by default every second, until it ends."""
    while process.poll() is None:
        if (megabytes := anonymous(process.pid)) is not None:
            yield megabytes
        time.sleep(seconds)


def train(data: Path, run: Path, side: int, group: Group, baselines: bool) -> Trained:
    """Train once, in a group, with as many threads as there are cores, whatever else runs."""
    given = ["--model", "lenet", "--epochs", "1", "--image-size", str(side), "--backbone", "none"]
    given += ["--threads", str(cores())]
    command = [PELLUCID, "train", str(data), "--out", str(run), "--overwrite", *given]
    command += [] if baselines else ["--no-baselines"]
    log, began = run.with_suffix(".log"), time.perf_counter()
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        group.take(process.pid)
        memory = []
        for megabytes in sampled(process):
            said = log.read_text()
            if "planned lenet" in said and "trained lenet" not in said:
                memory.append(megabytes)
    if process.returncode:
        raise SystemExit(log.read_text()[-2000:])
    history = json.loads((run / "history.jsonl").read_text().splitlines()[0])
    return Trained(history["images_per_second"], time.perf_counter() - began, memory)


def row(name: str, images: int, trained: Trained) -> list[str]:
    """One line of the table."""
    tenth = max(1, len(trained.anonymous) // 10)
    ends = [float(np.median(part)) for part in (trained.anonymous[:tenth], trained.anonymous[-tenth:])]
    figures = [trained.rate, trained.seconds, *ends, max(trained.anonymous)]
    return [name, f"{images:,}", *(f"{each:,.0f}" for each in figures)]


def main() -> None:
    """Train on the part and on the whole."""
    given = command_line(
        __doc__, gigabytes=20.0, part=1.0, memory=0.0, side=160, folder=Path, baselines=False
    ).parse_args()
    head: dict[str, Any] = heading("torch", "numpy")
    sizes = {
        name: int(size * 1e9 / (3 * given.side**2))
        for name, size in (("part", given.part), ("whole", given.gigabytes))
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder, found = given.folder or Path(scratch), {}
        for name, count in sizes.items():
            data = shards(folder / f"{name}-{count}", count, given.side)
            group = Group(given.memory if name == "whole" else 0.0)
            found[name] = train(data, folder / f"run-{name}", given.side, group, given.baselines)
            print(f"{name}: {count:,} images, {found[name].rate:,.0f} a second", flush=True)
    print_table(
        ["", "images", "images/s", "whole command, s", "MB, first tenth", "last tenth", "most"],
        [row(name, sizes[name], each) for name, each in found.items()],
    )
    print(f"rate of the whole in that of the part: {found['whole'].rate / found['part'].rate:.2f}")
    write_json(given.json, {**head, "runs": {name: each._asdict() for name, each in found.items()}})


if __name__ == "__main__":
    main()
