"""Every stage beside none, one and two busy processes, against the quiet machine.

A busy process counts up for ever on whichever core it gets. Stages are whole commands in fresh processes, one
after the other; every round runs each with none, one and two neighbours, so that the machine's mood hits all
alike. A fair share of two cores is 2/3 beside one busy process and 1/2 beside two.

Takes: about 20 minutes a round.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from measuring import command_line, heading, print_table
from PIL import Image

PELLUCID = os.path.join(os.path.dirname(sys.executable), "pellucid")
NEIGHBOURS = (0, 1, 2)
RUN = "RUN"

STAGES: dict[str, list[str]] = {
    "train, images": ["train", "sample:fashion", "--preset", "quick", "--out", RUN],
    "train, texts": ["train", "sample:spam", "--preset", "quick", "--out", RUN],
    "train, bag alone": ["train", "sample:spam", "--model", "bag", "--no-baselines", "--out", RUN],
    "train, rnn alone": [
        "train",
        "sample:spam",
        "--model",
        "rnn",
        "--epochs",
        "2",
        "--no-baselines",
        "--out",
        RUN,
    ],
    "train, baselines alone": ["train", "sample:fashion", "--model", "svm", "--out", RUN],
    "inspect": ["inspect", "sample:fashion"],
    "predict": ["predict", "IMAGES", "sample:fashion"],
    "explain": ["explain", "IMAGES", "IMAGE", "--out", "PAGE"],
}
"""Words of each command; RUN, IMAGES, IMAGE and PAGE become paths."""


@contextlib.contextmanager
def busy(number: int) -> Iterator[None]:
    """Run so many busy processes meanwhile."""
    neighbours = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        time.sleep(0.5 if number else 0)
        yield
    finally:
        for each in neighbours:
            each.kill()
            each.wait()


def seconds(words: list[str], places: dict[str, Path]) -> float:
    """Wall-clock time of one command from start to end; names of `places` among its words become paths."""
    command = [PELLUCID, *(str(places.get(word, word)) for word in words)]
    if RUN in words:
        command.append("--overwrite")
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> int:
    """Measure and print a table."""
    parser = command_line(__doc__, with_json=False)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (default: 3)")
    parser.add_argument("--stages", nargs="*", default=list(STAGES), help="some of: " + ", ".join(STAGES))
    given = parser.parse_args()
    heading(("pellucid", "torch", "scikit-learn"))
    times: dict[tuple[str, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        names = {RUN: "run", "IMAGES": "images", "IMAGE": "noise.png", "PAGE": "page.html"}
        places = {name: Path(folder, file) for name, file in names.items()}
        Image.effect_noise((28, 28), 100).save(places["IMAGE"])
        seconds([*STAGES["train, images"][:-1], "IMAGES"], places)
        for _ in range(given.rounds):
            for stage in given.stages:
                for number in NEIGHBOURS:
                    with busy(number):
                        times.setdefault((stage, number), []).append(seconds(STAGES[stage], places))
                    print(f"{stage}, beside {number}: {times[stage, number][-1]:.1f} s", flush=True)
    rows = []
    for stage in given.stages:
        quiet, *beside = (statistics.median(times[stage, number]) for number in NEIGHBOURS)
        rows.append(
            (
                stage,
                f"{quiet:.1f}",
                *(f"{each:.1f}" for each in beside),
                *(f"{quiet / each:.2f}" for each in beside),
            )
        )
    print_table(
        (
            f"seconds, median of {given.rounds}",
            "quiet",
            "beside one",
            "beside two",
            "rate beside one",
            "beside two",
        ),
        rows,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
