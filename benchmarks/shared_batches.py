"""Training rate where threads compute parts of each batch, against threads that share every operation.

    python benchmarks/shared_batches.py [--models cnn mlp rnn] [--parts 2 8] [--beside 0 1] [--threads 2]

The same network on the same examples, images of 28 by 28 pixels or texts of 20 to 200 words, drawn by chance
since only time matters; batches and parts are those by rule, and `--parts` adds others. All ways are trained
in turns, in one process. `--beside` says how many busy processes count up for ever meanwhile. With
`ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2` before it as a processor of AVX2 alone computes.

Takes: about a minute for each model and number of busy processes.
"""

import contextlib
import dataclasses
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

from pellucid.encoding.encoder import Tokens
from pellucid.networks import InputFacts, design
from pellucid.settings import GENERATIVE, NEURAL_OF_TEXTS, Settings
from pellucid.targets import CLASSIFICATION, GENERATION
from pellucid.training import Examples, Recipe, Session, Surroundings, choose_recipe
from pellucid.training.hardware import keep_freed_memory, pinned
from pellucid.training.steps import make_step

EXAMPLES, CLASSES, SIDE, LONGEST, WORDS = 20_000, 10, 28, 200, 20_000
# Milliseconds that a turn takes at least, so that steps of small networks are timed as well.
TURN = 1500.0


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


def begin(
    model: str,
    precision: str,
    batch: int | None,
    threads: int,
    shape: tuple[int, int, int] = (SIDE, SIDE, 1),
    preset: str = "standard",
) -> Session:
    """A session of a network on drawn examples; images are of `shape` (height, width, channels)."""
    draws = np.random.default_rng(0)
    if model in NEURAL_OF_TEXTS:
        lengths = draws.integers(20, LONGEST, EXAMPLES)
        ids = draws.integers(2, WORDS, lengths.sum()).astype(np.int32)
        inputs = Tokens(ids, np.concatenate([[0], np.cumsum(lengths)]), vocabulary=WORDS, length=LONGEST)
        facts = InputFacts((LONGEST,), CLASSES, EXAMPLES, vocabulary=WORDS)
    else:
        inputs = draws.integers(0, 255, (EXAMPLES, *shape), dtype=np.uint8)
        facts = InputFacts((shape[2], *shape[:2]), CLASSES, EXAMPLES)
    labels, every = draws.integers(0, CLASSES, EXAMPLES), np.arange(EXAMPLES)
    target = GENERATION if model in GENERATIVE else CLASSIFICATION
    examples = Examples(inputs, labels, every, every[:0], CLASSES, target)
    settings = Settings(
        model=model, preset=preset, precision=precision, batch_size=batch, epochs=16, threads=threads
    )
    around = Surroundings(
        train_labels=labels,
        classes=CLASSES,
        target=target,
        takes=examples.takes,
        precision=precision,
        device="cpu",
        threads=threads,
        model=model,
        shortest_side=min(shape[:2]),
        channels=shape[2],
        mirror_keeps_class=True,
    )
    return Session.start(design(model, settings, facts), examples, choose_recipe(settings, around))


def turns(sessions: dict[str, Session], rounds: int, threads: int) -> dict[str, list[float]]:
    """Examples a second of each way, in turns."""
    rates: dict[str, list[float]] = {way: [] for way in sessions}
    steps, batches = {}, {}
    for way, session in sessions.items():
        recipe = session.batches.recipe
        session.network.train()
        steps[way] = make_step(session.network, session.state.optimizer, recipe, session.batches.examples)
        batches[way] = [batch for batch, _ in zip(session.batches.epoch(0), range(40), strict=False)]
    with pinned(threads):
        for _ in range(rounds):
            for way, step in steps.items():
                torch.set_num_threads(threads if way == OPERATIONS else 1)
                for batch in batches[way][:2]:
                    step(batch, 0, 1e-3)
                seen, began = 0, time.perf_counter()
                while (time.perf_counter() - began) * 1000 < TURN:
                    for batch in batches[way][:10]:
                        step(batch, 0, 1e-3)
                        seen += len(batch.labels)
                rates[way].append(seen / (time.perf_counter() - began))
    return rates


OPERATIONS = "every operation"


def main() -> int:
    given = command_line(
        __doc__,
        models=["cnn"],
        precision=Among(("bf16", "fp32"), "bf16"),
        batch=int,
        parts=[0],
        beside=[0],
        threads=cores(),
        rounds=5,
    ).parse_args()
    facts = heading("pellucid", "torch")
    keep_freed_memory()
    rows, kept = [], {}
    for model in given.models:
        first = begin(model, given.precision, given.batch, given.threads)
        rule: Recipe = first.batches.recipe
        sessions = {}
        for parts in dict.fromkeys((1, rule.parts, *filter(None, given.parts))):
            session = begin(model, given.precision, given.batch, given.threads)
            session.batches.recipe = dataclasses.replace(rule, parts=parts)
            sessions[f"parts {parts}"] = session
        whole = begin(model, given.precision, given.batch, given.threads)
        whole.batches.recipe = dataclasses.replace(rule, parts=1)
        sessions = {f"{rule.parts} parts": sessions.pop(f"parts {rule.parts}"), OPERATIONS: whole, **sessions}
        for beside in given.beside:
            with busy(beside):
                rates = turns(sessions, given.rounds, given.threads)
            for way, found in rates.items():
                ratios = [new / old for old, new in zip(rates[OPERATIONS], found, strict=True)]
                told = f"{statistics.median(ratios):.2f} [{spread(ratios, 2)}]"
                rows.append((model, str(rule.batch_size), str(beside), way, middle(found), told))
            kept[f"{model} beside {beside}"] = {way: summary(each) for way, each in rates.items()}
    print(f"n = {given.rounds} rounds, {given.threads} threads; examples a second, median and range\n")
    print_table(("network", "batch", "busy processes", "threads share", "rate", "ratio"), rows)
    write_json(given.json, {**facts, "examples_per_second": kept})
    return 0


if __name__ == "__main__":
    sys.exit(main())
