"""Optimisers as torch builds them, and the learning rate of each step and layer."""

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.networks import Network
from pellucid.networks.text_layers import EmbeddingBag
from pellucid.training.recipe import Recipe

# Adam for a table of which a batch uses few rows: a step costs what the batch holds, not the vocabulary.
#
# Without momentum of the gradient, $\beta_1 = 0$, a row that is not used stays as it is, so that it can be
# left
# out. For the rows used, with $t$ the number of the step:
#
# $$v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \quad
#   w \leftarrow w - \eta \, \frac{g}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}$$
#
# Kept is $u = v / \beta_2^{t \bmod n}$, which changes in the rows used alone; every $n$ steps all of it is
# brought to $v$ again, before the factor grows too large for fp32.
#
# Source: Kingma and Ba 2014, arXiv:1412.6980, algorithm 1 with $\beta_1 = 0$.

# Steps that $n$ stands for: over so many the factor grows to 150.
_SPAN = 500


def values_of(gradient: Tensor) -> Tensor:
    """Numbers of a gradient that may not be zero; those of a sparse one, whose rows stand in it once."""
    return gradient._values() if gradient.is_sparse else gradient


def update_rows(optimizer: torch.optim.Optimizer) -> None:
    """Update the parameters of an Adam that have a sparse gradient, and take it from them."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None and parameter.grad.is_sparse:
                gradient, parameter.grad = parameter.grad, None
                _update(parameter, gradient, optimizer.state[parameter], group)


def _update(table: Tensor, gradient: Tensor, memory: dict[str, Tensor], group: dict[str, Any]) -> None:
    if "second" not in memory:  # it is the first step, or a checkpoint of another rule was taken over
        memory |= {"step": torch.tensor(0.0), "second": torch.zeros_like(table)}
    memory["step"] += 1
    rows, values = gradient._indices()[0], values_of(gradient)
    beta, step, second = group["betas"][1], int(memory["step"]), memory["second"]
    age = step % _SPAN
    if age == 0:
        second *= beta**_SPAN
    scale = beta**age
    squares = second.index_select(0, rows).addcmul_(values, values, value=(1 - beta) / scale)
    second.index_copy_(0, rows, squares)
    root = squares.mul_(scale / (1 - beta**step)).sqrt_().add_(group["eps"])
    table.index_copy_(0, rows, table.index_select(0, rows).addcdiv_(values, root, value=-group["lr"]))


MOMENTUM = 0.9
BETAS = (0.9, 0.99)
# Key of a parameter group that says which share of the learning rate it gets.
SHARE = "share_of_rate"

Groups = list[dict[str, object]]


_GUARDED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


def _plain(kind: type[torch.optim.Optimizer], first: Callable[[torch.optim.Optimizer], None]) -> Any:
    """The optimiser `kind`, which begins a step with `first`, without the guards against torch's compiler.

    The first call of each guard imports the compiler, which takes most of a second and is never asked.
    """
    step = inspect.unwrap(kind.step)

    def step_without_gradient(self: torch.optim.Optimizer) -> Any:
        with torch.no_grad():
            first(self)
            return step(self)

    bare = {name: inspect.unwrap(getattr(kind, name)) for name in _GUARDED}
    return type(kind.__name__, (kind,), {**bare, "step": step_without_gradient})


def _nothing(optimizer: torch.optim.Optimizer) -> None:
    pass


_SGD = _plain(torch.optim.SGD, _nothing)
_ADAM, _ADAMW = (_plain(kind, update_rows) for kind in (torch.optim.Adam, torch.optim.AdamW))


def _sgd(groups: Groups, recipe: Recipe, momentum: float, nesterov: bool) -> torch.optim.Optimizer:
    rate = recipe.learning_rate
    optimizer: torch.optim.Optimizer = _SGD(groups, lr=rate, momentum=momentum, nesterov=nesterov, fused=True)
    return optimizer


def _adam(kind: Any, groups: Groups, recipe: Recipe) -> torch.optim.Optimizer:
    # Shares of the running means of Adam that are kept from step to step.
    rate, betas = (
        recipe.learning_rate,
        (BETAS if recipe.adversarial is None else (recipe.adversarial.momentum, BETAS[1])),
    )
    optimizer: torch.optim.Optimizer = kind(groups, lr=rate, betas=betas, fused=True)
    return optimizer


OPTIMIZERS: dict[str, Callable[[Groups, Recipe], torch.optim.Optimizer]] = {
    "gd": lambda groups, recipe: _sgd(groups, recipe, 0.0, False),
    "sgd": lambda groups, recipe: _sgd(groups, recipe, 0.0, False),
    "momentum": lambda groups, recipe: _sgd(groups, recipe, MOMENTUM, False),
    "nesterov": lambda groups, recipe: _sgd(groups, recipe, MOMENTUM, True),
    "adam": functools.partial(_adam, _ADAM),
    "adamw": functools.partial(_adam, _ADAMW),
}


def build_optimizer(
    network: nn.Module, recipe: Recipe, shares: Mapping[str, float] | None = None
) -> torch.optim.Optimizer:
    """Optimiser of a recipe, with two parameter groups for each share of the learning rate.

    Weight decay acts on weight matrices and kernels only, not on biases and batch-norm scales. `shares` gives
    parameters, by name, a part of the learning rate; the others get the whole. In adversarial training the
    generator's get theirs, and each of the two networks has its own updates: the optimiser leaves alone what
    has no gradient. Vectors of n-grams learn by rows from now on, or no longer.
    """
    # Let the vectors of n-grams learn by rows where that is Adam all the same: without weight decay.
    is_adam = recipe.optimizer in ("adam", "adamw") and recipe.weight_decay == 0.0
    for layer in network.modules():
        if isinstance(layer, EmbeddingBag):
            layer.by_rows = is_adam and recipe.device == "cpu"
    if recipe.adversarial is not None:
        of_generator = (name for name, _ in network.named_parameters() if name.startswith("generator."))
        shares = dict.fromkeys(of_generator, recipe.adversarial.generator_rate)
    by_share: dict[float, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            by_share.setdefault((shares or {}).get(name, 1.0), []).append(parameter)
    groups = [
        {**group, SHARE: share}
        for share, parameters in by_share.items()
        for group in _groups(parameters, recipe.weight_decay)
    ]
    return OPTIMIZERS[recipe.optimizer](groups, recipe)


def _groups(parameters: Iterable[nn.Parameter], weight_decay: float) -> Groups:
    parameters = list(parameters)
    decayed = [parameter for parameter in parameters if parameter.ndim > 1]
    free = [parameter for parameter in parameters if parameter.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


# Learning rate of each layer of a pretrained network in fine-tuning: the lower the layer, the slower.
#
# The head was trained before, on frozen features. The tensors of the body, in the order of computation, are
# cut
# into six groups of equal number; the head gets the whole learning rate, the group $k$ from the top (from 0)
# the share $u \cdot d^k$ with $d = 0.8$; $u$ is 0.7 for images and 0.1 for encoders of texts, which large
# rates destroy.
#
# Source: Howard and Ruder 2018, "Universal Language Model Fine-tuning for Text Classification",
# arXiv:1801.06146, section 3.2, for rates by layer; Kumar et al. 2022, arXiv:2202.10054, for training the
# head
# first.

_GROUPS = 6
_DECAY = 0.8
# Share of the learning rate that the uppermost group gets, by what the network takes.
UPPERMOST = {"images": 0.7, "texts": 0.1}


def shares_of_rate(network: Network, uppermost: float) -> Mapping[str, float]:
    """Share of the learning rate, above 0 and at most 1, by parameter; `uppermost` for the top group."""
    body = [name for name, _ in network.named_parameters() if name.startswith("body.")]
    shares = {name: 1.0 for name, _ in network.named_parameters()}
    for place, name in enumerate(body):
        depth = _GROUPS - 1 - place * _GROUPS // len(body)
        shares[name] = uppermost * _DECAY**depth
    return shares


# Learning rate as a function of the step alone, so that a resumed run follows the same course.
#
# A schedule maps the progress $p$, the share of all steps already taken, 0 to 1, to a factor on the largest
# learning rate.

WARM_UP = 0.2


def one_cycle(progress: float) -> float:
    """Straight up to 1 over the first fifth, then straight down to 0.

    Source: Smith and Topin, "Super-Convergence", 2018, with the final annihilation to zero.
    """
    return progress / WARM_UP if progress < WARM_UP else (1.0 - progress) / (1.0 - WARM_UP)


def cosine(progress: float) -> float:
    r"""Half a cosine from 1 to 0: $\frac{1}{2}(1 + \cos \pi p)$.

    Source: Loshchilov and Hutter, "SGDR", ICLR 2017, equation 5 without restarts.
    """
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def constant(progress: float) -> float:
    """Factor 1 throughout."""
    del progress
    return 1.0


SCHEDULES: dict[str, Callable[[float], float]] = {
    "one-cycle": one_cycle,
    "cosine": cosine,
    "constant": constant,
}


def learning_rate(
    schedule: str,
    largest: float,
    step: int,
    total_steps: int,
    shortened: Sequence[tuple[int, int]] = (),
) -> float:
    """Learning rate at the middle of a step (from 0), so that neither the first nor the last step is idle.

    `shortened` are the steps at which the training was made shorter, each with the steps in all until then.
    """
    return largest * SCHEDULES[schedule](_progress(step + 0.5, total_steps, shortened))


def _progress(step: float, total_steps: int, shortened: Sequence[tuple[int, int]]) -> float:
    """Share of the course that a step has reached; from where it was made shorter it goes on faster to 1."""
    reached, since = 0.0, 0
    for at, planned in shortened:
        if step < at:
            return reached + (1 - reached) * (step - since) / (planned - since)
        reached += (1 - reached) * (at - since) / (planned - since)
        since = at
    return reached + (1 - reached) * (step - since) / (total_steps - since)
