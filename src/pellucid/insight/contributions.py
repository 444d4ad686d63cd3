r"""Contributions of features to the answer of a classical model: terms that sum up to a number it computes.

**Linear model.** With features $x$, weights $W$ and bias $b$, the score of class $k$ above the mean of all
$K$ classes, which decides the softmax, is

$$z_k - \bar z = \sum_i x_i (W_{ik} - \bar W_i) + (b_k - \bar b), \qquad \hat y = \sum_i x_i W_i + b$$

**Random forest.** On the way down a tree the share of the class changes with each question; each change is
booked to the feature that was asked about. The mean over the trees is the probability:

$$p_k = \frac{1}{T} \sum_t \Bigl( v_{t,0} + \sum_j (v_{t,j+1} - v_{t,j}) \Bigr)$$

with $v_{t,j}$ the share of the class among the training examples below the $j$-th node on the way. Where a
number is predicted, leaves do not say how many examples they hold, and a node counts as the mean of both
branches.

**Kernel machine.** Each kept example adds its likeness to the input times its weights; they are added up by
the class that the kept examples belong to.

Source: Saabas 2014, "Interpreting random forests"; Palczewska et al. 2014, "Interpreting random forest
classification models using a feature contribution method", arXiv:1312.1121, eq. 6.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from pellucid.bundle import ClassicalModel, Inputs
from pellucid.classical.forests import Forest
from pellucid.classical.image_features import LONGEST_OF_HOG, LONGEST_OF_PIXELS, ORIENTATIONS, grid, pooled
from pellucid.classical.kernel_machines import Kernel, likeness, project
from pellucid.classical.predictors import Constant, Linear, dense


@dataclass(frozen=True, eq=False)
class Contributions:
    """Contributions that add up to one number.

    `how`: what is added up, in words; `names`: of the terms; `features`: the value of each feature, none
    where terms are no features; `scores`: the terms; `start`: what they are added to; `total`: the sum of
    all; `map_shape`: rows and columns of an image that the terms can be drawn as, empty where they cannot;
    `on_map`: the cell of the image that each term belongs to, none without one.
    """

    how: str
    names: tuple[str, ...]
    features: Float64[np.ndarray, " terms"] | None
    scores: Float64[np.ndarray, " terms"]
    start: float
    total: float
    map_shape: tuple[int, ...] = ()
    on_map: np.ndarray | None = None

    @property
    def drawn(self) -> Float64[np.ndarray, "rows columns"] | None:
        """Terms added up cell by cell of the image; `None` where they have no place in one."""
        if self.on_map is None:
            return None
        cells = np.bincount(self.on_map, self.scores, int(np.prod(self.map_shape)))
        return cells.reshape(self.map_shape)

    def __repr__(self) -> str:
        order = np.argsort(-np.abs(self.scores), kind="stable")[:10]
        lines = [f"{self.how}: {self.start:.4g} to begin with, {self.total:.4g} in all"]
        return "\n".join([*lines, *(f"  {self.names[at]}: {self.scores[at]:+.4g}" for at in order)])


def contributions_of(model: ClassicalModel, inputs: Inputs, target: int | None) -> Contributions | None:
    """Terms of a classical model's answer; `None` of one with a constant answer.

    `inputs` holds one input; `target` is the class in question, `None` where a number is predicted.
    """
    predictor = model.predictor
    if isinstance(predictor, Constant):
        return None
    features = dense(model.seen(inputs), 0, 1)[0].astype(np.float64)
    if isinstance(predictor, Kernel):
        return _of_kernel(predictor, features, model, target)
    if isinstance(predictor, Linear):
        scores, start, how = _of_linear(predictor, features, target)
    else:
        assert isinstance(predictor, Forest)  # every kind of predictor is named here
        scores, start, how = _of_forest(predictor, features, target)
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
    )


_Terms = tuple[np.ndarray, float, str]


def _of_linear(predictor: Linear, features: np.ndarray, target: int | None) -> _Terms:
    """Features times their weights, for a class less the mean of all classes."""
    if target is None:
        weights, bias = predictor.weights[:, 0], float(predictor.bias[0])
        return features * weights, bias, "features times their weights; in all the predicted number"
    columns = predictor.classes.tolist()
    centred = predictor.weights - predictor.weights.mean(axis=1, keepdims=True)
    shifted = predictor.bias - predictor.bias.mean()
    how = "features times their weights; in all the score of the class above the mean of all classes"
    if target not in columns:
        return np.zeros(len(features)), 0.0, f"{how}; this class was not there to learn"
    at = columns.index(target)
    return features * centred[:, at], float(shifted[at]), how


def _of_forest(predictor: Forest, features: np.ndarray, target: int | None) -> _Terms:
    """Changes that the questions of the trees make to the answer, by the feature they ask about."""
    values, leaves = _node_values(predictor, target)
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
    what = "the predicted number" if target is None else "the probability of the class, before calibration"
    return (
        scores / trees,
        float(start / trees),
        f"changes on the way down the trees, by feature; in all {what}",
    )


def _node_values(predictor: Forest, target: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Share of the class, or mean number, of every node and of every leaf."""
    starts = np.concatenate([[0], predictor.ends[:-1]]).astype(np.int64)
    content = predictor.content.astype(np.float64)
    if target is None:
        counts, sums = np.ones(len(starts)), np.add.reduceat(content, starts)
    else:
        counts = np.add.reduceat(content, starts)
        sums = np.add.reduceat(np.where(predictor.entry == target, content, 0), starts)
    below, of_class = np.zeros(len(predictor.feature)), np.zeros(len(predictor.feature))
    for node in reversed(range(len(predictor.feature))):  # branches lead to later nodes
        for branch in (int(predictor.left[node]), int(predictor.right[node])):
            of_branch = (
                (below[branch], of_class[branch]) if branch >= 0 else (counts[-1 - branch], sums[-1 - branch])
            )
            if target is None:
                of_branch = (1.0, of_branch[1] / of_branch[0])
            below[node] += of_branch[0]
            of_class[node] += of_branch[1]
    return of_class / np.maximum(below, 1e-300), sums / counts


def _of_kernel(
    predictor: Kernel, features: np.ndarray, model: ClassicalModel, target: int | None
) -> Contributions:
    """Contributions of kept examples to the predicted number, or to the decisions for a class."""
    row = features.astype(np.float32)[None]
    near = likeness(
        project(row, predictor.mean, predictor.projection),
        predictor.points.astype(np.float64),
        float(predictor.gamma[0]),
    )[0]
    if target is None:
        scores = near * predictor.weights[:, 0]
        start, names = float(predictor.bias[0]), tuple(f"kept example {at}" for at in range(len(scores)))
        how = "kept examples: likeness times weight; in all the predicted number"
        return Contributions(how, names, None, scores, start, start + float(scores.sum()))
    columns = predictor.classes.tolist()
    scores, start = np.zeros(len(columns)), 0.0
    names = tuple(f"support vectors of {model.classes[each]}" for each in columns)
    how = (
        "kernel similarity to support vectors times their weights; in all the decisions for the class "
        "against each other"
    )
    if target not in columns:
        return Contributions(how, names, None, scores, 0.0, 0.0)
    own = columns.index(target)
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
    return Contributions(how, names, None, scores, start, start + float(scores.sum()))


_COLOURS = ("red", "green", "blue")


def _names(
    model: ClassicalModel, count: int, shape: tuple[int, ...], cells: np.ndarray | None
) -> tuple[str, ...]:
    """Name of each feature."""
    if model.tfidf is not None:
        return tuple(term for terms in model.tfidf.terms for term in terms)
    if cells is None:
        what = "unit {} of the last hidden layer" if model.network is not None else "feature {}"
        return tuple(what.format(at) for at in range(count))
    places = [f"row {cell // shape[1]}, column {cell % shape[1]}" for cell in cells.tolist()]
    if model.features == "pixels":
        channels = count // int(np.prod(shape))
        colours = [f", {name}" for name in _COLOURS] if channels == len(_COLOURS) else [""] * channels
        return tuple(f"pixel at {place}{colours[at % channels]}" for at, place in enumerate(places))
    turns = [at % ORIENTATIONS * 180 // ORIENTATIONS for at in range(count)]
    return tuple(
        f"gradient of {turn} to {turn + 20}° at {place}" for turn, place in zip(turns, places, strict=True)
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
