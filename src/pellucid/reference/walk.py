r"""Every layer and loss in one dict, whole networks of them walked both ways, and the check by differences.

A whole network as a list of lines, walked forwards for its values and backwards for its gradients.

Each line names what it computes and the values it takes: inputs, weights, or what lines before it computed.

```python
import numpy as np
from pellucid.reference import Line, walk, walk_back

draws = np.random.default_rng(0)
weights = {"hidden.weight": draws.normal(size=(4, 3)), "hidden.bias": np.zeros(4)}
weights |= {"logits.weight": draws.normal(size=(2, 4)), "logits.bias": np.zeros(2)}
x, y = draws.normal(size=(5, 3)), np.array([0, 1, 0, 1, 1])

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
from importlib import import_module
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
    joining,
    losses,
    normalisation,
    pooling,
    recurrent,
    scaling,
)
from pellucid.reference.notation import Declaration, Pointwise, Sizes


class Layer(NamedTuple):
    """Everything that is declared of a kind of layer.

    `forward`: from arrays, inputs first, then weights, to a result; settings are keywords. `backward`: from
    the gradient of the result, then the same arrays and settings, to one gradient for each of the arrays,
    `None` for those that have none, as ids, and alone where there is one; `None` where nothing has a
    gradient. `declared`: a line of index notation, or steps on each number; `None` where it is neither.
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any] | None = None
    declared: Declaration | tuple[Pointwise, ...] | None = None


def _layer(forward: Callable[..., Any], declared: Declaration | tuple[Pointwise, ...] | None = None) -> Layer:
    """A layer whose gradient is the function of its file that is called so, if there is one."""
    file = import_module(forward.__module__)
    return Layer(forward, getattr(file, f"{forward.__name__}_backward", None), declared)


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
    "dense": _layer(
        dense.dense,
        Declaration(
            (
                "y[o] = W[o,i] * x[i] + b[o]",
                "y[t,o] = W[o,i] * x[t,i] + b[o]",
                "y[r,c,o] = W[o,i] * x[r,c,i] + b[o]",  # maps of a backbone whose channels come last
            ),
            which=lambda sizes: len(sizes.shape) - 1,
        ),
    ),
    "convolution": _layer(convolution.convolution, _CONVOLUTION),
    "transposed-convolution": _layer(
        convolution.transposed_convolution,
        Declaration(("y[o,S*r+k-P,s*c+l-p] = W[i,o,k,l] * x[i,r,c] + b[o]",), constants=_sliding),
    ),
    "neighbours": _layer(
        convolution.conv1d,
        Declaration(
            ("y[t,o] = W[o,i,k] * x[t+k-P,i] + b[o]",),
            constants=lambda sizes: {"P": (sizes.taken[1].shape[2] - 1) // 2},
        ),
    ),
    "max-pool": _layer(
        pooling.max_pool, Declaration(("y[o,r,c] = max x[o,S*r+k,s*c+l]",), constants=_sliding)
    ),
    "average-pool": _layer(
        pooling.average_pool, Declaration(("y[o,r,c] = mean x[o,S*r+k,s*c+l]",), constants=_sliding)
    ),
    "global-max": _layer(pooling.global_max, Declaration(("y[o] = max x[o,r,c]",))),
    "global-average": _layer(pooling.global_average, Declaration(("y[o] = mean x[o,r,c]",))),
    "batch-norm": _layer(normalisation.batch_norm),
    "fixed-norm": _layer(
        normalisation.fixed_norm,
        (
            Pointwise("-", _MEAN_OF_CHANNEL, "mean", 3),
            Pointwise("/√", r"\sigma_{o}^{2}", "variance", 4),
            Pointwise("*", r"\gamma_{o}", "scale", 1),
            Pointwise("+", r"\beta_{o}", "shift", 2),
        ),
    ),
    "layer-norm": _layer(normalisation.layer_norm),
    "relu": _layer(activations.relu, _function(r"\max(0, x@)")),
    "relu6": _layer(activations.relu6, _function(r"\min(6, \max(0, x@))")),
    "clamp": _layer(
        activations.clamp, _function(r"\min({high}, \max({low}, x@))", "kept within {low:g} and {high:g}")
    ),
    "leaky-relu": _layer(activations.leaky_relu, _function(r"\max(0, x@) + {slope} \min(0, x@)")),
    "gelu": _layer(activations.gelu, _function(r"x@ \Phi(x@)")),
    "sigmoid": _layer(activations.sigmoid, _function(r"\frac{1}{1 + e^{- x@}}")),
    "softplus": _layer(activations.softplus, _function(r"\ln(1 + e^{x@})")),
    "tanh": _layer(activations.tanh, _function(r"\tanh(x@)")),
    "softmax": Layer(activations.softmax, activations.softmax_backward),
    "dropout": _layer(dense.dropout),
    "resize": _layer(
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
    ),
    "standardise": _layer(
        scaling.standardise,
        (Pointwise("-", _MEAN_OF_CHANNEL, "mean", 1), Pointwise("/", _DEVIATION_OF_CHANNEL, "deviation", 2)),
    ),
    "rescale": _layer(
        scaling.rescale,
        (Pointwise("*", _DEVIATION_OF_CHANNEL, "deviation", 2), Pointwise("+", _MEAN_OF_CHANNEL, "mean", 1)),
    ),
    "divide": _layer(scaling.divide, (Pointwise("/", "{divisor}", "", "divisor", "setting"),)),
    "unit-length": _layer(scaling.unit_length),
    "add": _layer(joining.add, (Pointwise("+", "h@", "shortcut", 1, "unit"),)),
    "side-by-side": _layer(joining.side_by_side),
    "flatten": _layer(
        joining.flatten,
        Declaration(
            ("y[o] = x[o]", "y[N*i+o] = x[i,o]", "y[M*i+N*r+c] = x[i,r,c]"),
            constants=_rows_and_columns,
            which=lambda sizes: sizes.taken[0].ndim - 1,
        ),
    ),
    "unflatten": _layer(
        joining.unflatten, Declaration(("y[i,r,c] = x[M*i+N*r+c]",), constants=_rows_and_columns)
    ),
    "part": _layer(
        joining.part, Declaration(("y[o] = x[A+o]",), constants=lambda sizes: {"A": sizes.settings["start"]})
    ),
    "embedding": _layer(embedding.embedding),
    "places": _layer(
        embedding.positional_embedding,
        (Pointwise("+", "P@", "number {number} of the vector of place {place},", 1, "place"),),
    ),
    "attention-weights": _layer(attention.attention_weights),
    "attention": _layer(
        attention.attention,
        Declaration(
            ("y[i,D*h+d] = a[h,i,j] * x[j,V+D*h+d]",),
            "xa",
            constants=lambda sizes: {
                "V": 2 * sizes.shape[1],
                **dict.fromkeys(("D", "d#"), sizes.shape[1] // sizes.taken[1].shape[0]),
            },
        ),
    ),
    "present": _layer(pooling.token_mask),
    "text-max": _layer(pooling.text_max, Declaration(("y[o] = max x[t,o]",), "x-")),
    "text-average": _layer(pooling.text_average, Declaration(("y[o] = mean x[t,o]",), "x-")),
    "turned-places": _layer(joining.reversed_order),
    "turn": _layer(
        joining.turn,
        Declaration(("y[t,o] = x[L-t,o]",), "x-", constants=lambda sizes: {"L": sizes.shape[0] - 1}),
    ),
    "lstm": _layer(recurrent.lstm),
    "gru": _layer(recurrent.gru),
    "weighed-sum": _layer(
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
    ),
    "reparametrised": _layer(autoencoder.reparametrised),
    "density-of-draw": _layer(autoencoder.density_of_draw),
    "mixture-density": _layer(autoencoder.mixture_density),
    "reconstruction": _layer(autoencoder.reconstruction),
    "discriminator-loss": _layer(losses.discriminator_loss),
    "generator-loss": _layer(losses.generator_loss),
    "cross-entropy": _layer(losses.cross_entropy),
    "squared-error": _layer(losses.squared_error),
    "squared-error-of-probabilities": _layer(losses.squared_error_of_probabilities),
    "binary-cross-entropy": _layer(losses.binary_cross_entropy),
    "squared-error-of-labels": _layer(losses.squared_error_of_labels),
}


Values = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One step of the way through a network.

    `name`: of the value it computes; `kind`: key of `LAYERS`; `takes`: names of the values that the layer
    takes, in the order of its arguments, where weights that have a default may be left out at the end;
    `settings`: keywords of the layer.
    """

    name: str
    kind: str
    takes: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


def walk(lines: Sequence[Line], values: Values) -> dict[str, Any]:
    """Compute the value of every line, from inputs, labels and weights by name, and return all values.

    Raises: `ValueError` if a line is of no known kind, or takes a value that nothing before it gives.
    """
    known = dict(values)
    for line in lines:
        layer, taken = _layer_and_arrays(line, known)
        known[line.name] = layer.forward(*taken, **line.settings)
    return known


def walk_on(lines: Sequence[Line], values: Values, changed: str, value: Any) -> dict[str, Any]:
    """Compute again what comes behind an input, weight or line of which the value was changed by hand.

    `values`: all of them, from `walk`; those from before the change stay as they are.

    Raises: `ValueError` if nothing is called so.
    """
    if changed not in values:
        raise ValueError(f"{changed}: no value of this name; there are {', '.join(values)}")
    names = [line.name for line in lines]
    behind = names.index(changed) + 1 if changed in names else 0
    return walk(lines[behind:], {**values, changed: value})


def walk_back(lines: Sequence[Line], values: Values, start: Values) -> dict[str, Any]:
    r"""Compute the gradient $\bar v$ of every value that what we start from depends on.

    `values`: all of them, from `walk`; `start`: gradients to start from: `{"loss": 1.0}`, or those of any
    other values, for example 1 at one logit and 0 at the others; result: by name, in the shapes of the
    values.

    Raises: `ValueError` if a line is of no known kind, or takes a value that nothing gives.

    Source: Rumelhart et al. 1986; Baydin et al. 2018, section 3.2.
    """
    gradients = dict(start)
    for line in reversed(lines):
        layer, taken = _layer_and_arrays(line, values)
        if line.name not in gradients or layer.backward is None:
            continue
        parts = layer.backward(gradients[line.name], *taken, **line.settings)
        parts = parts if isinstance(parts, tuple) else (parts,)
        for name, part in zip(line.takes, parts, strict=False):  # a bias may have been left out
            if part is not None:
                gradients[name] = gradients[name] + part if name in gradients else part
    return gradients


def _layer_and_arrays(line: Line, values: Values) -> tuple[Layer, list[Any]]:
    """Layer of a line, and the values that it takes."""
    if line.kind not in LAYERS:
        raise ValueError(f"{line.name}: {line.kind!r} is no kind of layer; choose one of {', '.join(LAYERS)}")
    missing = [name for name in line.takes if name not in values]
    if missing:
        raise ValueError(
            f"{line.name}: nothing before it gives {', '.join(missing)}; there are {', '.join(values)}"
        )
    return LAYERS[line.kind], [values[name] for name in line.takes]


def numerical_gradient(
    function: Callable[[np.ndarray], float], at: Float[np.ndarray, "*shape"], step: float | None = None
) -> Float[np.ndarray, "*shape"]:
    r"""Central differences: $(f(x + h e_j) - f(x - h e_j)) / 2 h$ for each $j$.

    `function`: $f$; `at`: $x$; `step`: $h$; by default `best_step` in the arithmetic of $x$.

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
