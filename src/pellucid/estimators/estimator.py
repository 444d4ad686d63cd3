"""Base of every estimator: its parameters from the settings table, and its methods once fitted."""

import contextlib
import dataclasses
import functools
import html
import os
import sys
import threading
import warnings
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar, no_type_check

import numpy as np
from jaxtyping import Float32, Float64
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, estimator_html_repr
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from pellucid import cores
from pellucid.answering.decisions import Decided, Decisions, PredictOptions
from pellucid.bundle import Inputs, Model, save
from pellucid.bundle.format import FILE_NAME
from pellucid.bundle.writing import vector_length
from pellucid.data.wording import count_of
from pellucid.errors import ArgumentError, DataError, StorageError
from pellucid.estimators.fit_data import VALIDATION_FROM, VALIDATION_FROM_EACH, FitData
from pellucid.pipeline.judging.novelty_detectors import with_detectors
from pellucid.pipeline.judging.testing import with_held_out
from pellucid.pipeline.learners.network import learner_of
from pellucid.pipeline.run.context import learner_time
from pellucid.settings import (
    CLASSICAL,
    GENERATIVE,
    NEURAL_OF_IMAGES,
    NEURAL_OF_TEXTS,
    ROWS,
    Row,
    Settings,
    instead_of,
)
from pellucid.tasks import TEXTS
from pellucid.training.hardware import choose_threads

Estimator = TypeVar("Estimator", bound="type[Stored]")


@no_type_check  # a constructor that stores -1 for `model` is what scikit-learn's checks ask for
@dataclass(kw_only=True, eq=False, repr=False)
class Stored:
    """Parameters of any estimator, stored as the caller wrote them, unchecked; `fit` checks them.

    Names and defaults are those of the settings table; the decorator `documented` takes their meanings from
    there. Here are those that steer the training of every network.

    Attributes:
        TARGET: what the setting of that name says of the labels.
        NETWORKS: networks that can learn from such inputs.
        BASELINES: classical models that can learn such labels.
    """  # noqa: DOC601, DOC603  the settings table explains the others

    TARGET: ClassVar[str | None] = None
    NETWORKS: ClassVar[tuple[str, ...]] = ()
    BASELINES: ClassVar[tuple[str, ...]] = ()

    activation: str | None = None
    width: int | None = None
    depth: int | None = None
    preset: str = "standard"
    epochs: int | None = None
    time_limit: str | None = None
    batch_size: int | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    schedule: str | None = None
    patience: int | None = None
    seed: int = 0
    threads: int | None = None
    precision: str = "auto"
    device: str = "auto"

    def _settings(self) -> Settings:
        """The parameters, checked.

        Raises: `UsageError` if a parameter is of the wrong type, out of range, or contradicts another.
        """
        values = {row.name: _plain(getattr(self, row.name)) for row in rows(type(self))}
        return Settings.from_mapping({**values, "target": self.TARGET}, type(self).__name__)


@no_type_check
@dataclass(kw_only=True, eq=False, repr=False)
class Parameters(Stored):
    """Further parameters of estimators that predict."""

    TARGET: ClassVar[str | None] = "number"
    BASELINES: ClassVar[tuple[str, ...]] = ("mean", "ridge", "svm", "random-forest")

    model: str = "auto"
    backbone: str | None = None
    weights: str | None = None
    dropout: float | None = None


@no_type_check
@dataclass(kw_only=True, eq=False, repr=False)
class ClassParameters(Parameters):
    """Further parameters of estimators that learn classes."""

    TARGET: ClassVar[str | None] = None
    BASELINES: ClassVar[tuple[str, ...]] = ("majority", "logistic-regression", "svm", "random-forest")

    loss: str | None = None
    label_smoothing: float | None = None
    rename: Mapping[Any, str] | str | None = None
    min_examples: int | None = None
    class_weight: Mapping[Any, float] | str | None = None
    threshold: Mapping[Any, float] | str | None = None
    metric: str | None = None


@no_type_check
@dataclass(kw_only=True, eq=False, repr=False)
class ImageParameters(Parameters):
    """Further parameters of estimators that take images."""

    NETWORKS: ClassVar[tuple[str, ...]] = NEURAL_OF_IMAGES

    image_size: str | int | None = None
    resize: str = "fit"
    pooling: str = "max"
    batch_norm: bool = True
    augment: bool | None = None
    mirror: bool | None = None


@no_type_check
@dataclass(kw_only=True, eq=False, repr=False)
class TextParameters(Parameters):
    """Further parameters of estimators that take texts."""

    NETWORKS: ClassVar[tuple[str, ...]] = NEURAL_OF_TEXTS

    cell: str | None = None
    tokens: str | None = None
    length: int | None = None
    vectors: str | None = None
    tune_vectors: bool = True


@no_type_check
@dataclass(kw_only=True, eq=False, repr=False)
class ImageClassParameters(ClassParameters, ImageParameters):
    """All parameters of a classifier of images."""


@no_type_check
@dataclass(kw_only=True, eq=False, repr=False)
class TextClassParameters(ClassParameters, TextParameters):
    """All parameters of a classifier of texts."""


@no_type_check
@dataclass(kw_only=True, eq=False, repr=False)
class GeneratorParameters(Stored):
    """Further parameters of a network that makes images."""

    NETWORKS: ClassVar[tuple[str, ...]] = GENERATIVE

    model: str = "vae"
    image_size: str | int | None = None
    resize: str = "fit"
    batch_norm: bool = True
    latent: int | None = None
    beta: float | None = None


def rows(estimator: "type[Stored]") -> tuple[Row, ...]:
    """The rows of the settings table, in its order, that are parameters of an estimator."""
    names = {field.name for field in dataclasses.fields(estimator)}
    return tuple(row for row in ROWS if row.name in names)


def documented(estimator: Estimator) -> Estimator:
    """Put the parameters and their meanings in the place of `{parameters}`; refuse unknown ones by name."""
    lines = "\n".join(f"        {row.name}: {_meaning(row, estimator)}" for row in rows(estimator))
    estimator.__doc__ = (estimator.__doc__ or "").replace("{parameters}", f"Args:\n{lines}")
    store, known = estimator.__init__, [row.name for row in rows(estimator)]

    @functools.wraps(store)  # the signature stays, which scikit-learn and completion read
    def __init__(self: Stored, *arguments: Any, **given: Any) -> None:
        for name in given:
            if name not in known:
                raise ArgumentError(f"{estimator.__name__}: unknown parameter {instead_of(name, known)}")
        store(self, *arguments, **given)

    estimator.__init__ = __init__  # type: ignore[method-assign]
    return estimator


def _meaning(row: Row, estimator: "type[Stored]") -> str:
    choices = row.choices
    if row.name == "model":
        auto = ("auto",) if estimator.BASELINES else ()
        choices = (*auto, *estimator.NETWORKS, *estimator.BASELINES)
    shown = f" ({', '.join(choices)})" if choices else ""
    more = ", or a mapping from each class" if row.kind is dict else ""
    default = getattr(estimator, row.name, row.default)
    return f"{row.meaning}{shown}{more}. Default: {default!r}."


def _plain(value: Any) -> Any:
    """Turn a NumPy scalar back into Python's own value; grids of parameters are often arrays."""
    return value.item() if isinstance(value, np.generic) else value


# Advice to those who train in a program of their own beside busy ones: given once, where it would help.

_LONG = 5.0  # seconds: of less nobody needs to hear
_BUSY = 0.5  # of a core

_has_advised = False


@contextlib.contextmanager
def advice_about_neighbours(threads: int) -> Iterator[None]:
    """Warn once that threads spin while they wait, five seconds into a training beside busy programs.

    The command sets `OMP_WAIT_POLICY=PASSIVE` for itself; in a program of somebody else that would change
    other libraries too, so its user is told how. Nothing is said of fewer than two `threads`.
    """
    if _has_advised or threads < 2 or os.environ.get("OMP_WAIT_POLICY", "").upper() == "PASSIVE":
        yield
        return
    # While it trains, not after it: what is slow for this reason is stopped and started anew.
    # File and line of the user's code: the first frame outside of Pellucid and of `contextlib`.
    frame = sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in {
        "pellucid",
        "contextlib",
    }:
        frame = frame.f_back
    timer = threading.Timer(_LONG, _advise, (cores.look(), *(frame.f_code.co_filename, frame.f_lineno)))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _advise(first: cores.Look | None, file: str, line: int) -> None:
    global _has_advised
    busy = cores.kept_busy_since(first)
    if busy < _BUSY:
        return
    _has_advised = True
    warnings.warn_explicit(
        f"other programs keep {busy:.1f} of {count_of(cores.usable(), 'core')} busy, and threads that wait "
        "for one another take time from them and from this training; set OMP_WAIT_POLICY=PASSIVE in the "
        "environment before Python starts, or pass threads=1",
        UserWarning,
        file,
        line,
    )


# Methods of every estimator, whatever it takes and whether it learns classes or numbers.


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
    def _taught(self, X: Any, y: Any, settings: Settings) -> FitData:
        """Tell the forms of input to `fit` apart and check them."""

    @abstractmethod
    def _inputs(self, X: Any) -> Inputs:
        """Bring inputs to the form that the model takes."""

    def _trained(self, taught: FitData, settings: Settings, began: float) -> Model:
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


def decided(estimator: Trained, X: Any, wishes: PredictOptions) -> Decided:
    """Answers of a fitted estimator with what is asked of them beyond the answer itself."""
    check_is_fitted(estimator)
    decider = Decisions(estimator.model_, wishes, "the model")
    return decider.decide(*estimator.model_.answer(estimator._inputs(X)))
