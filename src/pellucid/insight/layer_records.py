"""Record of every layer of an opened network: what it does, what it costs, what it gave."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from pellucid.arithmetic.rounding import with_minus
from pellucid.insight.formulas import formula_of
from pellucid.insight.opened_networks import Opened
from pellucid.insight.receptive_fields import axes, field_of, sees_input
from pellucid.reference import Line
from pellucid.reference.scaling import resizing_shares

# Cost of a layer, beside the dense layer that would do the same work.
#
# A dense layer from the same inputs to the same outputs has a weight for every pair of them. What a layer
# has fewer is saved by local connections (a unit is connected with its window alone) and, of parameters,
# by sharing weights (all places use the same).

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


_WORDS = {
    "max-pool": "max pooling",
    "average-pool": "mean of each window",
    "global-max": "largest of each map",
    "global-average": "mean of each map",
    "text-max": "largest over the text",
    "text-average": "mean over the text",
    "fixed-norm": "batch norm, its statistics fixed",
    "neighbours": "convolution over neighbouring tokens",
    "layer-norm": "layer norm",
    "embedding": "vectors of the tokens",
    "places": "vectors of the places added",
    "attention-weights": "attention weights of each head",
    "attention": "attention: values of all tokens, weighted",
    "unit-length": "scaled to length 1",
    "present": "where tokens stand",
    "turned-places": "places from last to first",
    "turn": "the text turned around",
    "weighed-sum": "weighted sum of n-grams",
    "lstm": "LSTM",
    "gru": "GRU",
    "relu": "ReLU",
    "relu6": "ReLU up to 6",
    "leaky-relu": "leaky ReLU",
    "gelu": "GELU",
    "softplus": "ln(1 + e to the power of x)",
    "resize": "the image at another size",
    "add": "a shortcut added",
    "side-by-side": "side by side",
    "unflatten": "the vector as maps",
    "reparametrised": "mean + deviation \u00d7 noise",
    "reconstruction": "reconstruction, in nats",
    "density-of-draw": "ln q(z|x), density of the draw",
    "mixture-density": "ln p(z|y), density under the prior",
}


@dataclass(frozen=True, eq=False)
class LayerRecord:
    """Record of one layer on one input.

    Attributes:
        name: as the network calls it.
        kind: what it does, a key of `pellucid.reference.LAYERS`.
        words: what it does, for people.
        formula: in LaTeX, with the sizes of this layer.
        takes: names of the values that it takes.
        input_shape: of the first of them, without the batch.
        output_shape: of its value.
        cost: parameters and multiply-adds, beside the dense layer of the same work.
        receptive_field: most rows and columns, or places of a text, that one unit sees of the input; empty
            where it sees nothing of it.
        values: what it gave.
        part: of the network that it belongs to; empty where there is one part alone.
    """

    name: str
    kind: str
    words: str
    formula: str
    takes: tuple[str, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    cost: Cost
    receptive_field: tuple[int, ...]
    values: Shaped[np.ndarray, "..."]
    part: str = ""

    def _repr_latex_(self) -> str:
        return rf"$$\begin{{gathered}} {self.formula} \end{{gathered}}$$"

    def __repr__(self) -> str:
        shapes = " → ".join("\u00d7".join(map(str, shape)) for shape in (self.input_shape, self.output_shape))
        return f"{self.name}: {self.words}, {shapes}, {self.cost.parameters:,} parameters"


def layer_records(opened: Opened) -> list[LayerRecord]:
    """Record of every line, in the order of computation."""
    return [_record(opened, line) for line in opened.lines]


def _record(opened: Opened, line: Line) -> LayerRecord:
    """Record of one line: formula, shapes, cost, field and values."""
    sources = opened.sources(line)
    values = opened.value(line.name)
    return LayerRecord(
        name=line.name,
        kind=line.kind,
        words=_words(line, [each.shape for each in opened.weights_of(line)]),
        formula=formula_of(opened, line),
        takes=tuple(sources),
        input_shape=opened.value(sources[0]).shape,
        output_shape=values.shape,
        cost=cost_of(opened, line),
        receptive_field=_field_size(opened, line),
        values=values,
        part=opened.parts.get(line.name, ""),
    )


def _words(line: Line, weights: list[tuple[int, ...]]) -> str:
    """A layer in a few words for people, with its sizes where they tell one from another."""
    if line.kind == "convolution":
        groups, (filters, channels, height, width) = line.settings.get("groups", 1), weights[0]
        size = f"convolution {height}\u00d7{width}"
        if groups == filters and channels == 1:
            return f"depthwise {size}"
        return size if groups == 1 else f"{size} in {groups} groups"
    if line.kind == "transposed-convolution":
        return f"transposed convolution {weights[0][2]}\u00d7{weights[0][3]}"
    if line.kind == "part":
        first, last = line.settings["start"], line.settings["stop"] - 1
        return f"number {first}" if first == last else f"numbers {first} to {last}"
    if line.kind == "clamp":
        return with_minus(f"kept within {line.settings['low']:g} and {line.settings['high']:g}")
    if line.kind == "divide":
        return f"divide by {line.settings['divisor']:g}"
    if line.name.endswith(".query_key_value"):
        return "dense: queries, keys and values of the heads"
    return _WORDS.get(line.kind, line.kind)


def _field_size(opened: Opened, line: Line) -> tuple[int, ...]:
    """Largest field of the first, middle and last unit: edges cut some, and a text is read from one end."""
    if line.kind in ("present", "turned-places"):
        return (1,)
    if not sees_input(opened, line.name):
        return ()
    name = opened.sources(line)[0] if line.kind == "flatten" else line.name
    lengths = axes(opened.value(name).shape)
    sizes = []
    for share in (0.0, 0.5, 1.0):
        places = tuple((int(share * (length - 1)),) * 2 for length in lengths)
        sizes.append([high - low + 1 for low, high in field_of(opened, name, places)])
    return tuple(max(each) for each in zip(*sizes, strict=True))
