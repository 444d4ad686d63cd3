"""The whole of `pellucid train` with baselines and report: seconds of each part, and peak memory.

    python benchmarks/honest_answer.py [DATA] [--runs 3] [--preset quick]

DATA: by default `sample:fashion`. Each run is the command in a process of its own with stopwatches
in it; all share one cache folder, which starts empty. What `--preset` names, and further flags, go
to the command.

Takes: on two cores about 6 minutes for the sample (3 runs), 8 a run for the full Fashion-MNIST.
"""

import json
import sys
import tempfile
from pathlib import Path

from measuring import command_line, heading, ran, show_parts, write_json

DRIVER = """
import json, sys, time

from pellucid.pipeline import concluding, learning, results, train
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
    (train, "prepare", "reading and checking"),
    (learning, "train_baselines", "baselines"),
    (in_run, "train_in_run", "network"),
    (in_run, "on_network", "models on the network"),
    (concluding, "draw_curve", "learning curve"),
    (concluding, "test_once", "testing every model"),
    (concluding, "judge_labels", "judging labels"),
    (train, "write_results", "scores, models and report"),
):
    timed(module, name, part)
timed(results, "report_facts", "of it: choosing what the report shows")
timed(results, "render", "of it: writing the report")
code = main(sys.argv[2:])
open(sys.argv[1], "w").write(json.dumps(seconds))
sys.exit(code)
"""


def main() -> int:
    parser = command_line(__doc__, runs=3)
    parser.add_argument("data", nargs="?", default="sample:fashion", help="default: sample:fashion")
    given, extra = parser.parse_known_args()  # further flags go to pellucid train
    facts, runs = heading("pellucid", "torch", "numpy", "scikit-learn"), []
    with tempfile.TemporaryDirectory() as cache:
        for number in range(given.runs):
            clock, run = Path(cache) / "seconds.json", Path(cache) / f"run-{number}"
            command = [sys.executable, "-c", DRIVER, clock, "train", given.data, "--out", run, *extra]
            ended = ran(command, {"XDG_CACHE_HOME": cache})
            size = (run / "report.html").stat().st_size / 1e6
            whole = {"whole command": ended.seconds, "peak MB": ended.megabytes, "report MB": size}
            runs.append(json.loads(clock.read_text()) | whole)
    print(f"{given.data}, n = {given.runs}; seconds where nothing else is said")
    show_parts({"": runs}, 2)
    write_json(given.json, {**facts, "data": given.data, "runs": runs})
    return 0


if __name__ == "__main__":
    sys.exit(main())
