"""Random forests: learnt by scikit-learn, then laid out in plain arrays.

Source: Breiman, "Random Forests", Machine Learning 45 (2001).
"""

from typing import Any

import numpy as np

from pellucid.classical.budget import OverdueError
from pellucid.classical.features.rows import Rows
from pellucid.classical.fitting.regression import constant
from pellucid.classical.predictors.forest import MOST_DEPTH, Forest
from pellucid.classical.predictors.predictor import Predictor
from pellucid.classical.search import Work

# Leaves of a whole forest: some 15 MB in a file.
MOST_LEAVES = 500_000

_SHARES = 1_000_000
_LEAST_TREES = 10


def forest(features: Rows, labels: np.ndarray, work: Work, least: int) -> Predictor:
    """Train a random forest of classes, or of numbers where `work` knows no classes.

    A leaf holds at least `least` examples.
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    if features.shape[1] == 0 or (work.classes and len(np.unique(labels)) == 1):
        return constant(labels, work.classes, work.weights)
    settings: dict[str, Any] = {
        "n_estimators": work.budget.trees,
        "min_samples_leaf": least,
        "max_depth": MOST_DEPTH,
        "max_leaf_nodes": max(2, MOST_LEAVES // work.budget.trees),
        "random_state": work.seed % 2**32,
        "n_jobs": work.threads,
        "max_samples": min(work.budget.grown, len(labels)),
    }
    if work.classes == 0:
        share = 1 / 3 if features.shape[1] > 3 else 1.0
        model = RandomForestRegressor(max_features=share, **settings)
    else:
        model = RandomForestClassifier(max_features="sqrt", **settings)
    if work.deadline is not None:
        _grow_in_blocks(model, features, labels, work)
    else:
        model.fit(features, labels, work.weights)
    return laid_out(model, work.classes, work.weights is not None)


def _grow_in_blocks(model: Any, features: Rows, labels: np.ndarray, work: Work) -> None:
    """Grow the same trees some at a time, and stop where the deadline is over; no fewer than ten are kept.

    Raises: `OverdueError` if there are not so many by then.
    """
    model.set_params(warm_start=True)
    grown = 0
    while grown < work.budget.trees:
        if work.is_overdue:
            if grown >= _LEAST_TREES:
                break
            raise OverdueError
        grown = min(grown + work.threads, work.budget.trees)
        model.set_params(n_estimators=grown).fit(features, labels, work.weights)


def laid_out(model: Any, classes: int, is_weighted: bool = False) -> Forest:
    """Forest in plain arrays that answers as scikit-learn's in single precision.

    `classes` counts those that the model never saw too; it is 0 for numbers. A leaf of weighted examples
    holds a million shares in their place.
    """
    parts: dict[str, list[np.ndarray]] = {name: [] for name in Forest.__dataclass_fields__}
    nodes = leaves = entries = 0
    for tree in (each.tree_ for each in model.estimators_):
        inner = tree.children_left >= 0
        place = np.where(inner, nodes + np.cumsum(inner) - 1, -leaves - np.cumsum(~inner))
        parts["roots"].append(place[:1])
        parts["feature"].append(tree.feature[inner])
        parts["threshold"].append(_rounded_down(tree.threshold[inner]))
        parts["left"].append(place[tree.children_left[inner]])
        parts["right"].append(place[tree.children_right[inner]])
        if classes:
            totals = tree.weighted_n_node_samples[~inner, np.newaxis]
            counts = np.rint(tree.value[~inner, 0] * (_SHARES if is_weighted else totals))
            leaf, column = np.nonzero(counts)
            parts["ends"].append(entries + np.cumsum(np.bincount(leaf, minlength=len(counts))))
            parts["entry"].append(model.classes_[column])
            parts["content"].append(counts[leaf, column])
        else:
            answers = tree.value[~inner, 0, 0]
            parts["ends"].append(entries + 1 + np.arange(len(answers)))
            parts["entry"].append(np.zeros(len(answers)))
            parts["content"].append(answers)
        nodes, leaves = nodes + int(inner.sum()), leaves + int((~inner).sum())
        entries += len(parts["entry"][-1])
    content = np.float64 if classes == 0 else np.int32
    types = {"threshold": np.float32, "content": content}
    arrays = {
        name: np.concatenate(found).astype(types.get(name, np.int32))
        for name, found in parts.items()
        if found
    }
    return Forest(outputs=classes or 1, number=classes == 0, inputs=model.n_features_in_, **arrays)


def _rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """Largest numbers of single precision that are at most the thresholds."""
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)
