"""Share of its convolutions in a training step, alone on the same threads: what all else costs.

    python benchmarks/step_share.py [--precision fp32] [--presets quick standard] [--rounds 7]

A `cnn` of 28 by 28 grey and of 32 by 32 coloured pixels, by its usual recipe, on pixels drawn by chance: only
time matters. *Step*: batch with augmentation, forward, loss, backward, update. *Convolutions alone*: the
same kernels on tensors of the same shapes and precision, forward and backward, for the same parts of a batch
shared out between the same threads; of a layer that gets no gradient for its input or its weights, that is
left out here too. In turns, in one process. With `ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2` before it
and `--precision fp32` as a processor of AVX2 alone computes.

Takes: about a minute for each preset on two cores.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command waits; it must stand before torch loads

import torch
from measuring import Among, command_line, cores, heading, middle, print_table, spread, summary, write_json
from shared_batches import begin
from torch import Tensor, nn

from pellucid.pieces import in_pieces
from pellucid.training import Session
from pellucid.training.hardware import keep_freed_memory, pinned
from pellucid.training.steps import make_step, parts_of

SHAPES = {"grey, 28 x 28": (28, 28, 1), "colour, 32 x 32": (32, 32, 3)}
TURN = 1.0  # seconds that a turn takes at least


class Convolution(NamedTuple):
    """A convolution on the tensors of one part, with what its backward pass computes."""

    layer: nn.Conv2d
    images: Tensor
    weight: Tensor
    gradient: Tensor
    needed: list[bool]  # gradients of images, weights and bias

    def run(self) -> None:
        layer = self.layer
        torch.conv2d(self.images, self.weight, None, layer.stride, layer.padding)
        if any(self.needed):
            torch.ops.aten.convolution_backward(
                self.gradient, self.images, self.weight, None, layer.stride, layer.padding,
                layer.dilation, False, [0, 0], 1, self.needed,
            )  # fmt: skip

    @property
    def operations(self) -> float:
        """Floating-point operations, a multiplication with its addition as two."""
        forward = 2 * self.gradient.numel() * self.weight[0].numel()
        return float(forward * (1 + sum(self.needed)))


def convolutions(session: Session, size: int) -> list[Convolution]:
    """The convolutions of the network for a part of so many examples, in the order of computation."""
    is_bf16 = session.batches.recipe.precision == "bf16"
    found: list[Convolution] = []

    def remember(layer: Any, given: tuple[Tensor, ...], result: Tensor) -> None:
        images, gradient = (each.detach().clone() for each in (given[0].to(result.dtype), result))
        weight = layer.weight.detach().to(result.dtype)
        needed = [given[0].requires_grad, layer.weight.requires_grad, False]
        found.append(Convolution(layer, images, weight, gradient, needed))

    layers = [each for each in session.network.modules() if isinstance(each, nn.Conv2d)]
    handles = [each.register_forward_hook(remember) for each in layers]
    batch = next(iter(session.batches.epoch(0))).part(slice(0, size))
    with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
        session.network(batch.inputs)
    for handle in handles:
        handle.remove()
    return found


def rates(session: Session, rounds: int) -> tuple[dict[str, list[float]], float]:
    """Batches a second of the step and of its convolutions alone, in turns, and operations of a batch."""
    recipe = session.batches.recipe
    step = make_step(session.network, session.state.optimizer, recipe, session.batches.examples)
    parts = parts_of(recipe.batch_size, recipe)
    session.network.train()
    alone = [convolutions(session, part.examples.stop - part.examples.start) for part in parts]

    def steps() -> int:
        taken = 0
        for number, batch in enumerate(session.batches.epoch(0)):
            if number == 4:
                break
            step(batch, number, 1e-3)
            taken += 1
        return taken

    def kernels() -> int:
        in_pieces(lambda part: [each.run() for each in part], alone)
        return 1

    ways: dict[str, Callable[[], int]] = {"step": steps, "convolutions": kernels}
    found: dict[str, list[float]] = {way: [] for way in ways}
    with pinned(recipe.threads):
        for number in range(-1, rounds):  # the first does not count
            for way, work in ways.items():
                taken, began = 0, time.perf_counter()
                while time.perf_counter() - began < TURN:
                    taken += work()
                if number >= 0:
                    found[way].append(taken / (time.perf_counter() - began))
    return found, sum(each.operations for part in alone for each in part)


def main() -> int:
    given = command_line(
        __doc__,
        precision=Among(("bf16", "fp32"), "bf16"),
        presets=["quick", "standard"],
        threads=cores(),
        rounds=7,
    ).parse_args()
    facts = heading("pellucid", "torch")
    keep_freed_memory()
    rows, kept = [], {}
    for preset in given.presets:
        for name, shape in SHAPES.items():
            session = begin("cnn", given.precision, None, given.threads, shape, preset)
            found, operations = rates(session, given.rounds)
            shares = [mine / alone for mine, alone in zip(found["step"], found["convolutions"], strict=True)]
            batch = session.batches.recipe.batch_size
            rows.append(
                (
                    f"{preset}, {name}",
                    str(batch),
                    middle([each * batch for each in found["step"]]),
                    middle([each * operations / 1e9 for each in found["convolutions"]]),
                    f"{statistics.median(shares):.3f} [{spread(shares, 3)}]",
                )
            )
            kept[f"{preset}, {name}"] = {way: summary(each) for way, each in found.items()}
    print(f"n = {given.rounds} rounds, {given.precision}, {given.threads} threads; median and range\n")
    print_table(("cnn", "batch", "images/s", "GFLOP/s of convolutions alone", "share"), rows)
    write_json(given.json, {**facts, "batches_per_second": kept})
    return 0


if __name__ == "__main__":
    sys.exit(main())
