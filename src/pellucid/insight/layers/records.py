"""Record of every layer of an opened network: what it does, what it costs, what it gave."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from pellucid.arithmetic.rounding import with_minus
from pellucid.insight.layers.costs import Cost, cost_of
from pellucid.insight.layers.fields import axes, field_of, sees_input
from pellucid.insight.layers.formulas import formula_of
from pellucid.insight.layers.opened import Opened
from pellucid.reference import Line

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
