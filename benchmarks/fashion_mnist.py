"""Accuracy, time and memory of `pellucid train` on the full Fashion-MNIST, by preset and seed.

    python benchmarks/fashion_mnist.py [--data FOLDER] [--presets quick standard] [--seeds 3] [--avx2]

Runs the real command in processes of their own, into temporary folders; the first run finds an
empty cache. `--avx2` keeps torch and oneDNN from whatever the processor has beyond AVX2, bf16
among it. FOLDER holds the four IDX files; Debian's package `dataset-fashion-mnist` puts them
where the default looks. Where it is not there, the script says so and measures nothing.

Takes: on two cores about 2 minutes a run for quick, 4 for standard, 60 for best; 20 as it stands.
"""

import sys
from pathlib import Path

from measuring import AVX2, command_line, heading, write_json
from real_runs import as_json, run_all, show

DEBIAN_FOLDER = "/usr/share/datasets/fashion-mnist"


def main() -> int:
    """Run and print a table."""
    parser = command_line(__doc__)
    parser.add_argument("--data", default=DEBIAN_FOLDER, metavar="FOLDER", help=f"default: {DEBIAN_FOLDER}")
    parser.add_argument("--presets", nargs="+", default=["quick", "standard"])
    parser.add_argument("--seeds", type=int, default=3, help="runs per preset (default: 3)")
    parser.add_argument("--avx2", action="store_true", help="as a processor of AVX2 alone computes")
    arguments, extra = parser.parse_known_args()  # further flags go to pellucid train
    if arguments.data == DEBIAN_FOLDER and not Path(DEBIAN_FOLDER).exists():
        print(
            f"skipped: {DEBIAN_FOLDER} is not there; apt install dataset-fashion-mnist, or give --data FOLDER"
        )
        return 0
    facts = heading(("pellucid", "torch", "numpy"))
    runs = run_all(
        arguments.data, arguments.presets, arguments.seeds, extra, AVX2 if arguments.avx2 else None
    )
    show(runs)
    write_json(arguments.json, {**facts, "avx2": arguments.avx2, "runs": as_json(runs)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
