"""Training rate of `cnn` where threads take a part of each batch, against threads that share every layer.

    python benchmarks/shared_batches.py [--batch 256] [--precision bf16] [--beside 0 1] [--threads 2]

The same network on the same images of 28 by 28 pixels, drawn by chance since only time matters; a network for
each of the two ways, both trained in turns, in one process. `--beside` says how many busy processes count up
for ever meanwhile. With `ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2` before it as a processor of AVX2
alone computes.

Takes: about a minute for each number of busy processes.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command waits; it must stand before torch loads

import numpy as np
import torch
from measuring import Among, command_line, cores, heading, middle, print_table, spread, summary, write_json

from pellucid.networks import InputFacts, design
from pellucid.settings import Settings
from pellucid.training import Examples, Session, Surroundings, choose_recipe
from pellucid.training import steps as step_module
from pellucid.training.hardware import keep_freed_memory
from pellucid.training.steps import make_step

IMAGES, CLASSES, SIDE = 20_000, 10, 28


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


def main() -> int:
    own = {"beside": [0, 1], "threads": cores(), "rounds": 5, "steps": 40}
    given = command_line(__doc__, batch=256, precision=Among(("bf16", "fp32"), "bf16"), **own).parse_args()
    facts = heading("pellucid", "torch")
    draws = np.random.default_rng(0)
    images = draws.integers(0, 255, (IMAGES, SIDE, SIDE, 1), dtype=np.uint8)
    examples = Examples(images, draws.integers(0, CLASSES, IMAGES), np.arange(IMAGES), np.arange(0), CLASSES)
    settings = Settings(precision=given.precision, batch_size=given.batch, epochs=1)
    kind = {"takes": "images", "shortest_side": SIDE, "mirror_keeps_class": True, "model": "cnn"}
    own = {"classes": CLASSES, "precision": given.precision, "device": "cpu", "threads": given.threads}
    around = Surroundings(train_labels=examples.labels, **kind, **own)
    recipe = choose_recipe(settings, around)
    config = design("cnn", settings, InputFacts((1, SIDE, SIDE), CLASSES, IMAGES))
    keep_freed_memory()
    torch.set_num_threads(given.threads)
    steps, families = {}, step_module.FEWEST
    for way, shared in (("every layer", {}), ("each batch", families)):
        step_module.FEWEST = shared
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
        told = [middle(each) for each in (one, other)]
        rows.append((str(beside), *told, f"{statistics.median(ratios):.2f} [{spread(ratios, 2)}]"))
        kept[str(beside)] = {way: summary(each) for way, each in rates.items()}
    print(f"n = {given.rounds} rounds; images a second, median and range\n")
    print_table(("busy processes", "threads share every layer", "each batch", "ratio"), rows)
    write_json(given.json, {**facts, "images_per_second": kept})
    return 0


if __name__ == "__main__":
    sys.exit(main())
