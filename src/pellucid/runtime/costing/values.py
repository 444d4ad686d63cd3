"""Small whole numbers that a graph computes from shapes: the lengths, places and axes of later operators."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.runtime.costing.graph import MOST_VALUES, Node, Tensor

Given = Sequence[Tensor | None]


def values_of(node: Node, given: Given, shape: tuple[int, ...]) -> np.ndarray | None:
    """Values of the first output, of that shape, where all inputs are known; `None` otherwise."""
    rule = _RULES.get(node.operator)
    if rule is None or any(length > MOST_VALUES for length in shape) or int(np.prod(shape)) > MOST_VALUES:
        return None
    if node.operator in ("Shape", "Constant"):
        found: np.ndarray | None = rule(node, given)
        return found
    values = [None if each is None else each.values for each in given]
    if any(value is None for value in values):
        return None
    with np.errstate(all="ignore"):
        computed = np.asarray(rule(node, values))
    return computed.astype(np.int64).reshape(shape) if computed.size == int(np.prod(shape)) else None


def shape_read(node: Node, given: Given) -> tuple[int, ...]:
    """Give what `Shape` gives, of all axes or some."""
    (tensor,) = given
    assert tensor is not None  # an operator without its input was refused
    return tensor.shape[slice(node.attributes.get("start", 0), node.attributes.get("end"))]


def _sliced(node: Node, values: Sequence[np.ndarray]) -> np.ndarray:
    data, starts, ends = values[:3]
    axes = values[3].tolist() if len(values) > 3 else range(len(starts))
    steps = values[4].tolist() if len(values) > 4 else [1] * len(starts)
    places: list[Any] = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps, strict=True):
        places[axis] = slice(start, end if step > 0 or end >= -data.shape[axis] else None, step)
    found: np.ndarray = data[tuple(places)]
    return found


def _divided(node: Node, values: Sequence[np.ndarray]) -> np.ndarray:
    """Division of whole numbers towards zero, as ONNX defines it; by 0 nothing can be told."""
    above, below = values
    if (below == 0).any():
        raise ValueError("a length is divided by 0")
    quotient: np.ndarray = np.sign(above) * np.sign(below) * (np.abs(above) // np.abs(below))
    return quotient


def _concatenated(node: Node, values: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(values, node.attributes.get("axis", 0))


def _taken(node: Node, values: Sequence[np.ndarray]) -> np.ndarray:
    found: np.ndarray = np.asarray(np.take(values[0], values[1], node.attributes.get("axis", 0)))
    return found


_RULES: dict[str, Callable[[Node, Any], Any]] = {
    "Add": lambda node, values: values[0] + values[1],
    "Cast": lambda node, values: values[0],
    "Concat": _concatenated,
    "Constant": lambda node, given: getattr(node.attributes.get("value"), "values", None),
    "Div": _divided,
    "Equal": lambda node, values: values[0] == values[1],
    "Gather": _taken,
    "Identity": lambda node, values: values[0],
    "Max": lambda node, values: np.maximum.reduce(values),
    "Min": lambda node, values: np.minimum.reduce(values),
    "Mul": lambda node, values: values[0] * values[1],
    "Neg": lambda node, values: -values[0],
    "Range": lambda node, values: np.arange(*(int(value.ravel()[0]) for value in values)),
    "Reshape": lambda node, values: values[0],
    "Shape": lambda node, given: np.array(shape_read(node, given), np.int64),
    "Slice": _sliced,
    "Squeeze": lambda node, values: values[0],
    "Sub": lambda node, values: values[0] - values[1],
    "Unsqueeze": lambda node, values: values[0],
    "Where": lambda node, values: np.where(*values),
}
