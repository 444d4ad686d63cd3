r"""Every layer and loss in one dict, whole networks of them walked both ways, and the check by differences.

A whole network as a list of lines, walked forwards for its values and backwards for its gradients.

Each line names what it computes and the values it takes: inputs, weights, or what lines before it computed.

```python
lines = [
    Line("hidden", "dense", ("inputs", "hidden.weight", "hidden.bias")),
    Line("bent", "relu", ("hidden",)),
    Line("logits", "dense", ("bent", "logits.weight", "logits.bias")),
    Line("loss", "cross-entropy", ("logits", "labels")),
]
values = walk(lines, {"inputs": x, "labels": y, **weights})
gradients = walk_back(lines, values, {"loss": 1.0})
```

Backwards is the chain rule: with $\bar v = \partial L / \partial v$ for the value $v$ of any name,

$$\bar v = \sum_{\text{lines } u \text{ that take } v}
  \Bigl(\frac{\partial u}{\partial v}\Bigr)^{\!\top} \bar u$$

A value that several lines take, such as the start of a shortcut, collects from all of them.

Source: Rumelhart, Hinton and Williams 1986, Nature 323; Baydin, Pearlmutter, Radul and Siskind 2018,
"Automatic differentiation in machine learning: a survey", JMLR 18, section 3.2.

Central differences: the gradient without any formula for it.

$$\frac{\partial f}{\partial x_j} \approx \frac{f(x + h e_j) - f(x - h e_j)}{2 h}$$

Two errors add up. By Taylor's theorem the quotient is off by $\frac{h^2}{6} |f'''|$. And each value of
$f$ is only known to about $\epsilon |f|$, with $\epsilon$ the distance from 1 to the next number, which the
division by $2 h$ turns into $\epsilon |f| / h$. Their sum is smallest where its derivative vanishes,

$$\frac{h}{3} |f'''| = \frac{\epsilon |f|}{h^2}, \qquad
  h = \sqrt[3]{3 \epsilon \, \frac{|f|}{|f'''|}} \sim \epsilon^{1/3} \max(1, |x_j|),$$

where $|f / f'''|$ is taken as the cube of the scale on which $f$ bends. Then the error is of the order
$\epsilon^{2/3}$: about ten digits of sixteen in double precision ($h \approx 6 \cdot 10^{-6}$), and four of
seven in single. A one-sided difference reaches $\epsilon^{1/2}$ only. Where $f$ has a kink within $h$ of
$x_j$, as at the zero of a ReLU, the quotient is a mean of the slopes on both sides and says nothing about
either.

Source: Press, Teukolsky, Vetterling and Flannery 2007, "Numerical Recipes", 3rd edition, section 5.7.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from pellucid.reference import (
    activations,
    attention,
    autoencoder,
    convolution,
    dense,
    embedding,
    gru,
    joining,
    losses,
    lstm,
    normalisation,
    pooling,
    scaling,
)
from pellucid.reference.notation import Declaration, Pointwise, Sizes


class Layer(NamedTuple):
    """Everything that is declared of a kind of layer.

    Attributes:
        forward: from arrays, inputs first, then weights, to a result. Settings are keywords.
        backward: from the gradient of the result, then the same arrays and settings, to one gradient
            for each of the arrays: `None` for those that have none, as ids; alone where there is one.
            `None` in place of the function where nothing has a gradient.
        declared: the layer as a line of index notation, or as steps on each number; `None` where it is
            neither.
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any] | None = None
    declared: Declaration | tuple[Pointwise, ...] | None = None


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
_MEAN_OF_CHANNEL, _DEVIATION_OF_CHANNEL = r"\mu_{o}", r"\sigma_{o}"

LAYERS: dict[str, Layer] = {
    "dense": Layer(
        dense.dense,
        dense.dense_backward,
        Declaration(
            (
                "y[o] = W[o,i] * x[i] + b[o]",
                "y[t,o] = W[o,i] * x[t,i] + b[o]",
                "y[r,c,o] = W[o,i] * x[r,c,i] + b[o]",  # maps of a backbone whose channels come last
            ),
            which=lambda sizes: len(sizes.shape) - 1,
        ),
    ),
    "convolution": Layer(convolution.convolution, convolution.convolution_backward, _CONVOLUTION),
    "transposed-convolution": Layer(
        convolution.transposed_convolution,
        convolution.transposed_convolution_backward,
        Declaration(("y[o,S*r+k-P,s*c+l-p] = W[i,o,k,l] * x[i,r,c] + b[o]",), constants=_sliding),
    ),
    "neighbours": Layer(
        convolution.conv1d,
        convolution.conv1d_backward,
        Declaration(
            ("y[t,o] = W[o,i,k] * x[t+k-P,i] + b[o]",),
            constants=lambda sizes: {"P": (sizes.taken[1].shape[2] - 1) // 2},
        ),
    ),
    "max-pool": Layer(
        pooling.max_pool,
        pooling.max_pool_backward,
        Declaration(("y[o,r,c] = max x[o,S*r+k,s*c+l]",), constants=_sliding),
    ),
    "average-pool": Layer(
        pooling.average_pool,
        pooling.average_pool_backward,
        Declaration(("y[o,r,c] = mean x[o,S*r+k,s*c+l]",), constants=_sliding),
    ),
    "global-max": Layer(
        pooling.global_max, pooling.global_max_backward, Declaration(("y[o] = max x[o,r,c]",))
    ),
    "global-average": Layer(
        pooling.global_average, pooling.global_average_backward, Declaration(("y[o] = mean x[o,r,c]",))
    ),
    "batch-norm": Layer(normalisation.batch_norm, normalisation.batch_norm_backward),
    "fixed-norm": Layer(
        normalisation.fixed_norm,
        normalisation.fixed_norm_backward,
        (
            Pointwise("-", _MEAN_OF_CHANNEL, "mean", 3),
            Pointwise("/√", r"\sigma_{o}^{2}", "variance", 4),
            Pointwise("*", r"\gamma_{o}", "scale", 1),
            Pointwise("+", r"\beta_{o}", "shift", 2),
        ),
    ),
    "layer-norm": Layer(normalisation.layer_norm, normalisation.layer_norm_backward),
    "relu": Layer(activations.relu, activations.relu_backward, _function(r"\max(0, x@)")),
    "relu6": Layer(activations.relu6, activations.relu6_backward, _function(r"\min(6, \max(0, x@))")),
    "clamp": Layer(
        activations.clamp,
        activations.clamp_backward,
        _function(r"\min({high}, \max({low}, x@))", "kept within {low:g} and {high:g}"),
    ),
    "leaky-relu": Layer(
        activations.leaky_relu,
        activations.leaky_relu_backward,
        _function(r"\max(0, x@) + {slope} \min(0, x@)"),
    ),
    "gelu": Layer(activations.gelu, activations.gelu_backward, _function(r"x@ \Phi(x@)")),
    "sigmoid": Layer(activations.sigmoid, activations.sigmoid_backward, _function(r"\frac{1}{1 + e^{- x@}}")),
    "softplus": Layer(activations.softplus, activations.softplus_backward, _function(r"\ln(1 + e^{x@})")),
    "tanh": Layer(activations.tanh, activations.tanh_backward, _function(r"\tanh(x@)")),
    "softmax": Layer(activations.softmax, activations.softmax_backward),
    "dropout": Layer(dense.dropout, dense.dropout_backward),
    "resize": Layer(
        scaling.resize,
        scaling.resize_backward,
        Declaration(
            ("y[o,r,c] = A[r,k] * B[c,l] * x[o,k,l]", "y[o,r,c] = A[r,k] * B[c,l] * x[0,k,l]"),
            "x",
            computed=lambda sizes: {
                name: scaling.resizing_shares(before, after)
                for name, before, after in zip("AB", sizes.taken[0].shape[1:], sizes.shape[1:], strict=True)
            },
            which=lambda sizes: int(sizes.taken[0].shape[0] < sizes.shape[0]),
        ),
    ),
    "standardise": Layer(
        scaling.standardise,
        scaling.standardise_backward,
        (Pointwise("-", _MEAN_OF_CHANNEL, "mean", 1), Pointwise("/", _DEVIATION_OF_CHANNEL, "deviation", 2)),
    ),
    "rescale": Layer(
        scaling.rescale,
        scaling.rescale_backward,
        (Pointwise("*", _DEVIATION_OF_CHANNEL, "deviation", 2), Pointwise("+", _MEAN_OF_CHANNEL, "mean", 1)),
    ),
    "divide": Layer(
        scaling.divide, scaling.divide_backward, (Pointwise("/", "{divisor}", "", "divisor", "setting"),)
    ),
    "unit-length": Layer(scaling.unit_length, scaling.unit_length_backward),
    "add": Layer(joining.add, joining.add_backward, (Pointwise("+", "h@", "shortcut", 1, "unit"),)),
    "side-by-side": Layer(joining.side_by_side, joining.side_by_side_backward),
    "flatten": Layer(
        joining.flatten,
        joining.flatten_backward,
        Declaration(
            ("y[o] = x[o]", "y[N*i+o] = x[i,o]", "y[M*i+N*r+c] = x[i,r,c]"),
            constants=_rows_and_columns,
            which=lambda sizes: sizes.taken[0].ndim - 1,
        ),
    ),
    "unflatten": Layer(
        joining.unflatten,
        joining.unflatten_backward,
        Declaration(("y[i,r,c] = x[M*i+N*r+c]",), constants=_rows_and_columns),
    ),
    "part": Layer(
        joining.part,
        joining.part_backward,
        Declaration(("y[o] = x[A+o]",), constants=lambda sizes: {"A": sizes.settings["start"]}),
    ),
    "embedding": Layer(embedding.embedding, embedding.embedding_backward),
    "places": Layer(
        embedding.positional_embedding,
        embedding.positional_embedding_backward,
        (Pointwise("+", "P@", "number {number} of the vector of place {place},", 1, "place"),),
    ),
    "attention-weights": Layer(attention.attention_weights, attention.attention_weights_backward),
    "attention": Layer(
        attention.attention,
        attention.attention_backward,
        Declaration(
            ("y[i,D*h+d] = a[h,i,j] * x[j,V+D*h+d]",),
            "xa",
            constants=lambda sizes: {
                "V": 2 * sizes.shape[1],
                **dict.fromkeys(("D", "d#"), sizes.shape[1] // sizes.taken[1].shape[0]),
            },
        ),
    ),
    "present": Layer(pooling.token_mask),
    "text-max": Layer(pooling.text_max, pooling.text_max_backward, Declaration(("y[o] = max x[t,o]",), "x-")),
    "text-average": Layer(
        pooling.text_average, pooling.text_average_backward, Declaration(("y[o] = mean x[t,o]",), "x-")
    ),
    "turned-places": Layer(joining.reversed_order),
    "turn": Layer(
        joining.turn,
        joining.turn_backward,
        Declaration(("y[t,o] = x[L-t,o]",), "x-", constants=lambda sizes: {"L": sizes.shape[0] - 1}),
    ),
    "lstm": Layer(lstm.lstm, lstm.lstm_backward),
    "gru": Layer(gru.gru, gru.gru_backward),
    "weighed-sum": Layer(
        embedding.embedding_bag,
        embedding.embedding_bag_backward,
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
    ),
    "reparametrised": Layer(autoencoder.reparametrised, autoencoder.reparametrised_backward),
    "density-of-draw": Layer(autoencoder.density_of_draw, autoencoder.density_of_draw_backward),
    "mixture-density": Layer(autoencoder.mixture_density, autoencoder.mixture_density_backward),
    "reconstruction": Layer(autoencoder.reconstruction, autoencoder.reconstruction_backward),
    "discriminator-loss": Layer(losses.discriminator_loss, losses.discriminator_loss_backward),
    "generator-loss": Layer(losses.generator_loss, losses.generator_loss_backward),
    "cross-entropy": Layer(losses.cross_entropy, losses.cross_entropy_backward),
    "squared-error": Layer(losses.squared_error, losses.squared_error_backward),
    "squared-error-of-probabilities": Layer(
        losses.squared_error_of_probabilities, losses.squared_error_of_probabilities_backward
    ),
}


Values = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One step of the way through a network.

    Attributes:
        name: of the value it computes.
        kind: what it does, a key of `LAYERS`.
        takes: names of the values it does that with, in the order of the layer's arguments; weights
            that have a default may be left out at the end.
        settings: keywords of the layer.
    """

    name: str
    kind: str
    takes: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


def walk(lines: Sequence[Line], values: Values) -> dict[str, Any]:
    """Compute the value of every line.

    Args:
        lines: in an order in which each takes only what stands before it.
        values: inputs, labels and weights by name.

    Returns:
        These, and the value of each line.

    Raises:
        ValueError: a line is of no known kind, or takes a value that nothing gives.
    """
    known = dict(values)
    for line in lines:
        known[line.name] = _layer(line).forward(*_taken(line, known), **line.settings)
    return known


def walk_on(lines: Sequence[Line], values: Values, changed: str, value: Any) -> dict[str, Any]:
    """Compute again what comes behind a value that was changed by hand.

    Args:
        lines: of the network.
        values: all of them, from `walk`.
        changed: name of an input, of a weight or of a line.
        value: takes the place of its value.

    Returns:
        All values, those from before the change as they were.

    Raises:
        ValueError: nothing is called so.
    """
    if changed not in values:
        raise ValueError(f"{changed}: no value of this name; there are {', '.join(values)}")
    names = [line.name for line in lines]
    behind = names.index(changed) + 1 if changed in names else 0
    return walk(lines[behind:], {**values, changed: value})


def walk_back(lines: Sequence[Line], values: Values, start: Values) -> dict[str, Any]:
    r"""Compute the gradient $\bar v$ of every value that what we start from depends on.

    Args:
        lines: of the network.
        values: all of them, from `walk`.
        start: gradients to start from: `{"loss": 1.0}`, or those of any other values, for example 1 at
            one logit and 0 at the others.

    Returns:
        Gradients by name, in the shapes of the values.

    Raises:
        ValueError: a line is of no known kind, or takes a value that nothing gives.

    Source: Rumelhart et al. 1986; Baydin et al. 2018, section 3.2.
    """
    gradients = dict(start)
    for line in reversed(lines):
        backward = _layer(line).backward
        if line.name not in gradients or backward is None:
            continue
        parts = backward(gradients[line.name], *_taken(line, values), **line.settings)
        parts = parts if isinstance(parts, tuple) else (parts,)
        for name, part in zip(line.takes, parts, strict=False):  # a bias may have been left out
            if part is not None:
                gradients[name] = gradients[name] + part if name in gradients else part
    return gradients


def _layer(line: Line) -> Layer:
    """Layer of a line.

    Raises:
        ValueError: it is of no known kind.
    """
    if line.kind not in LAYERS:
        raise ValueError(f"{line.name}: {line.kind!r} is no kind of layer; choose one of {', '.join(LAYERS)}")
    return LAYERS[line.kind]


def _taken(line: Line, values: Values) -> list[Any]:
    """The values that a line takes.

    Raises:
        ValueError: one of them is not there.
    """
    missing = [name for name in line.takes if name not in values]
    if missing:
        raise ValueError(
            f"{line.name}: nothing before it gives {', '.join(missing)}; there are {', '.join(values)}"
        )
    return [values[name] for name in line.takes]


def numerical_gradient(
    function: Callable[[np.ndarray], float], at: Float[np.ndarray, "*shape"], step: float | None = None
) -> Float[np.ndarray, "*shape"]:
    r"""Central differences: $(f(x + h e_j) - f(x - h e_j)) / 2 h$ for each $j$.

    Args:
        function: $f$, from an array to a number.
        at: $x$, which stays as it is.
        step: $h$; by default $\epsilon^{1/3} \max(1, |x_j|)$ in the arithmetic of $x$.

    Returns:
        One quotient for each number in $x$.

    Source: Press et al. 2007, eq. 5.7.7, and eq. 5.7.8 for the step.
    """
    found = np.zeros_like(at)
    for j in np.ndindex(at.shape):
        h = best_step(float(at[j]), at.dtype) if step is None else step
        more, less = at.copy(), at.copy()
        more[j] += h
        less[j] -= h
        # The distance that was gone, which rounding makes another than 2 h.
        found[j] = (function(more) - function(less)) / (more[j] - less[j])
    return found


def best_step(number: float, dtype: np.dtype) -> float:
    r"""The step where both errors together are about smallest: $h = \epsilon^{1/3} \max(1, |x|)$.

    `number`: $x$; `dtype`: of the arithmetic, which sets $\epsilon$; result: $h$.

    Source: Press et al. 2007, eq. 5.7.8.
    """
    epsilon = float(np.finfo(dtype).eps)
    return math.cbrt(epsilon) * max(1.0, abs(number))
