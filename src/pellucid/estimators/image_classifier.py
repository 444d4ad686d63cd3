"""`ImageClassifier`: scikit-learn's face of the pipeline."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from pellucid.bundle import Model
from pellucid.errors import DataError
from pellucid.estimators.labels import class_weights, texts_of
from pellucid.estimators.parameters import ClassParameters, documented
from pellucid.estimators.trained import Trained
from pellucid.pipeline.fitting import fit_model


@documented
class ImageClassifier(
    ClassifierMixin,  # type: ignore[misc]  # scikit-learn has no types
    Trained,
    ClassParameters,
    BaseEstimator,  # type: ignore[misc]
):
    """Learns the classes of pictures, or of feature vectors, with a network or a classical model.

    `fit` and the other methods take:

    - an array of pictures, (n, height, width) or (n, height, width, 1 or 3): 8-bit values are used
      as they are, others are scaled so that 0 to 1, or the smallest to the largest training value,
      become 0 to 255;
    - a two-dimensional array, list or data frame of numbers, which is a table of feature vectors:
      `model="auto"` is then `mlp`, and features are standardised;
    - paths: `fit` takes a folder, a table, an `.npz` file or `sample:fashion`, as the command `train`
      does, without `y`; its test split, if it has one, is left alone. The other methods take a
      picture, a folder of pictures or a list of pictures.

    From 1,000 different training examples on, and ten of each class, a tenth is set aside for
    validation and the weights of the epoch that is best there are kept; with fewer, all are trained
    on. The same input, seed, machine and number of threads give the same model.

    `model` may also name a classical model, which is then fitted alone: `majority`,
    `logistic-regression`, `svm` or `random-forest`. Parameters that steer networks only are refused
    beside it, and it has no hidden layer for `transform`.

    {parameters}

    Attributes:
        classes_: the classes, sorted, of the type that `y` had; texts after `pellucid.load`.
        n_features_in_: numbers in a feature vector; absent where pictures were learnt.
        feature_names_in_: names of the features, where a data frame had them.
        history_: one record for each epoch: losses, accuracies, learning rate, seconds; empty for a
            classical model.
        model_: the trained model.

    Examples:
        >>> from sklearn.datasets import load_digits
        >>> from pellucid import ImageClassifier
        >>> digits = load_digits()
        >>> classifier = ImageClassifier(model="mlp", epochs=10, threads=1)
        >>> classifier = classifier.fit(digits.images[:900], digits.target[:900])
        >>> classifier.predict_proba(digits.images[900:905]).shape
        (5, 10)
        >>> classifier.score(digits.images[900:], digits.target[900:]) > 0.85
        True
    """  # noqa: DOC602, DOC603  attributes that fit sets

    def fit(self, X: Any, y: Any = None) -> "ImageClassifier":
        """Train one model from scratch.

        Args:
            X: pictures, feature vectors or a path, as said above.
            y: one label for each example: texts, whole numbers or truth values; none for a path.

        Returns:
            The classifier itself.

        Raises:
            UsageError: a parameter is unfit or contradicts the data; `y` is missing.
            DataError: the data cannot be used as it is.
            DivergedError: the loss stopped being finite.
        """
        began = time.monotonic()
        settings = self._settings()
        lesson = self._lesson(X, y, settings)
        labels = lesson.labels
        assert labels is not None  # numbers are learnt only where the settings ask for them
        given = self.class_weight
        weights = class_weights(given, labels) if isinstance(given, Mapping) else None
        fitted = fit_model(
            settings, lesson.examples, labels.names, lesson.preprocessing, class_weights=weights, began=began
        )
        self._take(fitted.model, labels.classes)
        self.history_ = fitted.history
        return self

    def _take(self, model: Model, classes: Shaped[np.ndarray, " classes"]) -> None:
        """Become the estimator of a trained model."""
        self.model_ = model
        self.classes_ = classes
        self._columns = np.array([model.classes.index(text) for text in texts_of(classes)])

    def predict(self, X: Any) -> Shaped[np.ndarray, " examples"]:
        """Name the most probable class of each example.

        Args:
            X: pictures, feature vectors or paths, as said above.

        Returns:
            One of `classes_` for each.

        Raises:
            DataError: a picture cannot be read, or the array does not fit what was learnt.
        """
        best = self.predict_proba(X).argmax(axis=1)
        named: np.ndarray = self.classes_[best]
        return named

    def predict_proba(self, X: Any) -> Float64[np.ndarray, "examples classes"]:
        """Give the probability of every class for each example.

        Args:
            X: pictures, feature vectors or paths, as said above.

        Returns:
            One row for each, in the order of `classes_`; each row sums to one.

        Raises:
            DataError: a picture cannot be read, or the array does not fit what was learnt.
        """
        check_is_fitted(self)
        probabilities: np.ndarray = self.model_.predict_proba(self._inputs(X))[:, self._columns]
        return probabilities

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy: the share of examples whose class is named right.

        Labels are compared as they stand in files, so that 3 is equal to "3" after `pellucid.load`.

        Args:
            X: pictures, feature vectors or paths, as said above.
            y: the right label of each.
            sample_weight: weight of each example; equal by default.

        Returns:
            Between 0 and 1.
        """
        named = np.array(texts_of(self.predict(X)))
        labels = np.array(texts_of(y))
        if len(named) != len(labels):
            raise DataError(f"y: {len(labels):,} labels for {len(named):,} examples; give one each")
        return float(np.average(named == labels, weights=sample_weight))
