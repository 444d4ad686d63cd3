"""Formula of each layer in LaTeX, with the sizes of this one filled in."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pellucid.insight.opened_networks import Opened
from pellucid.reference import Line

# Sizes of a layer, as they are filled into its formula.


class Sizes(NamedTuple):
    """Sizes that are filled in.

    Attributes:
        taken: shape of what comes in.
        given: shape of what goes out.
        weights: shapes of the weights.
        settings: of the layer.
    """

    taken: tuple[int, ...]
    given: tuple[int, ...]
    weights: Sequence[tuple[int, ...]]
    settings: Mapping[str, Any]


def index_of(shape: Sequence[int]) -> str:
    """Letters of an index."""
    return {1: "o", 2: "t o", 3: "o r c"}[len(shape)]


def pointwise(formula: str) -> Callable[[Sizes], str]:
    """Formula of single values; `@` stands for their index."""
    return lambda sizes: formula.replace("@", f"_{{{index_of(sizes.given)}}}")


# Formulas of the layers of networks that make images, in LaTeX, as in `formulas`.
#
# Letters are those of `pellucid.reference`, `layers.transposed` and `autoencoder`.


def _transposed(sizes: Sizes) -> str:
    _, rows, columns = sizes.taken
    channels, _, height, width = sizes.weights[0]
    lines = [
        rf"k = h - {_step(sizes, 0, 'r')}, 0 \le k \le {height - 1}",
        rf"l = w - {_step(sizes, 1, 'c')}, 0 \le l \le {width - 1}",
    ]
    bias = " + b_{o}" if len(sizes.weights) > 1 else ""
    sums = (
        rf"y_{{o h w}} = \sum_{{i=1}}^{{{channels}}} \sum_{{r=0}}^{{{rows - 1}}} "
        rf"\sum_{{c=0}}^{{{columns - 1}}} W_{{i o k l}} x_{{i r c}}{bias}"
    )
    return r" \\ ".join([sums, *lines])


def _step(sizes: Sizes, axis: int, letter: str) -> str:
    """Stride times a place, and padding, such as `2 r + 1`."""
    stride, padding = sizes.settings["stride"][axis], sizes.settings["padding"][axis]
    return ("" if stride == 1 else f"{stride} ") + letter + (f" + {padding}" if padding else "")


def _unflatten(sizes: Sizes) -> str:
    _, rows, columns = sizes.given
    return rf"y_{{i r c}} = x_{{{rows * columns} i + {columns} r + c}}"


def _part(sizes: Sizes) -> str:
    start = sizes.settings["start"]
    return rf"y_{{o}} = x_{{{f'{start} + ' if start else ''}o}}"


def _clamp(sizes: Sizes) -> str:
    low, high = (f"{sizes.settings[name]:g}" for name in ("low", "high"))
    return pointwise(rf"y@ = \min({high}, \max({low}, x@))")(sizes)


def _reconstruction(sizes: Sizes) -> str:
    count = math.prod(sizes.taken)
    return (
        rf"R = \frac{{{count}}}{{2}} \ln(2 \pi v) + \frac{{1}}{{2 v}} \sum_{{d=1}}^{{{count}}} "
        rf"((y_{{d}} - x_{{d}})^{{2}} + \frac{{1}}{{12}}), v = {sizes.settings['variance']:.6g}"
    )


def _density_of_draw(sizes: Sizes) -> str:
    count = sizes.taken[0]
    return (
        rf"Q = \ln q(z | x) = - \frac{{1}}{{2}} \sum_{{j=1}}^{{{count}}} "
        r"(\epsilon_{j}^{2} + \lambda_{j} + \ln 2 \pi)"
    )


def _mixture_density(sizes: Sizes) -> str:
    _, components, count = sizes.weights[0]
    return (
        rf"P = \ln p(z | y) = \ln \sum_{{k=1}}^{{{components}}} e^{{a_{{k}}}} \\ "
        rf"a_{{k}} = \ln w_{{k}} - \frac{{1}}{{2}} \sum_{{j=1}}^{{{count}}} "
        r"(\frac{(z_{j} - m_{k j})^{2}}{e^{\rho_{k j}}} + \rho_{k j} + \ln 2 \pi)"
    )


FORMULAS_OF_GENERATORS: dict[str, Callable[[Sizes], str]] = {
    "unflatten": _unflatten,
    "part": _part,
    "clamp": _clamp,
    "transposed-convolution": _transposed,
    "reparametrised": lambda sizes: r"z_{o} = \mu_{o} + e^{\lambda_{o} / 2} \epsilon_{o}",
    "reconstruction": _reconstruction,
    "density-of-draw": _density_of_draw,
    "mixture-density": _mixture_density,
}


def formula_of(opened: Opened, line: Line) -> str:
    """Formula of a layer in LaTeX without dollar signs; lines are parted by two backslashes."""
    sizes = Sizes(
        opened.value(opened.sources(line)[0]).shape,
        opened.value(line.name).shape,
        [each.shape for each in opened.weights_of(line)],
        line.settings,
    )
    return _FORMULAS[line.kind](sizes)


def _dense(sizes: Sizes) -> str:
    bias = " + b_{o}" if len(sizes.weights) > 1 else ""
    place = "t " if len(sizes.given) == 2 else ""
    return rf"y_{{{place}o}} = \sum_{{i=1}}^{{{sizes.taken[-1]}}} W_{{o i}} x_{{{place}i}}{bias}"


def _convolution(sizes: Sizes) -> str:
    filters, channels, height, width = sizes.weights[0]
    (down, across), (above, beside) = sizes.settings["stride"], sizes.settings["padding"]
    row, column = (
        _positional_embedding("r", down, "k", above),
        _positional_embedding("c", across, "l", beside),
    )
    bias = " + b_{o}" if len(sizes.weights) > 1 else ""
    inside = rf"\sum_{{k=0}}^{{{height - 1}}} \sum_{{l=0}}^{{{width - 1}}}"
    groups = sizes.settings.get("groups", 1)
    if groups == filters and channels == 1:  # depthwise: each filter sees the map of its own number
        return rf"y_{{o r c}} = {inside} W_{{o k l}} x_{{o, {row}, {column}}}{bias}"
    first = "i" if groups == 1 else "g_{o} + i"
    over = rf"\sum_{{i=1}}^{{{channels}}} {inside}"
    said = (
        "" if groups == 1 else rf" \\ g_{{o}} = {channels} \lfloor \frac{{o}}{{{filters // groups}}} \rfloor"
    )
    return rf"y_{{o r c}} = {over} W_{{o i k l}} x_{{{first}, {row}, {column}}}{bias}{said}"


def _resize(sizes: Sizes) -> str:
    _, rows, columns = sizes.taken
    channel = "o" if sizes.taken[0] == sizes.given[0] else "1"
    return (
        rf"y_{{o r c}} = \sum_{{k=0}}^{{{rows - 1}}} \sum_{{l=0}}^{{{columns - 1}}} "
        rf"A_{{r k}} B_{{c l}} x_{{{channel}, k, l}}"
    )


def _positional_embedding(letter: str, stride: int, inside: str, padding: int) -> str:
    """Position such as `2 r + k - 1`."""
    start = letter if stride == 1 else f"{stride} {letter}"
    return f"{start} + {inside}" + (f" - {padding}" if padding else "")


def _conv1d(sizes: Sizes) -> str:
    _, numbers, kernel = sizes.weights[0]
    place = _positional_embedding("t", 1, "k", (kernel - 1) // 2)
    return (
        rf"y_{{t o}} = \sum_{{i=1}}^{{{numbers}}} \sum_{{k=0}}^{{{kernel - 1}}} "
        rf"W_{{o i k}} x_{{{place}, i}} + b_{{o}}"
    )


def _max_pool(sizes: Sizes) -> str:
    height, width = sizes.settings["window"]
    row, column = _positional_embedding("r", height, "k", 0), _positional_embedding("c", width, "l", 0)
    return rf"y_{{o r c}} = \max_{{k < {height}, l < {width}}} x_{{o, {row}, {column}}}"


def _average_pool(sizes: Sizes) -> str:
    height, width = sizes.settings["window"]
    row, column = _positional_embedding("r", height, "k", 0), _positional_embedding("c", width, "l", 0)
    return (
        rf"y_{{o r c}} = \frac{{1}}{{{height * width}}} \sum_{{k=0}}^{{{height - 1}}} "
        rf"\sum_{{l=0}}^{{{width - 1}}} x_{{o, {row}, {column}}}"
    )


def _global_max(sizes: Sizes) -> str:
    _, rows, columns = sizes.taken
    return rf"y_{{o}} = \max_{{r < {rows}, c < {columns}}} x_{{o r c}}"


def _global_average(sizes: Sizes) -> str:
    _, rows, columns = sizes.taken
    return (
        rf"y_{{o}} = \frac{{1}}{{{rows * columns}}} \sum_{{r=0}}^{{{rows - 1}}} "
        rf"\sum_{{c=0}}^{{{columns - 1}}} x_{{o r c}}"
    )


def _text_max(sizes: Sizes) -> str:
    return rf"y_{{o}} = \max_{{t < {sizes.taken[0]}}} x_{{t o}}"


def _text_average(sizes: Sizes) -> str:
    places = sizes.taken[0]
    return rf"y_{{o}} = \frac{{1}}{{{places}}} \sum_{{t=0}}^{{{places - 1}}} x_{{t o}}"


def _fixed_norm(sizes: Sizes) -> str:
    index = index_of(sizes.given)
    return (
        rf"y_{{{index}}} = \gamma_{{o}} \frac{{x_{{{index}}} - \mu_{{o}}}}"
        rf"{{\sqrt{{\sigma_{{o}}^{{2}} + \epsilon}}}} + \beta_{{o}}, \epsilon = {sizes.settings['epsilon']:g}"
    )


def _standardise(sizes: Sizes) -> str:
    index = index_of(sizes.given)
    return rf"y_{{{index}}} = \frac{{x_{{{index}}} - \mu_{{o}}}}{{\sigma_{{o}}}}"


def _rescale(sizes: Sizes) -> str:
    if len(sizes.given) == 1:
        return r"y = \sigma x + \mu"
    index = index_of(sizes.given)
    return rf"y_{{{index}}} = \sigma_{{o}} x_{{{index}}} + \mu_{{o}}"


def _leaky(sizes: Sizes) -> str:
    slope = f"{sizes.settings['slope']:g}"
    return pointwise(rf"y@ = \max(0, x@) + {slope} \min(0, x@)")(sizes)


def _divide(sizes: Sizes) -> str:
    return rf"y_{{o}} = \frac{{x_{{o}}}}{{{sizes.settings['divisor']:g}}}"


def _flatten(sizes: Sizes) -> str:
    if len(sizes.taken) != 3:
        return r"y_{o} = x_{o}"
    _, rows, columns = sizes.taken
    return rf"y_{{{rows * columns} i + {columns} r + c}} = x_{{i r c}}"


def _embedding(sizes: Sizes) -> str:
    return rf"y_{{t o}} = E_{{x_{{t}} o}}, o = 1, \dots, {sizes.weights[0][1]}"


def _layer_norm(sizes: Sizes) -> str:
    index, count = index_of(sizes.given), sizes.given[-1]
    place = index.removesuffix("o")
    return (
        rf"y_{{{index}}} = \gamma_{{o}} \frac{{x_{{{index}}} - \mu_{{{place}}}}}"
        rf"{{\sqrt{{\sigma_{{{place}}}^{{2}} + \epsilon}}}} + \beta_{{o}}, "
        rf"\epsilon = {sizes.settings['epsilon']:g} \\ "
        rf"\mu_{{{place}}} = \frac{{1}}{{{count}}} \sum_{{i=1}}^{{{count}}} x_{{{place}i}} \\ "
        rf"\sigma_{{{place}}}^{{2}} = \frac{{1}}{{{count}}} \sum_{{i=1}}^{{{count}}} "
        rf"(x_{{{place}i}} - \mu_{{{place}}})^{{2}}"
    )


def _attention_weights(sizes: Sizes) -> str:
    heads, length, _ = sizes.given
    numbers = sizes.taken[1] // 3 // heads
    return (
        rf"a_{{h i j}} = \frac{{e^{{s_{{h i j}}}}}}{{\sum_{{l=0}}^{{{length - 1}}} e^{{s_{{h i l}}}}}} \\ "
        rf"s_{{h i j}} = \frac{{1}}{{\sqrt{{{numbers}}}}} \sum_{{c=1}}^{{{numbers}}} q_{{h i c}} k_{{h j c}}"
    )


def _attention(sizes: Sizes) -> str:
    return rf"y_{{h i c}} = \sum_{{j=0}}^{{{sizes.taken[0] - 1}}} a_{{h i j}} v_{{h j c}}"


def _embedding_bag(sizes: Sizes) -> str:
    return (
        r"y_{o} = b_{o} + \sum_{t} A_{t} E_{t o} \\ A_{t} = a_{g} \frac{w_{t}}{\lVert w_{g} \rVert} \\ "
        r"w_{t} = (1 + \ln n_{t}) r_{t}"
    )


def _softmax(sizes: Sizes) -> str:
    return rf"p_{{o}} = \frac{{e^{{x_{{o}}}}}}{{\sum_{{j=1}}^{{{sizes.taken[0]}}} e^{{x_{{j}}}}}}"


def _lstm(sizes: Sizes) -> str:
    return (
        r"s_{t} = \sigma(f_{t}) s_{t-1} + \sigma(i_{t}) \tanh(g_{t}) \\ "
        r"h_{t} = \sigma(o_{t}) \tanh(s_{t}) \\ "
        r"(i, f, g, o)_{t} = W x_{t} + b + U h_{t-1} + c"
    )


def _gru(sizes: Sizes) -> str:
    return (
        r"h_{t} = (1 - z_{t}) \tanh(W_{g} x_{t} + b_{g} + r_{t} (U_{g} h_{t-1} + c_{g})) + z_{t} h_{t-1} \\ "
        r"(r, z)_{t} = \sigma(W x_{t} + b + U h_{t-1} + c)"
    )


# One for each kind of layer that a network is asked through.
_FORMULAS: dict[str, Callable[[Sizes], str]] = {
    "dense": _dense,
    "convolution": _convolution,
    "neighbours": _conv1d,
    "max-pool": _max_pool,
    "average-pool": _average_pool,
    "global-max": _global_max,
    "global-average": _global_average,
    "text-max": _text_max,
    "text-average": _text_average,
    "relu": pointwise(r"y@ = \max(0, x@)"),
    "relu6": pointwise(r"y@ = \min(6, \max(0, x@))"),
    "leaky-relu": _leaky,
    "gelu": pointwise(r"y@ = x@ \Phi(x@)"),
    "sigmoid": pointwise(r"y@ = \frac{1}{1 + e^{- x@}}"),
    "softplus": pointwise(r"y@ = \ln(1 + e^{x@})"),
    "tanh": pointwise(r"y@ = \tanh(x@)"),
    "fixed-norm": _fixed_norm,
    "resize": _resize,
    "layer-norm": _layer_norm,
    "standardise": _standardise,
    "rescale": _rescale,
    "divide": _divide,
    "add": pointwise(r"y@ = x@ + h@"),
    "flatten": _flatten,
    "side-by-side": lambda sizes: r"y = (x_{1}, x_{2}, \dots)",
    "embedding": _embedding,
    "places": lambda sizes: r"y_{t o} = x_{t o} + P_{t o}",
    "attention-weights": _attention_weights,
    "attention": _attention,
    "unit-length": lambda sizes: r"y_{o} = \frac{x_{o}}{\sqrt{\sum_{i} x_{i}^{2}}}",
    "present": lambda sizes: r"y_{t} = [x_{t} \ne 0]",
    "turned-places": lambda sizes: rf"y_{{t}} = {sizes.given[0] - 1} - t",
    "turn": lambda sizes: rf"y_{{t o}} = x_{{{sizes.given[0] - 1} - t, o}}",
    "weighed-sum": _embedding_bag,
    "softmax": _softmax,
    "closed": lambda sizes: r"y = f(x)",
    "lstm": _lstm,
    "gru": _gru,
    **FORMULAS_OF_GENERATORS,
}
