"""What it costs to look into the layers while they learn (`training/health.py`), as a share of training time.

    python benchmarks/health_cost.py [--rounds 15] [--threads 1] [--json FILE]

For each network, as `pellucid train` would train it: in every round the same batches, as many as lie from one
measured step to the next, are taken twice, once by the bare step and once by the step that is looked into,
in turns first and second, in one process on one network. The ratio of both times, less one, is the cost; the
median over the rounds and their quartiles are shown. Only steps are timed; with everything else that training
does the share is smaller.

Takes: about 4 minutes on two cores.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measuring import heading, print_table, summary, write_json

from pellucid.data import prepare
from pellucid.pipeline.plan import make_plan
from pellucid.pipeline.preparation import material_of, prepared_for, session_of
from pellucid.settings import Settings
from pellucid.training.batches import Batch
from pellucid.training.determinism import pinned
from pellucid.training.health import ExaminedStep, spacing
from pellucid.training.memory import keep_freed_memory
from pellucid.training.steps import Step, make_step

_CASES = (
    ("sample:fashion", {"model": "cnn"}),
    ("sample:fashion", {"model": "mlp"}),
    ("sample:fashion", {"model": "mlp", "width": 32}),
    ("sample:spam", {"model": "bag"}),
    ("sample:spam", {"model": "rnn"}),
    ("sample:spam", {"model": "text-cnn"}),
)


def main() -> None:
    """Measure every network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    document = heading(["torch", "numpy"])
    keep_freed_memory()
    rows, document["cases"] = [], []
    for place, given in _CASES:
        found = measured(place, Settings(**given, threads=arguments.threads), arguments.rounds)
        document["cases"].append(found)
        costs, steps = found["cost_percent"]["values"], found["step_milliseconds"]["median"]
        low, _, high = statistics.quantiles(costs, n=4)
        words = " ".join(str(value) for value in given.values())
        cost = f"{statistics.median(costs):.2f} % [{low:.2f}, {high:.2f}]"
        rows.append((f"{words}, {place}", f"{found['spacing']}", f"{steps:.2f}", cost))
    print_table(("network", "every", "step, ms", "cost, median [quartiles]"), rows)
    write_json(arguments.json, document)


def measured(place: str, settings: Settings, rounds: int) -> dict[str, Any]:
    """Measure one network.

    Args:
        place: DATA.
        settings: what the user would ask for.
        rounds: how often both are timed.

    Returns:
        The numbers.
    """
    dataset, _ = prepare(place, settings)
    material = material_of(dataset)
    prepared = prepared_for(settings.model, material, settings)
    plan = make_plan(settings, prepared)
    session = session_of(plan.network, prepared, plan.recipe)
    recipe, batches = plan.recipe, session.batches
    bare = make_step(session.network, session.state.optimizer, recipe, batches.examples)
    watched = ExaminedStep(bare, session.state, batches)
    between = spacing(recipe, batches.per_epoch)
    endless = itertools.chain.from_iterable(batches.epoch(epoch) for epoch in itertools.count())
    costs: list[float] = []
    steps: list[float] = []
    with pinned(recipe.threads):
        session.network.train()
        _seconds(watched, list(itertools.islice(endless, between)))
        for number in range(rounds):
            block = list(itertools.islice(endless, between))
            order = (bare, watched) if number % 2 else (watched, bare)
            seconds = {id(step): _seconds(step, block) for step in order}
            costs.append(100 * (seconds[id(watched)] / seconds[id(bare)] - 1))
            steps.append(1000 * seconds[id(bare)] / between)
    return {
        "data": place,
        "model": settings.model,
        "spacing": between,
        "cost_percent": summary(costs),
        "step_milliseconds": summary(steps),
    }


def _seconds(step: Step, block: Sequence[Batch]) -> float:
    """Time of a block of steps, of which the last is a measured one."""
    began = time.perf_counter()
    for number, batch in enumerate(block):
        step(batch, number, 1e-4)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
