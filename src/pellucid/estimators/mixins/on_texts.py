"""Estimators that take texts."""

import os
from typing import Any

from sklearn.utils import Tags

from pellucid.bundle import Inputs
from pellucid.data.reading.containers.handed import is_handed
from pellucid.data.tables.forms.frames import is_frame
from pellucid.errors import DataError, UsageError
from pellucid.estimators.given.frames import taught_by_frame, texts_of_frame
from pellucid.estimators.given.taught import Taught, taught_at_place
from pellucid.estimators.given.texts import as_texts, read_places, taught_by_texts
from pellucid.estimators.mixins.trained import Trained
from pellucid.pipeline.learners.planning.refusals import require_fitting_model
from pellucid.settings import Settings
from pellucid.tasks import TARGETS, TEXTS


class OnTexts(Trained):
    """Takes lists, arrays and columns of texts, data frames, and paths."""

    def _taught(self, X: Any, y: Any, settings: Settings) -> Taught:
        """Tell the forms of input apart and check them."""
        require_fitting_model(settings, TARGETS[settings.target or "class"])
        if is_frame(X):
            return taught_by_frame(X, y, settings)
        if is_handed(X):
            if y is not None:
                raise UsageError(f"y: {type(X).__name__} brings its own labels; leave y out")
            return taught_at_place(X, settings, TEXTS)
        if not isinstance(X, (str, os.PathLike)):
            return taught_by_texts(as_texts(X), y, settings)
        if y is not None:
            raise UsageError(
                f"y: {os.fspath(X)[:100]!r} is taken for a path, which brings its own labels; leave y out, "
                "or put a text into a list"
            )
        return taught_at_place(os.fspath(X), settings, TEXTS)

    def _inputs(self, X: Any) -> Inputs:
        """Bring inputs to the form that the model takes."""
        if isinstance(X, str):
            raise DataError(
                "X: a single text may be meant, or a path; put a text into a list, and a path into "
                "pathlib.Path"
            )
        joined = self.model_.joined_columns
        if is_frame(X):
            return texts_of_frame(X, joined)
        if isinstance(X, os.PathLike):
            return read_places([os.fspath(X)], joined)
        if isinstance(X, (list, tuple)) and X and all(isinstance(each, os.PathLike) for each in X):
            return read_places([os.fspath(each) for each in X], joined)
        return as_texts(X)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags
