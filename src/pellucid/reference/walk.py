r"""Whole networks walked both ways, and the check by differences.

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
from typing import Any

import numpy as np
from jaxtyping import Float

from pellucid.language.sentence import Sentence
from pellucid.reference.layers import LAYERS, Layer

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
        raise ValueError(
            Sentence("{changed}: no value of this name; there are {values}", changed, ", ".join(values))
        )
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
        raise ValueError(
            Sentence(
                "{name}: {kind!r} is no kind of layer; choose one of {LAYERS}",
                line.name,
                line.kind,
                ", ".join(LAYERS),
            )
        )
    missing = [name for name in line.takes if name not in values]
    if missing:
        raise ValueError(
            Sentence(
                "{name}: nothing before it gives {missing}; there are {values}",
                line.name,
                ", ".join(missing),
                ", ".join(values),
            )
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
