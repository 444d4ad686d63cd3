"""Random forests: learnt by scikit-learn, laid out in plain arrays, and what their leaves answer."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
import scipy.sparse
from jaxtyping import Float32, Float64, Int8, Int32, Int64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.classical.linear_fitting import class_shares, mean_number
from pellucid.classical.one_against_rest import cell_weights, constant_shares, has_both, label_shares
from pellucid.classical.predictors import Exclusive, Outputs, Predictor, Rows, dense
from pellucid.classical.training_set import OverdueError, Work
from pellucid.language.sentence import Sentence
from pellucid.safety.stored import Forms
from pellucid.targets.several import States

MOST_DEPTH = 64  # bounds the questions to a row, whatever a file says
# Outputs, leaves and entries of leaves that a block of rows may have while they are answered.
_BLOCK_VALUES = 1 << 18
_BLOCK_ENTRIES = 1 << 22


@dataclass(frozen=True, eq=False)
class Forest(Predictor):
    """Trees in plain arrays, of classes, of several labels, or of a number."""

    kind: ClassVar[str] = "forest"
    number: bool  # whether a number is predicted
    outputs: Outputs  # classes, or 1 for a number
    inputs: Annotated[int, Predictor.SIZES["inputs"]]  # features it takes
    roots: Int32[np.ndarray, " trees"]  # where each tree begins
    feature: Int32[np.ndarray, " nodes"]  # the feature that each node asks about
    threshold: Float32[np.ndarray, " nodes"]  # the answer is yes up to it
    left: Int32[np.ndarray, " nodes"]  # what follows yes
    right: Int32[np.ndarray, " nodes"]  # what follows no
    # where each leaf's entries end; they begin where the former leaf's end
    ends: Int32[np.ndarray, " leaves"]
    entry: Int32[np.ndarray, " entries"]  # class or label of each entry; all 0 for a number
    # training examples of that class in the leaf, or their share with that label, 0 without an entry; for a
    # number the leaf's answer
    content: Int32[np.ndarray, " entries"] | Float64[np.ndarray, " entries"]
    exclusive: Exclusive = True

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
        if self.number or not self.exclusive:
            return self.content.astype(np.float64)
        totals = np.add.reduceat(self.content.astype(np.int64), np.concatenate([[0], self.ends[:-1]]))
        shares: np.ndarray = self.content / np.repeat(totals, np.diff(self.ends, prepend=0))
        return shares

    @classmethod
    def _forms(cls, stated: Mapping[str, Any]) -> Forms:
        forms = super()._forms(stated)
        nodes, leaves, entries = stated["nodes"], stated["leaves"], stated["entries"]
        if leaves != nodes + stated["trees"]:  # every node parts one branch into two
            raise ValueError(
                Sentence(
                    "forest: {stated} trees of {nodes} nodes cannot have {leaves} leaves",
                    stated["trees"],
                    nodes,
                    leaves,
                )
            )
        if stated["exclusive"] and (entries < leaves or (stated["number"] and entries != leaves)):
            raise ValueError(
                Sentence("forest: {entries} entries do not fit {leaves} leaves", entries, leaves)
            )
        are_counts = stated["exclusive"] and not stated["number"]
        return forms if are_counts else {**forms, "content": ("float64", (entries,))}

    def _check(self) -> None:
        """Refuse also a tree that loops, is too deep or leaves its arrays."""
        _require_trees(self)
        # Refuse a forest unless every leaf holds something, of classes that there are.
        forest = self
        starts = np.concatenate([[0], forest.ends[:-1]])
        if (forest.ends < starts + forest.exclusive).any() or forest.ends[-1] != len(forest.entry):
            raise ValueError("forest: a leaf is empty, or the leaves do not share out all entries")
        if forest.entry.min() < 0 or forest.entry.max() >= forest.outputs:
            raise ValueError(
                Sentence("forest: a leaf holds a class outside 0 to {outputs}", forest.outputs - 1)
            )
        if not forest.exclusive:
            rises = np.diff(forest.entry, prepend=-1) > 0
            rises[starts[starts < len(rises)]] = True
            if not rises.all() or forest.content.min() < 0 or forest.content.max() > 1:
                raise ValueError("forest: a leaf holds a label twice, or a share outside 0 to 1")
        elif not forest.number and forest.content.min() < 1:
            raise ValueError("forest: a leaf holds less than one example of a class")


def _require_trees(forest: Forest) -> None:
    """Refuse a forest unless every node and leaf is reached in exactly one way, in a bounded depth."""
    nodes, leaves = len(forest.feature), len(forest.ends)
    if nodes and (forest.feature.min() < 0 or forest.feature.max() >= forest.inputs):
        raise ValueError(
            Sentence("forest: a node asks about a feature outside 0 to {inputs}", forest.inputs - 1)
        )
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
            raise ValueError(
                Sentence("forest: a tree asks more than {MOST_DEPTH} questions in a row", MOST_DEPTH)
            )
        following = np.concatenate([forest.left[level], forest.right[level]])
        level = following[following >= 0]


# Random forests: learnt by scikit-learn, then laid out in plain arrays.
#
# Source: Breiman, "Random Forests", Machine Learning 45 (2001).

# Leaves of a whole forest: some 15 MB in a file.
MOST_LEAVES = 500_000

# Parts in which the shares of weighted examples in a leaf are counted.
_SHARES = 1_000_000
# Trees that a forest has at least where a deadline ends its growing.
_LEAST_TREES = 10


def forest_of_classes(features: Rows, labels: Int64[np.ndarray, " n"], work: Work, least: int) -> Predictor:
    """Train a random forest of classes, with leaves of at least `least`."""
    from sklearn.ensemble import RandomForestClassifier

    if features.shape[1] == 0 or len(np.unique(labels)) == 1:
        return class_shares(labels, work)
    model = RandomForestClassifier(max_features="sqrt", **settings_of(work, least, len(labels)))
    grow(model, features, labels, work)
    return laid_out(model, work.classes, work.weights is not None)


def forest_of_numbers(features: Rows, labels: Float64[np.ndarray, " n"], work: Work, least: int) -> Predictor:
    """Train a random forest of numbers, with leaves of at least `least`."""
    from sklearn.ensemble import RandomForestRegressor

    if features.shape[1] == 0:
        return mean_number(labels, work)
    share = 1 / 3 if features.shape[1] > 3 else 1.0
    model = RandomForestRegressor(max_features=share, **settings_of(work, least, len(labels)))
    grow(model, features, labels, work)
    return laid_out(model, 0)


def settings_of(work: Work, least: int, count: int, leaves: int = MOST_LEAVES) -> dict[str, Any]:
    """Settings of every forest of scikit-learn that learns from so many examples, with `leaves` at most."""
    return {
        "n_estimators": work.budget.trees,
        "min_samples_leaf": least,
        "max_depth": MOST_DEPTH,
        "max_leaf_nodes": max(2, leaves // work.budget.trees),
        "random_state": work.seed % 2**32,
        "n_jobs": work.threads,
        "max_samples": min(work.budget.grown, count),
    }


def grow(model: Any, features: Rows, labels: np.ndarray, work: Work) -> None:
    """Fit a forest of scikit-learn; some trees at a time where there is a deadline."""
    trees = model.n_estimators
    if work.deadline is not None:
        # Grow the same trees some at a time, and stop where the deadline is over; no fewer than ten
        # are kept.
        model.set_params(warm_start=True)
        grown = 0
        while grown < trees:
            if work.is_overdue:
                if grown >= _LEAST_TREES:
                    break
                raise OverdueError
            grown = min(grown + work.threads, trees)
            model.set_params(n_estimators=grown).fit(features, labels, work.weights)
    else:
        model.fit(features, labels, work.weights)


def laid_out(model: Any, classes: int, is_weighted: bool = False) -> Forest:
    """Forest in plain arrays that answers as scikit-learn's in single precision; of numbers for 0 classes."""
    trees = [each.tree_ for each in model.estimators_]
    parts: dict[str, list[np.ndarray]] = {"ends": [], "entry": [], "content": []}
    entries = 0
    for tree in trees:
        outer = tree.children_left < 0
        if classes:
            totals = tree.weighted_n_node_samples[outer, np.newaxis]
            counts = np.rint(tree.value[outer, 0] * (_SHARES if is_weighted else totals))
            leaf, column = np.nonzero(counts)
            parts["ends"].append(entries + np.cumsum(np.bincount(leaf, minlength=len(counts))))
            parts["entry"].append(model.classes_[column])
            parts["content"].append(counts[leaf, column])
        else:
            answers = tree.value[outer, 0, 0]
            parts["ends"].append(entries + 1 + np.arange(len(answers)))
            parts["entry"].append(np.zeros(len(answers)))
            parts["content"].append(answers)
        entries += len(parts["entry"][-1])
    content = np.float64 if classes == 0 else np.int32
    types = {"ends": np.int32, "entry": np.int32, "content": content}
    arrays: dict[str, Any] = {
        name: np.concatenate(found).astype(types[name]) for name, found in parts.items()
    }
    return Forest(
        outputs=classes or 1,
        number=classes == 0,
        inputs=model.n_features_in_,
        **branches_of(trees),
        **arrays,
    )


def branches_of(trees: Sequence[Any]) -> dict[str, Any]:
    """The arrays that lead to the leaves, which follow each other tree by tree, from scikit-learn's trees."""
    parts: dict[str, list[np.ndarray]] = {
        name: [] for name in ("roots", "feature", "threshold", "left", "right")
    }
    nodes = leaves = 0
    for tree in trees:
        inner = tree.children_left >= 0
        place = np.where(inner, nodes + np.cumsum(inner) - 1, -leaves - np.cumsum(~inner))
        parts["roots"].append(place[:1])
        parts["feature"].append(tree.feature[inner])
        # Largest numbers of single precision that are at most the thresholds.
        thresholds = tree.threshold[inner]
        near = thresholds.astype(np.float32)
        parts["threshold"].append(np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near))
        parts["left"].append(place[tree.children_left[inner]])
        parts["right"].append(place[tree.children_right[inner]])
        nodes, leaves = nodes + int(inner.sum()), leaves + int((~inner).sum())
    return {
        name: np.concatenate(found).astype(np.float32 if name == "threshold" else np.int32)
        for name, found in parts.items()
    }


# Random forests of several labels: one of trees whose leaves answer for all labels.
#
# Trees grow by the summed squared error of the labels' states, which for one label is half of Gini's
# impurity. An unknown state counts as the label's share there, so that it favours no question. Of many
# labels the trees see random sums instead, which keep the distances between examples, so that growing does
# not take longer.
#
# The answer of a leaf is, for each label, its share among all training examples there of which it is known.
# One more tree, without a question, answers with the shares of all examples, so that nothing counts as
# impossible.
#
# Source: Kocev et al., "Ensembles of Multi-Objective Decision Trees" (2007); Joly, Geurts and Wehenkel,
# "Random Forests with Random Projections of the Output Space for High Dimensional Multi-Label
# Classification" (2014).

# Sums of labels that a tree sees.
_SEEN = 16
# Numbers in the leaves of a forest of several labels.
_MOST_NUMBERS = 25_000_000


def forest_of_labels(
    features: Rows, labels: Int8[np.ndarray, "n labels"], work: Work, least: int
) -> Predictor:
    """Train a random forest of several labels, with leaves of at least `least` examples that a tree drew."""
    from sklearn.ensemble import RandomForestRegressor

    if features.shape[1] == 0 or not has_both(labels).any():
        return constant_shares(labels, work)
    shares, states = label_shares(labels, work.weights), States.of(labels)
    aims = np.where(states.known, states.present - shares, 0.0)
    if aims.shape[1] > _SEEN:
        chance = generator(work.seed, Purpose.LABEL_SUMS)
        aims = aims @ chance.normal(size=(aims.shape[1], _SEEN)) / np.sqrt(_SEEN)
    grown = work._replace(budget=dataclasses.replace(work.budget, trees=max(1, work.budget.trees - 1)))
    settings = settings_of(grown, least, len(labels), min(MOST_LEAVES, _MOST_NUMBERS // labels.shape[1]))
    model = RandomForestRegressor(max_features="sqrt", **settings)
    grow(model, features, aims, grown)
    return _label_leaves(model, features, labels, shares, work)


def _label_leaves(
    model: Any,
    features: Rows,
    labels: Int8[np.ndarray, "n labels"],
    shares: Float64[np.ndarray, " labels"],
    work: Work,
) -> Forest:
    """Forest in plain arrays, whose leaves answer by the training examples that end in them."""
    trees = [each.tree_ for each in model.estimators_]
    cells = cell_weights(labels, work)
    present = scipy.sparse.csr_array(np.where(States.of(labels).present, cells, 0.0))
    is_plain = bool((cells == 1).all())
    ends, entry, content = [], [], []
    for tree, nodes in zip(trees, model.apply(features).T, strict=True):
        outer = tree.children_left < 0
        leaf = np.cumsum(outer)[nodes] - 1
        count = len(leaf)
        members = scipy.sparse.csr_array(
            (np.ones(count), (leaf, np.arange(count))), shape=(int(outer.sum()), count)
        )
        known = members.sum(axis=1)[:, np.newaxis] if is_plain else members @ cells
        found = np.where(known > 0, (members @ present).toarray() / np.maximum(known, 1e-12), shares)
        row, label = np.nonzero(found)
        ends.append(np.bincount(row, minlength=len(found)))
        entry.append(label)
        content.append(np.minimum(found[row, label], 1.0))
    branches = branches_of(trees)
    leaves = sum(map(len, ends))
    branches["roots"] = np.append(branches["roots"], np.int32(-1 - leaves))
    return Forest(
        outputs=len(shares),
        number=False,
        inputs=model.n_features_in_,
        **branches,
        ends=np.cumsum(np.concatenate([*ends, [len(shares)]])).astype(np.int32),
        entry=np.concatenate([*entry, np.arange(len(shares))]).astype(np.int32),
        content=np.concatenate([*content, shares]),
        exclusive=False,
    )
