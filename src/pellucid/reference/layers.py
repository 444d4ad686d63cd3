"""Every kind of layer and loss in one dict: its mathematics, what it is in one line, and words for it."""

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal, NamedTuple

import numpy as np

from pellucid.arithmetic.rounding import with_minus
from pellucid.language.sentence import Sentence
from pellucid.reference import (
    activations,
    attention,
    autoencoder,
    convolution,
    dense,
    embedding,
    joining,
    losses,
    normalisation,
    pooling,
    recurrent,
    scaling,
)
from pellucid.reference.notation import Declaration, Pointwise, Sizes

_Text = str | Callable[[Sizes], str]
_Count = Callable[[Sizes], int]
_Sees = Literal["own", "all", "earlier", "nothing"]


class Layer(NamedTuple):
    """Everything that is declared of a kind of layer.

    Attributes:
        forward: from arrays, inputs first, then weights, to a result; settings are keywords.
        declared: a line of index notation, or steps on each number; `None` where it is neither.
        words: what it does, for people, with sizes where these distinguish layers; its kind where empty.
        stage: that it begins on the way from the input to the answer; empty where it belongs to the one
            before, `None` of a vector in another form or a part of it, which belongs to none.
        letter: of the places of a text in its formula, which holds for one length.
        learnt: how many of its weights are learnt, where some are fixed.
        formula: in LaTeX, where nothing is declared.
        sees: places of what it takes that a number sees, where no line says it: its own (all where there are
            not as many), all, those up to its own, or nothing, of a mask or an order of ids.
        multiply_adds: on one example, where they do not follow from what is declared.
        backward: from the gradient of the result, then the same arrays and settings, to one gradient for each
            of the arrays, `None` for those that have none, as ids, and alone where there is one; `None` where
            nothing has a gradient. By default the function of its file that is called so.
    """

    forward: Callable[..., Any]
    declared: Declaration | tuple[Pointwise, ...] | None = None
    words: _Text = ""
    stage: str | None = ""
    letter: str = ""
    learnt: int | None = None
    formula: _Text = ""
    sees: _Sees = "own"
    multiply_adds: _Count | None = None
    backward: Callable[..., Any] | None = None

    @property
    def is_function(self) -> bool:
        """Whether each number is a function of the one in its place alone."""
        return isinstance(self.declared, tuple) and self.declared[0].operation == "function"


def _sliding(sizes: Sizes) -> dict[str, int]:
    """Stride and padding of a kernel or window, and the size of a window."""
    settings = sizes.settings
    window = settings.get("window")
    (down, across), (above, left) = settings.get("stride", window or (1, 1)), settings.get("padding", (0, 0))
    of_window = {} if window is None else {"k#": window[0], "l#": window[1]}
    return {"S": down, "s": across, "P": above, "p": left, **of_window}


def _grouped(sizes: Sizes) -> dict[str, int]:
    filters, channels = sizes.taken[1].shape[:2]
    groups = sizes.settings.get("groups", 1)
    return {**_sliding(sizes), "F": filters // groups, "I": channels, "o#": filters // groups, "g#": groups}


def _plain_depthwise_or_grouped(sizes: Sizes) -> int:
    groups, shape = sizes.settings.get("groups", 1), sizes.taken[1].shape
    return 0 if groups == 1 else 1 if groups == shape[0] and shape[1] == 1 else 2


def _rows_and_columns(sizes: Sizes) -> dict[str, int]:
    """Numbers of a map and of a row of it, where maps lie one behind the other in a vector."""
    maps = sizes.shape if len(sizes.shape) == 3 else sizes.taken[0].shape
    return {"M": math.prod(maps[1:]), "N": maps[-1]}


def _function(symbol: str, words: str = "") -> tuple[Pointwise, ...]:
    return (Pointwise("function", symbol, words),)


_CONVOLUTION = Declaration(
    (
        "y[o,r,c] = W[o,i,k,l] * x[i,S*r+k-P,s*c+l-p] + b[o]",
        "y[o,r,c] = W[o,0,k,l] * x[o,S*r+k-P,s*c+l-p] + b[o]",
        "y[F*g+o,r,c] = W[F*g+o,i,k,l] * x[I*g+i,S*r+k-P,s*c+l-p] + b[F*g+o]",
    ),
    constants=lambda sizes: _grouped(sizes) if _plain_depthwise_or_grouped(sizes) == 2 else _sliding(sizes),
    which=_plain_depthwise_or_grouped,
)
_MEAN_OF_CHANNEL = r"\mu_{o}"
_DEVIATION_OF_CHANNEL = r"\sigma_{o}"

# Words that depend on sizes.


def _convolution_words(sizes: Sizes) -> str:
    groups, (filters, channels, height, width) = sizes.settings.get("groups", 1), sizes.taken[1].shape
    size = Sentence("convolution {height}×{width}", height, width)
    if groups == filters and channels == 1:
        return Sentence("depthwise {size}", size)
    return size if groups == 1 else Sentence("{size} in {groups} groups", size, groups)


def _transposed_words(sizes: Sizes) -> str:
    weights = sizes.taken[1].shape
    return Sentence("transposed convolution {weights}×{weights2}", weights[2], weights[3])


def _part_words(sizes: Sizes) -> str:
    first, last = sizes.settings["start"], sizes.settings["stop"] - 1
    return (
        Sentence("number {first}", first)
        if first == last
        else Sentence("numbers {first} to {last}", first, last)
    )


def _class_token_words(sizes: Sizes) -> str:
    registers = len(sizes.taken[1]) - 1
    if registers < 2:
        return (
            "class token and register before the patches" if registers else "class token before the patches"
        )
    return Sentence("class token and {registers} registers before the patches", registers)


def _clamp_words(sizes: Sizes) -> str:
    ends = (with_minus(f"{sizes.settings[name]:g}") for name in ("low", "high"))
    return Sentence("kept within {settings} and {settings2}", *ends)


# Formulas that follow from no line and no steps.


def _layer_norm_formula(sizes: Sizes) -> str:
    index, count = {1: "o", 2: "t o", 3: "r c o"}[len(sizes.shape)], sizes.shape[-1]
    place = index.removesuffix("o")
    return (
        rf"y_{{{index}}} = \gamma_{{o}} \frac{{x_{{{index}}} - \mu_{{{place}}}}}"
        rf"{{\sqrt{{\sigma_{{{place}}}^{{2}} + \epsilon}}}} + \beta_{{o}}, "
        rf"\epsilon = {sizes.settings['epsilon']:g} \\ "
        rf"\mu_{{{place}}} = \frac{{1}}{{{count}}} \sum_{{i=0}}^{{{count - 1}}} x_{{{place}i}} \\ "
        rf"\sigma_{{{place}}}^{{2}} = \frac{{1}}{{{count}}} \sum_{{i=0}}^{{{count - 1}}} "
        rf"(x_{{{place}i}} - \mu_{{{place}}})^{{2}}"
    )


def _attention_formula(sizes: Sizes) -> str:
    heads, length, _ = sizes.shape
    numbers = sizes.taken[0].shape[1] // 3 // heads
    return (
        rf"a_{{h i j}} = \frac{{e^{{s_{{h i j}}}}}}{{\sum_{{l=0}}^{{{length - 1}}} e^{{s_{{h i l}}}}}} \\ "
        rf"s_{{h i j}} = \frac{{1}}{{\sqrt{{{numbers}}}}} "
        rf"\sum_{{c=0}}^{{{numbers - 1}}} q_{{h i c}} k_{{h j c}}"
    )


def _softmax_formula(sizes: Sizes) -> str:
    last = len(sizes.taken[0]) - 1
    return rf"p_{{o}} = \frac{{e^{{x_{{o}}}}}}{{\sum_{{j=0}}^{{{last}}} e^{{x_{{j}}}}}}"


def _reconstruction_formula(sizes: Sizes) -> str:
    count = sizes.taken[0].size
    return (
        rf"R = \frac{{{count}}}{{2}} \ln(2 \pi v) + \frac{{1}}{{2 v}} "
        rf"\sum_{{d=0}}^{{{count - 1}}} ((y_{{d}} - x_{{d}})^{{2}} + \frac{{1}}{{12}}), "
        rf"v = {sizes.settings['variance']:.6g}"
    )


def _mixture_density_formula(sizes: Sizes) -> str:
    _, components, numbers = sizes.taken[1].shape
    return (
        rf"P = \ln p(z | y) = \ln \sum_{{k=0}}^{{{components - 1}}} e^{{a_{{k}}}} \\ "
        rf"a_{{k}} = \ln w_{{k}} - \frac{{1}}{{2}} \sum_{{j=0}}^{{{numbers - 1}}} "
        r"(\frac{(z_{j} - m_{k j})^{2}}{e^{\rho_{k j}}} + \rho_{k j} + \ln 2 \pi)"
    )


_LSTM_FORMULA = (
    r"s_{t} = \sigma(f_{t}) s_{t-1} + \sigma(i_{t}) \tanh(g_{t}) \\ "
    r"h_{t} = \sigma(o_{t}) \tanh(s_{t}) \\ "
    r"(i, f, g, o)_{t} = W x_{t} + b + U h_{t-1} + c"
)
_GRU_FORMULA = (
    r"h_{t} = (1 - z_{t}) \tanh(W_{g} x_{t} + b_{g} + r_{t} (U_{g} h_{t-1} + c_{g})) + z_{t} h_{t-1} \\ "
    r"(r, z)_{t} = \sigma(W x_{t} + b + U h_{t-1} + c)"
)


# Multiplications followed by an addition.


def _each_taken(sizes: Sizes) -> int:
    return sizes.taken[0].size


def _matrices_at_each_place(sizes: Sizes) -> int:
    return len(sizes.taken[0]) * sum(each.size for each in sizes.taken[1:] if each.ndim == 2)


def _by_hand(
    forward: Callable[..., Any],
    words: str,
    formula: _Text,
    stage: str = "",
    sees: _Sees = "own",
    multiply_adds: _Count | None = None,
    letter: str = "",
) -> Layer:
    """A layer that is neither a line nor steps."""
    return Layer(forward, None, words, stage, letter, None, formula, sees, multiply_adds)


_KINDS: dict[str, Layer] = {
    "dense": Layer(
        dense.dense,
        Declaration(
            (
                "y[o] = W[o,i] * x[i] + b[o]",
                "y[t,o] = W[o,i] * x[t,i] + b[o]",
                "y[r,c,o] = W[o,i] * x[r,c,i] + b[o]",  # maps of a backbone whose channels come last
            ),
            which=lambda sizes: len(sizes.shape) - 1,
        ),
        stage="features",
    ),
    "convolution": Layer(convolution.convolution, _CONVOLUTION, _convolution_words, "maps"),
    "transposed-convolution": Layer(
        convolution.transposed_convolution,
        Declaration(("y[o,S*r+k-P,s*c+l-p] = W[i,o,k,l] * x[i,r,c] + b[o]",), constants=_sliding),
        _transposed_words,
        stage="made-maps",
    ),
    "neighbours": Layer(
        convolution.conv1d,
        Declaration(
            ("y[t,o] = W[o,i,k] * x[t+k-P,i] + b[o]",),
            constants=lambda sizes: {"P": (sizes.taken[1].shape[2] - 1) // 2},
        ),
        "convolution over neighbouring tokens",
        stage="n-grams",
    ),
    "max-pool": Layer(
        pooling.max_pool, Declaration(("y[o,r,c] = max x[o,S*r+k,s*c+l]",), constants=_sliding), "max pooling"
    ),
    "average-pool": Layer(
        pooling.average_pool,
        Declaration(("y[o,r,c] = mean x[o,S*r+k,s*c+l]",), constants=_sliding),
        "mean of each window",
    ),
    "global-max": Layer(
        pooling.global_max, Declaration(("y[o] = max x[o,r,c]",)), "largest of each map", "features"
    ),
    "global-average": Layer(
        pooling.global_average, Declaration(("y[o] = mean x[o,r,c]",)), "mean of each map", "features"
    ),
    "batch-norm": Layer(normalisation.batch_norm),
    "fixed-norm": Layer(
        normalisation.fixed_norm,
        (
            Pointwise("-", _MEAN_OF_CHANNEL, "mean", 3),
            Pointwise("/√", r"\sigma_{o}^{2}", "variance", 4),
            Pointwise("*", r"\gamma_{o}", "scale", 1),
            Pointwise("+", r"\beta_{o}", "shift", 2),
        ),
        "batch norm, its statistics fixed",
        learnt=2,
    ),
    "layer-norm": _by_hand(
        normalisation.layer_norm,
        "layer norm",
        _layer_norm_formula,
        multiply_adds=lambda sizes: math.prod(sizes.shape),
    ),
    "relu": Layer(activations.relu, _function(r"\max(0, x@)"), "ReLU"),
    "relu6": Layer(activations.relu6, _function(r"\min(6, \max(0, x@))"), "ReLU up to 6"),
    "clamp": Layer(
        activations.clamp,
        _function(r"\min({high}, \max({low}, x@))", "kept within {low:g} and {high:g}"),
        _clamp_words,
        stage=None,
    ),
    "leaky-relu": Layer(
        activations.leaky_relu, _function(r"\max(0, x@) + {slope} \min(0, x@)"), "leaky ReLU"
    ),
    "gelu": Layer(activations.gelu, _function(r"x@ \Phi(x@)"), "GELU"),
    "sigmoid": Layer(activations.sigmoid, _function(r"\frac{1}{1 + e^{- x@}}")),
    "softplus": Layer(activations.softplus, _function(r"\ln(1 + e^{x@})"), "ln(1 + e to the power of x)"),
    "tanh": Layer(activations.tanh, _function(r"\tanh(x@)")),
    "softmax": _by_hand(activations.softmax, "", _softmax_formula, sees="all")._replace(
        backward=activations.softmax_backward
    ),
    "dropout": Layer(dense.dropout),
    "resize": Layer(
        scaling.resize,
        Declaration(
            ("y[o,r,c] = A[r,k] * B[c,l] * x[o,k,l]", "y[o,r,c] = A[r,k] * B[c,l] * x[0,k,l]"),
            "x",
            computed=lambda sizes: {
                name: scaling.resizing_shares(before, after)
                for name, before, after in zip("AB", sizes.taken[0].shape[1:], sizes.shape[1:], strict=True)
            },
            which=lambda sizes: int(sizes.taken[0].shape[0] < sizes.shape[0]),
        ),
        "the image at another size",
    ),
    "standardise": Layer(
        scaling.standardise,
        (Pointwise("-", _MEAN_OF_CHANNEL, "mean", 1), Pointwise("/", _DEVIATION_OF_CHANNEL, "deviation", 2)),
        learnt=0,
    ),
    "rescale": Layer(
        scaling.rescale,
        (Pointwise("*", _DEVIATION_OF_CHANNEL, "deviation", 2), Pointwise("+", _MEAN_OF_CHANNEL, "mean", 1)),
        stage="image",
        learnt=0,
    ),
    "divide": Layer(
        scaling.divide,
        (Pointwise("/", "{divisor}", "", "divisor", "setting"),),
        lambda sizes: Sentence("divide by {settings:g}", sizes.settings["divisor"]),
    ),
    "unit-length": _by_hand(
        scaling.unit_length,
        "scaled to length 1",
        r"y_{o} = \frac{x_{o}}{\sqrt{\sum_{i} x_{i}^{2}}}",
        sees="all",
    ),
    "layer-scale": Layer(
        scaling.layer_scale, Declaration(("y[t,o] = W[o] * x[t,o]",)), "each channel at a scale of its own"
    ),
    "add": Layer(joining.add, (Pointwise("+", "h@", "shortcut", 1, "unit"),), "a shortcut added"),
    "side-by-side": _by_hand(joining.side_by_side, "side by side", r"y = (x_{1}, x_{2}, \dots)"),
    "flatten": Layer(
        joining.flatten,
        Declaration(
            ("y[o] = x[o]", "y[N*i+o] = x[i,o]", "y[M*i+N*r+c] = x[i,r,c]"),
            constants=_rows_and_columns,
            which=lambda sizes: sizes.taken[0].ndim - 1,
        ),
        stage=None,
    ),
    "unflatten": Layer(
        joining.unflatten,
        Declaration(("y[i,r,c] = x[M*i+N*r+c]",), constants=_rows_and_columns),
        "the vector as maps",
        stage=None,
    ),
    "part": Layer(
        joining.part,
        Declaration(
            ("y[o] = x[A+o]", "y[t,o] = x[t,A+o]"),
            constants=lambda sizes: {"A": sizes.settings["start"]},
            which=lambda sizes: len(sizes.shape) - 1,
        ),
        _part_words,
        stage=None,
    ),
    "patches-to-tokens": Layer(
        joining.patches_to_tokens,
        Declaration(("y[N*r+c,o] = x[o,r,c]",), constants=_rows_and_columns),
        "a token for each patch",
        stage=None,
    ),
    "class-token": Layer(
        joining.class_token,
        # Beyond the edges of either array are zeros, so that each token is one of the two.
        Declaration(("y[t,o] = x[t-K,o] + W[t,o]",), constants=lambda sizes: {"K": len(sizes.taken[1])}),
        _class_token_words,
        stage=None,
        multiply_adds=lambda sizes: 0,
    ),
    "choose-token": Layer(
        joining.choose_token,
        Declaration(("y[o] = x[A,o]",), "x", constants=lambda sizes: {"A": sizes.settings["place"]}),
        lambda sizes: Sentence("token {place} alone", sizes.settings["place"]),
        stage="features",
    ),
    "token-mean": Layer(
        pooling.token_mean,
        Declaration(
            ("y[o] = mean x[A+t,o]",),
            "x",
            constants=lambda sizes: {
                "A": sizes.settings["start"],
                "t#": len(sizes.taken[0]) - sizes.settings["start"],
            },
        ),
        "mean of the patches",
        stage="features",
        letter="t",
    ),
    "embedding": _by_hand(
        embedding.embedding,
        "vectors of the tokens",
        lambda sizes: rf"y_{{t o}} = E_{{x_{{t}} o}}, o = 0, \dots, {sizes.shape[1] - 1}",
        "vectors",
    ),
    "places": Layer(
        embedding.positional_embedding,
        (Pointwise("+", "P@", "number {number} of the vector of place {place},", 1, "place"),),
        "vectors of the places added",
    ),
    "attention-weights": _by_hand(
        attention.attention_weights,
        "attention weights of each head",
        _attention_formula,
        multiply_adds=lambda sizes: len(sizes.taken[0]) * (sizes.taken[0].size // 3),
        letter="l",
    )._replace(stage=None),
    "attention": Layer(
        attention.attention,
        Declaration(
            ("y[i,D*h+d] = a[h,i,j] * x[j,V+D*h+d]",),
            "xa",
            constants=lambda sizes: {
                "V": 2 * sizes.shape[1],
                **dict.fromkeys(("D", "d#"), sizes.shape[1] // sizes.taken[1].shape[0]),
            },
        ),
        "attention: values of all tokens, weighted",
        stage="context",
        letter="j",
    ),
    "present": _by_hand(pooling.token_mask, "mask of the tokens", r"y_{t} = [x_{t} \ne 0]", sees="nothing"),
    "text-max": Layer(
        pooling.text_max, Declaration(("y[o] = max x[t,o]",), "x-"), "largest over the text", "features", "t"
    ),
    "text-average": Layer(
        pooling.text_average,
        Declaration(("y[o] = mean x[t,o]",), "x-"),
        "mean over the text",
        "features",
        "t",
    ),
    "without-padding": Layer(
        pooling.without_padding,
        Declaration(("y[t,o] = x[t,o]",), "x-"),
        "zeros at padding, of which this text has none",
        letter="t",
    ),
    "text-root": Layer(
        pooling.text_root,
        Declaration(("y[o] = root x[t,o]",), "x-"),
        "sum over the text by the root of its length",
        "features",
        "t",
    ),
    "turned-places": _by_hand(
        joining.reversed_order,
        "places from last to first",
        lambda sizes: rf"y_{{t}} = {sizes.shape[0] - 1} - t",
        sees="nothing",
    ),
    "turn": Layer(
        joining.turn,
        Declaration(("y[t,o] = x[L-t,o]",), "x-", constants=lambda sizes: {"L": sizes.shape[0] - 1}),
        "the text turned around",
        letter="t",
    ),
    "lstm": _by_hand(recurrent.lstm, "LSTM", _LSTM_FORMULA, "states", "earlier", _matrices_at_each_place),
    "gru": _by_hand(recurrent.gru, "GRU", _GRU_FORMULA, "states", "earlier", _matrices_at_each_place),
    "weighed-sum": Layer(
        embedding.embedding_bag,
        Declaration(
            ("y[o] = E[t,o] * A[t] + b[o]",),
            "-Eb",
            computed=lambda sizes: {
                "A": embedding.factors(
                    sizes.taken[0][None], sizes.taken[3].astype(np.float64), groups=sizes.settings["groups"]
                )[0]
            },
            where=r"A_{t} = a_{g} \frac{w_{t}}{\lVert w_{g} \rVert} \\ w_{t} = (1 + \ln n_{t}) r_{t}",
        ),
        "weighted sum of n-grams",
        stage="bag",
        # An id of no weight is multiplied too.
        multiply_adds=lambda sizes: len(set(sizes.taken[0].tolist())) * sizes.shape[0],
        learnt=2,
    ),
    "reparametrised": _by_hand(
        autoencoder.reparametrised,
        "mean + deviation \u00d7 noise",
        r"z_{o} = \mu_{o} + e^{\lambda_{o} / 2} \epsilon_{o}",
        "latent",
        multiply_adds=_each_taken,
    ),
    "density-of-draw": _by_hand(
        autoencoder.density_of_draw,
        "ln q(z|x), density of the draw",
        lambda sizes: (
            rf"Q = \ln q(z | x) = - \frac{{1}}{{2}} \sum_{{j=0}}^{{{len(sizes.taken[0]) - 1}}} "
            r"(\epsilon_{j}^{2} + \lambda_{j} + \ln 2 \pi)"
        ),
        multiply_adds=_each_taken,
    ),
    "mixture-density": _by_hand(
        autoencoder.mixture_density,
        "ln p(z|y), density under the prior",
        _mixture_density_formula,
        multiply_adds=lambda sizes: sizes.taken[0].size * sizes.taken[1].shape[1],
    ),
    "reconstruction": _by_hand(
        autoencoder.reconstruction,
        "reconstruction, in nats",
        _reconstruction_formula,
        multiply_adds=_each_taken,
    ),
    "discriminator-loss": Layer(losses.discriminator_loss),
    "generator-loss": Layer(losses.generator_loss),
    "cross-entropy": Layer(losses.cross_entropy),
    "squared-error": Layer(losses.squared_error),
    "squared-error-of-probabilities": Layer(losses.squared_error_of_probabilities),
    "binary-cross-entropy": Layer(losses.binary_cross_entropy),
    "squared-error-of-labels": Layer(losses.squared_error_of_labels),
}


def _gradient_of(layer: Layer) -> Callable[..., Any] | None:
    """Gradient as given, or the function of the layer's file that is called so, if there is one."""
    file, name = import_module(layer.forward.__module__), f"{layer.forward.__name__}_backward"
    return layer.backward or getattr(file, name, None)


LAYERS = {kind: layer._replace(backward=_gradient_of(layer)) for kind, layer in _KINDS.items()}
