"""The training step, one for every objective: loss, gradients, update; its batch computed in parts."""

import contextlib
import copy
import math
import threading
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import SimpleQueue
from typing import Generic, NamedTuple, TypeVar

import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor, nn

from pellucid.errors import DivergedError
from pellucid.networks import HeadAlone, Network
from pellucid.pieces import in_pieces
from pellucid.training.batches import Batch, Examples
from pellucid.training.objectives import LossOfPart, Objective, make_objective
from pellucid.training.optimisers import SHARE, values_of
from pellucid.training.ranks import Ranks, packed, unpacked
from pellucid.training.recipe import Recipe, batches_per_epoch


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
        ranks: Ranks | None = None,
    ) -> None:
        self._network, self._optimizer, self._objective = network, optimizer, objective
        self._gd_examples = examples if recipe.optimizer == "gd" else None
        self._per_update = batches_per_epoch(examples, recipe.batch_size) if recipe.optimizer == "gd" else 1
        self._parameters = list(network.parameters())
        self._recipe, self._networks = recipe, Networks(network, recipe, ranks)

    def __call__(self, batch: Batch, step: int, learning_rate: float) -> StepResult:
        """Take one step at a learning rate; `step` counts those already taken.

        Raises: `DivergedError` if a loss or a gradient is not finite; the weights are left as they were.
        """
        results: list[StepResult] = []
        means: dict[str, float] = {}
        for loss in self._objective.losses(batch, step, means):  # adversaries have one each
            results.append(self.gradients(loss, batch, means))
            _require_finite(results[-1].loss, "loss", batch, step, learning_rate)
            gradients = [values_of(each.grad) for each in self._learning() if each.grad is not None]
            norm = torch.stack(torch._foreach_norm(gradients)).norm()
            _require_finite(float(norm), "gradient", batch, step, learning_rate)
            if (step + 1) % self._per_update == 0:
                for group in self._optimizer.param_groups:
                    group["lr"] = learning_rate * group[SHARE]
                self._optimizer.step()
                self._optimizer.zero_grad(set_to_none=True)
        return results[0]._replace(also=dict(ChainMap(*(dict(each.also) for each in results))))

    def gradients(self, loss: LossOfPart, batch: Batch, means: dict[str, float]) -> StepResult:
        """Add the gradients of a batch's mean loss to those of the parameters; none if it is not finite.

        `means` gets what the objective itself needs of the loss.
        """
        examples, scale = len(batch.labels), 1.0
        if self._gd_examples is not None:
            scale = examples / self._gd_examples
        parts, parameters = parts_of(examples, self._recipe), self._learning()
        whole = self._objective.weight(batch) if len(parts) > 1 else 0.0

        def work(part: Part, network: nn.Module) -> PartSum:
            """Share of a part in the mean loss and in other means, its hits, and gradients of its share."""
            mine = batch if len(parts) == 1 else batch.part(part.examples)
            found = loss(network, mine, part.examples)
            share = 1.0 if len(parts) == 1 else self._objective.weight(mine) / whole
            names = [*found.also], [*found.kept]
            shown = [share * each for each in (*found.also.values(), *found.kept.values())]
            mean = found.loss if share == 1.0 else found.loss * share
            numbers = torch.tensor([mean.item(), found.hits, *shown], dtype=torch.float64)
            descended = mean if scale == 1.0 else mean * scale
            return PartSum(
                numbers, torch.autograd.grad(descended, parameters, allow_unused=True), names=names
            )

        found = self._networks.sum(parts, work)
        value, hits, *shown = found.numbers.tolist()
        also, kept = found.names
        means |= zip(kept, shown[len(also) :], strict=True)
        if math.isfinite(value):
            for parameter, gradient in zip(parameters, found.gradients, strict=True):
                if gradient is None:
                    continue
                if not gradient.is_sparse and gradient.stride() != parameter.stride():
                    # A fused update goes by the order in memory.
                    gradient = torch.empty_like(parameter).copy_(gradient)
                parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
        return StepResult(value, examples, round(hits), dict(zip(also, shown, strict=False)))

    def _learning(self) -> list[nn.Parameter]:
        """Parameters that learn at present."""
        return [each for each in self._parameters if each.requires_grad]


def _require_finite(value: float, what: str, batch: Batch, step: int, rate: float) -> None:
    if not math.isfinite(value):
        shown = ", ".join(str(index) for index in batch.indices[:5])
        raise DivergedError(
            "step {step}: the {what} is {value} on examples {shown}, ... at learning rate {rate:.3g}; "
            "lower --learning-rate; the last good checkpoint is kept",
            step + 1,
            what,
            value,
            shown,
            rate,
        )


def make_step(
    network: Network | HeadAlone,
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    examples: Examples,
    ranks: Ranks | None = None,
) -> TrainingStep:
    """The step of training for the objective of the recipe; `ranks` take it together."""
    objective = make_objective(network, recipe, examples)
    return TrainingStep(network, optimizer, objective, recipe, len(examples.train), ranks)


# Parts of a batch: each goes through the network by itself, and what they give is added in one order.

Sum = TypeVar("Sum")

_SEEDS = 1 << 62


class Part(NamedTuple):
    """Consecutive examples of a batch."""

    number: int
    examples: slice


def parts_of(examples: int, recipe: Recipe) -> list[Part]:
    """Parts of a batch in its order, nearly alike in size; a small batch has fewer, none of them small."""
    count = max(1, min(recipe.parts, examples // max(1, recipe.batch_size // recipe.parts)))
    borders = [examples * place // count for place in range(count + 1)]
    return [Part(place, slice(*borders[place : place + 2])) for place in range(count)]


class TreeSum(Generic[Sum]):
    r"""Sum over parts in one order, whoever computes them and whenever they are there.

    Node $(l, i)$ covers the parts from $2^l i$ to $2^l (i + 1) - 1$, as far as there are such; it is the sum
    of its two children, or its only child. Node $(0, i)$ is part $i$. As soon as two siblings are there, they
    are added and make room for their sum, in the thread that brought the second one.
    """

    def __init__(self, parts: int, add: Callable[[Sum, Sum], Sum]) -> None:
        self._parts, self._add = parts, add
        self._waiting: dict[tuple[int, int], Sum] = {}
        self._lock = threading.Lock()

    def put(self, value: Sum, place: int, level: int = 0) -> None:
        """Enter a node, by default a part."""
        while 1 << level < self._parts:
            sibling = place ^ 1
            if sibling << level < self._parts:
                with self._lock:
                    if (level, sibling) not in self._waiting:
                        self._waiting[level, place] = value
                        return
                    other = self._waiting.pop((level, sibling))
                value = self._add(value, other) if place < sibling else self._add(other, value)
            place, level = place // 2, level + 1
        self._waiting[level, place] = value

    @property
    def nodes(self) -> dict[tuple[int, int], Sum]:
        """Nodes by level and place whose sibling is not there yet; once all parts are, the root alone."""
        return self._waiting

    @property
    def total(self) -> Sum:
        """Sum over all parts, which are there."""
        ((_, found),) = self._waiting.items()
        return found


class PartSum(NamedTuple):
    """What one part, or several together, add to a step."""

    numbers: Float64[Tensor, " numbers"]  # shares in means over the batch, and counts
    # of the parameters that learn; None of those that the loss does not reach
    gradients: Sequence[Float[Tensor, "..."] | None]
    running: Sequence[Float[Tensor, " channels"]] = ()  # shares in running means and variances of batch norms
    names: Sequence[Sequence[str]] = ((), ())  # of some of the numbers, alike in all parts

    def plus(self, other: "PartSum") -> "PartSum":
        """Both together."""
        mine, others = ([each for each in one.gradients if each is not None] for one in (self, other))
        found = iter(torch._foreach_add(mine, others) if mine else ())
        gradients = [None if each is None else next(found) for each in self.gradients]
        running = torch._foreach_add([*self.running], [*other.running]) if self.running else ()
        return PartSum(self.numbers + other.numbers, gradients, running, self.names)

    def to_message(self) -> UInt8[Tensor, " bytes"]:
        """The same for another rank."""
        there = [each for each in self.gradients if each is not None]
        is_there = [each is not None for each in self.gradients]
        return packed([self.names, is_there], [self.numbers, *there, *self.running])

    @classmethod
    def from_message(cls, message: UInt8[Tensor, " bytes"], device: str) -> "PartSum":
        """What another rank sent."""
        (names, is_there), (numbers, *tensors) = unpacked(message, device)
        found = iter(tensors)
        gradients = [next(found) if each else None for each in is_there]
        return cls(numbers.cpu(), gradients, [*found], names)


class _Copy(NamedTuple):
    """A network that has the very parameters of another one."""

    network: nn.Module
    norms: list[nn.modules.batchnorm._BatchNorm]
    draws: torch.Generator  # from which all its dropout draws


class Networks:
    """Networks for the parts of a batch: the one that learns for the first, and copies for all others.

    Copies have the very parameters of the network, and there are as many as threads need at a time; which of
    them a part gets decides nothing. Batch normalisation takes mean and variance over a part; the running
    ones are means over all parts, which begin with those before the step. Dropout draws for each part from a
    generator of its own: from a common one threads would draw in an order of their own.

    Where there are several ranks, each computes some of the parts, and all get the sum.

    Source: Hoffer, Hubara and Soudry, "Train longer, generalize better", NeurIPS 2017, section 4.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, ranks: Ranks | None = None) -> None:
        self._network, self._ranks, self._device = network, ranks, recipe.device
        own = {id(each): each for each in network.parameters()}
        copies = [copy.deepcopy(network, dict(own)) for _ in range(min(recipe.threads, recipe.parts - 1))]
        self._norms = _norms(network) if copies or ranks is not None else []
        self._copies: SimpleQueue[_Copy] = SimpleQueue()
        for each in copies:
            self._copies.put(_Copy(each, _norms(each), _own_draws(each)))

    def sum(self, parts: Sequence[Part], work: Callable[[Part, nn.Module], PartSum]) -> PartSum:
        """Sum of what `work` gives over the parts; the network's running means become those of the sum."""
        mine = parts if self._ranks is None else self._ranks.share(parts)
        if len(parts) == 1:
            found = in_pieces(lambda part: work(part, self._network), mine)
            return self._of_all_ranks(*(each._replace(running=_running(self._norms)) for each in found))
        before = [each.clone() for each in _running(self._norms)]
        seeds = torch.randint(_SEEDS, (len(parts),)).tolist()
        whole, tree = parts[-1].examples.stop, TreeSum(len(parts), PartSum.plus)

        def put(part: Part) -> None:
            with self._lent(part, before, seeds[part.number]) as (network, norms):
                found, running = work(part, network), _running(norms)
                share = (part.examples.stop - part.examples.start) / whole
                shares = torch._foreach_mul(running, share) if running else ()
            tree.put(found._replace(running=shares), part.number)

        in_pieces(put, mine)
        if self._ranks is not None:
            self._add_along_ranks(tree, len(parts), self._ranks)
        return self._of_all_ranks(*tree.nodes.values())

    def _add_along_ranks(self, tree: TreeSum[PartSum], parts: int, ranks: Ranks) -> None:
        """Complete the tree with rank 0: a node goes to the rank that has its sibling on the left."""
        level = 0
        while 1 << level < parts:
            for place in range(1, -(-parts >> level), 2):
                to, sender = (ranks.rank_of(each << level, parts) for each in (place - 1, place))
                if ranks.rank == sender != to:
                    ranks.send(tree.nodes.pop((level, place)).to_message(), to)
                elif ranks.rank == to != sender:
                    tree.put(PartSum.from_message(ranks.receive(sender), self._device), place, level)
            level += 1

    def _of_all_ranks(self, total: PartSum | None = None) -> PartSum:
        """The sum over all parts, which rank 0 has; the network's running means become those of the sum."""
        if self._ranks is not None:
            message = self._ranks.broadcast(None if total is None else total.to_message())
            total = total or PartSum.from_message(message, self._device)
        assert total is not None
        if own := _running(self._norms):
            torch._foreach_copy_(own, list(total.running))
        return total

    @contextlib.contextmanager
    def _lent(
        self, part: Part, before: list[Tensor], seed: int
    ) -> Iterator[tuple[nn.Module, list[nn.modules.batchnorm._BatchNorm]]]:
        """A network for a part, as it was before the step, and its batch norms."""
        if part.number == 0:  # measured where layers are (`layer_health.py`)
            yield self._network, self._norms
            return
        lent = self._copies.get()
        try:
            if lent.network.training != self._network.training:  # to go through all layers takes longer
                lent.network.train(self._network.training)
            if before:
                torch._foreach_copy_(_running(lent.norms), before)
            lent.draws.manual_seed(seed)
            yield lent.network, lent.norms
        finally:
            self._copies.put(lent)


class PartDropout(nn.Module):
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


def _own_draws(network: nn.Module) -> torch.Generator:
    """Generator of a copy, from which all its dropout draws from now on."""
    draws = torch.Generator()
    places = [
        (parent, name, layer)
        for parent in network.modules()
        for name, layer in parent.named_children()
        if isinstance(layer, nn.Dropout)
    ]
    for parent, name, layer in places:
        setattr(parent, name, PartDropout(layer.p, draws).train(layer.training))
    return draws


def _norms(network: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """The batch norms of a network."""
    return [each for each in network.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]


def _running(norms: Sequence[nn.modules.batchnorm._BatchNorm]) -> list[Tensor]:
    """Running means and variances of the batch norms that learn them, as those of a backbone do not."""
    learning = [norm for norm in norms if norm.training]
    # Their `data`, so that gradients do not notice a change: in training they do not depend on these.
    found = [each for norm in learning for each in (norm.running_mean, norm.running_var) if each is not None]
    return [each.data for each in found]
