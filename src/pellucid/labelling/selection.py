"""Which example is asked next: a random audit, typical ones first, then half by margin and half at random.

Every n-th question is about the audit, a random sample that is drawn before anything else and never learned
from. The others teach a model, in this order:

1. Typical examples, until there are ten labels for each class on average: k-means divides the examples into
   as many clusters as there are labels and ten more; of the largest clusters without a label the example in
   the densest place is asked.
2. In turns the example whose two most probable classes are nearest to each other, and a random one. With
   several labels to an example the one with a label whose probability is nearest to one half.

Source: Hacohen, Dekel and Weinshall 2022, "Active Learning on a Budget: Opposite Strategies Suit High and Low
Budgets" (TypiClust), for typical examples at first and uncertain ones later; Scheffer, Decomain and Wrobel
2001, "Active Hidden Markov Models for Information Extraction", for the margin.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.labelling.by_target import TAUGHT
from pellucid.targets import Target

AUDIT = "audit"
TYPICAL = "typical"
MARGIN = "margin"
RANDOM = "random"
POLICIES = (AUDIT, TYPICAL, MARGIN, RANDOM)

# Every third question is about the audit until it has a hundred labels, afterwards every tenth: the interval
# of a share of a hundred examples is at most 20 points wide, of 300 at most 11.
AUDIT_FIRST = 100  # labels
AUDIT_MOST = 300  # labels
_EVERY_FIRST = 3  # questions
_EVERY_LATER = 10  # questions
# Part of a small pool that is kept for the audit at most.
_AUDIT_SHARE = 5

# Typical labels of a class, on average, before uncertain examples are asked: twice as many, or half, reached
# less on R8 with 300 labels and more (benchmarks/labelling.py).
_TYPICAL_EACH = 10
_AHEAD = 10
_MOST_CLUSTERS = 200  # one for each typical example
_NEIGHBOURS = 20  # nearest ones, by whose mean distance an example is typical
_COMPARED = 500  # members of a cluster that each is compared with


class Label(NamedTuple):
    """What somebody said about an example."""

    example: int  # its position in the pool
    labels: tuple[str, ...]  # one, or in sorted order as many as it has
    policy: str  # why it was asked


def audit_sample(pool: int, seed: int) -> Int64[np.ndarray, " audit"]:
    """Positions kept for judging alone, in the order in which they are asked."""
    order = generator(seed, Purpose.LABELLING).permutation(pool)
    return order[: min(AUDIT_MOST, -(-pool // _AUDIT_SHARE))].astype(np.int64)


def random_order(pool: int, seed: int) -> Int64[np.ndarray, " pool"]:
    """All positions in the order in which random ones are asked."""
    return generator(seed, Purpose.LABELLING, 1).permutation(pool).astype(np.int64)


def next_policy(asked: Mapping[str, int], classes: int, *, is_ready: bool, is_harmful: bool = False) -> str:
    """Why the next example is asked, by how many were asked for each reason.

    Before features are there (`is_ready`), and where selection has been found to do harm, only the audit and
    random examples are asked.
    """
    counts = Counter(asked)
    number, audits = counts.total() + 1, counts[AUDIT]
    first = _EVERY_FIRST * AUDIT_FIRST
    due = -(-min(number, first) // _EVERY_FIRST) + max(0, number - first) // _EVERY_LATER
    if audits < min(AUDIT_MOST, due):
        return AUDIT
    if not is_ready or is_harmful:
        return RANDOM
    if is_early(counts, classes):
        return TYPICAL
    return MARGIN if counts[MARGIN] <= counts[RANDOM] else RANDOM


def is_early(asked: Mapping[str, int], classes: int) -> bool:
    """Whether there are fewer than ten labels a class, so that typical examples are asked."""
    return sum(asked.get(each, 0) for each in (TYPICAL, MARGIN, RANDOM)) < _TYPICAL_EACH * max(2, classes)


class Model(NamedTuple):
    """Logistic regression on features: of one of the classes, or of each of several labels by itself."""

    classes: tuple[str, ...]
    weights: Float64[np.ndarray, "features classes"]
    bias: Float64[np.ndarray, " classes"]
    target: Target

    def probabilities(
        self, features: Float32[np.ndarray, "examples features"]
    ) -> Float64[np.ndarray, "examples classes"]:
        """Probability of each class; of several labels they do not exclude each other."""
        return self.target.of_logits(features @ self.weights + self.bias)

    def decided(
        self, features: Float32[np.ndarray, "examples features"]
    ) -> Bool[np.ndarray, "examples classes"]:
        """The labels that each example gets: the most probable, or all that are more probable than not."""
        return TAUGHT[self.target].decided(self.probabilities(features))

    def margins(self, features: Float32[np.ndarray, "examples features"]) -> Float64[np.ndarray, " examples"]:
        """How near each example is to another answer; 0 is nearest."""
        return TAUGHT[self.target].margins(self.probabilities(features))


def fit(features: Float32[np.ndarray, "pool features"], learned: Sequence[Label], target: Target) -> Model:
    """Train on labels, at least one, of examples of the pool."""
    rows = features[[each.example for each in learned]]
    classes = tuple(sorted({label for each in learned for label in each.labels}))
    present = np.array([[name in each.labels for name in classes] for each in learned], bool)
    return Model(classes, *TAUGHT[target].fit(rows, present), target)


def is_right(
    model: Model, features: Float32[np.ndarray, "pool features"], judged: Sequence[Label]
) -> Bool[np.ndarray, " judged"]:
    """Whether a model gives each example exactly its labels; a class it never saw is a mistake."""
    decided = model.decided(features[[each.example for each in judged]])
    return np.array(
        [
            {name for name, has in zip(model.classes, row, strict=True) if has} == set(each.labels)
            for row, each in zip(decided, judged, strict=True)
        ],
        bool,
    )


def typical(
    features: Float32[np.ndarray, "pool features"],
    candidates: Int64[np.ndarray, " candidates"],
    learned: Int64[np.ndarray, " learned"],
    seed: int,
) -> list[int]:
    """The next ten typical examples among candidates, of the largest clusters without a label first."""
    from sklearn.cluster import KMeans

    if not len(candidates):
        return []
    positions = np.concatenate([learned, candidates])
    rows, number = features[positions], len(learned)
    clusters = min(number + _AHEAD, _MOST_CLUSTERS, len(candidates))
    found = KMeans(clusters, n_init=1, max_iter=20, random_state=seed).fit(rows).labels_
    labelled = np.bincount(found[:number], minlength=clusters)
    sizes = np.bincount(found, minlength=clusters)
    chosen = []
    for cluster in np.lexsort((-sizes, labelled))[:_AHEAD]:
        members = number + np.flatnonzero(found[number:] == cluster)
        if len(members):
            chosen.append(int(positions[members[_densest(rows[members])]]))
    return chosen


def _densest(rows: Float32[np.ndarray, "members features"]) -> int:
    """The row with the least mean distance to its nearest neighbours, of evenly spread ones where many."""
    others = rows[:: -(-len(rows) // _COMPARED)]
    squares = (others**2).sum(axis=1)
    distances = (rows**2).sum(axis=1)[:, np.newaxis] + squares - 2 * rows @ others.T
    nearest = np.sort(np.sqrt(np.maximum(distances, 0)), axis=1)[:, : _NEIGHBOURS + 1]
    return int(nearest.mean(axis=1).argmin())
