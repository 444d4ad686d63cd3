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

import text_data
from fashion_mnist import RealRun, run_once, show
from measuring import Among, command_line, heading, mean_of, write_json

# Aimed at: accuracy of the recommended model and of the best network alone, seconds of the whole command.
TARGETS = {
    "r8": ("R8", 0.976, 0.971, 90),
    "r52": ("R52", 0.946, 0.936, 120),
    "20ng": ("20 Newsgroups", 0.857, 0.840, 360),
    "chinese": ("Chinese reviews", 0.856, 0.850, 240),
    "spam": ("SpamAssassin", 0.985, 0.980, 180),
}
AUTO, _ALONE = "auto", ("--no-baselines", "--model")
SETUPS: dict[str, tuple[str, ...]] = {
    AUTO: (),
    "bag-best": (*_ALONE, "bag"),
    "text-cnn": (*_ALONE, "text-cnn"),
    "rnn": (*_ALONE, "rnn"),
    "bag": (*_ALONE, "bag"),
    "transformer": (*_ALONE, "transformer"),
}


def measured(name: str, setups: Sequence[str], seeds: int, extra: Sequence[str]) -> dict[str, list[RealRun]]:
    with tempfile.TemporaryDirectory() as folder:
        train, test = text_data.load(name).write(Path(folder))
        found: dict[str, list[RealRun]] = {}
        for setup in setups:
            flags = ["--test", str(test), *SETUPS[setup], *extra]
            preset, cache = "best" if setup.endswith("-best") else "standard", Path(folder) / "cache"
            found[setup] = [run_once(str(train), preset, seed, flags, cache) for seed in range(seeds)]
        return found


def row(name: str, found: dict[str, list[RealRun]]) -> list[str]:
    """Cells of one line of the Markdown table."""
    title, recommended, network, limit = TARGETS[name]
    best = max(found, key=lambda setup: statistics.fmean(run.validation_accuracy for run in found[setup]))
    words = ", ".join(sorted({run.model for run in found[best]})) if best == AUTO else best
    accuracy = mean_of([run.accuracy for run in found[best]], 4)
    cells = [title, "", f"{accuracy}, {words} (≥ {network:.3f})", "", ""]
    if runs := found.get(AUTO):
        names = ", ".join(sorted({run.recommended for run in runs}))
        cells[1] = f"{mean_of([run.recommended_accuracy for run in runs], 4)}, {names} (≥ {recommended:.3f})"
        cells[3] = f"{mean_of([run.wall_seconds for run in runs], 0)} s (≤ {limit} s)"
        cells[4] = f"{max(run.peak_megabytes for run in runs):,.0f} MB"
    return cells


def main() -> int:
    parser = command_line(__doc__, data=Among(TARGETS), setups=Among(SETUPS), seeds=3)
    given, extra = parser.parse_known_args()  # further flags go to pellucid train
    facts = heading("pellucid", "torch", "scikit-learn", "tokenizers", "numpy")
    header = ["Data", "Recommended model", "Best network", "Whole `train`", "Peak memory"]
    lines, kept = [header, ["---"] * len(header)], {}
    for name in given.data:
        found = measured(name, given.setups, given.seeds, extra)
        print(f"\n{TARGETS[name][0]}\n")
        kept[name] = show([run for runs in found.values() for run in runs])
        lines.append(row(name, found))
    for cells in lines:
        print(f"| {' | '.join(cells)} |")
    write_json(given.json, {**facts, "n": given.seeds, "runs": kept})
    return 0


if __name__ == "__main__":
    sys.exit(main())
