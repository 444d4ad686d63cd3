"""A batch shared out between threads, each of which puts its part through the network by itself.

Where the threads share every layer instead, they wait for each other at the end of each of its operations,
hundreds of times in a step; a thread that has lost its core to another program then holds up all of them.
With a part each they wait once.

Batch normalisation takes mean and variance over a part, as Hoffer, Hubara and Soudry do ("Train longer,
generalize better", NeurIPS 2017, section 4, "ghost batch normalisation"); the running mean and variance are
means over the parts. Dropout draws from a generator for each part; from a common one threads would draw in an
order of their own.
"""

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.networks import Network
from pellucid.training.recipe.choosing import Recipe

# Least examples of a part, for each family of networks whose steps are faster so.
#
# Of fewer images the batch norms of `cnn` would learn too little of mean and variance.
FEWEST = {"cnn": 64, "rnn": 32, "text-cnn": 32}

Found = TypeVar("Found")

_SEEDS = 1 << 62


class Part(NamedTuple):
    """Share of a thread in a batch.

    Attributes:
        network: of this thread; all have the same parameters.
        examples: those of the batch.
    """

    network: nn.Module
    examples: slice


class Team:
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

    def parts(self, examples: int) -> list[Part]:
        """Parts of a batch in its order, nearly alike in size; one where the batch is small."""
        count = max(1, min(len(self._networks), examples // self._fewest))
        borders = [examples * place // count for place in range(count + 1)]
        return [
            Part(network, slice(start, end))
            for network, start, end in zip(self._networks, borders[:-1], borders[1:], strict=False)
        ]

    def each(self, parts: Sequence[Part], work: Callable[[Part], Found]) -> list[Found]:
        """Results of `work` on every part, in their order; threads that are left over help within a part."""
        if len(parts) == 1:
            return [work(parts[0])]
        before, threads = torch.get_num_threads(), self._threads // len(parts)

        def alone(part: Part) -> Found:
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
    def _agree(self, parts: Sequence[Part]) -> None:
        """Give the network the mean of the running means and variances of all that have worked."""
        total = parts[-1].examples.stop
        shares = [(part.examples.stop - part.examples.start) / total for part in parts]
        if self._running[0]:
            torch._foreach_mul_(self._running[0], shares[0])
        for running, share in zip(self._running[1 : len(parts)], shares[1:], strict=True):
            if running:
                torch._foreach_add_(self._running[0], torch._foreach_mul(running, share))


class PartDropout(nn.Module):
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
        setattr(parent, name, PartDropout(layer.p, draws).train(layer.training))
    return [draws] if places else []


def _running(network: nn.Module) -> list[Tensor]:
    """Running means and variances of the batch norms."""
    norms = [each for each in network.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]
    return [each for norm in norms for each in (norm.running_mean, norm.running_var) if each is not None]
