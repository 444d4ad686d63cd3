"""Labels that people give, by target: which may be given, and how a model learns and decides them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from pellucid.targets import CLASSIFICATION, MULTILABEL, Target

# Inverse strength of the penalty of logistic regression, for each label: 0.2 with 100 of them, 0.02 with
# 1,000, near the best of 0.01, 0.1 and 1 on R8 and on photographs.
_STRENGTH = 20.0
_STEPS = 200  # of the optimiser, at most


@dataclass(frozen=True)
class Taught:
    """One class of each example, and one logistic regression of all classes."""

    target: Target

    question: ClassVar = "Which class?"
    right: ClassVar = "right"  # a right answer, in a sentence
    flags: ClassVar = ""  # of the command that trains on the table

    def admits(self, labels: Sequence[str]) -> bool:
        """Whether an example may have these labels."""
        return len(labels) == 1

    def fit(
        self, rows: Float32[np.ndarray, "examples features"], present: Bool[np.ndarray, "examples classes"]
    ) -> tuple[Float64[np.ndarray, "features classes"], Float64[np.ndarray, " classes"]]:
        """Weights and bias of each class; of a single one nothing is to be learnt."""
        weights, bias = np.zeros((rows.shape[1], present.shape[1])), np.zeros(present.shape[1])
        if present.shape[1] < 2:
            return weights, bias
        slopes, offsets = _logistic_regression(rows, present.argmax(axis=1).astype(np.int64))
        if present.shape[1] > 2:
            return np.asarray(slopes.T, np.float64), np.asarray(offsets, np.float64)
        weights[:, 1], bias[1] = slopes[0], offsets[0]  # one row of weights speaks for both
        return weights, bias

    def decided(
        self, probabilities: Float64[np.ndarray, "examples classes"]
    ) -> Bool[np.ndarray, "examples classes"]:
        """Of each example the most probable class."""
        return np.asarray(probabilities.argmax(axis=1)[:, np.newaxis] == np.arange(probabilities.shape[1]))

    def margins(
        self, probabilities: Float64[np.ndarray, "examples classes"]
    ) -> Float64[np.ndarray, " examples"]:
        """How near each example is to another class; 0 is nearest."""
        if probabilities.shape[1] < 2:
            return np.ones(len(probabilities))
        ordered = np.sort(probabilities, axis=1)
        return np.asarray(ordered[:, -1] - ordered[:, -2])


class SeveralTaught(Taught):
    """Any number of labels of each example, and a logistic regression of each."""

    question: ClassVar = "Which labels?"
    right: ClassVar = "right in every label"
    flags: ClassVar = " --target labels --unlabelled none"

    def admits(self, labels: Sequence[str]) -> bool:
        """Any may be there, or none."""
        return True

    def fit(
        self, rows: Float32[np.ndarray, "examples features"], present: Bool[np.ndarray, "examples classes"]
    ) -> tuple[Float64[np.ndarray, "features classes"], Float64[np.ndarray, " classes"]]:
        """Weights and bias of each label, by itself."""
        weights, bias = np.zeros((rows.shape[1], present.shape[1])), np.zeros(present.shape[1])
        for at, column in enumerate(present.T):
            if column.all():  # nothing to learn from: the odds of one example without it
                bias[at] = np.log(2 * len(column) + 1)
                continue
            slopes, offsets = _logistic_regression(rows, column.astype(np.int64))
            weights[:, at], bias[at] = slopes[0], offsets[0]
        return weights, bias

    def decided(
        self, probabilities: Float64[np.ndarray, "examples labels"]
    ) -> Bool[np.ndarray, "examples labels"]:
        """All that are more probable than not."""
        return np.asarray(probabilities > 0.5)

    def margins(
        self, probabilities: Float64[np.ndarray, "examples labels"]
    ) -> Float64[np.ndarray, " examples"]:
        """How near a label of each example is to one half."""
        return np.asarray(np.abs(probabilities - 0.5).min(axis=1))


def _logistic_regression(
    rows: Float32[np.ndarray, "examples features"], codes: Int64[np.ndarray, " examples"]
) -> tuple[Any, Any]:
    """Slopes and offsets of the classes but for the first of two."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=_STRENGTH / len(rows), max_iter=_STEPS, tol=1e-3).fit(rows, codes)
    return fitted.coef_, fitted.intercept_


TAUGHT: dict[Target, Taught] = {
    taught.target: taught for taught in (Taught(CLASSIFICATION), SeveralTaught(MULTILABEL))
}
