"""The tests of an explanation as two small plots: pieces taken out, and pieces put in."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pellucid.insight.explanations.trials import Curves, Trial

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
