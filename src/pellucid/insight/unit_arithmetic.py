"""Arithmetic of one number of a network by hand: sums, choices and steps, with the network's own number."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from pellucid.language.sentence import Sentence

# Distance allowed from the network's number, as a share of the magnitudes that were added up.
TOLERANCE = 1e-5

_SHOWN = 12


class Step(NamedTuple):
    """Step of a calculation: what is done, such as `x - mean`, and what comes out."""

    words: str
    value: float


class Weighing(NamedTuple):
    r"""Weighted sum: $\sum_j w_j x_j$ and a bias.

    `name`: of the sum, empty where there is one alone; `patch`: $x$, what the unit sees: (channel, row,
    column) of maps, (place, number) of a text, or (input,) of a vector; `weights`: $w$, in the same shape;
    `bias`: added to the sum.
    """

    name: str
    patch: Float64[np.ndarray, "..."]
    weights: Float64[np.ndarray, "..."]
    bias: float

    @property
    def products(self) -> Float64[np.ndarray, "..."]:
        """$w_j x_j$ for each $j$."""
        found: np.ndarray = self.weights * self.patch
        return found

    @property
    def channel_sums(self) -> Float64[np.ndarray, " channels"]:
        """Products added up by the first axis of the patch."""
        sums: np.ndarray = self.products.reshape(len(self.patch), -1).sum(axis=1)
        return sums

    @property
    def value(self) -> float:
        """Sum with the bias."""
        return float(self.products.sum()) + self.bias

    @property
    def magnitude(self) -> float:
        """Sum of the magnitudes of all that is added up."""
        return float(np.abs(self.products).sum()) + abs(self.bias)

    def lines(self) -> list[str]:
        """Text: the largest products, the rest together, and the total."""
        products = self.products
        order = np.argsort(-np.abs(products).ravel(), kind="stable")[:_SHOWN]
        lines = [f"{self.name}:"] if self.name else []
        for at in order:
            index = np.unravel_index(at, products.shape)
            lines.append(
                f"  {_index(index)}: {self.weights[index]:.7g} \u00d7 {self.patch[index]:.7g}"
                f" = {products[index]:.7g}"
            )
        if products.size > len(order):
            rest = float(products.sum() - products.ravel()[order].sum())
            lines.append(
                Sentence("  {size:,} smaller products: {rest:.7g}", products.size - len(order), rest)
            )
        if self.patch.ndim > 1 and len(self.patch) > 1:
            sums = ", ".join(f"{each:.5g}" for each in self.channel_sums[:_SHOWN])
            lines.append(
                Sentence("  by channel: {sums}{word}", sums, ", …" if len(self.patch) > _SHOWN else "")
            )
        lines.append(
            Sentence("  sum {sum:.7g} + bias {bias:.7g} = {value:.7g}", products.sum(), self.bias, self.value)
        )
        return lines


class Choice(NamedTuple):
    """Largest of several numbers.

    `window`: the numbers: (row, column) of a map, or (place,) of a text; `winner`: index of the first of the
    largest, in the window; `place`: index of it in what is pooled.
    """

    window: Float64[np.ndarray, "..."]
    winner: tuple[int, ...]
    place: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """Calculation of one unit on one input, by hand and in double precision.

    Attributes:
        value: by hand.
        magnitude: of all that was added up; what a difference is measured against.
        weighings: the sums it is made of; several in a recurrent layer, one for each gate.
        choice: what was chosen from, in a pool that takes the largest.
        steps: what else is done, in order.
        source: index in the layer's input, where a number is only passed on or bent.
        layer: name of the layer.
        kind: what it does, a key of `pellucid.reference.LAYERS`.
        unit: index of the number in the layer's value.
        network: what the network itself gave.
    """

    value: float
    magnitude: float
    weighings: tuple[Weighing, ...] = ()
    choice: Choice | None = None
    steps: tuple[Step, ...] = ()
    source: tuple[int, ...] | None = None
    layer: str = ""
    kind: str = ""
    unit: tuple[int, ...] = ()
    network: float = math.nan

    @property
    def difference(self) -> float:
        """Distance of both values."""
        return abs(self.value - self.network)

    @property
    def agrees(self) -> bool:
        """True where they differ by no more than single precision explains."""
        return self.difference <= TOLERANCE * self.magnitude

    def as_text(self) -> str:
        """Calculation in a few lines; of a long sum the largest products."""
        lines: list[str] = [
            Sentence("{layer} ({kind}), unit {unit}", self.layer, self.kind, _index(self.unit))
        ]
        for weighing in self.weighings:
            lines += weighing.lines()
        if self.choice is not None:
            count, place = self.choice.window.size, _index(self.choice.place)
            lines.append(Sentence("largest of {count} numbers, at {place} of what is pooled", count, place))
        lines += [f"{step.words} = {step.value:.7g}" for step in self.steps]
        lines.append(
            Sentence(
                "network says {network:.7g}, by hand {value:.7g}, difference {difference:.1e}",
                self.network,
                self.value,
                self.difference,
            )
        )
        return "\n".join(lines)

    __repr__ = as_text


def _index(index: Sequence[int | np.integer]) -> str:
    return "(" + ", ".join(str(int(each)) for each in index) + ")"


class Asked(NamedTuple):
    """Input of a unit's calculation.

    `taken`: what the layer takes, weights included, values without the batch; `settings`: of the layer;
    `unit`: which number.
    """

    taken: list[np.ndarray]
    settings: Mapping[str, Any]
    unit: tuple[int, ...]


def wide(array: Any) -> Any:
    """Numbers in double precision."""
    return np.asarray(array, np.float64)
