"""Latent numbers of an image and the tests of an explanation, as the explain page shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pellucid.insight.attribution import Curves, Trial
from pellucid.insight.explanation import Explanation
from pellucid.insight.generator_terms import STEPS, Latents, Term, Traversal
from pellucid.reports.album import bind
from pellucid.reports.explain.page_data import Packed

_BYTES, _SHOWN_CLASSES = 900_000, 20
_SMALL = 96


class Drawn(NamedTuple):
    """Latent number on its way from mean to draw."""

    number: int
    mean: float
    log_variance: float
    deviation: float
    noise: float
    drawn: float
    prior_mean: float
    prior_deviation: float


class Strip(NamedTuple):
    """Traversal of one latent number.

    Attributes:
        drawn: the number.
        change: in grey levels.
        uris: images, one for each step.
        width: of each, in pixels.
        height: likewise.
        driver: name of the map of differences.
        most: largest difference by magnitude, in grey levels.
    """

    drawn: Drawn
    change: float
    uris: Sequence[str]
    width: int
    height: int
    driver: str
    most: float


class NamedTerm(NamedTuple):
    """Term of the bound with its letter and its words."""

    letter: str
    words: str
    term: Term


@dataclass(frozen=True)
class ShownLatents:
    """Part of the page about latent numbers.

    Attributes:
        numbers: all of them.
        strips: of the numbers that change most.
        steps: at which their images are decoded.
        is_small: whether images are small enough that their pixels should stay sharp squares.
        terms: of the bound.
        bounds: classes by name, minus the bound of each, and by how much it is more than the least.
    """

    numbers: Sequence[Drawn]
    strips: Sequence[Strip]
    steps: Sequence[float]
    is_small: bool
    terms: Sequence[NamedTerm]
    bounds: Sequence[tuple[str, float, float]]


def shown_latents(explanation: Explanation) -> ShownLatents | None:
    """Prepare the latent numbers of an explanation; `None` where it has none."""
    found = explanation.latents
    if found is None:
        return None
    deviations = np.exp(found.log_variances.astype(np.float64) / 2)
    columns = (
        found.means,
        found.log_variances,
        deviations,
        found.noise,
        found.drawn,
        found.prior_means,
        found.prior_deviations,
    )
    numbers = [Drawn(number, *map(float, row)) for number, row in enumerate(zip(*columns, strict=True))]
    return ShownLatents(
        numbers=numbers,
        strips=_strips(found, numbers),
        steps=STEPS,
        is_small=max(found.from_means.shape[:2]) <= _SMALL,
        terms=(
            NamedTerm("R", "reconstruction: minus ln p(x|z), the grey levels given z", found.reconstruction),
            NamedTerm("Q", "ln q(z|x), density of the draw in its own distribution", found.of_draw),
            NamedTerm("P", "ln p(z|y), density of the draw under the prior", found.of_prior),
        ),
        bounds=[
            (explanation.classes[code], loss, loss - found.bounds[0][1])
            for code, loss in found.bounds[:_SHOWN_CLASSES]
        ],
    )


def driver_of(traversal: Traversal) -> str:
    """Name of the map of differences that the page draws beside a traversal."""
    return f"latent-{traversal.number}"


def pack_differences(explanation: Explanation, packed: Packed) -> list[str]:
    """Put the maps of differences into the page, and return their names."""
    if explanation.latents is None:
        return []
    for each in explanation.latents.traversals:
        packed.add(f"driver:{driver_of(each)}", each.difference)
    return [driver_of(each) for each in explanation.latents.traversals]


def _strips(found: Latents, numbers: Sequence[Drawn]) -> list[Strip]:
    album = bind([image for each in found.traversals for image in each.images], _BYTES)
    uris = {each.key: each.uri for each in album.stored}
    height, width, _ = found.from_means.shape
    return [
        Strip(
            drawn=numbers[each.number],
            change=each.change,
            uris=[uris[place.key] for place in album.places[at * len(STEPS) : (at + 1) * len(STEPS)]],
            width=width,
            height=height,
            driver=driver_of(each),
            most=float(np.abs(each.difference).max()),
        )
        for at, each in enumerate(found.traversals)
    ]


# The tests of an explanation as two small plots: pieces taken out, and pieces put in.

WIDTH, HEIGHT = 240, 112


class Plot(NamedTuple):
    """One plot.

    Attributes:
        title: what is done with the pieces.
        own: points of the explanation's own order.
        others: points of each random order.
        low: value at the lower edge.
        high: value at the upper edge.
    """

    title: str
    own: str
    others: Sequence[str]
    low: float
    high: float


def plots_of(trial: Trial) -> list[Plot]:
    """Draw both curves of an explanation over those of random orders.

    Points for polylines, `WIDTH` by `HEIGHT`.
    """
    every = [trial.curves, *trial.random]
    answers = np.concatenate([np.concatenate([each.deletion, each.insertion]) for each in every])
    low, high = float(answers.min()), float(answers.max())
    return [
        _plot(
            "pieces taken out, most important first", [each.deletion for each in every], every, (low, high)
        ),
        _plot("pieces put in, most important first", [each.insertion for each in every], every, (low, high)),
    ]


def _plot(
    title: str, answers: Sequence[np.ndarray], curves: Sequence[Curves], ends: tuple[float, float]
) -> Plot:
    low, high = ends
    span = high - low or 1.0
    lines = [
        " ".join(
            f"{WIDTH * share:.1f},{HEIGHT * (1 - (answer - low) / span):.1f}"
            for share, answer in zip(each.shares, found, strict=True)
        )
        for each, found in zip(curves, answers, strict=True)
    ]
    return Plot(title, lines[0], lines[1:], low, high)
