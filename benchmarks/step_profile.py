"""One network with its batches, and the time of its steps by kind of work, as `step_share.py` shows it."""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from measuring import print_table
from torch import nn
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from pellucid.training import Batches, Examples, Recipe
from pellucid.training.batches import Batch
from pellucid.training.steps import ClassificationStep

LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Case:
    """One network with its batches.

    Attributes:
        title: what people read.
        network: the network.
        optimizer: its optimiser.
        examples: what it learns from.
        recipe: how.
    """

    title: str
    network: nn.Module
    optimizer: torch.optim.Optimizer
    examples: Examples
    recipe: Recipe

    def endless(self) -> Iterator[Batch]:
        """Batches, epoch after epoch, without the smaller last one."""
        batches = Batches(self.examples, self.recipe)
        for epoch in itertools.count():
            yield from itertools.islice(batches.epoch(epoch), batches.per_epoch - 1)

    def step(self) -> ClassificationStep:
        """The bare step."""
        return ClassificationStep(self.network, self.optimizer, self.recipe, len(self.examples.train))


_KINDS = {
    "convolution": ("conv",),
    "norm": ("batch_norm",),
    "activation": ("relu", "gelu", "threshold_backward"),
    "pooling": ("pool", "amax", "max_backward", "scale_grad", "aten::eq", "aten::ne"),
    "optimiser": ("adam", "Optimizer", "_foreach_norm"),
    "casts and copies": ("copy", "aten::to", "contiguous", "clone"),
}

ASSEMBLY, OTHER = "batch assembly", "loss, sums and everything else"


def kind_of(event: FunctionEvent) -> str:
    """Kind of work of an operation in the profile, by the names of itself and of whoever called it."""
    names = [event.name]
    caller = event.cpu_parent
    while caller is not None:
        names.append(caller.name)
        caller = caller.cpu_parent
    if ASSEMBLY in names:
        return ASSEMBLY
    for name in names:
        for kind, parts in _KINDS.items():
            if any(part.lower() in name.lower() for part in parts):
                return kind
    return OTHER


def profile_of(case: Case, steps: int) -> dict[str, float]:
    """Share of a step's time by kind of work; the shares add up to 1."""
    step, batches = case.step(), case.endless()
    case.network.train()
    step(next(batches), 0, LEARNING_RATE)
    with profile(activities=[ProfilerActivity.CPU]) as profiler, record_function("all"):
        for _ in range(steps):
            with record_function(ASSEMBLY):
                batch = next(batches)
            step(batch, 0, LEARNING_RATE)
    seconds: dict[str, float] = defaultdict(float)
    for event in profiler.events():
        seconds[kind_of(event)] += event.self_cpu_time_total
    total = sum(seconds.values())
    return {kind: seconds[kind] / total for kind in (*_KINDS, ASSEMBLY, OTHER)}


def show_profile(cases: list[Case], profiles: list[dict[str, float]], steps: int) -> None:
    """Print the second table."""
    print(f"Where a step's time goes, {steps} steps under torch.profiler")
    rows = [[kind, *(f"{shares[kind]:.1%}" for shares in profiles)] for kind in profiles[0]]
    print_table(["", *(case.title for case in cases)], rows)
