"""Cost of a layer, beside the dense layer that would do the same work.

A dense layer from the same inputs to the same outputs has a weight for every pair of them. What a layer
has fewer is saved by local connections (a unit is connected with its window alone) and, of parameters,
by sharing weights (all places use the same).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pellucid.insight.layers.opened import Opened
from pellucid.reference import Line
from pellucid.reference.layers.resizing import resizing_shares

_WITH_KERNELS = ("convolution", "transposed-convolution", "neighbours")
# Layers that multiply each number that they take once, or once for each component.
_ONCE_EACH = (
    *("global-average", "text-average", "mixture-density"),
    *("reparametrised", "reconstruction", "density-of-draw"),
)

_LOCAL = (
    "convolution",
    "transposed-convolution",
    "neighbours",
    "average-pool",
    "global-average",
    "text-average",
)
# Number of a layer's weights that are learnt; the others stand.
_LEARNT = {
    "dense": 2,
    "convolution": 2,
    "transposed-convolution": 2,
    "neighbours": 2,
    "fixed-norm": 2,
    "layer-norm": 2,
    "places": 1,
    "embedding": 1,
    "lstm": 4,
    "gru": 4,
    "weighed-sum": 2,
    "mixture-density": 3,
}


class Cost(NamedTuple):
    """Parameters and multiplications of a layer, on one example.

    Attributes:
        parameters: weights and biases.
        multiply_adds: multiplications that are followed by an addition.
        dense_parameters: of the dense layer of the same work; `None` where there is none.
        dense_multiply_adds: likewise.
    """

    parameters: int
    multiply_adds: int
    dense_parameters: int | None = None
    dense_multiply_adds: int | None = None


def cost_of(opened: Opened, line: Line) -> Cost:
    """Cost of a line of an opened network."""
    weights = opened.weights_of(line)[: _LEARNT.get(line.kind, 0)]
    parameters = sum(each.size for each in weights)
    sources = opened.sources(line)
    inputs, outputs = opened.value(sources[0]).size, opened.value(line.name).size
    multiply_adds = _multiply_adds(line.kind, [each.shape for each in weights], inputs, outputs, opened, line)
    if line.kind not in _LOCAL:
        return Cost(parameters, multiply_adds)
    biases = outputs if len(weights) > 1 else 0
    return Cost(parameters, multiply_adds, inputs * outputs + biases, inputs * outputs)


def _multiply_adds(
    kind: str,
    weights: Sequence[tuple[int, ...]],
    inputs: int,
    outputs: int,
    opened: Opened,
    line: Line,
) -> int:
    """Multiplications followed by an addition."""
    if kind == "dense":
        return outputs * weights[0][1]
    if kind == "attention-weights":
        return len(opened.value(opened.sources(line)[0])) * (inputs // 3)
    if kind == "attention":
        return len(opened.value(line.name)) * outputs
    if kind in _WITH_KERNELS:  # transposed, what falls beyond the edges is counted, too
        return (inputs if kind.startswith("transposed") else outputs) * math.prod(weights[0][1:])
    if kind in ("lstm", "gru"):
        return len(opened.value(line.name)) * sum(math.prod(shape) for shape in weights if len(shape) == 2)
    if kind == "resize":
        taken = opened.value(opened.sources(line)[0]).shape[1:]
        shares = [
            int(np.count_nonzero(resizing_shares(*each)))
            for each in zip(taken, line.settings["size"], strict=True)
        ]
        return int(line.settings["channels"]) * shares[0] * shares[1]
    if kind == "average-pool":
        return outputs * int(math.prod(line.settings["window"]))
    if kind == "weighed-sum":
        return len(set(opened.value(opened.sources(line)[0]).tolist())) * outputs
    if kind in _ONCE_EACH:
        return inputs * (weights[0][1] if kind == "mixture-density" else 1)
    return outputs if kind in ("fixed-norm", "layer-norm", "standardise", "rescale") else 0
