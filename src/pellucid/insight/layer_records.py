"""Record of every layer of an opened network: what it does, its formula, what it costs, what it gave."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped

from pellucid.arithmetic.rounding import with_minus
from pellucid.insight.opened_networks import Opened
from pellucid.insight.receptive_fields import field_of, places, sees_input
from pellucid.reference import LAYERS, Line
from pellucid.reference.notation import Pointwise

# Layers compared with the dense layer between the same numbers: their units are connected with a window alone
# and, of those with kernels, all places share the weights.
_LOCAL = frozenset(
    {"convolution", "transposed-convolution", "neighbours", "average-pool", "global-average", "text-average"}
)
# How many of a layer's weights are learnt, where some are fixed.
_LEARNT = {"fixed-norm": 2, "weighed-sum": 2, "standardise": 0, "rescale": 0}
# Layers that multiply each number that they give once, and those that multiply each that they take.
_EACH_GIVEN = frozenset({"fixed-norm", "layer-norm", "standardise", "rescale"})
_EACH_TAKEN = frozenset({"mixture-density", "reparametrised", "reconstruction", "density-of-draw"})


class Cost(NamedTuple):
    """Parameters and multiply-adds of a layer on one example, and of the dense layer of the same work."""

    parameters: int
    multiply_adds: int
    dense_parameters: int | None = None
    dense_multiply_adds: int | None = None


def cost_of(opened: Opened, line: Line) -> Cost:
    """Cost of a line of an opened network."""
    weights = opened.weights_of(line)[: _LEARNT.get(line.kind)]
    parameters = sum(each.size for each in weights)
    inputs, outputs = opened.taken(line)[0], opened.value(line.name)
    bound = opened.bound(line)
    if line.kind == "weighed-sum":  # an id of no weight is multiplied too
        multiply_adds = len(set(inputs.tolist())) * outputs.size
    elif bound is not None:
        multiply_adds = bound.multiply_adds
    elif line.kind == "attention-weights":
        multiply_adds = len(inputs) * (inputs.size // 3)
    elif line.kind in ("lstm", "gru"):
        multiply_adds = len(outputs) * sum(each.size for each in weights if each.ndim == 2)
    elif line.kind in _EACH_TAKEN:
        multiply_adds = inputs.size * (weights[0].shape[1] if line.kind == "mixture-density" else 1)
    else:
        multiply_adds = outputs.size if line.kind in _EACH_GIVEN else 0
    if line.kind not in _LOCAL:
        return Cost(parameters, multiply_adds)
    work = inputs.size * outputs.size
    return Cost(parameters, multiply_adds, work + (outputs.size if len(weights) > 1 else 0), work)


# Formulas in LaTeX follow from the line or the steps that are declared of a layer; the others are below.


def formula_of(opened: Opened, line: Line) -> str:
    """Formula of a layer in LaTeX with its sizes; between lines are two backslashes."""
    bound, declared = opened.bound(line), LAYERS[line.kind].declared if line.kind in LAYERS else None
    if bound is not None:
        return bound.latex
    shape = opened.value(line.name).shape
    if isinstance(declared, tuple):
        return _formula_of_steps(declared, shape, line.settings)
    weights = [each.shape for each in opened.weights_of(line)]
    return _BY_HAND[line.kind](opened.taken(line)[0].shape, shape, weights, line.settings)


def _formula_of_steps(declared: tuple[Pointwise, ...], shape: tuple[int, ...], settings: Any) -> str:
    index = {1: "o", 2: "t o", 3: "o r c"}[len(shape)]
    numbers = {
        name: f"{each:g}" if isinstance(each, (int, float)) else each for name, each in settings.items()
    }
    text, conditions = f"x_{{{index}}}", ""
    for operation, symbol, *_ in declared:
        # Braces around the name of a setting are placeholders; all others are LaTeX's.
        for name, number in numbers.items():
            symbol = symbol.replace(f"{{{name}}}", number)
        symbol = symbol.replace("@", f"_{{{index}}}")
        if operation == "function":
            text = symbol
        elif operation == "*":
            text = f"{symbol} {text}"
        elif operation == "/√":
            text = rf"\frac{{{text}}}{{\sqrt{{{symbol} + \epsilon}}}}"
            conditions = rf", \epsilon = {numbers['epsilon']}"
        elif operation == "/":
            text = rf"\frac{{{text}}}{{{symbol}}}"
        else:
            text = f"{text} {operation} {symbol}"
    return f"y_{{{index}}} = {text}{conditions}"


# What comes in, what goes out and the weights, by shape, and the settings.
_Formula = Callable[[tuple[int, ...], tuple[int, ...], list[tuple[int, ...]], Any], str]


def _layer_norm(
    taken: tuple[int, ...], given: tuple[int, ...], weights: list[tuple[int, ...]], settings: Any
) -> str:
    index, count = {1: "o", 2: "t o", 3: "r c o"}[len(given)], given[-1]
    place = index.removesuffix("o")
    return (
        rf"y_{{{index}}} = \gamma_{{o}} \frac{{x_{{{index}}} - \mu_{{{place}}}}}"
        rf"{{\sqrt{{\sigma_{{{place}}}^{{2}} + \epsilon}}}} + \beta_{{o}}, "
        rf"\epsilon = {settings['epsilon']:g} \\ "
        rf"\mu_{{{place}}} = \frac{{1}}{{{count}}} \sum_{{i=0}}^{{{count - 1}}} x_{{{place}i}} \\ "
        rf"\sigma_{{{place}}}^{{2}} = \frac{{1}}{{{count}}} \sum_{{i=0}}^{{{count - 1}}} "
        rf"(x_{{{place}i}} - \mu_{{{place}}})^{{2}}"
    )


def _attention_weights(
    taken: tuple[int, ...], given: tuple[int, ...], weights: list[tuple[int, ...]], settings: Any
) -> str:
    heads, length, _ = given
    numbers = taken[1] // 3 // heads
    return (
        rf"a_{{h i j}} = \frac{{e^{{s_{{h i j}}}}}}{{\sum_{{l=0}}^{{{length - 1}}} e^{{s_{{h i l}}}}}} \\ "
        rf"s_{{h i j}} = \frac{{1}}{{\sqrt{{{numbers}}}}} "
        rf"\sum_{{c=0}}^{{{numbers - 1}}} q_{{h i c}} k_{{h j c}}"
    )


_BY_HAND: dict[str, _Formula] = {
    "layer-norm": _layer_norm,
    "side-by-side": lambda *_: r"y = (x_{1}, x_{2}, \dots)",
    "embedding": lambda taken, given, weights, settings: (
        rf"y_{{t o}} = E_{{x_{{t}} o}}, o = 0, \dots, {weights[0][1] - 1}"
    ),
    "attention-weights": _attention_weights,
    "unit-length": lambda *_: r"y_{o} = \frac{x_{o}}{\sqrt{\sum_{i} x_{i}^{2}}}",
    "present": lambda *_: r"y_{t} = [x_{t} \ne 0]",
    "turned-places": lambda taken, given, *_: rf"y_{{t}} = {given[0] - 1} - t",
    "softmax": lambda taken, *_: (
        rf"p_{{o}} = \frac{{e^{{x_{{o}}}}}}{{\sum_{{j=0}}^{{{taken[0] - 1}}} e^{{x_{{j}}}}}}"
    ),
    "closed": lambda *_: r"y = f(x)",
    "lstm": lambda *_: (
        r"s_{t} = \sigma(f_{t}) s_{t-1} + \sigma(i_{t}) \tanh(g_{t}) \\ "
        r"h_{t} = \sigma(o_{t}) \tanh(s_{t}) \\ "
        r"(i, f, g, o)_{t} = W x_{t} + b + U h_{t-1} + c"
    ),
    "gru": lambda *_: (
        r"h_{t} = (1 - z_{t}) \tanh(W_{g} x_{t} + b_{g} + r_{t} (U_{g} h_{t-1} + c_{g})) + z_{t} h_{t-1} \\ "
        r"(r, z)_{t} = \sigma(W x_{t} + b + U h_{t-1} + c)"
    ),
    "reparametrised": lambda *_: r"z_{o} = \mu_{o} + e^{\lambda_{o} / 2} \epsilon_{o}",
    "reconstruction": lambda taken, given, weights, settings: (
        rf"R = \frac{{{math.prod(taken)}}}{{2}} \ln(2 \pi v) + \frac{{1}}{{2 v}} "
        rf"\sum_{{d=0}}^{{{math.prod(taken) - 1}}} ((y_{{d}} - x_{{d}})^{{2}} + \frac{{1}}{{12}}), "
        rf"v = {settings['variance']:.6g}"
    ),
    "density-of-draw": lambda taken, *_: (
        rf"Q = \ln q(z | x) = - \frac{{1}}{{2}} \sum_{{j=0}}^{{{taken[0] - 1}}} "
        r"(\epsilon_{j}^{2} + \lambda_{j} + \ln 2 \pi)"
    ),
    "mixture-density": lambda taken, given, weights, settings: (
        rf"P = \ln p(z | y) = \ln \sum_{{k=0}}^{{{weights[0][1] - 1}}} e^{{a_{{k}}}} \\ "
        rf"a_{{k}} = \ln w_{{k}} - \frac{{1}}{{2}} \sum_{{j=0}}^{{{weights[0][2] - 1}}} "
        r"(\frac{(z_{j} - m_{k j})^{2}}{e^{\rho_{k j}}} + \rho_{k j} + \ln 2 \pi)"
    ),
}


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
    "present": "mask of the tokens",
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
        cost: parameters and multiply-adds.
        receptive_field: most rows and columns, or places of a text, that one unit sees of the input; empty
            where it sees nothing of it.
        values: what it gave.
        part: of the network that it belongs to; empty where there is one part alone.
        declaration: `line` of index notation and the `sizes` of its letters, or `steps`; `None` where there
            is neither.
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
    declaration: dict[str, Any] | None = None

    def _repr_latex_(self) -> str:
        return rf"$$\begin{{gathered}} {self.formula} \end{{gathered}}$$"

    def __repr__(self) -> str:
        shapes = " → ".join("\u00d7".join(map(str, shape)) for shape in (self.input_shape, self.output_shape))
        return f"{self.name}: {self.words}, {shapes}, {self.cost.parameters:,} parameters"


def layer_records(opened: Opened) -> list[LayerRecord]:
    """Record of every line, in the order of computation."""
    records = []
    for line in opened.lines:
        sources, values, bound = opened.sources(line), opened.value(line.name), opened.bound(line)
        declared = LAYERS[line.kind].declared if line.kind in LAYERS else None
        declaration = None if bound is None else bound.to_json()
        if isinstance(declared, tuple):
            declaration = {"steps": [list(each) for each in declared]}
        records.append(
            LayerRecord(
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
                declaration=declaration,
            )
        )
    return records


# Of a text that is read from both ends, by a part of the layer's name.
_DIRECTED = {
    ("lstm", "forwards"): "LSTM, forwards",
    ("lstm", "backwards"): "LSTM, backwards",
    ("gru", "forwards"): "GRU, forwards",
    ("gru", "backwards"): "GRU, backwards",
}


def _words(line: Line, weights: list[tuple[int, ...]]) -> str:
    """A layer in a few words for people, with its sizes where they distinguish layers."""
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
    for (kind, direction), words in _DIRECTED.items():
        if line.kind == kind and direction in line.name:
            return words
    return _WORDS.get(line.kind, line.kind)


def _field_size(opened: Opened, line: Line) -> tuple[int, ...]:
    """Largest field of the first, middle and last unit: edges cut some, and a text is read from one end."""
    if line.kind in ("present", "turned-places"):
        return (1,)
    if not sees_input(opened, line.name):
        return ()
    name = opened.sources(line)[0] if line.kind == "flatten" else line.name
    lengths = places(opened.value(name).shape)
    sizes = []
    for share in (0.0, 0.5, 1.0):
        box = tuple((int(share * (length - 1)),) * 2 for length in lengths)
        sizes.append([high - low + 1 for low, high in field_of(opened, name, box)])
    return tuple(max(each) for each in zip(*sizes, strict=True))
