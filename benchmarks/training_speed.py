"""Training speed of one and the same network in Keras, fastai, skorch, plain PyTorch and Pellucid.

    python benchmarks/training_speed.py [DATA] [--rounds 5] [--steps 24] [--only NAME ...]

Every contestant lives in a process of its own that waits while the others run. In each round each
trains one epoch of the same images; the order rotates from round to round. Building, compiling
and a warm-up epoch are not counted. Everybody uses all cores, as each does by default.
`contestants/` holds the network and the loop of each.

Takes: about 7 minutes on two cores and 8 GB of memory; the baselines come with `pip install pellucid[bench]`.
"""

import sys
from typing import Any

import numpy as np
from contest import held, show
from contestants import CONTESTANTS
from contestants.data import Data
from measuring import command_line, heading, summary, write_json

from pellucid.data import prepare
from pellucid.settings import Settings

PACKAGES = ("pellucid", "torch", "keras", "tensorflow-cpu", "jax", "fastai", "skorch", "numpy")
OURS = "pellucid"
TABLES = {
    "defaults": "Everybody at their defaults",
    "equal": "Published beside it: everybody at Pellucid's precision and layout",
}


def cut(place: str, batch: int, steps: int, warm_up_steps: int) -> Data:
    """Take the first `batch * steps` training images of DATA; the epoch of `warm_up_steps` is not counted."""
    dataset, _ = prepare(place, Settings())
    chosen = np.random.default_rng(0).permutation(dataset.train)[: batch * steps]
    if len(chosen) < batch * steps:
        raise SystemExit(f"{place}: has {len(dataset.train)} images to train on, {batch * steps} are needed")
    return Data(
        np.ascontiguousarray(dataset.inputs[chosen]),
        dataset.labels[chosen],
        len(dataset.classes),
        batch,
        min(warm_up_steps, steps),
    )


def main() -> int:
    """Measure and print both tables; 0 when all networks have the same number of parameters, else 1."""
    parser = command_line(__doc__)
    parser.add_argument("data", nargs="?", default="sample:fashion", help="default: sample:fashion")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=24, help="steps per contestant and round (default: 24)")
    parser.add_argument("--warm-up", type=int, default=4, help="steps before the first round (default: 4)")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--only", nargs="+", choices=list(CONTESTANTS), default=list(CONTESTANTS))
    arguments = parser.parse_args()

    facts: dict[str, Any] = heading(PACKAGES)
    data = cut(arguments.data, arguments.batch, arguments.steps, arguments.warm_up)
    workers, missing = held({name: CONTESTANTS[name] for name in arguments.only}, data, arguments.rounds)
    counts = {name: worker.parameters for name, worker in workers.items()}
    agree = len(set(counts.values())) == 1
    print(
        f"n = {arguments.rounds} rounds of {arguments.steps} steps of {arguments.batch} images each; "
        f"trainable parameters {', '.join(f'{count:,}' for count in sorted(set(counts.values())))} "
        f"({'equal for all' if agree else f'NOT EQUAL: {counts}'}); "
        "ratios are medians over the rounds\n"
    )
    for table, title in TABLES.items():
        print(title)
        belongs = {name: each for name, each in CONTESTANTS.items() if each.table in (table, "both")}
        show(belongs, workers, missing, OURS, "images")
    speeds = {name: summary(worker.speeds) for name, worker in workers.items()}
    write_json(
        arguments.json, {**facts, "parameters": counts, "images_per_second": speeds, "missing": missing}
    )
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
