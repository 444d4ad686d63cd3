"""Random forest: trees of yes-or-no questions, and the mean of what their leaves answer.

All trees stand in the same arrays. An inner node asks whether a feature is at most its threshold
and names the next node for yes (`left`) and for no (`right`): a number from 0 is a node, always a
later one; a negative number is the leaf `-1 - number`. A leaf keeps the training examples that
ended in it, by class, so that its shares are exact in little space.

Thresholds are kept in single precision, rounded towards minus infinity. Features are in single
precision too, and no such number lies between a threshold and what it is rounded to, so that every
comparison comes out as it does with the double-precision threshold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from pellucid.classical.features.rows import Rows, dense
from pellucid.classical.predictors.predictor import Predictor, settings_with
from pellucid.strict import Forms

MOST_DEPTH = 64  # bounds the questions to a row, whatever a file says
_BLOCK_VALUES, _BLOCK_ENTRIES = 1 << 18, 1 << 22


@dataclass(frozen=True, eq=False)
class Forest(Predictor):
    """Trees in plain arrays, of classes or of a number.

    Attributes:
        kind: key in `PREDICTORS`.
        SETTINGS: bounds of what a file states.
        outputs: classes, or 1 for a number.
        number: whether a number is predicted.
        inputs: features it takes.
        roots: where each tree begins.
        feature: the feature that each node asks about.
        threshold: the answer is yes up to it.
        left: what follows yes.
        right: what follows no.
        ends: where each leaf's entries end; they begin where the former leaf's end.
        entry: class of each entry; all 0 for a number.
        content: training examples of that class in the leaf; for a number the leaf's answer.
    """

    kind: ClassVar[str] = "forest"
    SETTINGS = settings_with("outputs", "inputs", "trees", "nodes", "leaves", "entries")
    outputs: int
    number: bool
    inputs: int
    roots: Int32[np.ndarray, " trees"]
    feature: Int32[np.ndarray, " nodes"]
    threshold: Float32[np.ndarray, " nodes"]
    left: Int32[np.ndarray, " nodes"]
    right: Int32[np.ndarray, " nodes"]
    ends: Int32[np.ndarray, " leaves"]
    entry: Int32[np.ndarray, " entries"]
    content: Int32[np.ndarray, " entries"] | Float64[np.ndarray, " entries"]

    @property
    def parameters(self) -> int:
        """Features, thresholds and branches of the nodes, and what the leaves hold."""
        return sum(array.size for array in self.arrays().values())

    def predict(self, features: Rows) -> Float64[np.ndarray, "n outputs"]:
        """Probabilities, or the number in column 0, for every row of length `inputs`."""
        rows = max(1, _BLOCK_VALUES // max(len(self.roots), self.outputs))
        rows = max(1, min(rows, _BLOCK_ENTRIES // self._most_entries))
        starts = range(0, features.shape[0], rows)
        blocks = [self._answer(dense(features, at, at + rows)) for at in starts]
        return np.concatenate([np.zeros((0, self.outputs)), *blocks])

    def _answer(self, features: Float32[np.ndarray, "n d"]) -> Float64[np.ndarray, "n outputs"]:
        """Mean over the trees of the answers of each row's leaves."""
        count, trees = len(features), len(self.roots)
        leaves = self._leaves(features)
        ends, shares = self.ends.astype(np.int64), self.shares
        sizes = np.diff(ends, prepend=0)[leaves]
        last = np.cumsum(sizes)
        entries = np.arange(last[-1]) + np.repeat(ends[leaves] - last, sizes)
        row = np.repeat(np.repeat(np.arange(count), trees), sizes)
        summed = np.bincount(row * self.outputs + self.entry[entries], shares[entries], count * self.outputs)
        answer: np.ndarray = summed.reshape(count, self.outputs) / trees
        return answer

    def _leaves(self, features: Float32[np.ndarray, "n d"]) -> Int64[np.ndarray, " places"]:
        """Leaf in which each row ends in each tree, row by row: all go down one level at a time."""
        count, trees = len(features), len(self.roots)
        values, row = features.ravel(), np.repeat(np.arange(count) * self.inputs, trees)
        place = np.tile(self.roots, count)
        continual = np.flatnonzero(place >= 0)
        while len(continual):
            node = place[continual]
            yes = values[row[continual] + self.feature[node]] <= self.threshold[node]
            following = np.where(yes, self.left[node], self.right[node])
            place[continual] = following
            continual = continual[following >= 0]
        return -1 - place.astype(np.int64)

    @cached_property
    def _most_entries(self) -> int:
        """Entries that one row may meet: the largest leaf in every tree, at most all."""
        largest = int(np.diff(self.ends, prepend=0).max())
        return min(len(self.entry), largest * len(self.roots))

    @cached_property
    def shares(self) -> Float64[np.ndarray, " entries"]:
        """Part of each entry in the answer of its leaf."""
        if self.number:
            return self.content.astype(np.float64)
        totals = np.add.reduceat(self.content.astype(np.int64), np.concatenate([[0], self.ends[:-1]]))
        shares: np.ndarray = self.content / np.repeat(totals, np.diff(self.ends, prepend=0))
        return shares

    def to_json(self) -> dict[str, Any]:
        """Sizes, from which `expected` tells the forms of the arrays."""
        return {
            "number": self.number,
            "outputs": self.outputs,
            "inputs": self.inputs,
            "trees": len(self.roots),
            "nodes": len(self.feature),
            "leaves": len(self.ends),
            "entries": len(self.entry),
        }

    @classmethod
    def _forms(cls, stated: Mapping[str, Any]) -> Forms:
        cls._require_outputs(stated)
        nodes, leaves, entries = stated["nodes"], stated["leaves"], stated["entries"]
        if leaves != nodes + stated["trees"]:  # every node parts one branch into two
            raise ValueError(f"forest: {stated['trees']} trees of {nodes} nodes cannot have {leaves} leaves")
        if entries < leaves or (stated["number"] and entries != leaves):
            raise ValueError(f"forest: {entries} entries do not fit {leaves} leaves")
        inner = {"feature": "int32", "threshold": "float32", "left": "int32", "right": "int32"}
        return {
            "roots": ("int32", (stated["trees"],)),
            **{name: (dtype, (nodes,)) for name, dtype in inner.items()},
            "ends": ("int32", (leaves,)),
            "entry": ("int32", (entries,)),
            "content": ("float64" if stated["number"] else "int32", (entries,)),
        }

    def _check(self) -> None:
        """Refuse also a tree that loops, is too deep or leaves its arrays."""
        _require_trees(self)
        _require_leaves(self)


def _require_trees(forest: Forest) -> None:
    """Refuse a forest unless every node and leaf is reached in exactly one way, in a bounded depth.

    Raises:
        ValueError: they are not.
    """
    nodes, leaves = len(forest.feature), len(forest.ends)
    if nodes and (forest.feature.min() < 0 or forest.feature.max() >= forest.inputs):
        raise ValueError(f"forest: a node asks about a feature outside 0 to {forest.inputs - 1}")
    named = np.concatenate([forest.roots, forest.left, forest.right]).astype(np.int64)
    if named.min() < -leaves or named.max() >= nodes:
        raise ValueError("forest: a branch leads out of its tree")
    own = np.arange(nodes)
    for branch in (forest.left, forest.right):
        if ((branch >= 0) & (branch <= own)).any():
            raise ValueError("forest: a branch leads back, not to a later node")
    reached = np.bincount(named + leaves, minlength=nodes + leaves)
    if (reached != 1).any():
        raise ValueError("forest: a node or leaf is reached in no way, or in more than one")
    level, depth = forest.roots[forest.roots >= 0], 0
    while len(level):
        depth += 1
        if depth > MOST_DEPTH:
            raise ValueError(f"forest: a tree asks more than {MOST_DEPTH} questions in a row")
        following = np.concatenate([forest.left[level], forest.right[level]])
        level = following[following >= 0]


def _require_leaves(forest: Forest) -> None:
    """Refuse a forest unless every leaf holds something, of classes that there are.

    Raises:
        ValueError: it does not.
    """
    starts = np.concatenate([[0], forest.ends[:-1]])
    if (forest.ends <= starts).any() or forest.ends[-1] != len(forest.entry):
        raise ValueError("forest: a leaf is empty, or the leaves do not share out all entries")
    if forest.entry.min() < 0 or forest.entry.max() >= forest.outputs:
        raise ValueError(f"forest: a leaf holds a class outside 0 to {forest.outputs - 1}")
    if not forest.number and forest.content.min() < 1:
        raise ValueError("forest: a leaf holds less than one example of a class")
