"""The training step, one for every objective: loss, gradients, update; its batch divided among threads."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.errors import DivergedError
from pellucid.networks import HeadAlone, Network
from pellucid.training.batches import Batch, Examples
from pellucid.training.objectives import LossAndHits, Objective, make_objective
from pellucid.training.optimisers import SHARE, values_of
from pellucid.training.recipe import Recipe, batches_per_epoch

Found = TypeVar("Found")


class StepResult(NamedTuple):
    """Result of one step on its batch, before the update."""

    loss: float  # mean over the batch
    examples: int  # size of the batch
    correct: int = 0  # examples whose largest logit is their class; 0 where numbers are predicted
    also: Mapping[str, float] = {}  # what else is recorded, by name: means over the batch


# A step on a batch, after so many others, at a learning rate.
Step = Callable[[Batch, int, float], StepResult]


class TrainingStep:
    """Optimiser steps down the losses of an objective, one batch at a time.

    Full-batch gradient descent (`gd`) adds up the gradients of all batches of an epoch, each weighted by its
    share of the examples, and updates once at the end.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        objective: Objective,
        recipe: Recipe,
        examples: int,
    ) -> None:
        self._network, self._optimizer, self._objective = network, optimizer, objective
        self._gd_examples = examples if recipe.optimizer == "gd" else None
        self._per_update = batches_per_epoch(examples, recipe.batch_size) if recipe.optimizer == "gd" else 1
        self._parameters = list(network.parameters())
        self._workers = DataParallelWorkers(network, recipe)

    def __call__(self, batch: Batch, step: int, learning_rate: float) -> StepResult:
        """Take one step at a learning rate; `step` counts those already taken.

        Raises: `DivergedError` if a loss or a gradient is not finite; the weights are left as they were.
        """
        results = []
        for loss in self._objective.losses(batch, step):  # adversaries have one each
            results.append(self.gradients(loss, batch))
            _require_finite(results[-1].loss, "loss", batch, step, learning_rate)
            gradients = [values_of(each.grad) for each in self._learning() if each.grad is not None]
            norm = torch.stack(torch._foreach_norm(gradients)).norm()
            _require_finite(float(norm), "gradient", batch, step, learning_rate)
            if (step + 1) % self._per_update == 0:
                for group in self._optimizer.param_groups:
                    group["lr"] = learning_rate * group[SHARE]
                self._optimizer.step()
                self._optimizer.zero_grad(set_to_none=True)
        return results[0]._replace(also=results[-1].also)

    def gradients(self, loss: Callable[[nn.Module, Batch], LossAndHits], batch: Batch) -> StepResult:
        """Add the gradients of a batch's mean loss to those of the parameters; none if it is not finite.

        Where that is faster each worker takes a micro-batch.
        """
        scale = 1.0 if self._gd_examples is None else len(batch.labels) / self._gd_examples
        parts = self._workers.parts(len(batch.labels))
        if len(parts) == 1:
            found = loss(self._network, batch)
            value = found.loss.item()
            if math.isfinite(value):
                descended = found.loss if scale == 1.0 else found.loss * scale
                descended.backward()  # type: ignore[no-untyped-call]
            return StepResult(value, len(batch.labels), found.hits, found.also)
        whole, parameters = self._objective.weight(batch), self._learning()

        def work(part: MicroBatch) -> tuple[float, int, Sequence[Tensor | None]]:
            """Share of a micro-batch in the mean loss, its hits, and gradients of that share."""
            mine = batch.part(part.examples)
            found = loss(part.network, mine)
            share = found.loss * (self._objective.weight(mine) / whole)
            return share.item(), found.hits, torch.autograd.grad(share, parameters, allow_unused=True)

        values, hits, gradients = zip(*self._workers.each(parts, work), strict=True)
        if math.isfinite(sum(values)):
            for parameter, of_parts in zip(parameters, zip(*gradients, strict=True), strict=True):
                there = [each for each in of_parts if each is not None]
                if not there:
                    continue
                gradient = sum(there[1:], start=there[0])
                gradient = gradient if scale == 1.0 else gradient * scale
                if gradient.stride() != parameter.stride():  # a fused update goes by the order in memory
                    gradient = torch.empty_like(parameter).copy_(gradient)
                parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
        return StepResult(sum(values), len(batch.labels), sum(hits))

    def _learning(self) -> list[nn.Parameter]:
        """Parameters that learn at present."""
        return [each for each in self._parameters if each.requires_grad]


def _require_finite(value: float, what: str, batch: Batch, step: int, rate: float) -> None:
    if not math.isfinite(value):
        shown = ", ".join(str(index) for index in batch.indices[:5])
        raise DivergedError(
            f"step {step + 1}: the {what} is {value} on examples {shown}, ... at learning rate {rate:.3g}; "
            "lower --learning-rate; the last good checkpoint is kept"
        )


def make_step(
    network: Network | HeadAlone, optimizer: torch.optim.Optimizer, recipe: Recipe, examples: Examples
) -> TrainingStep:
    """The step of training for the objective of the recipe."""
    objective = make_objective(network, recipe, examples)
    return TrainingStep(network, optimizer, objective, recipe, len(examples.train))


# Least examples of a micro-batch, for each family of networks whose steps are faster so
# (`benchmarks/shared_batches.py`). Of fewer images the batch norms of `cnn` would learn too little.
FEWEST = {"cnn": 64, "rnn": 32, "text-cnn": 32}

_SEEDS = 1 << 62


class MicroBatch(NamedTuple):
    """Share of a thread in a batch."""

    network: nn.Module  # of this thread; all have the same parameters
    examples: slice


class DataParallelWorkers:
    """Threads with a network each: the one that learns, and copies that have its very parameters.

    Each puts its micro-batch through the network by itself: where threads share every layer instead, they
    wait for each other hundreds of times in a step, and one that has lost its core to another program delays
    all.

    Batch normalisation takes mean and variance over a micro-batch; the running ones are means over all.
    Dropout draws from a generator for each copy: from a common one threads would draw in an order of
    their own.

    Source: Hoffer, Hubara and Soudry, "Train longer, generalize better", NeurIPS 2017, section 4.
    """

    def __init__(self, network: nn.Module, recipe: Recipe) -> None:
        self._threads = recipe.threads
        fewest = None
        if recipe.device == "cpu" and isinstance(network, Network):
            fewest = FEWEST.get(network.config.name)
        self._fewest = fewest or recipe.batch_size
        own = {id(each): each for each in network.parameters()}
        most = max(1, min(self._threads, recipe.batch_size // self._fewest))
        copies = [copy.deepcopy(network, dict(own)) for _ in range(most - 1)]
        self._networks: list[nn.Module] = [network, *copies]
        self._running = [_running(each) for each in self._networks] if copies else []
        self._draws = [draws for each in copies for draws in _own_draws(each)]
        self._others = ThreadPoolExecutor(max(1, len(copies)))

    def parts(self, examples: int) -> list[MicroBatch]:
        """Micro-batches of a batch in its order, nearly alike in size; one where the batch is small."""
        count = max(1, min(len(self._networks), examples // self._fewest))
        borders = [examples * place // count for place in range(count + 1)]
        return [
            MicroBatch(network, slice(start, end))
            for network, start, end in zip(self._networks, borders[:-1], borders[1:], strict=False)
        ]

    def each(self, parts: Sequence[MicroBatch], work: Callable[[MicroBatch], Found]) -> list[Found]:
        """Results of `work` on two or more micro-batches, in their order; spare threads help within one."""
        before, threads = torch.get_num_threads(), self._threads // len(parts)

        def alone(part: MicroBatch) -> Found:
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)
            return work(part)

        self._follow()
        try:
            left = [self._others.submit(alone, part) for part in parts[1:]]
            found = [alone(parts[0])]
            found += [each.result() for each in left]
        finally:
            torch.set_num_threads(before)
        self._agree(parts)
        return found

    @torch.no_grad()
    def _follow(self) -> None:
        """Give the copies what the network has that is no parameter, and new draws."""
        for draws in self._draws:
            draws.manual_seed(int(torch.randint(_SEEDS, ())))
        network, *copies = self._networks
        for each, running in zip(copies, self._running[1:], strict=True):
            if each.training != network.training:  # going through all layers takes longer than to ask
                each.train(network.training)
            if running:
                torch._foreach_copy_(running, self._running[0])

    @torch.no_grad()
    def _agree(self, parts: Sequence[MicroBatch]) -> None:
        """Give the network the mean of the running means and variances of all that have worked."""
        total = parts[-1].examples.stop
        shares = [(part.examples.stop - part.examples.start) / total for part in parts]
        if self._running[0]:
            torch._foreach_mul_(self._running[0], shares[0])
        for running, share in zip(self._running[1 : len(parts)], shares[1:], strict=True):
            if running:
                torch._foreach_add_(self._running[0], torch._foreach_mul(running, share))


class MicroBatchDropout(nn.Module):
    """Dropout in a copy; `draws` is a generator that nothing else draws from at the same time."""

    def __init__(self, probability: float, draws: torch.Generator) -> None:
        super().__init__()
        self._kept = 1 - probability
        self._draws = draws

    def forward(self, values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The values, some of them 0 and the others scaled up; all as they are outside of training."""
        if not self.training:
            return values
        return values * torch.empty_like(values).bernoulli_(self._kept, generator=self._draws) / self._kept


def _own_draws(network: nn.Module) -> list[torch.Generator]:
    """Generator of a copy, from which all its dropout draws from now on; none where it has no dropout."""
    draws = torch.Generator()
    places = [
        (parent, name, layer)
        for parent in network.modules()
        for name, layer in parent.named_children()
        if isinstance(layer, nn.Dropout)
    ]
    for parent, name, layer in places:
        setattr(parent, name, MicroBatchDropout(layer.p, draws).train(layer.training))
    return [draws] if places else []


def _running(network: nn.Module) -> list[Tensor]:
    """Running means and variances of the batch norms."""
    norms = [each for each in network.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]
    return [each for norm in norms for each in (norm.running_mean, norm.running_var) if each is not None]
