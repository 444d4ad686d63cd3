r"""The mathematics of the networks in NumPy alone, straight from the formulas: forwards and backwards.

One file for each idea. A function computes; the one behind it, whose name ends in `_backward`,
computes the gradient. Notation: $L$ is the loss, and $\bar v = \partial L / \partial v$ the gradient of
any value $v$, in the shape of $v$. A backward function takes the gradient $\bar y$ of the result, then
what its partner takes, and returns one gradient for each array. Letters of sums are those of `einsum`.

Nothing here is fast, and nothing trains with it. It is what the tests of the real networks agree with, and
where the numbers come from that explain a unit. Arithmetic is that of the arrays: float64 gives float64.
"""

from pellucid.reference.layers import LAYERS, Layer
from pellucid.reference.optimisers import RULES, Memory, Numbers, update
from pellucid.reference.walk import Line, numerical_gradient, walk, walk_back, walk_on

__all__ = [
    "LAYERS",
    "RULES",
    "Layer",
    "Line",
    "Memory",
    "Numbers",
    "numerical_gradient",
    "update",
    "walk",
    "walk_back",
    "walk_on",
]
