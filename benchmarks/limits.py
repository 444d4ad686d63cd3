"""What a time limit costs: the recommended model of short runs beside the best of a long one.

    python benchmarks/limits.py DATA [DATA ...] [--limits 60s 90s] [--long 10m] [--runs FOLDER]

Each DATA is trained on with each limit and once for long (`--long none`: without a limit), on the same
split. The ratio is that of the log losses on the test, each with 0.01 added: of the model that the short run
recommends, and of the best that the long run tested. Of numbers it is the mean squared error as a part of
that of the mean. Runs are kept in `--runs`; one that is finished there is not made again, and its seconds are
those it took then. Nothing else should use the machine.

Takes: FOLDER; the limits, and the long run, for each DATA.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measuring import PELLUCID, command_line, heading, print_table, ran, write_json

from pellucid.settings import parse_duration

ADDED, MEAN = 0.01, "mean"


class Outcome(NamedTuple):
    """One run."""

    seconds: float
    recommended: str
    losses: dict[str, float]  # of every model that was tested


def loss_of(entry: dict[str, Any], mean: dict[str, Any] | None) -> float:
    """Log loss on the test, or the mean squared error as a part of that of the mean."""
    if mean is None:
        return float(entry["test"]["log_loss"]["value"])
    return float(
        (entry["test"]["root_mean_squared_error"]["value"] / mean["test"]["root_mean_squared_error"]["value"])
        ** 2
    )


def run(data: str, limit: str, folder: Path) -> Outcome:
    """Train within a limit, or take over a run that is finished."""
    out, clock = folder / limit, folder / f"{limit}.json"
    if not (out / "metrics.json").exists() or not clock.exists():
        given = [] if limit == "none" else ["--time-limit", limit]
        ended = ran([PELLUCID, "train", data, "--out", out, "--overwrite", "--no-learning-curve", *given])
        clock.write_text(json.dumps(ended.seconds))
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    mean = metrics["models"].get(MEAN)
    losses = {name: loss_of(each, mean) for name, each in metrics["models"].items()}
    return Outcome(json.loads(clock.read_text()), metrics["recommended"], losses)


def main() -> int:
    parser = command_line(__doc__, limits=["60s", "90s"], long="10m", runs=Path)
    parser.add_argument("data", nargs="+", metavar="DATA")
    given = parser.parse_args()
    facts, rows, found = heading("pellucid", "torch", "scikit-learn"), [], []
    with tempfile.TemporaryDirectory() as temporary:
        for data in given.data:
            folder = (given.runs or Path(temporary)) / Path(data).absolute().as_posix().strip("/").replace(
                "/", "-"
            )
            folder.mkdir(parents=True, exist_ok=True)
            long = run(data, given.long, folder)
            best = min(long.losses, key=lambda name: long.losses[name])
            for limit in given.limits:
                began = time.perf_counter()
                short = run(data, limit, folder)
                ratio = (short.losses[short.recommended] + ADDED) / (long.losses[best] + ADDED)
                used = short.seconds / parse_duration(limit)
                found.append({
                    "data": data, "limit": limit, "ratio": ratio, "used": used, "models": len(short.losses),
                    "recommended": short.recommended, "best": best, "of_long": len(long.losses),
                })  # fmt: skip
                rows.append([
                    f"{Path(data).name} {limit}", f"{ratio:.3f}", f"{used:.2f}",
                    f"{len(short.losses)} of {len(long.losses)}", short.recommended, best,
                ])  # fmt: skip
                print(f"{data} {limit}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    header = [
        "data and limit",
        "ratio",
        "time / limit",
        "models tested",
        "recommended",
        "best of the long run",
    ]
    print_table(header, rows)
    ratios = np.array([each["ratio"] for each in found])
    print(f"geometric mean of the ratios {np.exp(np.log(ratios).mean()):.3f}, worst {ratios.max():.3f}")
    print(f"time / limit at most {max(each['used'] for each in found):.2f}")
    write_json(given.json, {**facts, "long": given.long, "runs": found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
