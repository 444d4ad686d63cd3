"""What an estimator for pictures does whether it learns classes or numbers."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from pellucid.bundle import Model, save
from pellucid.bundle.fields import FILE_NAME
from pellucid.bundle.parts import vector_length
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
from pellucid.pipeline.fitting import require_fitting_model
from pellucid.settings import Settings


class Trained(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]  # scikit-learn has no types
    TransformerMixin,  # type: ignore[misc]
):
    """Takes every form of input, holds one trained model, and writes it down.

    Attributes:
        model_: the trained model; absent before `fit`.
        history_: one record for each epoch; empty for a classical model.
    """

    model_: Model
    history_: list[dict[str, Any]]

    def _lesson(self, X: Any, y: Any, settings: Settings) -> Lesson:
        """Tell the forms of input apart and check them."""
        require_fitting_model(settings, is_numbers=settings.target == "number")
        if not are_pictures(X) and not is_place(X):
            if y is None:
                raise UsageError(
                    f"y: {type(self).__name__} requires y to be passed, but the target y is None; give labels"
                )
            return lesson_from_features(validate_data(self, X, dtype=np.float32), y, settings)
        for name in ("n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
        if not is_place(X):
            return lesson_from_pictures(X, y, settings)
        if y is not None:
            raise UsageError(f"y: {os.fspath(X)} brings its own labels; leave y out")
        return lesson_from_place(os.fspath(X), settings)

    def transform(self, X: Any) -> Float32[np.ndarray, "examples features"]:
        """Give the values of the last hidden layer for each example.

        Args:
            X: pictures, feature vectors or paths, as said above.

        Returns:
            One row for each.

        Raises:
            DataError: a picture cannot be read, the array does not fit what was learnt, or the model
                is a classical one, which has no hidden layer.
        """
        check_is_fitted(self)
        return self.model_.transform(self._inputs(X))

    def _inputs(self, X: Any) -> np.ndarray:
        """Bring inputs to the form that the model takes."""
        preprocessing = self.model_.preprocessing
        if preprocessing is None:
            rows: np.ndarray = validate_data(self, X, dtype=np.float32, reset=False)
            return rows
        if is_place(X) or are_paths(X) or are_pictures(X):
            return fit_pictures(X, preprocessing)
        raise DataError(
            f"this model takes pictures, (n, height, width) or (n, height, width, channels), "
            f"but was given {type(X).__name__} of shape {np.shape(X)}"
        )

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
        kept = model.preprocessing
        if kept is not None:
            nothing = np.zeros((0, *kept.size, kept.channels), np.uint8)
        else:
            nothing = np.zeros((0, vector_length(model) or 0), np.float32)
        return int(model.transform(nothing).shape[1])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
