"""Probabilities of ordered classes in torch, as `targets/ordered.py` has them of arrays."""

import torch
from jaxtyping import Float
from torch import Tensor

from pellucid.targets.ordered import LEAST


def of_questions(above: Float[Tensor, "batch questions"]) -> Float[Tensor, "batch classes"]:
    """Probability of each class by those of a higher one."""
    first, last = torch.ones_like(above[:, :1]), torch.zeros_like(above[:, :1])
    higher = torch.cat([first, above, last], dim=1)
    shares = (higher[:, :-1] - higher[:, 1:]).clamp(min=LEAST)
    return shares / shares.sum(dim=1, keepdim=True)
