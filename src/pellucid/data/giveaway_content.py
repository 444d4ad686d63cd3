"""Content beside a giveaway: how surely the rest of the content gives a class, by models of two halves."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from pellucid.data.giveaway_features import Feature, Marks, Words

PRECISION = 0.95  # of a rule, and of what a model of content finds


class Rule(NamedTuple):
    """A rule that holds: a value or a range of a feature, and the class."""

    feature: Feature
    code: int  # the value; -1 for a range
    low: float
    high: float
    label: int
    hits: int  # training examples of the class that it marks
    marked: int  # training examples that it marks


class Rest:
    """A simple model of content, asked about training examples that it did not learn from."""

    def recall(self, rule: Rule, mask: np.ndarray) -> float:
        """Share of a rule's class that it finds with the precision asked of rules."""
        raise NotImplementedError


class RestOfWords(Rest):
    """Words of texts by naive Bayes, without those that come with what a rule marks."""

    def __init__(self, words: Words, labels: Int64[np.ndarray, " rows"], is_train: np.ndarray) -> None:
        self.words, self.labels, self.is_train = words, labels, is_train
        order = np.cumsum(is_train)
        self._halves = [is_train & (order % 2 == half) for half in (0, 1)]

    def recall(self, rule: Rule, mask: Bool[np.ndarray, " rows"]) -> float:
        """As `Rest.recall`."""
        rows, codes, size = self.words.rows, self.words.codes, len(self.words.hashes)
        is_class = self.labels == rule.label
        train = self.is_train
        of_all = np.bincount(codes[train[rows]], minlength=size)
        marked = np.bincount(codes[(train & mask)[rows]], minlength=size)
        comes_with = (marked >= 0.9 * np.maximum(of_all, 1)) & (marked >= 0.8 * max(1, (train & mask).sum()))
        if isinstance(rule.feature, Marks) and rule.feature.kind == "word":
            comes_with[rule.code] = True
        scores = np.zeros(len(train))
        for learned, asked in (self._halves, self._halves[::-1]):
            inside = np.bincount(codes[(learned & is_class)[rows]], minlength=size) + 0.1
            outside = np.bincount(codes[(learned & ~is_class)[rows]], minlength=size) + 0.1
            weights = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
            weights[comes_with] = 0.0
            sums = np.bincount(rows, weights=weights[codes], minlength=len(train))
            scores[asked] = sums[asked]
        return recall_at(scores[train], is_class[train])


class RestOfPixels(Rest):
    """Small images without their brightness and contrast, by least squares on random features."""

    def __init__(
        self, thumbs: Float32[np.ndarray, "rows values"], labels: np.ndarray, is_train: np.ndarray
    ) -> None:
        self.labels, self.is_train = labels, is_train
        self._thumbs = thumbs
        self._scores: Float64[np.ndarray, "train classes"] | None = None

    def recall(self, rule: Rule, mask: Bool[np.ndarray, " rows"]) -> float:
        """As `Rest.recall`."""
        del mask
        if self._scores is None:
            self._scores = self._fitted()
        return recall_at(self._scores[:, rule.label], self.labels[self.is_train] == rule.label)

    def _fitted(self) -> Float64[np.ndarray, "train classes"]:
        values = self._thumbs[self.is_train]
        directions = np.random.default_rng(0).normal(size=(values.shape[1], 512)).astype(np.float32)
        hidden = np.maximum(values @ directions / np.sqrt(values.shape[1]), 0.0)
        seen = np.concatenate([values, hidden, np.ones((len(values), 1), np.float32)], axis=1)
        labels = self.labels[self.is_train]
        targets = np.eye(int(labels.max()) + 1, dtype=np.float32)[labels]
        scores = np.zeros(targets.shape)
        order = np.arange(len(values))
        for half in (0, 1):
            learned, asked = order % 2 == half, order % 2 != half
            square = seen[learned].T @ seen[learned] + 0.01 * learned.sum() * np.eye(
                seen.shape[1], dtype=np.float32
            )
            weights = np.linalg.solve(square, seen[learned].T @ targets[learned])
            scores[asked] = seen[asked] @ weights
        return scores


def recall_at(scores: Float64[np.ndarray, " n"], is_class: Bool[np.ndarray, " n"]) -> float:
    """Most of a class that lies above a threshold with the precision asked of rules."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(is_class[order])
    enough = np.flatnonzero(hits >= PRECISION * np.arange(1, len(hits) + 1))
    return float(hits[enough[-1]] / max(1, is_class.sum())) if len(enough) else 0.0
