"""Health of the layers while they learn: measured at a few steps, summed up for each epoch's record.

Which steps are measured follows from their number alone, and measuring only reads: the weights are those of a
training without it, to the byte.
"""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.language.sentence import Sentence
from pellucid.training.batches import Batch, Batches
from pellucid.training.optimisers import values_of
from pellucid.training.recipe import Recipe
from pellucid.training.state import Record, State
from pellucid.training.steps import Step, StepResult

# Bounds that keep measuring cheap against the step itself, and the history short.
_MOST_LAYERS = 32
_MOST_OUTPUTS = 2**18  # numbers of a layer that are measured
_FEWEST_EXAMPLES = 8  # whatever their size
_MOST_WEIGHTS = 2**16
# A tanh beyond it on either side counts as saturated; its slope is there below 0.06 of the largest.
_SATURATED = 0.97

_KINDS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "relu",
    nn.Sigmoid: "sigmoid",
    nn.Tanh: "tanh",
    nn.LeakyReLU: "leaky-relu",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.LSTM: "lstm",
    nn.GRU: "gru",
}
# Meaning of the third number of an activation, a share, where it has one.
SHARES = {"relu": "dead", "sigmoid": "saturated", "tanh": "saturated"}

Named = TypeVar("Named")


class WeightNorms(NamedTuple):
    """Norms of one layer's weights, of their gradient, and of an update relative to them."""

    gradient_norm: float  # of the gradient that the optimiser is given
    weight_norm: float  # before the update
    update_to_weight: float  # length of the update over that of the weights


def weights_of_layers(network: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Trainable parameters of two or more dimensions by layer, in the network's order.

    At most 32 layers, evenly spaced from the first to the last.
    """
    found = {
        name: [each for each in layer.parameters(recurse=False) if each.requires_grad and each.ndim > 1]
        for name, layer in network.named_modules()
    }
    return _evenly({name: parameters for name, parameters in found.items() if parameters})


def activations_of(network: nn.Module) -> dict[str, nn.Module]:
    """Activation functions and recurrent layers behind the first layer with trainable weights, by name.

    At most 32, evenly spaced from the first to the last.
    """
    learns, found = False, {}
    for name, layer in network.named_modules():
        learns = learns or any(each.requires_grad and each.ndim > 1 for each in layer.parameters(False))
        if learns and type(layer) in _KINDS:
            found[name] = layer
    return _evenly(found)


def _evenly(named: Mapping[str, Named]) -> dict[str, Named]:
    """Evenly spaced entries, at most as many as are recorded, the first and the last among them."""
    items, steps = list(named.items()), _MOST_LAYERS - 1
    if len(items) <= _MOST_LAYERS:
        return dict(items)
    return dict(items[round(place * (len(items) - 1) / steps)] for place in range(_MOST_LAYERS))


@contextlib.contextmanager
def watched_weights(
    optimizer: torch.optim.Optimizer, layers: Mapping[str, Sequence[nn.Parameter]]
) -> Iterator[dict[str, Tensor]]:
    """Measure weights around the optimiser's next update; yields, by layer, a row of `WeightNorms` after it.

    Weights of very many numbers are compared by evenly spaced rows of them.
    """
    found: dict[str, Tensor] = {}
    learning = [each for parameters in layers.values() for each in parameters]
    strides = [math.ceil(each.numel() / _MOST_WEIGHTS) for each in learning]
    norms: list[Tensor] = []
    rows_before: list[Tensor] = []

    def rows() -> list[Tensor]:
        return [each.detach()[::stride] for each, stride in zip(learning, strides, strict=True)]

    @torch.no_grad()
    def before(*_: Any) -> None:
        norms[:] = [
            each.new_zeros(()) if each.grad is None else values_of(each.grad).norm() for each in learning
        ]
        rows_before[:] = [each.clone() for each in rows()]

    @torch.no_grad()
    def after(*_: Any) -> None:
        scales = [
            1 / math.sqrt(len(some) / len(each)) for some, each in zip(rows_before, learning, strict=True)
        ]
        weights = torch._foreach_mul(torch._foreach_norm(rows_before), scales)
        torch._foreach_sub_(rows_before, rows())
        updates = torch._foreach_mul(torch._foreach_norm(rows_before), scales)
        place = 0
        for name, parameters in layers.items():
            mine = slice(place, place + len(parameters))
            place += len(parameters)
            if not any(each.requires_grad for each in parameters):
                continue  # it is frozen now
            if name in found and not any(each.any() for each in norms[mine]):
                continue  # this update is of other layers, as the two of an adversarial step are
            stacked = [torch.stack(list(each[mine])) for each in (norms, weights, updates)]
            gradient, weight, update = torch.stack(stacked).float().norm(dim=1)
            found[name] = torch.stack([gradient, weight, update / weight])

    hooks = [optimizer.register_step_pre_hook(before), optimizer.register_step_post_hook(after)]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


@contextlib.contextmanager
def watched_activations(layers: Mapping[str, nn.Module]) -> Iterator[dict[str, list[Tensor]]]:
    """Measure the outputs of layers while the network is called; they may be overwritten afterwards.

    Yields, by kind and layer, such as `relu body.activation1`, one row of `measured` for each call.
    """
    found: dict[str, list[Tensor]] = {}

    def look(name: str, kind: str, layer: nn.Module, inputs: Any, outputs: Any) -> None:
        values = outputs if isinstance(outputs, Tensor) else outputs[0]
        found.setdefault(Sentence("{kind} {name}", kind, name), []).append(measured(values, kind))

    handles = [
        layer.register_forward_hook(partial(look, name, _KINDS[type(layer)]))
        for name, layer in layers.items()
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def measured(outputs: Float[Tensor, "batch ..."], kind: str) -> Float[Tensor, "3"]:
    r"""Mean, standard deviation, and share of dead or saturated ones (else 0), of an activation's outputs.

    These are (batch, units), (batch, channels, height, width) or (batch, length, channels). Of maps and texts
    the first examples are used, as many as hold about 260,000 numbers, at least 8. A relu's unit or channel
    is dead where it is 0 for all these examples and places. A tanh is saturated beyond 0.97 on either side,
    and a sigmoid where the tanh that it is made of is: $\sigma(x) = (1 + \tanh(x / 2)) / 2$.

    Source: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural
        networks", sections 3.1 to 3.3, for what is worth watching.
    """
    examples = max(_FEWEST_EXAMPLES, _MOST_OUTPUTS // max(1, outputs[0].numel()))
    values = outputs.detach()[:examples].float()
    mean = values.mean()
    deviation = (values - mean).norm() / math.sqrt(max(1, values.numel()))
    share = torch.zeros_like(mean)
    if kind == "relu":
        channel = values.ndim - 1 if values.ndim == 3 else 1
        others = [axis for axis in range(values.ndim) if axis != channel]
        share = (values.amax(others) <= 0).float().mean()
    elif kind == "tanh":
        share = (values.abs() > _SATURATED).float().mean()
    elif kind == "sigmoid":
        share = ((values - 0.5).abs() > _SATURATED / 2).float().mean()
    return torch.stack([mean, deviation, share])


_FEWEST_BETWEEN = 20  # steps
_MOST_PER_EPOCH = 4  # measured steps
_MOST_PER_RUN = 400  # measured steps


def spacing(recipe: Recipe, per_epoch: int) -> int:
    """Spacing of the measured steps: those whose count, from 1, is a multiple of it.

    At least 20, so that measuring stays cheap against the smallest steps; at most 4 measured steps in
    an epoch, and 400 in a run. `gd` updates once in an epoch, so there whole epochs lie between.
    """
    between = max(
        _FEWEST_BETWEEN,
        math.ceil(per_epoch / _MOST_PER_EPOCH),
        math.ceil(recipe.planned_steps / _MOST_PER_RUN),
    )
    return per_epoch * math.ceil(between / per_epoch) if recipe.optimizer == "gd" else between


class ExaminedStep:
    """Step that lets another do the work and measures the network at some steps; sums go to the state.

    A step with a number that is not finite is left out.
    """

    def __init__(self, step: Step, state: State, batches: Batches) -> None:
        self._step = step
        self._state = state
        self._spacing = spacing(batches.recipe, batches.per_epoch)
        self._weights = weights_of_layers(state.network)
        self._activations = activations_of(state.network)

    def __call__(self, batch: Batch, step: int, learning_rate: float) -> StepResult:
        """Take one step as in `Step`."""
        if (step + 1) % self._spacing:
            return self._step(batch, step, learning_rate)
        with watched_weights(self._state.optimizer, self._weights) as lengths:
            with watched_activations(self._activations) as outputs:
                result = self._step(batch, step, learning_rate)
        rows = {("weights", name): row for name, row in lengths.items()}
        rows |= {("activations", name): torch.stack(calls).mean(0) for name, calls in outputs.items()}
        numbers = torch.stack(list(rows.values())).tolist() if rows else []
        if numbers and all(math.isfinite(number) for row in numbers for number in row):
            sums = self._state.sums.health
            sums["steps"] = sums.get("steps", 0) + 1
            for (part, name), row in zip(rows, numbers, strict=True):
                before = sums.setdefault(part, {}).get(name, [0.0, 0.0, 0.0])
                sums[part][name] = [old + new for old, new in zip(before, row, strict=True)]
        return result


def epoch_health(sums: Record) -> Record:
    """Entry `health` of an epoch's record: the number of measured `steps`, and means over them.

    For each layer with `weights` the numbers of `WeightNorms`; for each of the `activations` its kind, mean,
    deviation and, where it has one, the share `dead` or `saturated`; four significant figures. Empty where
    no step was measured.
    """
    if not sums:
        return {}
    steps = sums["steps"]

    def means(row: Sequence[float]) -> list[float]:
        return [float(f"{each / steps:.4g}") for each in row]

    weights = {name: WeightNorms(*means(row))._asdict() for name, row in sums.get("weights", {}).items()}
    activations = {}
    for key, row in sums.get("activations", {}).items():
        kind, _, name = key.partition(" ")
        mean, deviation, share = means(row)
        activations[name] = {"kind": kind, "mean": mean, "deviation": deviation}
        if kind in SHARES:
            activations[name][SHARES[kind]] = share
    return {"health": {"steps": steps, "weights": weights, "activations": activations}}
