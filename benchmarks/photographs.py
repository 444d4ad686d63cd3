"""Accuracy, time and memory of `pellucid train` on your own folder of photographs.

    python benchmarks/photographs.py FOLDER [--presets standard] [--seeds 3] [--avx2]

FOLDER holds `train/` and `test/` with one sub-folder per class, or just the sub-folders. Runs the
real command in processes of their own, into temporary folders; the first run finds an empty cache
and decodes every image.

Takes: FOLDER; for 25,000 images of 32x32 about 7 minutes a run on two cores.
"""

import sys

from measuring import AVX2, command_line, heading, write_json
from real_runs import as_json, run_all, show


def main() -> int:
    """Run and print a table."""
    parser = command_line(__doc__)
    parser.add_argument("data", metavar="FOLDER", nargs="?", help="without it there is nothing to measure")
    parser.add_argument("--presets", nargs="+", default=["standard"])
    parser.add_argument("--seeds", type=int, default=3, help="runs per preset (default: 3)")
    parser.add_argument("--avx2", action="store_true", help="as a processor of AVX2 alone computes")
    arguments, extra = parser.parse_known_args()  # further flags go to pellucid train
    if arguments.data is None:
        print("skipped: give FOLDER, a folder of photographs with one sub-folder per class")
        return 0
    facts = heading(("pellucid", "torch", "pillow", "numpy"))
    runs = run_all(
        arguments.data, arguments.presets, arguments.seeds, extra, AVX2 if arguments.avx2 else None
    )
    show(runs)
    write_json(arguments.json, {**facts, "avx2": arguments.avx2, "runs": as_json(runs)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
