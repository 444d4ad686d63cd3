"""Estimators that take images or feature vectors."""

import os
from typing import Any

import numpy as np
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from pellucid.bundle import Inputs
from pellucid.data.reading.containers.handed import is_handed
from pellucid.errors import DataError, UsageError
from pellucid.estimators.given.images import (
    are_images,
    are_paths,
    fit_images,
    is_place,
    taught_by_features,
    taught_by_images,
)
from pellucid.estimators.given.taught import Taught, taught_at_place
from pellucid.estimators.mixins.trained import Trained
from pellucid.pipeline.learners.planning.refusals import require_fitting_model
from pellucid.settings import Settings
from pellucid.tasks import IMAGES, TARGETS


class OnImages(Trained):
    """Takes arrays of images, tables of feature vectors, and paths."""

    def _taught(self, X: Any, y: Any, settings: Settings) -> Taught:
        """Tell the forms of input apart and check them."""
        require_fitting_model(settings, TARGETS[settings.target or "class"])
        if is_handed(X):
            if y is not None:
                raise UsageError(f"y: {type(X).__name__} brings its own labels; leave y out")
            return taught_at_place(X, settings, IMAGES)
        if not are_images(X) and not is_place(X):
            if are_paths(np.asarray(X) if getattr(X, "ndim", 0) == 1 else X):
                name = type(self).__name__
                raise DataError(
                    f"X: a list of texts; {name} learns from arrays of images, or from the path of a "
                    f"folder or table; learn texts with {name.replace('Image', 'Text')}"
                )
            if y is None:
                raise UsageError(
                    f"y: {type(self).__name__} requires y to be passed, but the target y is None; give labels"
                )
            return taught_by_features(validate_data(self, X, dtype=np.float32), y, settings)
        for name in ("n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
        if not is_place(X):
            return taught_by_images(X, y, settings)
        if y is not None:
            raise UsageError(f"y: {os.fspath(X)} brings its own labels; leave y out")
        return taught_at_place(os.fspath(X), settings, IMAGES)

    def _inputs(self, X: Any) -> Inputs:
        """Bring inputs to the form that the model takes."""
        preprocessing = self.model_.preprocessing
        if preprocessing is None:
            rows: np.ndarray = validate_data(self, X, dtype=np.float32, reset=False)
            return rows
        if is_place(X) or are_paths(X) or are_images(X):
            return fit_images(X, preprocessing)
        raise DataError(
            f"this model takes images, (n, height, width) or (n, height, width, channels), "
            f"but was given {type(X).__name__} of shape {np.shape(X)}"
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
