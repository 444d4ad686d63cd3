"""One tree of a random forest, whole, with the path of an input through it from question to question."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from pellucid.classical.forests import Forest

# Branches of a drawn tree; of a larger one the branches beside the path are cut at a depth.
MOST_DRAWN = 1500


class Question(NamedTuple):
    """Question on the path: whether a feature is at most a threshold.

    `value`: of the feature; `before`, `after`: share of the class or label, or mean number, among the
    training examples at this node and behind the answer.
    """

    feature: int
    value: float
    threshold: float
    is_yes: bool
    before: float
    after: float


@dataclass(frozen=True, eq=False)
class TreePath:
    """Path of an input through one tree of a forest, and the form of the whole tree.

    `tree`: its place among the `trees` of the forest, the first is 0; `questions`: on the path, from the
    root; `answer`: of the leaf where the path ends, the share of the class or label, or the number; `forest`:
    the mean of these answers over all trees; `parents`: of every branch that is drawn, place of the one
    above, -1 of the root, parents before children and the branch of yes before that of no; `is_on_path`: of
    each of them; `whole`: branches of the tree, more than are drawn where some were cut.
    """

    tree: int
    trees: int
    questions: tuple[Question, ...]
    answer: float
    forest: float
    parents: Int64[np.ndarray, " branches"]
    is_on_path: Bool[np.ndarray, " branches"]
    whole: int


def node_values(
    predictor: Forest, target: int | None
) -> tuple[Float64[np.ndarray, " nodes"], Float64[np.ndarray, " leaves"]]:
    """Share of the class or label, or mean number, of every node and of every leaf."""
    leaves = len(predictor.ends)
    content = predictor.content.astype(np.float64)
    of_leaf = np.repeat(np.arange(leaves), np.diff(predictor.ends, prepend=0))
    has_counts = target is not None and predictor.exclusive
    counts = np.bincount(of_leaf, content, leaves) if has_counts else np.ones(leaves)
    sums = np.bincount(of_leaf, content * (predictor.entry == (target or 0)), leaves)
    below, of_class = np.zeros(len(predictor.feature)), np.zeros(len(predictor.feature))
    for node in reversed(range(len(predictor.feature))):  # branches lead to later nodes
        for branch in (int(predictor.left[node]), int(predictor.right[node])):
            of_branch = (
                (below[branch], of_class[branch]) if branch >= 0 else (counts[-1 - branch], sums[-1 - branch])
            )
            if not has_counts:
                of_branch = (1.0, of_branch[1] / of_branch[0])
            below[node] += of_branch[0]
            of_class[node] += of_branch[1]
    return of_class / np.maximum(below, 1e-300), sums / counts


def path_through(
    predictor: Forest,
    features: Float32[np.ndarray, " features"],
    values: Float64[np.ndarray, " nodes"],
    leaves: Float64[np.ndarray, " leaves"],
) -> TreePath:
    """Path of an input through the tree whose answer is nearest to that of the whole forest.

    `values` and `leaves` are those of `node_values`.
    """
    roots = predictor.roots.tolist()
    paths = [_nodes_of(predictor, features, root) for root in roots]
    answers = np.array([leaves[-1 - path[-1]] for path in paths])
    mean = float(answers.mean())
    tree = int(np.abs(answers - mean).argmin())
    path = paths[tree]
    questions = []
    for node, following in pairwise(path):
        asked = int(predictor.feature[node])
        questions.append(
            Question(
                asked,
                float(features[asked]),
                float(predictor.threshold[node]),
                following == int(predictor.left[node]),
                float(values[node]),
                float(values[following] if following >= 0 else leaves[-1 - following]),
            )
        )
    parents, is_on_path, whole = _drawn(predictor, roots[tree], path)
    return TreePath(
        tree, len(roots), tuple(questions), float(answers[tree]), mean, parents, is_on_path, whole
    )


def _nodes_of(predictor: Forest, features: np.ndarray, root: int) -> list[int]:
    """Nodes on the way down a tree, and at the end the leaf, which is negative."""
    path = [root]
    while path[-1] >= 0:
        node = path[-1]
        is_yes = features[predictor.feature[node]] <= predictor.threshold[node]
        path.append(int((predictor.left if is_yes else predictor.right)[node]))
    return path


def _drawn(predictor: Forest, root: int, path: Sequence[int]) -> tuple[np.ndarray, np.ndarray, int]:
    """Parents of the branches that are drawn, which of them are on the path, and how many there are in all.

    Branches beside the path are cut at the largest depth at which the whole has at most `MOST_DRAWN`.
    """
    places, depths, parents = [root], [0], [-1]
    for at, node in enumerate(places):  # grows while it is walked: level by level
        if node >= 0:
            places += [int(predictor.left[node]), int(predictor.right[node])]
            depths += [depths[at] + 1] * 2
            parents += [at] * 2
    on_path, depth = set(path), np.array(depths)
    is_on_path = np.array([place in on_path for place in places])
    # Children of a node on the path are drawn at any depth, so that each question has both its answers.
    beside = np.array([parent < 0 or places[parent] in on_path for parent in parents])
    limit = int(depth.max())
    while limit and ((depth <= limit) | beside).sum() > MOST_DRAWN:
        limit -= 1
    is_drawn = (depth <= limit) | beside
    renumbered = np.cumsum(is_drawn) - 1
    kept = [-1 if parent < 0 else int(renumbered[parent]) for parent in np.array(parents)[is_drawn]]
    return np.array(kept, dtype=np.int64), is_on_path[is_drawn], len(places)
