"""Estimators that learn classes."""

import time
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float64, Shaped
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from pellucid.answering.decisions import ARGUMENTS, Wishes
from pellucid.arithmetic.probabilities import decided as decided_codes
from pellucid.bundle import Model
from pellucid.data.splits.renaming import new_names
from pellucid.errors import DataError
from pellucid.estimators.given.labels import texts_of
from pellucid.estimators.given.taught import weighted
from pellucid.estimators.mixins.trained import Trained, decided
from pellucid.estimators.parameters import ClassParameters

Learner = TypeVar("Learner", bound="Classifying")


class Classifying(
    ClassifierMixin,  # type: ignore[misc]  # scikit-learn has no types
    Trained,
    ClassParameters,
):
    """Fits one model and answers with the caller's own classes.

    Attributes:
        classes_: the classes, sorted, of the type that `y` had; texts after `pellucid.load`.
    """

    classes_: Shaped[np.ndarray, " classes"]

    def fit(self: Learner, X: Any, y: Any = None, sample_weight: Any = None) -> Learner:
        """Train one model from scratch.

        Args:
            X: examples or a path, in any form said above.
            y: one label for each example: texts, whole numbers or truth values; none for a path.
            sample_weight: weight of each example in the loss, 0 leaves it out; equal by default. It is
                multiplied by that of the class. Validation examples choose epochs and set-ups without it.

        Returns:
            The classifier itself.

        Raises:
            UsageError: a parameter is unfit or contradicts the data; `y` is missing.
            DataError: the data cannot be used as it is.
            DivergedError: the loss stopped being finite.
        """
        began = time.monotonic()
        settings = self._settings()
        taught = weighted(self._taught(X, y, settings), sample_weight)
        labels = taught.labels
        assert labels is not None  # numbers are learnt only where the settings ask for them
        self._take(self._trained(taught, settings, began), labels.classes)
        return self

    def _take(self, model: Model, classes: Shaped[np.ndarray, " classes"]) -> None:
        """Become the estimator of a trained model."""
        self._become(model)
        self.classes_ = classes
        self._columns = np.array([model.classes.index(text) for text in texts_of(classes)])

    def predict(self, X: Any) -> Shaped[np.ndarray, " examples"]:
        """Name the most probable class of each example, or the one that a `threshold` decides for.

        Args:
            X: examples in any form said above.

        Returns:
            One of `classes_` for each.

        Raises:
            DataError: an example cannot be read, or does not fit what was learnt.
        """
        probabilities = self.predict_proba(X)
        names = [self.model_.classes[column] for column in self._columns.tolist()]
        named: np.ndarray = self.classes_[decided_codes(probabilities, names, self.model_.threshold)]
        return named

    def predict_proba(self, X: Any) -> Float64[np.ndarray, "examples classes"]:
        """Give the probability of every class for each example.

        Args:
            X: examples in any form said above.

        Returns:
            One row for each, in the order of `classes_`; each row sums to one.

        Raises:
            DataError: an example cannot be read, or does not fit what was learnt.
        """
        check_is_fitted(self)
        probabilities: np.ndarray = self.model_.predict_proba(self._inputs(X))[:, self._columns]
        return probabilities

    def abstains(self, X: Any, max_error: float = 0.05) -> Bool[np.ndarray, " examples"]:
        """Say of which examples the model does not know enough to answer.

        With 95 % confidence at most `max_error` of the others get a wrong class, as long as they are of the
        source, groups and time that the training data is from. Unfamiliar examples are never answered.

        Args:
            X: examples in any form said above.
            max_error: largest share of wrong classes among the answered, between 0 and 1.

        Returns:
            True for each that is better left unanswered.

        Raises:
            UsageError: `max_error` is out of range, or cannot be promised: no or too few validation examples
                were set aside when the model was trained, or the test of its run refutes it.
            DataError: an example cannot be read, or does not fit what was learnt.
        """
        found = decided(self, X, Wishes(max_error=max_error, names=ARGUMENTS)).abstained
        assert found is not None
        return found

    def predict_sets(self, X: Any, coverage: float = 0.95) -> list[list[Any]]:
        """Give for each example the classes among which the right one is, with a probability of `coverage`.

        Args:
            X: examples in any form said above.
            coverage: between 0 and 1; kept on average, for examples of the source, groups and time that the
                training data is from.

        Returns:
            For each some of `classes_`, the most probable first.

        Raises:
            UsageError: `coverage` is out of range, or cannot be promised, as for `abstains`.
            DataError: an example cannot be read, or does not fit what was learnt.
        """
        found = decided(self, X, Wishes(sets=coverage, names=ARGUMENTS)).sets
        assert found is not None
        names = [self.model_.classes[column] for column in self._columns]
        own = dict(zip(names, self.classes_.tolist(), strict=True))
        return [[own[name] for name in each] for each in found]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy: the share of examples that are classified correctly.

        Labels are compared as they stand in files, so that 3 is equal to "3" after `pellucid.load`; old names
        that were renamed for training count as the new ones.

        Args:
            X: examples in any form said above.
            y: the right label of each.
            sample_weight: weight of each example; equal by default.

        Returns:
            Between 0 and 1.

        Raises:
            DataError: there are not as many labels as examples.
        """
        named = np.array(texts_of(self.predict(X)))
        labels = np.array(new_names(texts_of(y), self.model_.renamed))
        if len(named) != len(labels):
            raise DataError(f"y: {len(labels):,} labels for {len(named):,} examples; give one each")
        return float(np.average(named == labels, weights=sample_weight))
