"""One optimiser step shared by every objective, its batch divided among data-parallel workers."""

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.errors import DivergedError
from pellucid.networks import Network
from pellucid.training.batches import Batch
from pellucid.training.optimisers import SHARE, values_of
from pellucid.training.recipe import Recipe, batches_per_epoch

# A batch shared out between threads, each of which puts its part through the network by itself.
#
# Where the threads share every layer instead, they wait for each other at the end of each of its operations,
# hundreds of times in a step; a thread that has lost its core to another program then holds up all of them.
# With a part each they wait once.
#
# Batch normalisation takes mean and variance over a part, as Hoffer, Hubara and Soudry do ("Train longer,
# generalize better", NeurIPS 2017, section 4, "ghost batch normalisation"); the running mean and variance are
# means over the parts. Dropout draws from a generator for each part; from a common one threads would draw in
# an
# order of their own.

# Least examples of a part, for each family of networks whose steps are faster so.
#
# Of fewer images the batch norms of `cnn` would learn too little of mean and variance.
FEWEST = {"cnn": 64, "rnn": 32, "text-cnn": 32}

Found = TypeVar("Found")

_SEEDS = 1 << 62


class MicroBatch(NamedTuple):
    """Share of a thread in a batch."""

    network: nn.Module  # of this thread; all have the same parameters
    examples: slice  # those of the batch


class DataParallelWorkers:
    """Threads with a network each: the one that learns, and copies that have its very parameters.

    Args:
        network: the one that learns.
        recipe: says how many threads there are.
    """

    def __init__(self, network: nn.Module, recipe: Recipe) -> None:
        self._threads = recipe.threads
        self._fewest = fewest_examples(network, recipe) or recipe.batch_size
        own = {id(each): each for each in network.parameters()}
        most = max(1, min(self._threads, recipe.batch_size // self._fewest))
        copies = [copy.deepcopy(network, dict(own)) for _ in range(most - 1)]
        self._networks: list[nn.Module] = [network, *copies]
        self._running = [_running(each) for each in self._networks] if copies else []
        self._draws = [draws for each in copies for draws in _own_draws(each)]
        self._others = ThreadPoolExecutor(max(1, len(copies)))

    def parts(self, examples: int) -> list[MicroBatch]:
        """Parts of a batch in its order, nearly alike in size; one where the batch is small."""
        count = max(1, min(len(self._networks), examples // self._fewest))
        borders = [examples * place // count for place in range(count + 1)]
        return [
            MicroBatch(network, slice(start, end))
            for network, start, end in zip(self._networks, borders[:-1], borders[1:], strict=False)
        ]

    def each(self, parts: Sequence[MicroBatch], work: Callable[[MicroBatch], Found]) -> list[Found]:
        """Results of `work` on every part, in their order; threads that are left over help within a part."""
        if len(parts) == 1:
            return [work(parts[0])]
        before, threads = torch.get_num_threads(), self._threads // len(parts)

        def alone(part: MicroBatch) -> Found:
            """Work on one part with the threads that are its own."""
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
    """Dropout of a part, with draws of its own.

    Args:
        probability: of zeroing a unit.
        draws: generator that nothing else draws from at the same time.
    """

    def __init__(self, probability: float, draws: torch.Generator) -> None:
        super().__init__()
        self._kept = 1 - probability
        self._draws = draws

    def forward(self, values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The values, some of them 0 and the others scaled up; all as they are outside of training."""
        if not self.training:
            return values
        return values * torch.empty_like(values).bernoulli_(self._kept, generator=self._draws) / self._kept


def fewest_examples(network: nn.Module, recipe: Recipe) -> int | None:
    """Least examples of a part; `None` where threads share every layer instead."""
    if recipe.device != "cpu" or not isinstance(network, Network):
        return None
    return FEWEST.get(network.config.name)


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


class LossAndHits(NamedTuple):
    """Judgement of the outputs for some examples."""

    loss: Tensor  # mean over them
    hits: int = 0  # how many of them are right; 0 where that has no meaning


class _Learnt(NamedTuple):
    """Result of one part of a batch, weighed by its share."""

    loss: float  # share of the batch's mean loss
    hits: int  # as in `LossAndHits`
    # of that loss by each parameter; None where it does not depend on one
    gradients: tuple[Tensor | None, ...]


class Descent:
    """Optimiser steps down a loss, one batch at a time.

    Full-batch gradient descent adds up the gradients of all batches of an epoch, each weighted by
    its share of the examples, and updates once at the end.

    Args:
        network: in training mode while it learns.
        optimizer: over the network's trainable parameters.
        recipe: arithmetic, optimiser and batch size.
        examples: size of the training split.
    """

    device: torch.device  # where the network lives

    def __init__(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, recipe: Recipe, examples: int
    ) -> None:
        self.device = torch.device(recipe.device)
        self._network = network
        self._optimizer = optimizer
        self._recipe = recipe
        self._examples = examples
        self._all = list(network.parameters())
        self._team = DataParallelWorkers(network, recipe)

    @property
    def _parameters(self) -> list[nn.Parameter]:
        """Those that learn at present."""
        return [each for each in self._all if each.requires_grad]

    def learn(
        self,
        batch: Batch,
        step: int,
        learning_rate: float,
        judge: Callable[[Tensor, Batch], LossAndHits],
        weigh: Callable[[Batch], float],
    ) -> tuple[float, int]:
        """Take one step down the mean loss that `judge` gives outputs and examples; that loss, and the hits.

        Threads take a part of the batch each where that is faster. `weigh` gives the weight of a part in the
        mean.

        Raises: `DivergedError` as `down` does.
        """
        parts = self._team.parts(len(batch.labels))
        if len(parts) == 1:
            judged = judge(self._outputs(self._network, batch.inputs), batch)
            return self.down(judged.loss, batch, step, learning_rate), judged.hits
        total, parameters = weigh(batch), self._parameters

        def work(part: MicroBatch) -> _Learnt:
            """Loss of a part and its gradients."""
            mine = batch.part(part.examples)
            judged = judge(self._outputs(part.network, mine.inputs), mine)
            loss = judged.loss * (weigh(mine) / total)
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
            return _Learnt(loss.item(), judged.hits, gradients)

        found = self._team.each(parts, work)
        value = sum(each.loss for each in found)
        _require_finite(value, "loss", batch, step, learning_rate)
        self._add([each.gradients for each in found], self._scale(batch))
        self._finish(batch, step, learning_rate)
        return value, sum(each.hits for each in found)

    def _outputs(self, network: nn.Module, inputs: Tensor) -> Float[Tensor, "batch outputs"]:
        """Outputs of a network, computed in the recipe's arithmetic, as float32."""
        with self.arithmetic():
            outputs: Tensor = network(inputs.to(self.device)).float()
        return outputs

    def arithmetic(self) -> torch.autocast:
        """Context in which networks compute in the recipe's arithmetic."""
        bf16 = self._recipe.precision == "bf16"
        # Its cache of weights is one for all threads, and every weight is used once.
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16, cache_enabled=False)

    def down(self, loss: Tensor, batch: Batch, step: int, learning_rate: float) -> float:
        """Take the gradient of a batch's mean loss, update where it is time, and return the loss.

        Raises: `DivergedError` if the loss or a gradient is not finite; the weights are left as they were.
        """
        value = loss.item()
        _require_finite(value, "loss", batch, step, learning_rate)
        scale = self._scale(batch)
        (loss if scale == 1.0 else loss * scale).backward()  # type: ignore[no-untyped-call]
        self._finish(batch, step, learning_rate)
        return value

    def _scale(self, batch: Batch) -> float:
        """Factor of a batch's gradients: its share of the examples where those of an epoch add up, else 1."""
        return len(batch.labels) / self._examples if self._recipe.optimizer == "gd" else 1.0

    def _add(self, of_parts: Sequence[Sequence[Tensor | None]], scale: float) -> None:
        """Add the gradients of parts, in their order, to those of the parameters."""
        for parameter, found in zip(self._parameters, zip(*of_parts, strict=True), strict=True):
            there = [each for each in found if each is not None]
            if not there:
                continue
            gradient = sum(there[1:], start=there[0])
            gradient = gradient if scale == 1.0 else gradient * scale
            if gradient.stride() != parameter.stride():  # a fused update goes by the order in memory
                gradient = torch.empty_like(parameter).copy_(gradient)
            parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient

    def _finish(self, batch: Batch, step: int, learning_rate: float) -> None:
        """Refuse gradients that are not finite, and update where it is time."""
        gradients = [values_of(each.grad) for each in self._parameters if each.grad is not None]
        norms = torch._foreach_norm(gradients)
        _require_finite(float(torch.stack(norms).norm()), "gradient", batch, step, learning_rate)
        if self._recipe.optimizer != "gd" or self._closes_epoch(step):
            self._update(learning_rate)

    def _closes_epoch(self, step: int) -> bool:
        return (step + 1) % batches_per_epoch(self._examples, self._recipe.batch_size) == 0

    def _update(self, learning_rate: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate * group[SHARE]
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)


def _require_finite(value: float, what: str, batch: Batch, step: int, rate: float) -> None:
    """Refuse a value that is not finite with a `DivergedError`."""
    if value - value == 0.0:
        return
    shown = ", ".join(str(index) for index in batch.indices[:5])
    raise DivergedError(
        f"step {step + 1}: the {what} is {value} on examples {shown}, ... at learning rate {rate:.3g}; "
        "lower --learning-rate; the last good checkpoint is kept"
    )
