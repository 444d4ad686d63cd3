"""Units of layers that look through a window: convolutions, resizing and pools, over maps and over texts."""

from collections.abc import Sequence

import numpy as np

from pellucid.insight.units.arithmetic import Choice
from pellucid.insight.units.asked import Asked, Index, bias_of, weighed, wide
from pellucid.insight.units.parts import Parts
from pellucid.reference.layers.patches import patches
from pellucid.reference.layers.resizing import resizing_shares


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


def neighbours(asked: Asked) -> Parts:
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
