"""Training rate of `cnn` where threads take a part of each batch, against threads that share every layer.

    python benchmarks/shared_batches.py [--batch 256] [--precision bf16] [--beside 0 1] [--threads 2]

The same network on the same images of 28 by 28 pixels, drawn by chance since only time matters; a network for
each of the two ways, both trained in turns, in one process. `--beside` says how many busy processes count up
for ever meanwhile. With `ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2` before it as a processor of AVX2
alone computes.

Takes: about a minute for each number of busy processes.
"""

import os
import statistics
import sys
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command waits; it must stand before torch loads

import numpy as np
import torch
from measuring import command_line, cores, heading, print_table, spread, summary, write_json
from neighbours import busy

from pellucid.networks import InputFacts, design
from pellucid.settings import Settings
from pellucid.training import Examples, Session, Surroundings, choose_recipe, descent
from pellucid.training.hardware import keep_freed_memory
from pellucid.training.steps import make_step

IMAGES, CLASSES, SIDE = 20_000, 10, 28


def main() -> int:
    """Measure and print a table; the exit code."""
    parser = command_line(__doc__)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--precision", choices=("bf16", "fp32"), default="bf16")
    parser.add_argument("--beside", type=int, nargs="+", default=[0, 1], help="busy processes (default: 0 1)")
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40, help="of each way in a round (default: 40)")
    given = parser.parse_args()
    facts = heading(("pellucid", "torch"))
    draws = np.random.default_rng(0)
    images = draws.integers(0, 255, (IMAGES, SIDE, SIDE, 1), dtype=np.uint8)
    examples = Examples(images, draws.integers(0, CLASSES, IMAGES), np.arange(IMAGES), np.arange(0), CLASSES)
    settings = Settings(precision=given.precision, batch_size=given.batch, epochs=1)
    around = Surroundings(
        train_labels=examples.labels,
        classes=CLASSES,
        takes="images",
        shortest_side=SIDE,
        mirror_keeps_class=True,
        precision=given.precision,
        device="cpu",
        threads=given.threads,
        model="cnn",
    )
    recipe = choose_recipe(settings, around)
    config = design("cnn", settings, InputFacts((1, SIDE, SIDE), CLASSES, IMAGES))
    keep_freed_memory()
    torch.set_num_threads(given.threads)
    steps, families = {}, descent.FEWEST
    for way, shared in (("every layer", {}), ("each batch", families)):
        descent.FEWEST = shared
        session = Session.start(config, examples, recipe)
        session.network.train()
        steps[way] = make_step(session.network, session.state.optimizer, recipe, examples)
    batches = [batch for batch, _ in zip(session.batches.epoch(0), range(given.steps), strict=False)]
    rows, kept = [], {}
    for beside in given.beside:
        rates: dict[str, list[float]] = {way: [] for way in steps}
        with busy(beside):
            for _ in range(given.rounds):
                for way, step in steps.items():
                    for batch in batches[:3]:
                        step(batch, 0, 1e-3)
                    began = time.perf_counter()
                    for batch in batches:
                        step(batch, 0, 1e-3)
                    rates[way].append(len(batches) * given.batch / (time.perf_counter() - began))
        one, other = rates.values()
        ratios = [new / old for old, new in zip(one, other, strict=True)]
        told = [f"{statistics.median(each):,.0f} [{spread(each)}]" for each in (one, other)]
        rows.append((str(beside), *told, f"{statistics.median(ratios):.2f} [{spread(ratios, 2)}]"))
        kept[str(beside)] = {way: summary(each) for way, each in rates.items()}
    print(f"n = {given.rounds} rounds; images a second, median and range\n")
    print_table(("busy processes", "threads share every layer", "each batch", "ratio"), rows)
    write_json(given.json, {**facts, "images_per_second": kept})
    return 0


if __name__ == "__main__":
    sys.exit(main())
