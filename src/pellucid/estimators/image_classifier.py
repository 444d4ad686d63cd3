"""`ImageClassifier`: scikit-learn's face of the pipeline."""

import dataclasses
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Shaped
from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from pellucid.bundle import FeatureModel, ImageModel, save
from pellucid.bundle.description import FILE_NAME
from pellucid.errors import DataError, StorageError, UsageError
from pellucid.estimators.inputs import (
    Lesson,
    are_paths,
    are_pictures,
    fit_pictures,
    is_place,
    lesson_from_features,
    lesson_from_pictures,
    lesson_from_place,
)
from pellucid.estimators.labels import class_weights, texts_of
from pellucid.estimators.parameters import Parameters, documented
from pellucid.pipeline.plan import make_plan
from pellucid.settings import Settings, parse_duration
from pellucid.training import Recipe, Session


@documented
class ImageClassifier(
    ClassifierMixin,  # type: ignore[misc]  # scikit-learn has no types
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    Parameters,
    BaseEstimator,  # type: ignore[misc]
):
    """A neural network that learns the classes of pictures, or of feature vectors.

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

    {parameters}

    Attributes:
        classes_: the classes, sorted, of the type that `y` had; texts after `pellucid.load`.
        n_features_in_: numbers in a feature vector; absent where pictures were learnt.
        feature_names_in_: names of the features, where a data frame had them.
        history_: one record for each epoch: losses, accuracies, learning rate, seconds.
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
        """Train one network from scratch.

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
        plan = make_plan(settings, lesson.examples)
        recipe = self._weighted(plan.recipe, lesson)
        session = Session.start(plan.network, lesson.examples, recipe)
        limit = parse_duration(settings.time_limit)
        if limit is not None:
            session.limit(limit - (time.monotonic() - began), scored_after=0)
        network = session.run()
        preprocessing, names = lesson.preprocessing, lesson.labels.names
        model = (
            FeatureModel(network, names)
            if preprocessing is None
            else ImageModel(network, preprocessing, names, mirror=recipe.augmentation.mirror)
        )
        self._take(model, lesson.labels.classes)
        self.history_ = session.state.history
        return self

    def _take(self, model: ImageModel | FeatureModel, classes: Shaped[np.ndarray, " classes"]) -> None:
        """Become the estimator of a trained model."""
        self.model_ = model
        self.classes_ = classes
        self._columns = np.array([model.classes.index(text) for text in texts_of(classes)])

    def _lesson(self, X: Any, y: Any, settings: Settings) -> Lesson:
        """Tell the forms of input apart and check them."""
        if not are_pictures(X) and not is_place(X):
            if y is None:
                raise UsageError(
                    "y: ImageClassifier requires y to be passed, but the target y is None; give labels"
                )
            return lesson_from_features(validate_data(self, X, dtype=np.float32), y, settings)
        for name in ("n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
        if not is_place(X):
            return lesson_from_pictures(X, y, settings)
        if y is not None:
            raise UsageError(f"y: {os.fspath(X)} brings its own labels; leave y out")
        return lesson_from_place(os.fspath(X), settings)

    def _weighted(self, recipe: Recipe, lesson: Lesson) -> Recipe:
        """Put in the weights that were given class by class."""
        if not isinstance(self.class_weight, Mapping):
            return recipe
        weights = class_weights(self.class_weight, lesson.labels)
        return dataclasses.replace(recipe, class_weights=weights)

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

    def transform(self, X: Any) -> Float32[np.ndarray, "examples features"]:
        """Give the values of the last hidden layer for each example.

        Args:
            X: pictures, feature vectors or paths, as said above.

        Returns:
            One row for each.

        Raises:
            DataError: a picture cannot be read, or the array does not fit what was learnt.
        """
        check_is_fitted(self)
        return self.model_.transform(self._inputs(X))

    def _inputs(self, X: Any) -> np.ndarray:
        """Bring inputs to the form that the model takes."""
        if isinstance(self.model_, FeatureModel):
            rows: np.ndarray = validate_data(self, X, dtype=np.float32, reset=False)
            return rows
        if is_place(X) or are_paths(X) or are_pictures(X):
            return fit_pictures(X, self.model_.preprocessing)
        raise DataError(
            f"this model takes pictures, (n, height, width) or (n, height, width, channels), "
            f"but was given {type(X).__name__} of shape {np.shape(X)}"
        )

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

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write a model folder, which every command takes and `pellucid.load` reads.

        Nothing in it can run code. In it classes are texts.

        Args:
            folder: where to; its parent must exist. A former model folder is replaced as a whole.

        Raises:
            StorageError: the disk is full, permission is denied, or something else stands there.
        """
        check_is_fitted(self)
        path = Path(folder)
        if path.exists() and not (path / FILE_NAME).is_file():
            raise StorageError(f"{path}: stands there and is no model folder; choose another name")
        save(self.model_, path, {"Trained with": " ".join(repr(self).split())})

    @property
    def _n_features_out(self) -> int:
        """Columns of `transform`, for `get_feature_names_out`."""
        model = self.model_
        if isinstance(model, FeatureModel):
            nothing = np.zeros((0, model.features), np.float32)
        else:
            kept = model.preprocessing
            nothing = np.zeros((0, *kept.size, kept.channels), np.uint8)
        return int(model.transform(nothing).shape[1])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
