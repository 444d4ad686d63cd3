"""Estimators that learn numbers."""

import time
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float64
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from pellucid.answering.decisions import ARGUMENTS, Wishes
from pellucid.estimators.given.taught import weighted
from pellucid.estimators.mixins.trained import Trained, decided
from pellucid.estimators.parameters import Parameters

Learner = TypeVar("Learner", bound="Regressing")


class Regressing(
    RegressorMixin,  # type: ignore[misc]  # scikit-learn has no types
    Trained,
    Parameters,
):
    """Fits one model and answers with numbers in the unit of the labels."""

    def fit(self: Learner, X: Any, y: Any = None, sample_weight: Any = None) -> Learner:
        """Train one model from scratch.

        Args:
            X: examples or a path, in any form said above.
            y: one finite number for each example; none for a path.
            sample_weight: weight of each example in the loss, 0 leaves it out; equal by default. Validation
                examples choose epochs and set-ups without it.

        Returns:
            The regressor itself.

        Raises:
            UsageError: a parameter is unfit or contradicts the data; `y` is missing.
            DataError: the data cannot be used as it is.
            DivergedError: the loss stopped being finite.
        """
        began = time.monotonic()
        settings = self._settings()
        taught = weighted(self._taught(X, y, settings), sample_weight)
        self._become(self._trained(taught, settings, began))
        return self

    def predict(self, X: Any) -> Float64[np.ndarray, " examples"]:
        """Predict a number for each example; `score` compares such numbers by R².

        Args:
            X: examples in any form said above.

        Returns:
            One number for each, in the unit of `y`.

        Raises:
            DataError: an example cannot be read, or does not fit what was learnt.
        """
        check_is_fitted(self)
        return self.model_.predict_values(self._inputs(X))

    def predict_intervals(self, X: Any, coverage: float = 0.95) -> Float64[np.ndarray, "examples 2"]:
        """Give for each example an interval that holds its number, with a probability of `coverage`.

        Args:
            X: examples in any form said above.
            coverage: between 0 and 1; kept on average, for examples of the source, groups and time that the
                training data is from.

        Returns:
            Lower and upper end for each, in the unit of `y`; all intervals are equally wide.

        Raises:
            UsageError: `coverage` is out of range, or cannot be promised: no or too few validation examples
                were set aside when the model was trained, or the test of its run refutes it.
            DataError: an example cannot be read, or does not fit what was learnt.
        """
        return np.array(decided(self, X, Wishes(sets=coverage, names=ARGUMENTS)).sets).reshape(-1, 2)
