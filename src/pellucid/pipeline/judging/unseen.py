"""Unseen examples: those of the test, and of what was held out, that are not known from training."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Int64

from pellucid.data import Dataset


def is_unseen(dataset: Dataset) -> Bool[np.ndarray, " test"]:
    """Which test examples have no copy and no relative in training or validation, as far as is known."""
    known = np.concatenate([dataset.leaked, dataset.with_sibling])
    found: Bool[np.ndarray, " test"] = ~np.isin(dataset.test, known)
    return found


def is_held_out_unseen(dataset: Dataset, positions: Int64[np.ndarray, " some"]) -> Bool[np.ndarray, " some"]:
    """Which held-out examples have no copy and no relative among those that were learned from.

    Folds keep such sets together; a validation split that was given may not.
    """
    if not len(dataset.together) or not np.isin(positions, dataset.validation).all():
        return np.ones(len(positions), bool)
    found: Bool[np.ndarray, " some"] = ~np.isin(dataset.together[positions], dataset.together[dataset.train])
    return found


def unseen_test(dataset: Dataset) -> Dataset:
    """The data with the unseen examples alone as its test."""
    kept = is_unseen(dataset)
    return dataset if kept.all() else dataclasses.replace(dataset, test=dataset.test[kept])
