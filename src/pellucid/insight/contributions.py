r"""Contributions of features to the answer of a classical model: terms that sum up to a number it computes.

**Linear model.** With features $x$, weights $W$ and bias $b$, the score of class $k$ above the mean of all
$K$ classes, which decides the softmax, is

$$z_k - \bar z = \sum_i x_i (W_{ik} - \bar W_i) + (b_k - \bar b), \qquad \hat y = \sum_i x_i W_i + b$$

The score of a label is compared with no other: it is the label's log-odds, $z_l = \sum_i x_i W_{il} + b_l$.

**Random forest.** On the way down a tree the share of the class changes with each question; each change is
booked to the feature that was asked about. The mean over the trees is the probability:

$$p_k = \frac{1}{T} \sum_t \Bigl( v_{t,0} + \sum_j (v_{t,j+1} - v_{t,j}) \Bigr)$$

with $v_{t,j}$ the share of the class among the training examples below the $j$-th node on the way. Where a
number or labels are predicted, leaves do not say how many examples they hold, and a node counts as the mean
of both branches.

**Support vector machine.** Each support vector adds its kernel similarity to the input times its weights;
they are added up by the class that the support vectors belong to, but of a label or a number each is a term.

Source: Saabas 2014, "Interpreting random forests"; Palczewska et al. 2014, "Interpreting random forest
classification models using a feature contribution method", arXiv:1312.1121, eq. 6.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from pellucid.bundle import ClassicalModel, Inputs
from pellucid.classical.forests import Forest
from pellucid.classical.image_features import LONGEST_OF_HOG, LONGEST_OF_PIXELS, ORIENTATIONS, grid, pooled
from pellucid.classical.kernel_machines import Kernel, likeness, project
from pellucid.classical.predictors import Constant, Linear, dense
from pellucid.encoding.words import without_joints
from pellucid.language.sentence import Sentence

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


class KernelFacts(NamedTuple):
    """Support vectors of a machine by class, and the gamma of its kernel.

    `counts`: how many of each class there are, or how many in all where each label has all of them;
    `most_similar`: class of the support vector that is most like the input, `None` where they have none;
    `similarity`: its kernel with the input, 0 to 1; `space`: numbers of each support vector.
    """

    counts: tuple[int, ...]
    most_similar: int | None
    similarity: float
    gamma: float
    space: int


@dataclass(frozen=True, eq=False)
class Contributions:
    """Contributions that add up to one number.

    `how`: what is added up, in words; `names`: of the terms; `features`: the value of each feature, none
    where terms are no features; `scores`: the terms; `start`: what they are added to; `total`: the sum of
    all; `map_shape`: rows and columns of an image that the terms can be drawn as, empty where they cannot;
    `on_map`: the cell of the image that each term belongs to, none without one; `path`: of a random forest,
    the way of the input through one of its trees; `kernel`: of a support vector machine, its support vectors.
    """

    how: str
    names: tuple[str, ...]
    features: Float64[np.ndarray, " terms"] | None
    scores: Float64[np.ndarray, " terms"]
    start: float
    total: float
    map_shape: tuple[int, ...] = ()
    on_map: np.ndarray | None = None
    path: TreePath | None = None
    kernel: KernelFacts | None = None

    @property
    def drawn(self) -> Float64[np.ndarray, "rows columns"] | None:
        """Terms added up cell by cell of the image; `None` where they have no place in one."""
        if self.on_map is None:
            return None
        cells = np.bincount(self.on_map, self.scores, int(np.prod(self.map_shape)))
        return cells.reshape(self.map_shape)

    def __repr__(self) -> str:
        order = np.argsort(-np.abs(self.scores), kind="stable")[:10]
        lines = [
            Sentence("{how}: {start:.4g} to begin with, {total:.4g} in all", self.how, self.start, self.total)
        ]
        return "\n".join(
            [*lines, *(Sentence("  {names}: {scores:+.4g}", self.names[at], self.scores[at]) for at in order)]
        )


def contributions_of(model: ClassicalModel, inputs: Inputs, target: int | None) -> Contributions | None:
    """Terms of a classical model's answer; `None` of one with a constant answer.

    `inputs` holds one input; `target` is the class or label in question, `None` where a number is predicted.
    """
    predictor = model.predictor
    if isinstance(predictor, Constant):
        return None
    features = dense(model.seen(inputs), 0, 1)[0].astype(np.float64)
    if isinstance(predictor, Kernel):
        return _of_kernel(predictor, features, model, target)
    path = None
    if isinstance(predictor, Linear):
        scores, start, how = _of_linear(predictor, features, target)
    else:
        assert isinstance(predictor, Forest)  # every kind of predictor is named here
        of_nodes = node_values(predictor, target)
        scores, start, how = _of_forest(predictor, features, target, *of_nodes)
        path = path_through(predictor, features.astype(np.float32), *of_nodes)
    shape, cells = _places(model, inputs)
    return Contributions(
        how,
        _names(model, len(features), shape, cells),
        features,
        scores,
        start,
        start + float(scores.sum()),
        shape,
        cells,
        path,
    )


_Terms = tuple[np.ndarray, float, str]
_LOG_ODDS = "the log-odds of the label, before calibration"


def _of_linear(predictor: Linear, features: np.ndarray, target: int | None) -> _Terms:
    """Features times their weights, for a class less the mean of all classes."""
    weights, bias = predictor.weights, predictor.bias
    what = "the predicted number" if target is None else _LOG_ODDS
    if target is not None and predictor.exclusive:
        weights, bias = weights - weights.mean(axis=1, keepdims=True), bias - bias.mean()
        what = "the score of the class above the mean of all classes"
    how = Sentence("features times their weights; in all {what}", what)
    at = _column(predictor, target)
    if at is None:
        return np.zeros(len(features)), 0.0, Sentence("{how}; it was not there to learn", how)
    return features * weights[:, at], float(bias[at]), how


def _column(predictor: Linear | Kernel, target: int | None) -> int | None:
    """Column of a class, a label or the number; `None` of a class that was not there to learn."""
    if target is None:
        return 0
    columns = predictor.classes.tolist()
    return columns.index(target) if target in columns else None


def _of_forest(
    predictor: Forest, features: np.ndarray, target: int | None, values: np.ndarray, leaves: np.ndarray
) -> _Terms:
    """Changes that the questions of the trees make to the answer, by the feature they ask about."""
    scores, start = np.zeros(len(features)), 0.0
    narrow = features.astype(np.float32)
    for root in predictor.roots.tolist():
        node = root
        value = values[node] if node >= 0 else leaves[-1 - node]
        start += value
        while node >= 0:
            asked = int(predictor.feature[node])
            yes = narrow[asked] <= predictor.threshold[node]
            node = int((predictor.left if yes else predictor.right)[node])
            after = values[node] if node >= 0 else leaves[-1 - node]
            scores[asked] += after - value
            value = after
    trees = len(predictor.roots)
    noun = "class" if predictor.exclusive else "label"
    what = (
        "the predicted number"
        if target is None
        else Sentence("the probability of the {noun}, before calibration", noun)
    )
    return (
        scores / trees,
        float(start / trees),
        Sentence("changes on the way down the trees, by feature; in all {what}", what),
    )


def _of_kernel(
    predictor: Kernel, features: np.ndarray, model: ClassicalModel, target: int | None
) -> Contributions:
    """Contributions of support vectors to the predicted number, a label, or the decisions for a class."""
    row = features.astype(np.float32)[None]
    near = likeness(
        project(row, predictor.mean, predictor.projection),
        predictor.points.astype(np.float64),
        float(predictor.gamma[0]),
    )[0]
    own = _column(predictor, target)
    kernel = _kernel_facts(predictor, near)
    if own is not None and (target is None or not predictor.exclusive):
        scores = near * predictor.weights[:, own]
        start, names = (
            float(predictor.bias[own]),
            tuple(Sentence("support vector {at}", at) for at in range(len(scores))),
        )
        what = "the predicted number" if target is None else _LOG_ODDS
        how: str = Sentence(
            "kernel similarity to the support vectors times their weights; in all {what}", what
        )
        return Contributions(how, names, None, scores, start, start + float(scores.sum()), kernel=kernel)
    columns = predictor.classes.tolist()
    scores, start = np.zeros(len(columns)), 0.0
    names = tuple(Sentence("support vectors of {classes}", model.classes[each]) for each in columns)
    how = (
        "kernel similarity to support vectors times their weights; in all the decisions for the class "
        "against each other"
    )
    if own is None:
        return Contributions(how, names, None, scores, 0.0, 0.0, kernel=kernel)
    first, second = np.triu_indices(len(columns), 1)
    for pair, (i, j) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        if own in (i, j):
            sign = 1.0 if own == i else -1.0
            start += sign * float(predictor.bias[pair])
            for of, against in ((i, j), (j, i)):
                begin = int(predictor.ends[of - 1]) if of else 0
                some = slice(begin, int(predictor.ends[of]))
                column = against - (against > of)
                scores[of] += sign * float(near[some] @ predictor.weights[some, column])
    return Contributions(how, names, None, scores, start, start + float(scores.sum()), kernel=kernel)


def _kernel_facts(predictor: Kernel, near: Float64[np.ndarray, " points"]) -> KernelFacts:
    """What there is to know of the support vectors, whose kernels with the input are `near`."""
    best, space = int(near.argmax()), predictor.points.shape[1]
    counts: tuple[int, ...] = (len(near),)
    most_similar = None
    if not predictor.number and predictor.exclusive:  # support vectors of a class follow each other
        counts = tuple(np.diff(predictor.ends, prepend=0).tolist())
        most_similar = int(predictor.classes[np.searchsorted(predictor.ends, best, side="right")])
    return KernelFacts(counts, most_similar, float(near[best]), float(predictor.gamma[0]), space)


_COLOURS = ("red", "green", "blue")


def _names(
    model: ClassicalModel, count: int, shape: tuple[int, ...], cells: np.ndarray | None
) -> tuple[str, ...]:
    """Name of each feature."""
    if model.tfidf is not None:
        return tuple(without_joints(term) for terms in model.tfidf.terms for term in terms)
    if cells is None:
        what = "unit {} of the last hidden layer" if model.network is not None else "feature {}"
        return tuple(what.format(at) for at in range(count))
    places = [
        Sentence("row {cell}, column {cell2}", cell // shape[1], cell % shape[1]) for cell in cells.tolist()
    ]
    if model.features == "pixels":
        if count // int(np.prod(shape)) != len(_COLOURS):
            return tuple(Sentence("pixel at {cell}", cell) for cell in places)
        colours = itertools.cycle(_COLOURS)
        return tuple(
            Sentence("pixel at {cell}, in {colour}", cell, colour)
            for cell, colour in zip(places, colours, strict=False)
        )
    turns = [at % ORIENTATIONS * 180 // ORIENTATIONS for at in range(count)]
    return tuple(
        Sentence("gradient of {turn} to {turn2}° at {cell}", turn, turn + 20, cell)
        for turn, cell in zip(turns, places, strict=True)
    )


def _places(model: ClassicalModel, inputs: Inputs) -> tuple[tuple[int, ...], np.ndarray | None]:
    """Rows and columns of cells of the image, and the cell that each feature lies in."""
    if not isinstance(inputs, np.ndarray) or model.features not in ("pixels", "hog"):
        return (), None
    if model.features == "pixels":
        _, rows, columns, channels = pooled(inputs, LONGEST_OF_PIXELS).shape
        return (rows, columns), np.repeat(np.arange(rows * columns), channels)
    parted = grid(*pooled(inputs, LONGEST_OF_HOG).shape[1:3])
    down, across, cells = parted.blocks
    row, column, cell, _ = np.indices((down, across, cells, ORIENTATIONS)).reshape(4, -1)
    wide = cells // min(2, parted.rows)
    return (parted.rows, parted.columns), (row + cell // wide) * parted.columns + column + cell % wide
