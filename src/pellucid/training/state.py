"""State of training: all that a resumed run needs to go on as if nothing had happened, and checkpoints."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import safetensors
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from pellucid.data.wording import count_of
from pellucid.errors import DivergedError, StorageError
from pellucid.language.sentence import Sentence
from pellucid.safety.files import read_regular, write_folder
from pellucid.safety.strict import Number, OneOf, Text, Whole, from_json, read_sealed, sealed, to_json
from pellucid.training.batches import Batches
from pellucid.training.steps import StepResult

Record = dict[str, Any]

_MOST = 1 << 53
_Count = Annotated[int, Whole(0, _MOST)]


@dataclass
class Sums:
    """Running sums of the epoch under way."""

    loss: float = 0.0  # sum of the loss over examples
    correct: _Count = 0  # examples classified right while training; 0 where numbers are predicted
    examples: _Count = 0
    seconds: Annotated[float, Number(0.0)] = 0.0  # time spent in steps
    # Sums over examples of what else a step records, by name.
    also: dict[str, float] = field(default_factory=dict)
    health: Record = field(default_factory=dict)  # what `training/layer_health.py` measured in the layers

    def add(self, result: StepResult, seconds: float) -> None:
        """Add a step that took some seconds."""
        self.loss += result.loss * result.examples
        self.correct += result.correct
        self.examples += result.examples
        for name, mean in result.also.items():
            self.also[name] = self.also.get(name, 0.0) + mean * result.examples
        self.seconds += seconds


@dataclass
class Best:
    """Best epoch so far by the chosen metric."""

    epoch: int  # which one, from 1
    score: float  # its validation score; larger is better (log loss and root mean squared error are negated)
    weights: dict[str, Tensor]  # the network's tensors at its end


@dataclass
class State:
    """Weights, optimiser state, position, and the best epoch so far."""

    network: nn.Module  # the network, with its buffers
    optimizer: torch.optim.Optimizer  # with its moments
    step: int = 0  # batches used so far
    sums: Sums = field(default_factory=Sums)  # running sums of the epoch under way
    best: Best | None = None  # best epoch so far, or None before the first validation
    epochs_without_gain: int = 0  # epochs since `best`
    stopped: bool = False  # whether patience has run out
    history: list[Record] = field(default_factory=list)  # one record per finished epoch

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of the state under a flat name such as `network/head.weight`; shared, not copied.

        Raises: `DivergedError` if one of them is not finite, so that no such number is ever saved.
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
                raise DivergedError(
                    "step {step}: {name} is not finite; lower --learning-rate", self.step, name
                )
        return named

    def scalars(self) -> Record:
        """Everything else of the state, as JSON can hold it."""
        best = None if self.best is None else _BestEpoch(self.best.epoch, self.best.score)
        scalars: Record = to_json(
            _Scalars(self.step, self.sums, best, self.epochs_without_gain, self.stopped, self.history)
        )
        return scalars

    def restore(self, tensors: dict[str, Tensor], scalars: object, batches: Batches | None = None) -> None:
        """Put back the `tensors` (flat names to values) and the `scalars` of a saved state, nothing trusted.

        `batches` are those of the training, where the state may be of another one.

        Raises: `ValueError` if something is not what `tensors` and `scalars` give; the state stays as it is.
        """
        read = from_json("state", scalars, _Scalars)
        if batches is not None:
            _check_position(read, batches)
        parts = self._read_tensors(tensors, has_best=read.best is not None)
        self.network.load_state_dict(parts["network"])
        learnt = [each for group in self.optimizer.param_groups for each in group["params"]]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts["optimizer"].items():
            index, _, key = name.partition("/")
            like = learnt[int(index)]
            if tensor.shape == like.shape:  # in its parameter's own memory layout
                tensor = torch.empty_like(like, requires_grad=False).copy_(tensor)
            moments.setdefault(int(index), {})[key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        for name, parameter in self.network.named_parameters():
            gradient = parts["gradient"].get(name)
            parameter.grad = None if gradient is None else torch.empty_like(parameter).copy_(gradient)
        self.step, self.sums = read.step, read.sums
        self.best = None if read.best is None else Best(read.best.epoch, read.best.score, parts["best"])
        self.epochs_without_gain, self.stopped = read.epochs_without_gain, read.stopped
        self.history = list(read.history)

    def _read_tensors(self, tensors: dict[str, Tensor], *, has_best: bool) -> dict[str, dict[str, Tensor]]:
        """Tensors by part, each of the form that this state has, finite."""
        network = self.network.state_dict()
        parameters = dict(self.network.named_parameters())
        learnt = [each for group in self.optimizer.param_groups for each in group["params"]]
        parts: dict[str, dict[str, Tensor]] = {"network": {}, "optimizer": {}, "best": {}, "gradient": {}}
        known: dict[str, Mapping[str, Tensor]] = {"network": network, "best": network, "gradient": parameters}
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            index, _, moment = rest.partition("/")
            like = known.get(part, {}).get(rest)
            if part == "optimizer" and index.isascii() and index.isdigit() and len(index) < 9:
                like = learnt[int(index)] if int(index) < len(learnt) and moment else None
            if like is None:
                raise ValueError(Sentence("{name!r} is no tensor of this training", name[:80]))
            is_scalar = part == "optimizer" and tensor.ndim == 0
            if (tensor.shape != like.shape and not is_scalar) or (
                part != "optimizer" and tensor.dtype != like.dtype
            ):
                raise ValueError(
                    Sentence(
                        "{name!r} is {dtype} {value}, not {dtype2} {value2}",
                        name[:80],
                        tensor.dtype,
                        [*tensor.shape],
                        like.dtype,
                        [*like.shape],
                    )
                )
            if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                raise ValueError(Sentence("{name!r} holds numbers that are not finite", name[:80]))
            parts[part][rest] = tensor
        for part, needed in (("network", True), ("best", has_best)):
            if needed and parts[part].keys() != network.keys():
                raise ValueError(Sentence("tensors of {part} are missing", part))
        return parts


@dataclass(frozen=True)
class _BestEpoch:
    """The best epoch without its weights."""

    epoch: Annotated[int, Whole(1, _MOST)]
    score: float


@dataclass(frozen=True)
class _Scalars:
    """All of a state but its tensors, as JSON holds it."""

    step: _Count
    sums: Sums
    best: _BestEpoch | None
    epochs_without_gain: _Count
    stopped: bool
    history: Sequence[Record]


def _check_position(read: _Scalars, batches: Batches) -> None:
    """Refuse a step that lies elsewhere than the epochs recorded and the sums of the one under way say."""
    total, epochs = batches.recipe.total_steps, len(read.history)
    if read.step > total:
        raise ValueError(Sentence("step {step:,} of {total:,}", read.step, total))
    into_epoch = read.step - epochs * batches.per_epoch
    is_open = read.sums.examples > 0
    fits = 0 < into_epoch <= batches.per_epoch if is_open else into_epoch == 0 or read.step == total
    if not fits:
        raise ValueError(
            Sentence(
                "it is at step {step:,}, and records {epochs} of {per_epoch:,} "
                "steps and {examples} of the next one",
                read.step,
                count_of(epochs, "epoch"),
                batches.per_epoch,
                count_of(read.sums.examples, "example"),
            )
        )


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """Copy of a network's weights and buffers, by name."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


_FORMAT = 1
_MOST_OF_HEADER = 16 << 20
_KEPT = 2  # where the newest is damaged, the one before it is resumed


@dataclass(frozen=True)
class _Checkpoint:
    """`state.json` of a checkpoint; the state itself reads its own scalars."""

    format: Annotated[int, OneOf((_FORMAT,))]
    sha256: Annotated[str, Text(64, 64)]
    identity: Record
    state: Any


def save_checkpoint(folder: Path, state: State, identity: Mapping[str, Any]) -> Path:
    """Write a checkpoint through the save protocol, then drop all but the last two; the folder written.

    `folder` is the run's `checkpoints/` and must exist. `identity` says what the state belongs to (data,
    settings); it is compared when resuming.

    Raises: `DivergedError` if a tensor is not finite; `StorageError` if the disk is full or not writable;
    earlier checkpoints are intact.
    """
    tensors = {name: tensor.detach().contiguous() for name, tensor in state.tensors().items()}
    content = save(tensors)
    digest = hashlib.sha256(content).hexdigest()
    description = sealed(to_json(_Checkpoint(_FORMAT, digest, dict(identity), state.scalars())))
    path = folder / f"step-{state.step:09d}"
    try:
        write_folder(path, {"state.safetensors": content, "state.json": description})
    except StorageError as error:
        kept = _checkpoints(folder)
        last = (
            Sentence("the last good checkpoint is {name}", kept[-1].name)
            if kept
            else "no checkpoint was made yet"
        )
        raise StorageError("{error}; {last}", error, last) from error
    for old in _checkpoints(folder)[:-_KEPT]:
        shutil.rmtree(old)
    return path


def load_checkpoint(folder: Path, state: State, batches: Batches | None = None) -> dict[str, Any] | None:
    """Restore the newest intact checkpoint into `state` and return its identity; `None` without one.

    `batches` are those of the training that goes on: each checkpoint's step is compared with them.

    Raises: `StorageError` if there are checkpoints and none is intact; the state is then left alone.
    """
    broken = ""
    # Weights, the best ones, gradients and two moments of an optimiser, and the names of all these.
    most = 6 * sum(each.nbytes for each in state.network.state_dict().values()) + _MOST_OF_HEADER
    for path in reversed(_checkpoints(folder)):
        try:
            document, tensors = _read(path, most)
            state.restore(tensors, document.state, batches)
        except (OSError, ValueError, safetensors.SafetensorError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            broken = broken or Sentence(
                "{path}: training cannot continue from this checkpoint: {reason}", path, reason
            )
            continue
        return document.identity
    if broken:
        raise StorageError("{broken}; put back what stood there, or start again with --overwrite", broken)
    return None


def _read(path: Path, most: int) -> tuple[_Checkpoint, dict[str, Tensor]]:
    """Document and tensors of a checkpoint, both under their checksums."""
    document = from_json("checkpoint", read_sealed(path / "state.json"), _Checkpoint)
    content = read_regular(path / "state.safetensors", most)
    if hashlib.sha256(content).hexdigest() != document.sha256:
        raise ValueError("the checksum of state.safetensors does not match")
    return document, load(content)


def _checkpoints(folder: Path) -> list[Path]:
    """Checkpoints from oldest to newest."""
    return sorted(folder.glob("step-*"))
