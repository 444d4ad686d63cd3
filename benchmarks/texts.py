"""Accuracy, time and memory of `pellucid train` on five data sets of texts, by set-up and seed.

    python benchmarks/texts.py [--data r8 r52 20ng chinese spam] [--setups auto ...] [--seeds 3] [FLAGS ...]

Writes each data set as two tables and runs the real command on them, in processes of their own. The
set-up `auto` is `pellucid train TRAIN --test TEST` as it stands; the others ask for one network and
leave the baselines out. The best network is the one with the highest mean accuracy on validation: the
test split chooses nothing. Further flags go to `pellucid train`. Prints one line per run, then a
Markdown table with the targets in brackets.

Takes: about 2 hours on two cores, 20 minutes with `--setups auto`; fetches its data the first time.
"""

import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import text_data
from measuring import command_line, heading, spread, write_json
from real_runs import RealRun, as_json, run_once, show


class Target(NamedTuple):
    """What is aimed at.

    Attributes:
        recommended: accuracy of the recommended model.
        network: accuracy of the best network alone.
        seconds: of the whole command with `auto`.
    """

    recommended: float
    network: float
    seconds: float


TARGETS = {
    "r8": Target(0.976, 0.971, 90),
    "r52": Target(0.946, 0.936, 120),
    "20ng": Target(0.857, 0.840, 360),
    "chinese": Target(0.856, 0.850, 240),
    "spam": Target(0.985, 0.980, 180),
}
TITLES = {
    "r8": "R8",
    "r52": "R52",
    "20ng": "20 Newsgroups",
    "chinese": "Chinese reviews",
    "spam": "SpamAssassin",
}
AUTO = "auto"
SETUPS: dict[str, tuple[str, ...]] = {
    AUTO: (),
    "bag-best": ("--model", "bag", "--no-baselines"),
    "text-cnn": ("--model", "text-cnn", "--no-baselines"),
    "rnn": ("--model", "rnn", "--no-baselines"),
}


def measure(name: str, setups: Sequence[str], seeds: int, extra: Sequence[str]) -> dict[str, list[RealRun]]:
    """Run every set-up, a key of `SETUPS`, with every seed below `seeds` on one data set."""
    with tempfile.TemporaryDirectory() as folder:
        train, test = text_data.load(name).write(Path(folder))
        cache = Path(folder) / "cache"
        flags = {setup: ["--test", str(test), *SETUPS[setup], *extra] for setup in setups}
        return {
            setup: [run_once(str(train), _preset(setup), seed, flags[setup], cache) for seed in range(seeds)]
            for setup in setups
        }


def _preset(setup: str) -> str:
    return "best" if setup.endswith("-best") else "standard"


def row(name: str, found: dict[str, list[RealRun]]) -> list[str]:
    """Cells of one line of the Markdown table."""
    target = TARGETS[name]
    validation = {
        setup: statistics.fmean(run.validation_accuracy for run in runs) for setup, runs in found.items()
    }
    best = max(validation, key=lambda setup: validation[setup])
    cells = [TITLES[name], "", _mean(found[best], "accuracy", target.network, _network(best, found)), "", ""]
    if AUTO in found:
        runs = found[AUTO]
        names = ", ".join(sorted({run.recommended for run in runs}))
        seconds = [run.wall_seconds for run in runs]
        cells[1] = _mean(runs, "recommended_accuracy", target.recommended, names)
        cells[3] = f"{statistics.fmean(seconds):.0f} s [{spread(seconds)}] (≤ {target.seconds:.0f} s)"
        cells[4] = f"{max(run.peak_megabytes for run in runs):,.0f} MB"
    return cells


def _network(setup: str, found: dict[str, list[RealRun]]) -> str:
    return ", ".join(sorted({run.model for run in found[setup]})) if setup == AUTO else setup


def _mean(runs: Sequence[RealRun], field: str, target: float, what: str) -> str:
    """Mean and range over the seeds, what reached them and what was aimed at."""
    values = [getattr(run, field) for run in runs]
    return f"{statistics.fmean(values):.4f} [{spread(values, 4)}], {what} (≥ {target:.3f})"


def main() -> int:
    """Run and print the tables."""
    parser = command_line(__doc__)
    parser.add_argument("--data", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument("--setups", nargs="+", choices=list(SETUPS), default=list(SETUPS))
    parser.add_argument("--seeds", type=int, default=3, help="runs of each set-up (default: 3)")
    arguments, extra = parser.parse_known_args()  # further flags go to pellucid train
    facts = heading(("pellucid", "torch", "scikit-learn", "tokenizers", "numpy"))
    found = {}
    for name in arguments.data:
        found[name] = measure(name, arguments.setups, arguments.seeds, extra)
        print(f"\n{TITLES[name]}\n")
        show([run for runs in found[name].values() for run in runs])
    header = ["Data", "Recommended model", "Best network", "Whole `train`", "Peak memory"]
    for cells in (header, ["---"] * len(header), *(row(name, found[name]) for name in found)):
        print(f"| {' | '.join(cells)} |")
    runs = {name: {setup: as_json(each) for setup, each in of.items()} for name, of in found.items()}
    write_json(arguments.json, {**facts, "n": arguments.seeds, "runs": runs})
    return 0


if __name__ == "__main__":
    sys.exit(main())
