"""The first minute: `pellucid demo` by the clock, from its start to its first line, first mistakes and end.

    python benchmarks/first_minute.py [--runs 3] [--avx2]

Each run is the command in a process of its own, with an empty cache: what a newcomer has. The first useful
line is the first on the terminal. The first page of mistakes stands in the first `report.html` of the
images, which shows those of the best baseline while the network learns. `--avx2` keeps torch and oneDNN from
whatever the processor has beyond AVX2, bf16 among it.

Takes: on two cores about a minute a run.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from measuring import AVX2, command_line, heading, show_parts, write_json

_LOOK_EVERY = 0.05
"""Seconds between two looks for a file."""


def run_once(environment: dict[str, str]) -> dict[str, float]:
    """Seconds of the clock to each milestone of one demo, and of the processor in all."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        run, cache = Path(folder) / "run", os.path.join(folder, "cache")
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "pellucid", "demo", "--out", str(run)],
            env={**os.environ, "XDG_CACHE_HOME": cache, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

        def watch() -> None:
            while process.returncode is None:
                for name, path in (
                    ("first page of mistakes", run / "report.html"),
                    ("images finished", run / "metrics.json"),
                ):
                    if name not in found and path.exists():
                        found[name] = time.perf_counter() - began
                time.sleep(_LOOK_EVERY)

        threading.Thread(target=watch, daemon=True).start()
        assert process.stderr is not None  # it is a pipe
        for line in process.stderr:
            if line.strip():
                found.setdefault("first useful line", time.perf_counter() - began)
        _, status, usage = os.wait4(process.pid, 0)
        whole = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"error: the command ended with {process.returncode}")
    return {
        **dict(sorted(found.items(), key=lambda pair: pair[1])),
        "end": whole,
        "processor seconds": usage.ru_utime + usage.ru_stime,
    }


def main() -> int:
    """Measure and print a table; exit code 0."""
    parser = command_line(__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs (default: 3)")
    parser.add_argument("--avx2", action="store_true", help="as a processor of AVX2 alone computes")
    arguments = parser.parse_args()

    facts = heading(("pellucid", "torch", "numpy", "scikit-learn"))
    runs = [run_once(AVX2 if arguments.avx2 else {}) for _ in range(arguments.runs)]
    print(f"pellucid demo{', AVX2 alone' if arguments.avx2 else ''}, n = {arguments.runs}: seconds")
    found = show_parts(runs, 1)
    write_json(arguments.json, {**facts, "avx2": arguments.avx2, "found": found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
