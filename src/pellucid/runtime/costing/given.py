"""Tensors that an operator takes, as its rule asks for them."""

from collections.abc import Callable, Sequence

from pellucid.runtime.costing.graph import Node, Tensor

Shape = tuple[int, ...]
Given = Sequence[Tensor | None]
# From an operator and what it takes to the shapes of its outputs, and its multiply-adds.
Rule = Callable[[Node, Given], tuple[list[Shape], int]]


def needed(given: Given, place: int) -> Tensor:
    """The tensor at a place.

    Raises: `ValueError` if there is none.
    """
    tensor = given[place] if place < len(given) else None
    if tensor is None:
        raise ValueError("an operator lacks an input")
    return tensor


def known(given: Given, place: int) -> list[int]:
    """Whole numbers that decide a shape.

    Raises: `ValueError` if only the inputs of the graph decide them.
    """
    values = needed(given, place).values
    if values is None:
        raise ValueError("a shape depends on what the inputs hold")
    found: list[int] = values.ravel().tolist()
    return found


def axis_of(axis: int, axes: int) -> int:
    """Number of an axis, which may be counted from the end.

    Raises: `ValueError` if there is no such axis.
    """
    place = axis + axes if axis < 0 else axis
    if not 0 <= place < axes:
        raise ValueError("an axis that is not there")
    return place


def broadcast(*shapes: Shape) -> Shape:
    """Shape of operands that are stretched to each other's.

    Raises: `ValueError` if they cannot be.
    """
    axes = max(map(len, shapes))
    found = []
    for lengths in zip(*((1,) * (axes - len(shape)) + shape for shape in shapes), strict=True):
        others = {length for length in lengths if length != 1}
        if len(others) > 1:
            raise ValueError("shapes that do not fit to each other")
        found.append(others.pop() if others else 1)
    return tuple(found)
