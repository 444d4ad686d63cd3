"""Sizes of a layer, as they are filled into its formula."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple


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
