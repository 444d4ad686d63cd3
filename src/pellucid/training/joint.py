"""Joint training: ranks take the same steps on the same batches, each on its own parts of every batch.

Rank 0 sends what a training begins with, and from then on says before each step what is done. Every rank
makes the same batches and the same updates; gradients alone are exchanged (`parts.py`), and answers on the
validation split. A training gives the same weights whether it is shared or not.
"""

import contextlib
import dataclasses
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.encoding.encoder import Tokens
from pellucid.errors import DivergedError, RankFailedError
from pellucid.networks import HeadAlone, Network, NetworkConfig, build
from pellucid.training.batches import Batch, Batches, Examples, place_in_file
from pellucid.training.by_target import RULES
from pellucid.training.hardware import keep_freed_memory, pinned, seed_step
from pellucid.training.loop import validator
from pellucid.training.optimisers import build_optimizer
from pellucid.training.ranks import Message, Order, Ranks, current, packed, unpacked
from pellucid.training.recipe import Recipe
from pellucid.training.state import Record, State
from pellucid.training.steps import Step, StepResult, make_step

# Bytes at the beginning, in the middle and at the end of a file that every rank must find alike.
_COMPARED = 1 << 16


@contextlib.contextmanager
def joint(
    network: Network | HeadAlone,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    shares: Mapping[str, float] | None = None,
) -> Iterator[Ranks | None]:
    """Within, other ranks have the same network, and take the steps that they are ordered to.

    `None`, and nothing is shared, where there are no others, they are busy, or a batch has a single part.
    `shares` as for `build_optimizer`.

    Raises: `RankFailedError` if a rank ends, stops, or cannot read the examples.
    """
    ranks = current()
    if ranks is None or ranks.is_busy or batches.recipe.parts == 1 or not isinstance(network, Network):
        yield None
        return
    training = _training(network, optimizer, batches, shares)
    with ranks.in_step():
        ranks.order(Order.TRAIN)
        ranks.broadcast(training)
        for rank in range(1, ranks.size):
            if problem := unpacked(ranks.receive(rank)).document:
                raise RankFailedError("rank {rank} of {size}: {problem}", rank, ranks.size, problem)
    ranks.is_busy = True
    try:
        yield ranks
    finally:
        ranks.is_busy = False
        if not ranks.is_broken:
            ranks.order(Order.END)


def ordered_step(step: Step, network: nn.Module, ranks: Ranks | None) -> Step:
    """A step that other ranks are ordered to take at the same time, where there are any."""
    if ranks is None:
        return step
    learning = _learning(network)

    def take(batch: Batch, taken: int, rate: float) -> StepResult:
        nonlocal learning
        with ranks.in_step():
            if learning != (learning := _learning(network)):
                ranks.order(Order.LEARN)
                ranks.broadcast(packed(learning))
            ranks.order(Order.STEP, batch.number, taken, rate)
            return step(batch, taken, rate)

    return take


def ordered_validation(validate: Callable[[], Record], ranks: Ranks | None) -> Callable[[], Record]:
    """A validation of which other ranks are ordered to compute their share, where there are any."""
    if ranks is None:
        return validate

    def score() -> Record:
        with ranks.in_step():
            ranks.order(Order.VALIDATE)
            return validate()

    return score


def follow(ranks: Ranks) -> None:
    """Do what rank 0 orders until it needs this rank no more.

    Raises: `RankFailedError` if a rank ends or stops.
    """
    keep_freed_memory()
    while ranks.ordered()[0] is Order.TRAIN:
        message = unpacked(ranks.broadcast())
        try:
            network, state, batches = _received(message, ranks)
        except RankFailedError as error:
            ranks.send(packed(str(error)), 0)
            raise
        ranks.send(packed(""), 0)
        _train(network, state, batches, ranks)


def _train(network: Network, state: State, batches: Batches, ranks: Ranks) -> None:
    """Take part in one training to its end."""
    recipe, examples = batches.recipe, batches.examples
    with pinned(ranks.threads):
        step = make_step(network, state.optimizer, recipe, examples, ranks)
        beta = 1.0 if recipe.beta is None else recipe.beta
        validate = validator(network, examples, recipe.device, beta, ranks)
        while (order := ranks.ordered())[0] is not Order.END:
            kind, number, taken, rate = order
            if kind is Order.LEARN:
                _let_learn(network, unpacked(ranks.broadcast()).document)
            elif kind is Order.VALIDATE:
                validate()
            else:
                network.train()
                seed_step(recipe, taken)
                with contextlib.suppress(DivergedError):  # rank 0 reports it, and ends this training
                    step(batches.numbered(number), taken, rate)


def _learning(network: nn.Module) -> list[bool]:
    """For each parameter whether it learns at present."""
    return [each.requires_grad for each in network.parameters()]


def _let_learn(network: nn.Module, learning: list[bool]) -> None:
    for parameter, learns in zip(network.parameters(), learning, strict=True):
        parameter.requires_grad_(learns)


def _training(
    network: Network, optimizer: torch.optim.Optimizer, batches: Batches, shares: Mapping[str, float] | None
) -> Tensor:
    """Everything that a training begins with, as a message."""
    state, arrays, tensors = State(network, optimizer), _Arrays(), {}
    tensors = state.tensors()
    optimised = {id(each) for group in optimizer.param_groups for each in group["params"]}
    document = {
        "network": network.config.to_json(),
        "recipe": batches.recipe.to_json(),
        "shares": shares,
        "optimised": [id(each) in optimised for each in network.parameters()],
        "learning": _learning(network),
        "scalars": state.scalars(),
        "examples": arrays.of(batches.examples),
        "tensors": [*tensors],
    }
    return packed(document, [*tensors.values(), *arrays.sent])


def _received(message: Message, ranks: Ranks) -> tuple[Network, State, Batches]:
    """Network, state and batches of a training, as `_training` of rank 0 describes them.

    Raises: `RankFailedError` if the examples cannot be read here.
    """
    described, count = message.document, len(message.document["tensors"])
    recipe = dataclasses.replace(Recipe.from_json(described["recipe"]), threads=ranks.threads)
    examples = _examples(described["examples"], message.tensors[count:])
    with pinned(ranks.threads):
        network = build(NetworkConfig.from_json(described["network"]), torch.Generator().manual_seed(0))
        network = network.to(recipe.device)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,unused-ignore]
        _let_learn(network, described["optimised"])
        state = State(network, build_optimizer(network, recipe, described["shares"]))
        state.restore(dict(zip(described["tensors"], message.tensors, strict=False)), described["scalars"])
        _let_learn(network, described["learning"])
    return network, state, Batches(examples, recipe)


class _Arrays:
    """Arrays of examples, described; those that are not whole files are to be sent."""

    def __init__(self) -> None:
        self.sent: list[Tensor] = []

    def of(self, examples: Examples) -> dict[str, Any]:
        """Examples as JSON can hold them, the arrays by their place."""
        inputs, weights = examples.inputs, examples.weights
        tokens: dict[str, Any] | None = None
        if isinstance(inputs, Tokens):
            tokens = {"vocabulary": inputs.vocabulary, "length": inputs.length}
            tokens["offsets"] = self._described(inputs.offsets)
            inputs = inputs.ids
        return {
            "inputs": self._described(inputs),
            "tokens": tokens,
            **{name: self._described(getattr(examples, name)) for name in ("labels", "train", "validation")},
            "weights": None if weights is None else self._described(weights),
            "classes": examples.classes,
            "target": examples.target.noun,
            "names": [*examples.names],
        }

    def _described(self, array: np.ndarray) -> dict[str, Any]:
        """Where an array is: in a file from some byte on, or among those sent."""
        found: dict[str, Any] = {"dtype": array.dtype.str, "shape": [*array.shape]}
        place = place_in_file(array)
        if place is not None:
            return found | {"path": str(place.path), "offset": place.offset, "sample": _sample(array)}
        plain = np.array(array, order="C")  # one that may be written to, as torch wants it
        self.sent.append(torch.from_numpy(plain.reshape(-1).view(np.uint8)))
        return found | {"sent": len(self.sent) - 1}


def _sample(array: np.ndarray) -> list[int]:
    """Checksums of the beginning, the middle and the end of an array, by which a file is the same one."""
    content = array.reshape(-1).view(np.uint8)
    middle = len(content) // 2
    parts = (content[:_COMPARED], content[middle : middle + _COMPARED], content[-_COMPARED:])
    return [zlib.crc32(each.tobytes()) for each in parts]


def _examples(described: dict[str, Any], sent: list[Tensor]) -> Examples:
    """Examples as `_Arrays` described them."""

    def read(place: dict[str, Any]) -> np.ndarray:
        dtype, shape = np.dtype(place["dtype"]), tuple(place["shape"])
        if "sent" in place:
            plain: np.ndarray = sent[place["sent"]].numpy().view(dtype).reshape(shape)
            return plain
        try:
            found = np.memmap(place["path"], dtype, "r", place["offset"], shape)
            reason = "" if _sample(found) == place["sample"] else "it holds something else than with rank 0"
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
        if reason:
            raise RankFailedError(
                "{place}: cannot be read here: {reason}; let every machine have the same disk "
                "there, which XDG_CACHE_HOME names",
                place["path"],
                reason,
            )
        return found

    names = ("inputs", "labels", "train", "validation", "weights")
    arrays = {name: None if described[name] is None else read(described[name]) for name in names}
    inputs: Any = arrays.pop("inputs")
    if described["tokens"] is not None:
        offsets = read(described["tokens"]["offsets"])
        inputs = Tokens(inputs, offsets, described["tokens"]["vocabulary"], described["tokens"]["length"])
    target = next(each for each in RULES if each.noun == described["target"])
    rest: dict[str, Any] = {"classes": described["classes"], "target": target}
    return Examples(inputs, **arrays, **rest, names=tuple(described["names"]))  # type: ignore[arg-type]
