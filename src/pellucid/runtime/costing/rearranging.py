"""Operators that rearrange, cut and repeat: shapes they give, from the shapes that they take."""

import math

from pellucid.runtime.costing.given import Given, Rule, Shape, axis_of, broadcast, known, needed
from pellucid.runtime.costing.graph import Node


def _concat(node: Node, given: Given) -> tuple[list[Shape], int]:
    shapes = [needed(given, place).shape for place in range(len(given))]
    axis = axis_of(node.attributes["axis"], len(shapes[0]))
    shape = list(shapes[0])
    shape[axis] = sum(each[axis] for each in shapes)
    return [tuple(shape)], math.prod(shape)


def _split(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape, axis = needed(given, 0).shape, node.attributes.get("axis", 0)
    place, count = axis_of(axis, len(shape)), len(node.outputs)
    part = -(-shape[place] // count)
    equal = [part] * (count - 1) + [shape[place] - part * (count - 1)]
    lengths = known(given, 1) if len(given) > 1 else equal
    if sum(lengths) != shape[place]:
        raise ValueError("parts that are not the whole")
    return [(*shape[:place], each, *shape[place + 1 :]) for each in lengths], math.prod(shape)


def _transpose(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape = needed(given, 0).shape
    order = node.attributes.get("perm") or range(len(shape))[::-1]
    return [tuple(shape[axis] for axis in order)], math.prod(shape)


def _reshape(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape, wanted = needed(given, 0).shape, known(given, 1)
    if not node.attributes.get("allowzero", 0):
        wanted = [shape[place] if length == 0 else length for place, length in enumerate(wanted)]
    if wanted.count(-1) == 1:
        rest = math.prod(length for length in wanted if length != -1)
        wanted[wanted.index(-1)] = math.prod(shape) // rest if rest else 0
    if math.prod(wanted) != math.prod(shape) or min([*wanted, 0]) < 0:
        raise ValueError("a shape of another number of elements")
    return [tuple(wanted)], 0


def _unsqueeze(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape, axes = list(needed(given, 0).shape), known(given, 1)
    for axis in sorted(axis_of(axis, len(shape) + len(axes)) for axis in axes):
        shape.insert(axis, 1)
    return [tuple(shape)], 0


def _squeeze(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape = needed(given, 0).shape
    axes = known(given, 1) if len(given) > 1 else [at for at, length in enumerate(shape) if length == 1]
    dropped = {axis_of(axis, len(shape)) for axis in axes}
    return [tuple(length for place, length in enumerate(shape) if place not in dropped)], 0


def _flatten(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape = needed(given, 0).shape
    axis = node.attributes.get("axis", 1)
    return [(math.prod(shape[:axis]), math.prod(shape[axis:]))], 0


def _gather(node: Node, given: Given) -> tuple[list[Shape], int]:
    data, places = needed(given, 0).shape, needed(given, 1).shape
    axis = axis_of(node.attributes.get("axis", 0), len(data))
    shape = (*data[:axis], *places, *data[axis + 1 :])
    return [shape], math.prod(shape)


def _gather_elements(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape = needed(given, 1).shape
    return [shape], math.prod(shape)


def _gather_slices(node: Node, given: Given) -> tuple[list[Shape], int]:
    data, places = needed(given, 0).shape, needed(given, 1).shape
    shape = (*places[:-1], *data[node.attributes.get("batch_dims", 0) + places[-1] :])
    return [shape], math.prod(shape)


def _expand(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape = broadcast(needed(given, 0).shape, tuple(known(given, 1)))
    return [shape], math.prod(shape)


def _tile(node: Node, given: Given) -> tuple[list[Shape], int]:
    pairs = zip(needed(given, 0).shape, known(given, 1), strict=True)
    shape = tuple(length * times for length, times in pairs)
    return [shape], math.prod(shape)


def _pad(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape, pads = list(needed(given, 0).shape), known(given, 1)
    has_axes = len(given) > 3 and given[3] is not None
    axes = [axis_of(axis, len(shape)) for axis in (known(given, 3) if has_axes else range(len(shape)))]
    for place, axis in enumerate(axes):
        shape[axis] = max(0, shape[axis] + pads[place] + pads[place + len(axes)])
    return [tuple(shape)], math.prod(shape)


def _slice(node: Node, given: Given) -> tuple[list[Shape], int]:
    shape, starts, ends = list(needed(given, 0).shape), known(given, 1), known(given, 2)
    axes = known(given, 3) if len(given) > 3 and given[3] is not None else range(len(starts))
    steps = known(given, 4) if len(given) > 4 else [1] * len(starts)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        place = axis_of(axis, len(shape))
        length = shape[place]
        stop = end if step > 0 or end >= -length else None
        shape[place] = len(range(length)[slice(start, stop, step)])
    return [tuple(shape)], math.prod(shape)


# Rules of these operators.
REARRANGING: dict[str, Rule] = {
    "Concat": _concat,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_slices,
    "Pad": _pad,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
