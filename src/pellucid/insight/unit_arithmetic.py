"""Arithmetic of one number of a network by hand: numbers weighed and added up, also through a window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from pellucid.reference.convolution import patches
from pellucid.reference.scaling import resizing_shares

# Distance allowed from the network's number, as a share of the magnitudes that were added up.
TOLERANCE = 1e-5

_SHOWN = 12


class Step(NamedTuple):
    """Step of a calculation in words.

    Attributes:
        words: what is done, such as `x - mean`.
        value: what comes out.
    """

    words: str
    value: float


class Weighing(NamedTuple):
    r"""Weighted sum: $\sum_j w_j x_j$ and a bias.

    Attributes:
        name: of the sum; empty where there is one alone.
        patch: $x$, what the unit sees: (channel, row, column) of maps, (place, number) of a text, or
            (input,) of a vector.
        weights: $w$, in the same shape.
        bias: added to the sum.
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
        """Sum and bias."""
        return float(self.products.sum()) + self.bias

    @property
    def magnitude(self) -> float:
        """Sum of the magnitudes of all that is added up."""
        return float(np.abs(self.products).sum()) + abs(self.bias)


class Choice(NamedTuple):
    """Largest of several numbers.

    Attributes:
        window: the numbers: (row, column) of a map, or (place,) of a text.
        winner: index of the first of the largest, in the window.
        place: index of it in what is pooled.
    """

    window: Float64[np.ndarray, "..."]
    winner: tuple[int, ...]
    place: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """Calculation of one unit on one input, by hand and in double precision.

    Attributes:
        layer: name of the layer.
        kind: what it does, a key of `pellucid.reference.LAYERS`.
        unit: index of the number in the layer's value.
        value: by hand.
        network: what the network itself gave.
        magnitude: of all that was added up; what a difference is measured against.
        weighings: the sums it is made of; several in a recurrent layer, one for each gate.
        choice: what was chosen from, in a pool that takes the largest.
        steps: what else is done, in order.
        source: index in the layer's input, where a number is only passed on or bent.
    """

    layer: str
    kind: str
    unit: tuple[int, ...]
    value: float
    network: float
    magnitude: float
    weighings: tuple[Weighing, ...] = ()
    choice: Choice | None = None
    steps: tuple[Step, ...] = ()
    source: tuple[int, ...] | None = None

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
        lines = [f"{self.layer} ({self.kind}), unit {_index(self.unit)}"]
        for weighing in self.weighings:
            lines += _of_weighing(weighing)
        if self.choice is not None:
            count, place = self.choice.window.size, _index(self.choice.place)
            lines.append(f"largest of {count} numbers, at {place} of what is pooled")
        lines += [f"{step.words} = {step.value:.7g}" for step in self.steps]
        lines.append(
            f"network says {self.network:.7g}, by hand {self.value:.7g}, difference {self.difference:.1e}"
        )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.as_text()


def _of_weighing(weighing: Weighing) -> list[str]:
    """Lines of a weighed sum: the largest products, the rest together, and the total."""
    products = weighing.products
    order = np.argsort(-np.abs(products).ravel(), kind="stable")[:_SHOWN]
    lines = [f"{weighing.name}:"] if weighing.name else []
    for at in order:
        index = np.unravel_index(at, products.shape)
        lines.append(
            f"  {_index(index)}: {weighing.weights[index]:.7g} \u00d7 {weighing.patch[index]:.7g}"
            f" = {products[index]:.7g}"
        )
    if products.size > len(order):
        rest = float(products.sum() - products.ravel()[order].sum())
        lines.append(f"  {products.size - len(order):,} smaller products: {rest:.7g}")
    if weighing.patch.ndim > 1 and len(weighing.patch) > 1:
        sums = ", ".join(f"{each:.5g}" for each in weighing.channel_sums[:_SHOWN])
        lines.append(f"  by channel: {sums}{', …' if len(weighing.patch) > _SHOWN else ''}")
    lines.append(f"  sum {products.sum():.7g} + bias {weighing.bias:.7g} = {weighing.value:.7g}")
    return lines


def _index(index: Sequence[int | np.integer]) -> str:
    return "(" + ", ".join(str(int(each)) for each in index) + ")"


# Calculation of a unit before it is set beside the network's own value.


class Parts(NamedTuple):
    """Calculation; see `Arithmetic` for what each part is."""

    value: float
    magnitude: float
    weighings: tuple[Weighing, ...] = ()
    choice: Choice | None = None
    steps: tuple[Step, ...] = ()
    source: tuple[int, ...] | None = None


# Request for a unit, and the calculation that most units have in common: numbers, weighed and added up.

Index = tuple[int, ...]
Settings = Mapping[str, Any]


class Asked(NamedTuple):
    """Input of a unit's calculation.

    Attributes:
        taken: what the layer takes, weights included, values without the batch.
        settings: of the layer.
        unit: which number.
    """

    taken: list[np.ndarray]
    settings: Settings
    unit: Index


def wide(array: Any) -> Any:
    """Numbers in double precision."""
    return np.asarray(array, np.float64)


def weighed(patch: Any, weights: Any, bias: Any = 0.0) -> Parts:
    """Sum of numbers, each times its weight, and a bias."""
    weighing = Weighing("", wide(patch), wide(weights), float(bias))
    return Parts(weighing.value, weighing.magnitude, weighings=(weighing,))


def bias_of(asked: Asked, place: int) -> float:
    """Bias of one filter or unit; 0 of a layer without."""
    return float(asked.taken[2][place]) if len(asked.taken) > 2 else 0.0


# Units of layers that look through a window: convolutions, resizing and pools, over maps and over texts.


def channels_seen(weight: Sequence[int], filter_: int, groups: int) -> slice:
    """Channels that a filter of a convolution in groups sees, by the shape of the weight."""
    first = filter_ // (weight[0] // groups) * weight[1]
    return slice(first, first + weight[1])


def convolution(asked: Asked) -> Parts:
    """A place of a map of a convolution, with or without groups."""
    (inputs, weight, *_), (filter_, row, column) = asked.taken, asked.unit
    settings = dict(asked.settings)
    channels = channels_seen(weight.shape, filter_, settings.pop("groups", 1))
    seen = patches(inputs[None, channels], (weight.shape[2], weight.shape[3]), **settings)
    return weighed(seen[0, :, row, column], weight[filter_], bias_of(asked, filter_))


def resized(asked: Asked) -> Parts:
    """A pixel of a resized image, by the shares of the pixels it is made of."""
    images, (channel, *place) = asked.taken[0], asked.unit
    shares = [
        resizing_shares(before, after)[at]
        for before, after, at in zip(images.shape[1:], asked.settings["size"], place, strict=True)
    ]
    rows, columns = (np.flatnonzero(share) for share in shares)
    window = images[min(channel, len(images) - 1)][np.ix_(rows, columns)]
    return weighed(window[None], np.outer(shares[0][rows], shares[1][columns])[None])


def conv1d(asked: Asked) -> Parts:
    """A place of a convolution along a text."""
    (inputs, weight, *_), (place, filter_) = asked.taken, asked.unit
    kernel = weight.shape[2]
    before = (kernel - 1) // 2
    padded = np.pad(inputs, ((before, kernel - 1 - before), (0, 0)))
    return weighed(padded[place : place + kernel], weight[filter_].T, bias_of(asked, filter_))


def average(asked: Asked) -> Parts:
    """Mean over a window of a map, or over the whole map."""
    channel = asked.unit[0]
    window = _window(asked)
    return weighed(window[None], np.full((1, *window.shape), 1 / window.size))._replace(
        source=None if "window" in asked.settings else (channel,)
    )


def _window(asked: Asked) -> np.ndarray:
    """Numbers seen by a pool over maps: its window, or the whole map."""
    maps, (channel, *place) = asked.taken[0], asked.unit
    if not place:
        whole: np.ndarray = wide(maps[channel])
        return whole
    height, width = asked.settings["window"]
    top, left = place[0] * height, place[1] * width
    window: np.ndarray = wide(maps[channel, top : top + height, left : left + width])
    return window


def largest(asked: Asked) -> Parts:
    """Largest number in a window of a map, or in the whole map."""
    (channel, *place), window = asked.unit, _window(asked)
    winner = tuple(int(each) for each in np.unravel_index(int(window.argmax()), window.shape))
    start = [at * size for at, size in zip(place, asked.settings.get("window", ()), strict=True)] or [0, 0]
    where = (channel, start[0] + winner[0], start[1] + winner[1])
    return _chosen(window, winner, where)


def _chosen(window: np.ndarray, winner: Index, place: Index) -> Parts:
    value = float(window[winner])
    return Parts(value, abs(value), choice=Choice(window, winner, place), source=place)


def text_largest(asked: Asked) -> Parts:
    """Largest number of a channel over the places that hold a token."""
    (values, present), (channel,) = asked.taken, asked.unit
    window = np.where(present, wide(values[:, channel]), -np.inf)
    winner = int(window.argmax())
    return _chosen(window, (winner,), (winner, channel))


def text_average(asked: Asked) -> Parts:
    """Mean of a channel over the places that hold a token."""
    (values, present), (channel,) = asked.taken, asked.unit
    return weighed(values[:, channel], present / present.sum())
