r"""Tests of explanations: does the answer follow them, and do they follow the network?

**Deletion and insertion.** Pieces are taken out of the input, those with the largest scores first, and the
answer is followed; then put into an empty one in the same order. A good order loses the answer early and
wins it early: its gain is the area under the second curve less the area under the first. The same is done
for random orders. An explanation passes where its gain is larger than that of every one of 20 random
orders, which chance would bring about once in 21 times.

**Randomised weights.** The same explanation of a network whose weights were put in random order should look
different; where it does not, it shows the input and not the network. It passes where the mean of the
absolute rank correlations with the explanations of 3 such networks is at most one half.

Source: Petsiuk, Das and Saenko 2018, "RISE", arXiv:1806.07421, section 4.2; Adebayo et al. 2018, "Sanity
checks for saliency maps", NeurIPS, section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from pellucid.insight.explanations.pieces import Pieces

# Random orders that an explanation has to beat.
ORDERS = 20

# Rank correlation with explanations of randomised networks that still passes.
LARGEST_LIKENESS = 0.5

_MOST_STEPS = 14  # of a curve; the model answers at each of them for every order
_PLACES = 1e-9  # gains and scores that are closer differ by rounding alone


@dataclass(frozen=True, eq=False)
class Curves:
    """Answers of a model as pieces are taken out or put in.

    Attributes:
        shares: of the pieces that were taken out, or put in.
        deletion: the answer after so many were taken out.
        insertion: the answer after so many were put in.
    """

    shares: Float64[np.ndarray, " steps"]
    deletion: Float64[np.ndarray, " steps"]
    insertion: Float64[np.ndarray, " steps"]

    @property
    def gain(self) -> float:
        """Area under the insertion curve less area under the deletion curve."""
        return float(np.trapezoid(self.insertion - self.deletion, self.shares))


@dataclass(frozen=True, eq=False)
class Trial:
    """Test results of an explanation.

    Attributes:
        curves: of its own order.
        random: of random orders.
        likeness: mean absolute rank correlation with the explanations of randomised networks; `None`
            where the model has no weights that could be put in random order.
        shows_nothing: whether all scores are equal.
    """

    curves: Curves
    random: Sequence[Curves]
    likeness: float | None
    shows_nothing: bool

    @property
    def beaten(self) -> int:
        """Random orders with a smaller gain."""
        return sum(each.gain < self.curves.gain - _PLACES for each in self.random)

    @property
    def follows_answer(self) -> bool:
        """True where every random order was beaten."""
        return not self.shows_nothing and self.beaten == len(self.random)

    @property
    def follows_weights(self) -> bool:
        """True where it changes with the weights, or there are none to change."""
        return self.likeness is None or self.likeness <= LARGEST_LIKENESS

    @property
    def is_faithful(self) -> bool:
        """True where both tests are passed."""
        return self.follows_answer and self.follows_weights

    def __repr__(self) -> str:
        verdict = "faithful here" if self.is_faithful else "not faithful here"
        likeness = "no weights to shuffle" if self.likeness is None else f"likeness {self.likeness:.2f}"
        return (
            f"{verdict}: gain {self.curves.gain:.3f}, {self.beaten} of {len(self.random)} beaten, {likeness}"
        )


class Bench:
    """Test bench for the explanations of one input; random orders are asked about once for all of them.

    Args:
        pieces: the input.
        seed: of the random orders.
    """

    def __init__(self, pieces: Pieces, seed: int = 0) -> None:
        self._pieces = pieces
        count = int(np.prod(pieces.shape))
        draws = np.random.default_rng(seed)
        self._counts = np.unique(np.linspace(0, count, min(count, _MOST_STEPS) + 1).round().astype(np.int64))
        self._random = self._followed([draws.permutation(count) for _ in range(ORDERS)])

    def test(
        self,
        scores: Float64[np.ndarray, " pieces"],
        randomised: Sequence[Float64[np.ndarray, " pieces"]] = (),
    ) -> Trial:
        """Test scores, one for each piece, also against those of networks with `randomised` weights."""
        order = np.argsort(-scores, kind="stable")
        (curves,) = self._followed([order])
        likeness = [abs(rank_correlation(scores, each)) for each in randomised]
        return Trial(
            curves,
            self._random,
            float(np.mean(likeness)) if likeness else None,
            shows_nothing=bool(np.ptp(scores) <= _PLACES * np.abs(scores).max(initial=0.0)),
        )

    def _followed(self, orders: Sequence[Int64[np.ndarray, " pieces"]]) -> list[Curves]:
        """Ask about every step of some orders, all at once."""
        gone = np.concatenate([self._gone(order) for order in orders])
        answers = self._pieces.ask(np.concatenate([~gone, gone])).reshape(2, len(orders), -1)
        shares = self._counts / self._counts[-1]
        return [Curves(shares, deletion, insertion) for deletion, insertion in zip(*answers, strict=True)]

    def _gone(self, order: Int64[np.ndarray, " pieces"]) -> Bool[np.ndarray, "steps pieces"]:
        """Pieces taken out after each step."""
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        gone: np.ndarray = rank[None] < self._counts[:, None]
        return gone


def rank_correlation(one: Float64[np.ndarray, " pieces"], other: Float64[np.ndarray, " pieces"]) -> float:
    """Spearman's rank correlation, -1 to 1: equal scores share their rank; 0 where either is constant.

    Source: Spearman 1904, "The proof and measurement of association between two things".
    """
    ranks = np.stack([_ranks(one), _ranks(other)])
    ranks = ranks - ranks.mean(axis=1, keepdims=True)
    lengths = np.sqrt((ranks**2).sum(axis=1))
    if not lengths.all():
        return 0.0
    return float((ranks[0] * ranks[1]).sum() / lengths.prod())


def _ranks(scores: Float64[np.ndarray, " pieces"]) -> Float64[np.ndarray, " pieces"]:
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middles: np.ndarray = ends - (counts - 1) / 2
    return middles[places]
