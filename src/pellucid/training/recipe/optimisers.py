"""Optimisers as torch builds them."""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn

from pellucid.training.recipe.choosing import Recipe
from pellucid.training.recipe.rows import learn_by_rows, update_rows

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
    rate, betas = recipe.learning_rate, _betas(recipe)
    optimizer: torch.optim.Optimizer = kind(groups, lr=rate, betas=betas, fused=True)
    return optimizer


def _betas(recipe: Recipe) -> tuple[float, float]:
    """Shares of the running means of Adam that are kept from step to step."""
    return BETAS if recipe.adversarial is None else (recipe.adversarial.momentum, BETAS[1])


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
    learn_by_rows(network, recipe)
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
