"""Share of the processor's convolution speed that a whole training step keeps, and what the loop costs.

    python benchmarks/step_share.py [DATA] [--rounds 12]

Two networks: Pellucid's default `cnn` and the six convolutions of `training_speed.py`. In each
round their convolutions alone run forward and backward (same shapes, precision, layout and
gradients as in the network), then whole steps: batch assembly with augmentation, forward, loss,
backward, optimiser. Both are divided into the same number of operations: those of the
convolutions, two per multiply-add. Then a profile of the step, and the loop with its usual
observers (progress bar, history file, checkpoint at the end of every round) against the bare step
on the same finished batches.

Takes: about 2 minutes on two cores.
"""

import dataclasses
import io
import itertools
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from contestants import pellucid_loop
from contestants.data import Data
from measuring import command_line, heading, print_table, spread, summary, write_json
from step_profile import LEARNING_RATE, Case, profile_of, show_profile
from torch import Tensor, nn

from pellucid.data import prepare
from pellucid.pipeline.learners.preparation import Prepared, make_plan, material_of, prepared_for
from pellucid.settings import Settings
from pellucid.training import Batches, Examples, Recipe, Session, State, fit
from pellucid.training.batches import Batch
from pellucid.training.hardware import keep_freed_memory, pinned
from pellucid.training.observers import BarProgress, Checkpointer, HistoryFile
from pellucid.training.optimisers import build_optimizer


def default_cnn(prepared: Prepared) -> Case:
    """What `pellucid train` would train."""
    plan, examples = make_plan(Settings(), prepared), prepared.examples
    session = Session.start(plan.network, examples, plan.recipe)
    title = f"default cnn, batch {plan.recipe.batch_size}"
    return Case(title, session.network, session.state.optimizer, examples, plan.recipe)


def six_convolutions(examples: Examples, batch: int = 256) -> Case:
    """The network of `training_speed.py`, augmented like the default."""
    train = examples.train
    data = Data(np.array(examples.inputs[train]), examples.labels[train], examples.classes, batch, 0)
    settings = dataclasses.replace(pellucid_loop.SETTINGS, augment=True)
    network, own, recipe = pellucid_loop.prepare(data, settings)
    return Case(f"six convolutions, batch {batch}", network, build_optimizer(network, recipe), own, recipe)


@dataclass(frozen=True)
class LoneConvolution:
    """A convolution of a network, cut out, with an input and a gradient of the right shape.

    Attributes:
        run: one forward and backward pass.
        operations: of that pass, two per multiply-add.
    """

    run: Callable[[], None]
    operations: float


def lone_convolutions(case: Case) -> list[LoneConvolution]:
    """Cut the convolutions out of a network, in the order of the forward pass.

    One batch is sent through it to see the shapes.
    """
    found: list[LoneConvolution] = []

    def cut_out(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(layer, nn.Conv2d)
        found.append(_lone(layer, inputs[0], output, case.recipe))

    convolutions = [layer for layer in case.network.modules() if isinstance(layer, nn.Conv2d)]
    hooks = [layer.register_forward_hook(cut_out) for layer in convolutions]
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=case.recipe.precision == "bf16"):
        case.network.train()(next(case.endless()).inputs)
    for hook in hooks:
        hook.remove()
    return found


def _lone(layer: nn.Conv2d, inputs: Tensor, output: Tensor, recipe: Recipe) -> LoneConvolution:
    dtype = torch.bfloat16 if recipe.precision == "bf16" else torch.float32

    def like(tensor: Tensor, needs_gradient: bool) -> Tensor:
        values = torch.randn(tensor.shape).to(dtype).contiguous(memory_format=torch.channels_last)
        return values.requires_grad_(needs_gradient)

    own_inputs, weight = like(inputs, inputs.requires_grad), like(layer.weight, layer.weight.requires_grad)
    gradient = like(output, needs_gradient=False)
    sought = [tensor for tensor in (own_inputs, weight) if tensor.requires_grad]

    def run() -> None:
        result = torch.nn.functional.conv2d(
            own_inputs, weight, stride=layer.stride, padding=layer.padding, groups=layer.groups
        )
        if sought:
            torch.autograd.grad(result, sought, gradient)

    multiply_adds = output.numel() * layer.weight[0].numel()
    return LoneConvolution(run, 2.0 * multiply_adds * (1 + len(sought)))


def measure_shares(cases: list[Case], rounds: int, repeats: int) -> list[dict[str, list[float]]]:
    """GFLOP/s of the convolutions alone and of whole steps, interleaved; each round takes `repeats` of both.

    For each case `alone`, `step` (both GFLOP/s), `share` and `images_per_second`, one value a round.
    """
    results: list[dict[str, list[float]]] = [defaultdict(list) for _ in cases]
    prepared = [(case, lone_convolutions(case), case.step(), case.endless()) for case in cases]
    for number in range(rounds + 1):
        for (case, convolutions, step, batches), result in zip(prepared, results, strict=True):
            work = repeats * sum(each.operations for each in convolutions) / 1e9
            case.network.train()
            alone = work / _seconds(lambda each=convolutions: [one.run() for one in each], repeats)
            began = time.perf_counter()
            for _ in range(repeats):
                step(next(batches), 0, LEARNING_RATE)
            seconds = time.perf_counter() - began
            if number == 0:  # warm-up
                continue
            result["alone"].append(alone)
            result["step"].append(work / seconds)
            result["share"].append(work / seconds / alone)
            result["images_per_second"].append(repeats * case.recipe.batch_size / seconds)
    return results


def _seconds(run: Callable[[], object], repeats: int) -> float:
    began = time.perf_counter()
    for _ in range(repeats):
        run()
    return time.perf_counter() - began


class Finished(Batches):
    """So many batches of a case made beforehand, so that only the loop differs."""

    def __init__(self, case: Case, count: int) -> None:
        super().__init__(case.examples, dataclasses.replace(case.recipe, total_steps=count, epochs=1))
        self.made = list(itertools.islice(case.endless(), count))

    @property
    def per_epoch(self) -> int:
        """How many there are."""
        return len(self.made)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The same batches in every epoch."""
        del epoch
        return iter(self.made[start:])


def measure_loop(case: Case, rounds: int, steps: int) -> dict[str, list[float]]:
    """Images per second of the bare step and of the loop with its usual observers, interleaved.

    The order alternates. `bare` and `loop`, one value a round.
    """
    batches = Finished(case, steps)
    step = case.step()
    images = sum(len(batch.labels) for batch in batches.made)

    def bare() -> None:
        case.network.train()
        for number, batch in enumerate(batches.made):
            step(batch, number, LEARNING_RATE)

    def loop() -> None:
        from rich.console import Console

        console = Console(file=io.StringIO(), force_terminal=True)
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            checkpointer = Checkpointer(place, {}, steps)
            with BarProgress(console, batches.recipe) as progress:
                observers = [progress, HistoryFile(place / "history.jsonl"), checkpointer]
                fit(State(case.network, case.optimizer), step, batches, dict, observers)

    results: dict[str, list[float]] = {"bare": [], "loop": []}
    runs = {"bare": bare, "loop": loop}
    for number in range(rounds):
        for name in list(runs) if number % 2 == 0 else reversed(list(runs)):
            results[name].append(images / _seconds(runs[name], 1))
    return results


def show_shares(cases: list[Case], results: list[dict[str, list[float]]]) -> None:
    """Print the first table."""
    rows = []
    for case, result in zip(cases, results, strict=True):
        middle = {name: statistics.median(values) for name, values in result.items()}
        rows.append(
            [
                f"{case.title}, {case.recipe.precision}",
                f"{middle['alone']:,.0f} ({spread(result['alone'])})",
                f"{middle['step']:,.0f} ({spread(result['step'])})",
                f"{middle['share']:.3f} ({spread(result['share'], 3)})",
                f"{middle['images_per_second']:,.0f}",
            ]
        )
    print("GFLOP/s of the convolutions' own work: median (range)")
    print_table(["", "convolutions alone", "whole step", "share", "images/s"], rows)


def show_loop(case: Case, speeds: dict[str, list[float]], steps: int) -> None:
    """Print the third table."""
    costs = [1 - loop / bare for loop, bare in zip(speeds["loop"], speeds["bare"], strict=True)]
    print(f"The loop with progress bar, history file and checkpoint; {steps} steps a round, {case.title}")
    rows = [
        ["bare step, images/s", f"{statistics.median(speeds['bare']):,.0f}", spread(speeds["bare"])],
        ["loop, images/s", f"{statistics.median(speeds['loop']):,.0f}", spread(speeds["loop"])],
        ["cost of the loop", f"{statistics.median(costs):.1%}", f"{min(costs):.1%} to {max(costs):.1%}"],
    ]
    print_table([f"n = {len(costs)}", "median", "range"], rows)


def main() -> int:
    """Measure and print three tables."""
    parser = command_line(__doc__)
    parser.add_argument("data", nargs="?", default="sample:fashion", help="default: sample:fashion")
    parser.add_argument("--rounds", type=int, default=12, help="of convolutions and steps (default: 12)")
    parser.add_argument("--repeats", type=int, default=4, help="steps per round (default: 4)")
    parser.add_argument("--loop-rounds", type=int, default=5)
    parser.add_argument(
        "--loop-seconds", type=float, default=5.0, help="of a round: as often as `train` saves (default: 5)"
    )
    parser.add_argument("--profile-steps", type=int, default=6)
    arguments = parser.parse_args()

    facts = heading(("pellucid", "torch", "numpy"))
    keep_freed_memory()
    dataset, _ = prepare(arguments.data, Settings())
    prepared = prepared_for("cnn", material_of(dataset), Settings())
    examples = prepared.examples
    cases = [default_cnn(prepared), six_convolutions(examples)]
    largest = max(case.recipe.batch_size for case in cases)
    print(f"n = {arguments.rounds} rounds of {arguments.repeats} steps, {len(examples.train):,} images")
    assert len(examples.train) > largest, "too few images for one full batch"
    with pinned(cases[0].recipe.threads):
        results = measure_shares(cases, arguments.rounds, arguments.repeats)
        show_shares(cases, results)
        profiles = [profile_of(case, arguments.profile_steps) for case in cases]
        show_profile(cases, profiles, arguments.profile_steps)
        rate = statistics.median(results[0]["images_per_second"])
        steps = max(2, round(arguments.loop_seconds * rate / cases[0].recipe.batch_size))
        speeds = measure_loop(cases[0], arguments.loop_rounds, steps)
        show_loop(cases[0], speeds, steps)
    shares = {
        case.title: {name: summary(values) for name, values in result.items()} | {"profile": profiled}
        for case, result, profiled in zip(cases, results, profiles, strict=True)
    }
    loop = {name: summary(values) for name, values in speeds.items()}
    write_json(arguments.json, {**facts, "networks": shares, "loop_images_per_second": loop})
    return 0


if __name__ == "__main__":
    sys.exit(main())
