"""How soon training starts on photographs of 12 megapixels, beside what decoding alone takes.

    python benchmarks/large_photographs.py [--images 75 300] [--runs 3] [--image-size 224]

Makes JPEG files of about 3 MB (see `camera_images.py`), and times on as many threads, in turn:

- bare decoding: every file read and decoded by Pillow at the smallest scale that leaves twice the
  training size, the pixels thrown away; only while decoding goes on, the start of Python not counted;
- `pellucid train --no-baselines` from the start of the command to the end of its first step, with an
  empty cache.

Beside the clock stands the time of the processor, all threads together: other programs on the machine
change it little. A line through the medians at both sizes tells what 5,000 photographs take. Peak
memory is that of the command until then; where the system tells (Linux), its own memory stands beside
it, without the files it has mapped, such as the decoded images and the libraries. All files were just
written: the system's cache of files is warm.

Takes: about 3 minutes on two cores, and 1 GB of temporary disk.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from camera_images import HEIGHT, WIDTH, make_photographs
from measuring import command_line, heading, print_table, spread, write_json

MANY = 5000

BARE = """
import io, os, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from PIL import Image

wanted = tuple(int(side) for side in sys.argv[2:])

def decode(path):
    image = Image.open(io.BytesIO(path.read_bytes()))
    image.draft("RGB", wanted)
    image.load()

files = sorted(Path(sys.argv[1]).glob("*/*.jpg"))
began, busy = time.perf_counter(), time.process_time()
with ThreadPoolExecutor(os.cpu_count()) as executor:
    list(executor.map(decode, files))
print(time.perf_counter() - began, time.process_time() - busy)
"""

DRIVER = """
import json, os, sys, threading, time
from pellucid.cli.main import main

own = [0]

def watch():
    while True:
        with open("/proc/self/status") as status:
            kilobytes = next((line.split()[1] for line in status if line.startswith("RssAnon")), 0)
        own[0] = max(own[0], int(kilobytes))
        time.sleep(0.01)

if os.path.exists("/proc/self/status"):
    threading.Thread(target=watch, daemon=True).start()

from pellucid.training.steps import ClassificationStep
step = ClassificationStep.__call__

def timed_step(*arguments, **named):
    step(*arguments, **named)
    print(json.dumps([time.time(), own[0]]), flush=True)
    os._exit(0)

ClassificationStep.__call__ = timed_step
main(sys.argv[1:])
"""


@dataclass(frozen=True)
class Start:
    """One start of the command.

    Attributes:
        bare_seconds: of decoding alone, just before.
        bare_processor_seconds: of all threads of it.
        seconds: from the start of the command to the end of its first training step.
        processor_seconds: of all threads until then.
        peak_megabytes: largest resident memory.
        own_megabytes: largest resident memory that no file backs; 0 where the system does not tell.
    """

    bare_seconds: float
    bare_processor_seconds: float
    seconds: float
    processor_seconds: float
    peak_megabytes: float
    own_megabytes: float


def measure(folder: Path, size: int, extra: Sequence[str]) -> Start:
    """Decode alone, then start the command once with an empty cache; what both took."""
    wanted = [str(2 * size), str(2 * size * HEIGHT // WIDTH)]
    bare = subprocess.run(
        [sys.executable, "-c", BARE, str(folder), *wanted], capture_output=True, text=True, check=True
    )
    with tempfile.TemporaryDirectory() as work:
        command = [sys.executable, "-c", DRIVER, "train", str(folder), "--out", os.path.join(work, "run")]
        command += ["--no-baselines", "--image-size", str(size), *extra]
        began = time.time()
        process = subprocess.Popen(
            command, env={**os.environ, "XDG_CACHE_HOME": work}, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or not said:
        raise SystemExit(f"error: {' '.join(command[3:])} ended with {process.returncode}")
    ended, own = json.loads(said)
    bare_seconds, bare_busy = (float(seconds) for seconds in bare.stdout.split())
    unit = 1e-6 if sys.platform == "darwin" else 1.024e-3
    return Start(
        bare_seconds=bare_seconds,
        bare_processor_seconds=bare_busy,
        seconds=ended - began,
        processor_seconds=usage.ru_utime + usage.ru_stime,
        peak_megabytes=usage.ru_maxrss * unit,
        own_megabytes=own * 1.024e-3,
    )


def at_many(found: dict[int, list[Start]], name: str) -> float:
    """Seconds that 5,000 photographs take, by the line through the medians at two sizes.

    `found` has the starts by number of photographs; `name` is a field of `Start`.
    """
    few, many = sorted(found)
    at_few, at_most = (statistics.median(getattr(start, name) for start in found[n]) for n in (few, many))
    return at_most + (at_most - at_few) / (many - few) * (MANY - many)


def show(found: dict[int, list[Start]]) -> dict[str, float]:
    """Print the tables of starts by two numbers of photographs; seconds at 5,000 photographs, by name."""
    print("medians (range)")
    lines = {}
    for title, bare, whole in (
        ("seconds", "bare_seconds", "seconds"),
        ("processor seconds", "bare_processor_seconds", "processor_seconds"),
    ):
        rows = []
        for count, starts in found.items():
            columns = [[getattr(start, name) for start in starts] for name in (bare, whole)]
            columns.append([one / other for other, one in zip(*columns, strict=True)])
            cells = (f"{statistics.median(values):.2f} ({spread(values, 2)})" for values in columns)
            rows.append([f"{count:,}", *cells])
        lines |= {name: at_many(found, name) for name in (bare, whole)}
        ratio = lines[whole] / lines[bare]
        rows.append([f"{MANY:,}, by the line", f"{lines[bare]:.0f}", f"{lines[whole]:.0f}", f"{ratio:.2f}"])
        print_table([f"photographs: {title}", "bare decoding", "first step done", "ratio"], rows)
    rows = [
        [
            f"{count:,}",
            *(
                f"{statistics.median(values):,.0f} ({spread(values)})"
                for name in ("peak_megabytes", "own_megabytes")
                for values in [[getattr(start, name) for start in starts]]
            ),
        ]
        for count, starts in found.items()
    ]
    print_table(["photographs: peak memory, MB", "all", "its own"], rows)
    return lines


def main() -> int:
    """Make the photographs, measure and print the tables."""
    parser = command_line(__doc__)
    parser.add_argument("--images", type=int, nargs=2, default=[75, 300], metavar="N")
    parser.add_argument("--runs", type=int, default=3, help="starts at each size (default: 3)")
    parser.add_argument("--image-size", type=int, default=128, help="side of the training size")
    arguments, extra = parser.parse_known_args()  # further flags go to pellucid train
    if find_spec("skimage") is None:
        print("skipped: the photographs are made from scikit-image's; pip install 'pellucid[test]'")
        return 0
    few, many = sorted(arguments.images)
    facts = heading(("pellucid", "torch", "pillow", "numpy"))
    found: dict[int, list[Start]] = {few: [], many: []}
    with tempfile.TemporaryDirectory() as place:
        all_of_them, some_of_them = Path(place, "many"), Path(place, "few")
        all_of_them.mkdir()
        total = make_photographs(all_of_them, many)
        for path in sorted(all_of_them.glob("*/*.jpg"), key=lambda file: file.name)[:few]:
            (some_of_them / path.parent.name).mkdir(parents=True, exist_ok=True)
            os.link(path, some_of_them / path.parent.name / path.name)
        for _ in range(arguments.runs):
            for count, folder in ((few, some_of_them), (many, all_of_them)):
                found[count].append(measure(folder, arguments.image_size, extra))
    print(f"files of {total / many / 1e6:.1f} MB on average, {arguments.runs} starts at each size")
    lines = show(found)
    starts = {str(count): [asdict(start) for start in each] for count, each in found.items()}
    write_json(arguments.json, {**facts, "starts": starts, f"seconds_at_{MANY}": lines})
    return 0


if __name__ == "__main__":
    sys.exit(main())
