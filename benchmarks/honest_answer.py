"""The whole of `pellucid train` with baselines and report: seconds of each part, and peak memory.

    python benchmarks/honest_answer.py [DATA] [--runs 3] [--preset quick]

DATA: by default `sample:fashion`. Each run is the command in a process of its own with stopwatches
in it; all share one cache folder, which starts empty. What `--preset` names, and further flags, go
to the command.

Takes: on two cores about 6 minutes for the sample (3 runs), 8 a run for the full Fashion-MNIST.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from measuring import command_line, heading, show_parts, write_json

DRIVER = """
import json, sys, time

from pellucid.pipeline import concluding, learning, reading, results
from pellucid.pipeline.learners import in_run
from pellucid.cli.main import main

seconds = {}

def timed(module, name, part):
    inner = getattr(module, name)
    def outer(*arguments, **named):
        began = time.perf_counter()
        try:
            return inner(*arguments, **named)
        finally:
            seconds[part] = seconds.get(part, 0.0) + time.perf_counter() - began
    setattr(module, name, outer)

for module, name, part in (
    (reading, "prepare", "reading and checking"),
    (learning, "train_baselines", "baselines"),
    (in_run, "train_in_run", "network"),
    (in_run, "on_network", "models on the network"),
    (concluding, "draw_curve", "learning curve"),
    (concluding, "test_once", "testing every model"),
    (concluding, "judge_labels", "judging labels"),
    (results, "_write", "scores, models and report"),
):
    timed(module, name, part)
timed(results, "report_facts", "of it: choosing what the report shows")
timed(results, "render", "of it: writing the report")
code = main(sys.argv[2:])
open(sys.argv[1], "w").write(json.dumps(seconds))
sys.exit(code)
"""


def run_once(data: str, extra: Sequence[str], cache: str) -> dict[str, float]:
    """Run the command once: seconds by part, `whole command`, and `peak MB`."""
    with tempfile.TemporaryDirectory() as folder:
        clock, run = os.path.join(folder, "seconds.json"), os.path.join(folder, "run")
        command = [sys.executable, "-c", DRIVER, clock, "train", data, "--out", run, *extra]
        began = time.perf_counter()
        process = subprocess.Popen(command, env={**os.environ, "XDG_CACHE_HOME": cache})
        _, status, usage = os.wait4(process.pid, 0)
        whole = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"error: the command ended with {process.returncode}")
        parts = json.loads(Path(clock).read_text())
        size = os.path.getsize(os.path.join(run, "report.html")) / 1e6
    per_megabyte = 1e6 if sys.platform == "darwin" else 1e6 / 1024  # bytes there, KiB elsewhere
    return {
        **parts,
        "whole command": whole,
        "peak MB": usage.ru_maxrss / per_megabyte,
        "report MB": size,
    }


def main() -> int:
    """Measure and print a table."""
    parser = command_line(__doc__)
    parser.add_argument("data", nargs="?", default="sample:fashion", help="default: sample:fashion")
    parser.add_argument("--runs", type=int, default=3, help="runs (default: 3)")
    arguments, extra = parser.parse_known_args()  # further flags go to pellucid train

    facts = heading(("pellucid", "torch", "numpy", "scikit-learn"))
    with tempfile.TemporaryDirectory() as cache:
        runs = [run_once(arguments.data, extra, cache) for _ in range(arguments.runs)]
    print(f"{arguments.data}, n = {arguments.runs}: median (range); seconds where nothing else is said")
    found = show_parts(runs, 2)
    write_json(arguments.json, {**facts, "data": arguments.data, "found": found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
