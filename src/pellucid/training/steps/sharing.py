"""A batch shared out between threads, each of which puts its part through the network by itself.

Where the threads share every layer instead, they wait for each other at the end of each of its operations,
hundreds of times in a step; a thread that has lost its core to another program then holds up all of them.
With a part each they wait once.

Batch normalisation takes mean and variance over a part, as Hoffer, Hubara and Soudry do ("Train longer,
generalize better", NeurIPS 2017, section 4, "ghost batch normalisation"); the running mean and variance are
means over the parts.
"""

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from pellucid.networks import Network
from pellucid.training.recipe.choosing import Recipe

FEWEST = 64
"""Examples of a part, at least: fewer tell too little of mean and variance."""

SHARED = ("cnn",)
"""Families of networks whose steps are faster so."""

Found = TypeVar("Found")


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
        self._threads = recipe.threads if can_share(network, recipe) else 1
        own = {id(each): each for each in network.parameters()}
        copies = [copy.deepcopy(network, dict(own)) for _ in range(self._most_parts(recipe) - 1)]
        self._networks: list[nn.Module] = [network, *copies]
        self._running = [_running(each) for each in self._networks] if copies else []
        self._others = ThreadPoolExecutor(max(1, len(copies)))

    def _most_parts(self, recipe: Recipe) -> int:
        return max(1, min(self._threads, recipe.batch_size // FEWEST))

    def parts(self, examples: int) -> list[Part]:
        """Parts of a batch in its order, nearly alike in size; one where the batch is small."""
        count = max(1, min(len(self._networks), examples // FEWEST))
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
        """Give the copies what the network has that is no parameter."""
        network, *copies = self._networks
        for each, running in zip(copies, self._running[1:], strict=True):
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


def can_share(network: nn.Module, recipe: Recipe) -> bool:
    """True where threads may each take a part of a batch.

    Dropout draws from one generator, whose order several threads would not keep.
    """
    draws = any(isinstance(each, nn.Dropout) and each.p > 0 for each in network.modules())
    is_faster = recipe.device == "cpu" and isinstance(network, Network) and network.config.name in SHARED
    return is_faster and not draws


def _running(network: nn.Module) -> list[Tensor]:
    """Running means and variances of the batch norms."""
    norms = [each for each in network.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]
    return [each for norm in norms for each in (norm.running_mean, norm.running_var) if each is not None]
