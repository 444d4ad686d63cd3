r"""Adam for a table of which a batch uses few rows: a step costs what the batch holds, not the vocabulary.

Without momentum of the gradient, $\beta_1 = 0$, a row that is not used stays as it is, so that it can be left
out. For the rows used, with $t$ the number of the step:

$$v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \quad
  w \leftarrow w - \eta \, \frac{g}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}$$

Kept is $u = v / \beta_2^{t \bmod n}$, which changes in the rows used alone; every $n$ steps all of it is
brought to $v$ again, before the factor grows too large for fp32.

Source: Kingma and Ba 2014, arXiv:1412.6980, algorithm 1 with $\beta_1 = 0$.
"""

from typing import Any

import torch
from torch import Tensor, nn

from pellucid.networks.layers.texts import WeighedSum
from pellucid.training.recipe.choosing import Recipe

# Steps that $n$ stands for: over so many the factor grows to 150.
_SPAN = 500


def learn_by_rows(network: nn.Module, recipe: Recipe) -> None:
    """Let the vectors of n-grams learn by rows where that is Adam all the same: without weight decay.

    On a graphics processor a whole table is quickly gone over.
    """
    is_adam = recipe.optimizer in ("adam", "adamw") and recipe.weight_decay == 0.0
    for layer in network.modules():
        if isinstance(layer, WeighedSum):
            layer.by_rows = is_adam and recipe.device == "cpu"


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
