"""Runs every experiment of the textbook in turn: `python examples/run_all.py [NAME ...] [--seeds 5]`.

Then fills docs/textbook.md, where records were written into this repository. Takes: under an hour on two
cores; one core is used, unless `--threads` asks for more.
"""

import argparse
import sys
from pathlib import Path

from page import NAMES, PAGE, filled, script
from trying import ROOT, Options, run


def main() -> int:
    flags = argparse.ArgumentParser(description="Run the experiments of the textbook.")
    flags.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(NAMES)}; default: all")
    flags.add_argument("--examples", type=int, default=10_000, help="most images or texts (10,000)")
    flags.add_argument("--seeds", type=int, default=3, help="trainings on each fold (3)")
    flags.add_argument("--folds", type=int, default=3, help="folds for each seed (3)")
    flags.add_argument("--epochs", type=int, help="passes in every training; default: by experiment")
    flags.add_argument("--threads", type=int, default=1, help="processor threads (1)")
    flags.add_argument("--out", type=Path, default=ROOT, help="folder in which docs/ lies")
    given = flags.parse_args()
    if unknown := set(given.names) - set(NAMES):
        flags.error(f"unknown {', '.join(sorted(unknown))}; known are {', '.join(NAMES)}")
    options = Options(given.examples, given.seeds, given.folds, given.epochs, given.threads, Path())
    for name in given.names or NAMES:
        run(script(name), options, given.out)
    if given.out == ROOT:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
