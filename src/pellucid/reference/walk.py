r"""A whole network as a list of lines, walked forwards for its values and backwards for its gradients.

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
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pellucid.reference.table import LAYERS, Layer

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
