"""Cost of looking into the layers while they learn (`training/layer_health.py`), as a share of training.

    python benchmarks/health_cost.py [--rounds 31] [--threads 1] [--json FILE]

For each network, as `pellucid train` would train it: in every round one batch is taken twice, once by the
bare step and once by a step that is looked into, in turns first and second, in one process on one network.
What the second takes more, divided by the steps from one measured step to the next and by the time of the
bare step, is the cost; the median over the rounds and the quartiles are shown. Only steps are timed; with
everything else that training does the share is smaller. Processor time counts, so that other work on the
machine does not; therefore one thread by default.

Takes: about a minute.
"""

import itertools
import statistics
import time
from typing import Any

from measuring import command_line, heading, print_table, summary, write_json

from pellucid.data import prepare
from pellucid.pipeline.learners.preparation import make_plan, material_of, prepared_for, session_of
from pellucid.settings import Settings
from pellucid.training.batches import Batch
from pellucid.training.hardware import keep_freed_memory, pinned
from pellucid.training.layer_health import ExaminedStep, spacing
from pellucid.training.steps import Step, make_step

_WARM = 4
_CASES = (
    ("sample:fashion", {"model": "cnn"}),
    ("sample:fashion", {"model": "mlp"}),
    ("sample:fashion", {"model": "mlp", "width": 32}),
    ("sample:fashion", {"model": "lenet"}),
    ("sample:spam", {"model": "bag"}),
    ("sample:spam", {"model": "rnn"}),
    ("sample:spam", {"model": "text-cnn"}),
)


def main() -> None:
    """Measure every network."""
    parser = command_line(__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--threads", type=int, default=1)
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
        more = found["more_milliseconds"]["median"]
        rows.append((f"{words}, {place}", f"{found['spacing']}", f"{steps:.2f}", f"{more:.2f}", cost))
    print_table(("network", "every", "step, ms", "more, ms", "cost, median [quartiles]"), rows)
    write_json(arguments.json, document)


def measured(place: str, settings: Settings, rounds: int) -> dict[str, Any]:
    """Measure one network on DATA; both are timed once in each round."""
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
    steps: list[float] = []
    more: list[float] = []
    with pinned(recipe.threads):
        session.network.train()
        for number in range(-_WARM, rounds):
            batch = next(endless)
            order = (bare, watched) if number % 2 else (watched, bare)
            seconds = {id(step): _seconds(step, batch, between) for step in order}
            if number >= 0:
                steps.append(1000 * seconds[id(bare)])
                more.append(1000 * (seconds[id(watched)] - seconds[id(bare)]))
    usual = statistics.median(steps)
    costs = [100 * each / between / usual for each in more]
    return {
        "data": place,
        "model": settings.model,
        "spacing": between,
        "cost_percent": summary(costs),
        "step_milliseconds": summary(steps),
        "more_milliseconds": summary(more),
    }


def _seconds(step: Step, batch: Batch, between: int) -> float:
    """Processor time of one step; its number is that of a measured one."""
    began = time.process_time()
    step(batch, between - 1, 1e-4)
    return time.process_time() - began


if __name__ == "__main__":
    main()
