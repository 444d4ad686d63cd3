r"""Random forests of several labels: one of trees whose leaves answer for all labels.

Trees grow by the summed squared error of the labels' states, which for one label is half of Gini's impurity.
An unknown state counts as the label's share there, so that it favours no question. Of many labels the trees
see random sums instead, which keep the distances between examples, so that growing does not take longer.

The answer of a leaf is, for each label, its share among all training examples there of which it is known. One
more tree, without a question, answers with the shares of all examples, so that nothing counts as impossible.

Source: Kocev et al., "Ensembles of Multi-Objective Decision Trees" (2007); Joly, Geurts and Wehenkel, "Random
Forests with Random Projections of the Output Space for High Dimensional Multi-Label Classification" (2014).
"""

import dataclasses
from typing import Any

import numpy as np
import scipy.sparse
from jaxtyping import Float64, Int8

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.classical.forests import MOST_LEAVES, Forest, branches_of, grow, settings_of
from pellucid.classical.label_fitting import cell_weights
from pellucid.classical.linear_fitting import constant, has_both, label_shares
from pellucid.classical.predictors import Predictor, Rows
from pellucid.classical.search import Work
from pellucid.targets import PRESENT, UNKNOWN

# Sums of labels that a tree sees, and numbers in the leaves of a forest.
_SEEN, _MOST_NUMBERS = 16, 25_000_000


def forest_of_labels(
    features: Rows, labels: Int8[np.ndarray, "n labels"], work: Work, least: int
) -> Predictor:
    """Train a random forest of several labels, with leaves of at least `least` examples that a tree drew."""
    from sklearn.ensemble import RandomForestRegressor

    if features.shape[1] == 0 or not has_both(labels).any():
        return constant(labels, work.classes, work.weights)
    shares = label_shares(labels, work.weights)
    aims = np.where(labels == UNKNOWN, 0.0, (labels == PRESENT) - shares)
    if aims.shape[1] > _SEEN:
        chance = generator(work.seed, Purpose.LABEL_SUMS)
        aims = aims @ chance.normal(size=(aims.shape[1], _SEEN)) / np.sqrt(_SEEN)
    grown = work._replace(budget=dataclasses.replace(work.budget, trees=max(1, work.budget.trees - 1)))
    settings = settings_of(grown, least, len(labels), min(MOST_LEAVES, _MOST_NUMBERS // labels.shape[1]))
    model = RandomForestRegressor(max_features="sqrt", **settings)
    grow(model, features, aims, grown)
    return _laid_out(model, features, labels, shares, work)


def _laid_out(
    model: Any,
    features: Rows,
    labels: Int8[np.ndarray, "n labels"],
    shares: Float64[np.ndarray, " labels"],
    work: Work,
) -> Forest:
    """Forest in plain arrays, whose leaves answer by the training examples that end in them."""
    trees = [each.tree_ for each in model.estimators_]
    cells = cell_weights(labels, work)
    present = scipy.sparse.csr_array(np.where(labels == PRESENT, cells, 0.0))
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
