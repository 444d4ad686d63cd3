"""Methods of every estimator, whatever it takes and whether it learns classes or numbers."""

import html
import os
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, estimator_html_repr
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from pellucid.answering.decisions import Decided, Decisions, Wishes
from pellucid.bundle import Inputs, Model, save
from pellucid.bundle.format.fields import FILE_NAME
from pellucid.bundle.parts import vector_length
from pellucid.errors import DataError, StorageError
from pellucid.estimators.given.taught import VALIDATION_FROM, VALIDATION_FROM_EACH, Taught
from pellucid.estimators.neighbours import advice_about_neighbours
from pellucid.pipeline.judging.held_out import with_held_out
from pellucid.pipeline.judging.novelty.detectors import with_detectors
from pellucid.pipeline.learners.named import learner_of
from pellucid.pipeline.run.time_budget import learner_time
from pellucid.settings import CLASSICAL, Settings
from pellucid.tasks import TEXTS
from pellucid.training.determinism import choose_threads


class Trained(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]  # scikit-learn has no types
    TransformerMixin,  # type: ignore[misc]
):
    """Holds one trained model, and writes it down.

    `transform` and what belongs to it are there only where the model has, or will have, a hidden layer.

    Attributes:
        model_: the trained model; absent before `fit`.
        n_features_in_: numbers in a feature vector; absent where others are taken.
        history_: one record for each epoch; empty for a classical model.
    """

    model_: Model
    n_features_in_: int
    history_: list[dict[str, Any]]
    _loaded = ""  # what `pellucid.load` read, in words; the parameters do not name every model

    @abstractmethod
    def _taught(self, X: Any, y: Any, settings: Settings) -> Taught:
        """Tell the forms of input to `fit` apart and check them."""

    @abstractmethod
    def _inputs(self, X: Any) -> Inputs:
        """Bring inputs to the form that the model takes."""

    def _trained(self, taught: Taught, settings: Settings, began: float) -> Model:
        """The model that learnt, with detector and held-out answers."""
        material = taught.material
        learner = learner_of(settings, material)
        with advice_about_neighbours(choose_threads(settings)):
            (fitted,) = learner.fit(material, learner_time(settings, began))
        detecting = with_detectors([fitted], material, settings.seed)
        (finished,) = with_held_out(detecting, material, settings.seed)
        self.history_ = [dict(record) for record in fitted.history]
        return finished.model.for_data(
            joined_columns=taught.joined_columns,
            threshold=settings.threshold or {},
            renamed={old: new for old, new in (settings.rename or {}).items() if new in material.classes},
        )

    def _become(self, model: Model) -> None:
        """Become the estimator of a trained model; of one of feature vectors it checks their length."""
        self.model_ = model
        self._loaded = ""
        length = vector_length(model)
        if length:
            self.n_features_in_ = length

    def transform(self, X: Any) -> Float32[np.ndarray, "examples features"]:
        """Give the values of the last hidden layer for each example.

        Args:
            X: examples in any form said above.

        Returns:
            One row for each.

        Raises:
            DataError: an example cannot be read or does not fit what was learnt.
        """
        check_is_fitted(self)
        return self.model_.transform(self._inputs(X))

    def novelty(self, X: Any) -> Float64[np.ndarray, " examples"]:
        """Say how unlike the training data each example is.

        Args:
            X: examples in any form said above.

        Returns:
            0 to 1 each, the share of validation examples that look less foreign; above 0.95 an answer
            deserves doubt.

        Raises:
            DataError: an example cannot be read or does not fit what was learnt, or the model has no novelty
                detector: it ignores its input, or too few examples were set aside when it was trained.
        """
        check_is_fitted(self)
        inputs = self._inputs(X)
        if self.model_.columns_seen == 0:
            raise DataError(
                "model: no novelty detector, because it gives every input the same answer; take another model"
            )
        if self.model_.detector is None:
            raise DataError(
                "model: no novelty detector, because fewer than 20 validation examples were set aside when "
                f"it was trained: fit sets a tenth aside from {VALIDATION_FROM:,} different examples on, and "
                f"{VALIDATION_FROM_EACH} of each class; with fewer, pellucid.train(data, out=...) does, and "
                "pellucid.load(out) has the detector"
            )
        found = self.model_.answer(inputs).novelty
        assert found is not None  # there is a detector
        return found

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
        save(self.model_, path, {} if self._loaded else {"Trained with": " ".join(repr(self).split())})

    def __repr__(self, *arguments: Any, **options: Any) -> str:
        """The call that makes it; of a loaded model its name, since no call makes that."""
        if self._loaded:
            return f"<{type(self).__name__} loaded: {self._loaded}>"
        return str(super().__repr__(*arguments, **options))

    def _html_repr(self) -> str:
        """What notebooks show."""
        return f"<pre>{html.escape(repr(self))}</pre>" if self._loaded else str(estimator_html_repr(self))

    @property
    def _n_features_out(self) -> int:
        """Columns of `transform`, for `get_feature_names_out`.

        Raises: `AttributeError` without a hidden layer; `hasattr`, `dir` and completion in notebooks ask.
        """
        model = self.model_
        if not model.has_hidden_layer:
            raise AttributeError(f"model: the {model.name} has no hidden layer")
        kept = model.preprocessing
        if kept is not None:
            return _columns(model, np.zeros((0, *kept.size, kept.channels), np.uint8))
        if model.input_kind is TEXTS:
            return _columns(model, [])
        return _columns(model, np.zeros((0, vector_length(model) or 0), np.float32))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _has_hidden_layer(estimator: Trained) -> bool:
    """Whether the model has a hidden layer; before `fit`, whether the one that is asked for will."""
    model: Model | None = getattr(estimator, "model_", None)
    return vars(estimator).get("model") not in CLASSICAL if model is None else model.has_hidden_layer


# After the class: while it is made scikit-learn wraps `transform`, which would hide the check.
for _name in ("transform", "fit_transform", "get_feature_names_out"):
    setattr(Trained, _name, available_if(_has_hidden_layer)(getattr(Trained, _name)))


def _columns(model: Model, nothing: Inputs) -> int:
    """Columns of what a model gives for no inputs at all."""
    return int(model.transform(nothing).shape[1])


def decided(estimator: Trained, X: Any, wishes: Wishes) -> Decided:
    """Answers of a fitted estimator with what is asked of them beyond the answer itself."""
    check_is_fitted(estimator)
    decider = Decisions(estimator.model_, wishes, "the model")
    return decider.decide(*estimator.model_.answer(estimator._inputs(X)))
