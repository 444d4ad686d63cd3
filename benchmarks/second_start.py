"""Time from the start of `pellucid train --no-baselines` to its first step, first and second start.

    python benchmarks/second_start.py [DATA] [--runs 3]

DATA: the full Fashion-MNIST where Debian's package `dataset-fashion-mnist` put it, else
`sample:fashion`. Each run has a cache folder of its own, empty at the first start. The process is
the command with four stopwatches in it; it ends itself after the first step. The operating
system's own cache of files is warm for both.

Takes: about a minute on two cores.
"""

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import command_line, heading, print_table, spread, summary, write_json

DEBIAN_FOLDER = "/usr/share/datasets/fashion-mnist"
PARTS = ("import", "reading and checking", "planning", "first step")
STARTS = ("first start", "second start")

DRIVER = """
import json, os, sys, time

from pellucid.cli.main import main
from pellucid.pipeline import reading
from pellucid.training.session import Session
from pellucid.training.steps import ClassificationStep

moments = [time.time()]
prepare, run, step = reading.prepare, Session.run, ClassificationStep.__call__

def timed_prepare(*arguments, **named):
    result = prepare(*arguments, **named)
    moments.append(time.time())
    return result

def timed_run(*arguments, **named):
    moments.append(time.time())
    return run(*arguments, **named)

def timed_step(*arguments, **named):
    step(*arguments, **named)
    moments.append(time.time())
    print(json.dumps(moments), flush=True)
    os._exit(0)

reading.prepare, Session.run, ClassificationStep.__call__ = timed_prepare, timed_run, timed_step
main(sys.argv[1:])
"""


def start(data: str, cache: Path) -> dict[str, float]:
    """Start the command once: seconds by part, and their sum as `total`."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", DRIVER, "train", data, "--out", os.path.join(folder, "run")]
        command.append("--no-baselines")  # they are trained before the network
        surroundings = {**os.environ, "XDG_CACHE_HOME": str(cache)}
        began = time.time()
        done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise SystemExit(done.stderr)
    moments = [began, *json.loads(done.stdout)]
    seconds = [later - earlier for earlier, later in itertools.pairwise(moments)]
    return {**dict(zip(PARTS, seconds, strict=True)), "total": moments[-1] - began}


def main() -> int:
    """Measure and print a table."""
    default = DEBIAN_FOLDER if Path(DEBIAN_FOLDER).exists() else "sample:fashion"
    parser = command_line(__doc__)
    parser.add_argument("data", nargs="?", default=default, help=f"default here: {default}")
    parser.add_argument("--runs", type=int, default=3, help="pairs of starts (default: 3)")
    arguments = parser.parse_args()

    facts = heading(("pellucid", "torch", "numpy", "pillow"))
    found: dict[str, list[dict[str, float]]] = {name: [] for name in STARTS}
    for _ in range(arguments.runs):
        with tempfile.TemporaryDirectory() as cache:
            for name in STARTS:
                found[name].append(start(arguments.data, Path(cache)))

    print(f"{arguments.data}, n = {arguments.runs}, seconds: median (range)")
    columns = {
        name: {part: [run[part] for run in runs] for part in (*PARTS, "total")}
        for name, runs in found.items()
    }
    rows = [
        [
            part,
            *(
                f"{statistics.median(columns[name][part]):.2f} ({spread(columns[name][part], 2)})"
                for name in STARTS
            ),
        ]
        for part in (*PARTS, "total")
    ]
    print_table(["", *STARTS], rows)
    seconds = {
        name: {part: summary(values) for part, values in parts.items()} for name, parts in columns.items()
    }
    write_json(arguments.json, {**facts, "data": arguments.data, "seconds": seconds})
    return 0


if __name__ == "__main__":
    sys.exit(main())
