"""State of training: everything a resumed run needs to go on as if nothing had happened."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.errors import DivergedError

Record = dict[str, Any]


@dataclass
class Sums:
    """Running sums of the epoch under way.

    Attributes:
        loss: sum of the loss over examples.
        correct: examples classified right while training; 0 where numbers are predicted.
        examples: examples used.
        seconds: time spent in steps.
        also: sums over examples of what else a step records, by name.
        health: what `training/watching/health.py` measured in the layers.
    """

    loss: float = 0.0
    correct: int = 0
    examples: int = 0
    seconds: float = 0.0
    also: dict[str, float] = field(default_factory=dict)
    health: Record = field(default_factory=dict)


@dataclass
class Best:
    """Best epoch so far by the chosen metric.

    Attributes:
        epoch: which one, from 1.
        score: its validation score; larger is better (log loss and root mean squared error are
            negated).
        weights: the network's tensors at its end.
    """

    epoch: int
    score: float
    weights: dict[str, Tensor]


@dataclass
class State:
    """Weights, optimiser state, position, and the best epoch so far.

    Attributes:
        network: the network, with its buffers.
        optimizer: with its moments.
        step: batches used so far.
        sums: running sums of the epoch under way.
        best: best epoch so far, or `None` before the first validation.
        epochs_without_gain: epochs since `best`.
        stopped: whether patience has run out.
        history: one record per finished epoch.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    step: int = 0
    sums: Sums = field(default_factory=Sums)
    best: Best | None = None
    epochs_without_gain: int = 0
    stopped: bool = False
    history: list[Record] = field(default_factory=list)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of the state under a flat name; shared with the state, not copied.

        Returns:
            Names such as `network/head.weight` to tensors.

        Raises:
            DivergedError: one of them is not finite, so that no such number is ever saved.
        """
        named = {f"network/{name}": tensor for name, tensor in self.network.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            named |= {
                f"optimizer/{index}/{name}": value
                for name, value in values.items()
                if isinstance(value, Tensor)
            }
        if self.best is not None:
            named |= {f"best/{name}": tensor for name, tensor in self.best.weights.items()}
        for name, parameter in self.network.named_parameters():
            if parameter.grad is not None:
                named[f"gradient/{name}"] = parameter.grad
        for name, tensor in named.items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise DivergedError(f"step {self.step}: {name} is not finite; lower --learning-rate")
        return named

    def scalars(self) -> Record:
        """Everything else of the state, as JSON can hold it."""
        return {
            "step": self.step,
            "sums": dataclasses.asdict(self.sums),
            "best": None if self.best is None else {"epoch": self.best.epoch, "score": self.best.score},
            "epochs_without_gain": self.epochs_without_gain,
            "stopped": self.stopped,
            "history": self.history,
        }

    def restore(self, tensors: dict[str, Tensor], scalars: Record) -> None:
        """Put back the `tensors` (flat names to values) and the `scalars` of a saved state."""
        parts: dict[str, dict[str, Tensor]] = {"network": {}, "optimizer": {}, "best": {}, "gradient": {}}
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            parts[part][rest] = tensor
        self.network.load_state_dict(parts["network"])
        self._restore_moments(parts["optimizer"])
        for name, parameter in self.network.named_parameters():
            gradient = parts["gradient"].get(name)
            parameter.grad = None if gradient is None else torch.empty_like(parameter).copy_(gradient)
        self.step = scalars["step"]
        self.sums = Sums(**scalars["sums"])
        self.best = None if scalars["best"] is None else Best(**scalars["best"], weights=parts["best"])
        self.epochs_without_gain = scalars["epochs_without_gain"]
        self.stopped = scalars["stopped"]
        self.history = scalars["history"]

    def _restore_moments(self, tensors: dict[str, Tensor]) -> None:
        """Put the optimiser's moments back, each in its parameter's own memory layout."""
        parameters = [each for group in self.optimizer.param_groups for each in group["params"]]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            index, _, key = name.partition("/")
            like = parameters[int(index)]
            fits = tensor.shape == like.shape
            moments.setdefault(int(index), {})[key] = (
                torch.empty_like(like, requires_grad=False).copy_(tensor) if fits else tensor
            )
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """Copy of a network's weights and buffers, by name."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
