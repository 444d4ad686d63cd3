"""Base of every estimator: its constructor from the settings table, and its methods once fitted."""

import contextlib
import dataclasses
import html
import inspect
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32, Float64
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, estimator_html_repr
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from pellucid import cores
from pellucid.answering.decisions import ARGUMENTS, Decided, Decisions, PredictOptions
from pellucid.bundle import Inputs, Model, save
from pellucid.bundle.format import FILE_NAME
from pellucid.bundle.writing import vector_length
from pellucid.data.removal import of_texts
from pellucid.data.wording import count_of
from pellucid.errors import ArgumentError, DataError, StorageError
from pellucid.estimators.by_target import VALIDATION_FROM_EACH
from pellucid.estimators.fit_data import (
    VALIDATION_FROM,
    FitData,
    fit_data_of_image_input,
    fit_data_of_text_input,
    images_for,
    texts_for,
    weighted,
)
from pellucid.input_kinds import IMAGES, TEXTS, InputKind
from pellucid.language.sentence import Sentence
from pellucid.pipeline.judging.novelty_detectors import with_detectors
from pellucid.pipeline.judging.testing import with_held_out
from pellucid.pipeline.learners.candidates import threshold_of
from pellucid.pipeline.learners.network import NetworkLearner, Planned, learner_of
from pellucid.pipeline.learners.refusals import require_fitting_model, without_idle
from pellucid.pipeline.run.context import learner_time
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import CLASSICAL, ROWS, Row, Settings, instead_of, methods_of_python, parse_ignore
from pellucid.targets import TARGETS
from pellucid.training import Observer, State
from pellucid.training.hardware import choose_threads, pinned

# Names of the settings that are parameters of every estimator, and of some: of those that predict, that learn
# classes, that take images or texts, and that make images.
_OF_ALL = (
    "model activation width depth preset epochs time_limit batch_size optimizer learning_rate weight_decay "
    "schedule patience seed threads parts precision device"
)
OF_PREDICTORS = "backbone weights dropout"
OF_CLASSIFIERS = (
    "order target label_separator unlabelled loss label_smoothing rename min_examples class_weight threshold "
    "metric"
)
OF_IMAGES = "image_size resize pooling batch_norm augment mirror"
OF_TEXTS = "cell tokens length vectors tune_vectors"
OF_GENERATORS = "image_size resize batch_norm latent beta"
VERBOSE = "verbose"  # the one parameter that is no setting: it decides nothing about the model


class Estimator(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]  # scikit-learn has no types
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Trains one model, answers with it, and saves it.

    A subclass with `MODELS` gets a constructor that stores parameters unchecked, as scikit-learn's clones and
    searches ask for; `fit` checks them. `transform` and what belongs to it are there only where the model
    has, or will have, a hidden layer.
    """

    KIND: ClassVar[InputKind]  # of inputs
    TARGET: ClassVar[str | None] = None  # value of the setting `target`
    PARAMETERS: ClassVar[
        str
    ]  # names of the settings that are its parameters, beside those of every estimator
    MODELS: ClassVar[tuple[str, ...]]  # admitted values of `model`, the default first
    ABOUT: ClassVar[str] = ""  # in its docstring in the place of `{about}`

    seed: int
    verbose: bool | None
    model_: Model
    n_features_in_: int
    history_: list[dict[str, Any]]
    _loaded = ""  # what `pellucid.load` read, in words; the parameters do not name every model

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        methods_of_python(cls, _parameters)
        if "MODELS" in vars(cls):
            _give_constructor(cls)

    def _settings(self) -> Settings:
        """The parameters, checked; those that the model has no use for at their defaults.

        Raises: `UsageError` if a parameter is of the wrong type, out of range, or contradicts another.
        """
        values = {row.name: getattr(self, row.name) for row in rows(type(self))}
        # Grids of parameters are often arrays, whose scalars are no plain numbers.
        plain = {
            name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()
        }
        if isinstance(order := plain.get("order"), (list, tuple, np.ndarray)):
            quoted = (str(each).replace('"', '""') for each in order)
            plain["order"] = ",".join(f'"{each}"' for each in quoted)
        settings = Settings.from_mapping({"target": self.TARGET, **plain}, type(self).__name__)
        return without_idle(settings)

    def _fit_data(self, X: Any, y: Any, settings: Settings) -> FitData:
        """Examples and labels in any of the forms that `fit` takes, checked."""
        require_fitting_model(settings, TARGETS[settings.target or "class"])
        if self.KIND is IMAGES:
            return fit_data_of_image_input(self, X, y, settings)
        return fit_data_of_text_input(X, y, settings)

    def _inputs(self, X: Any) -> Inputs:
        """Inputs in the form that the model takes."""
        if self.KIND is TEXTS:
            return texts_for(X, self.model_.joined_columns)
        return images_for(self, X, self.model_.preprocessing)

    def _train(self, X: Any, y: Any, sample_weight: Any) -> FitData:
        """Become the estimator of a model that learnt, with detector and held-out answers; what it learnt."""
        began = time.monotonic()
        settings = self._settings()
        progress = FitProgress(self.verbose)
        with progress.shown():
            with progress.stage("reading and checking the data", "read and checked the data"):
                data = weighted(self._fit_data(X, y, settings), sample_weight)
            material = data.material
            threads = choose_threads(settings)
            with advice_about_neighbours(threads), pinned(threads):
                learner = learner_of(settings, material)
                if isinstance(learner, NetworkLearner):
                    learner = dataclasses.replace(learner, observers=progress.observers)
                with progress.stage(
                    Sentence("training {name}", learner.name), Sentence("trained {name}", learner.name)
                ):
                    (fitted,) = learner.fit(material, learner_time(settings, began))
                with progress.stage("fitting the novelty detector", "fitted the novelty detector"):
                    detecting = with_detectors([fitted], material, settings.seed)
                    (finished,) = with_held_out(detecting, material, settings.seed)
        self.history_ = [dict(record) for record in fitted.history]
        model = finished.model.for_data(
            joined_columns=data.joined_columns,
            dialect=material.dialect,
            threshold=threshold_of(finished, material, settings),
            renamed={old: new for old, new in (settings.rename or {}).items() if new in material.classes},
            ignored=of_texts(parse_ignore(settings.ignore)),
        )
        self._take(model, data.classes)
        return data

    def _take(self, model: Model, classes: np.ndarray) -> None:
        """Become the estimator of a trained model; `classes` are of the caller's type, none of numbers."""
        del classes
        self.model_ = model
        self._loaded = ""
        length = vector_length(model)
        if length:
            self.n_features_in_ = length

    def _decide(self, X: Any, **options: Any) -> Decided:
        """Answers with what `options` of `PredictOptions` ask beyond the answer itself."""
        check_is_fitted(self)
        decisions = Decisions(self.model_, PredictOptions(names=ARGUMENTS, **options), "the model")
        return decisions.decide(*self.model_.answer(self._inputs(X)))

    def transform(self, X: Any) -> Float32[np.ndarray, "examples features"]:
        """Values of the last hidden layer, one row for each example.

        Raises: `DataError` if an example cannot be read or does not fit what was learnt.
        """
        check_is_fitted(self)
        return self.model_.transform(self._inputs(X))

    def novelty(self, X: Any) -> Float64[np.ndarray, " examples"]:
        """How unlike the training data each example is: the share of validation examples that it surpasses.

        From 0 to 1; above 0.95 an answer deserves doubt.

        Raises: `DataError` if an example cannot be read or does not fit what was learnt, or the model has no
        novelty detector: it ignores its input, or too few examples were set aside when it was trained.
        """
        check_is_fitted(self)
        inputs = self._inputs(X)
        if self.model_.columns_seen == 0:
            raise DataError(
                "model: no novelty detector, because it gives every input the same answer; take another model"
            )
        found = self.model_.answer(inputs).novelty
        if found is None:
            raise DataError(
                "model: no novelty detector, because fewer than 20 validation examples were set aside when "
                "it was trained: fit sets a tenth aside from {VALIDATION_FROM:,} different examples on, and "
                "{VALIDATION_FROM_EACH} of each class; with fewer, pellucid.train(data, out=...) does, and "
                "pellucid.load(out) has the detector",
                VALIDATION_FROM,
                VALIDATION_FROM_EACH,
            )
        return found

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write a model folder, which every command takes and `pellucid.load` reads.

        Nothing in it can run code. In it classes are texts.

        Args:
            folder: where to; its parent must exist. A former model folder is replaced as a whole.

        Raises:
            StorageError: the disk is full, permission is denied, or something else is there.
        """
        check_is_fitted(self)
        path = Path(folder)
        if path.exists() and not (path / FILE_NAME).is_file():
            raise StorageError("{path}: is there already and is no model folder; choose another name", path)
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
        size = model.preprocessing
        nothing: Inputs = [] if model.input_kind is TEXTS else np.zeros((0, vector_length(model) or 0), "f4")
        if size is not None:
            nothing = np.zeros((0, *size.size, size.channels), np.uint8)
        return int(model.transform(nothing).shape[1])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        is_text = self.KIND is TEXTS
        tags.input_tags.three_d_array = not is_text
        tags.input_tags.string = tags.input_tags.one_d_array = is_text
        tags.input_tags.two_d_array = not is_text
        return tags


def _parameters(estimator: Estimator) -> Sequence[str]:
    return [row.name for row in rows(type(estimator))]


def _has_hidden_layer(estimator: Estimator) -> bool:
    """Whether the model has a hidden layer; before `fit`, whether the one that is asked for will."""
    model: Model | None = getattr(estimator, "model_", None)
    return vars(estimator).get("model") not in CLASSICAL if model is None else model.has_hidden_layer


methods_of_python(Estimator, _parameters)
# After the class: while it is made scikit-learn wraps `transform`, which would hide the check.
for _name in ("transform", "fit_transform", "get_feature_names_out"):
    setattr(Estimator, _name, available_if(_has_hidden_layer)(getattr(Estimator, _name)))


def rows(estimator: type[Estimator]) -> tuple[Row, ...]:
    """The rows of the settings table, in its order, that are parameters of an estimator."""
    names = {*_OF_ALL.split(), *estimator.PARAMETERS.split()}
    return tuple(row for row in ROWS if row.name in names)


def _give_constructor(estimator: type[Estimator]) -> None:
    """A constructor of the parameters as keywords, and a docstring with their meanings."""
    types = {field.name: field.type for field in dataclasses.fields(Settings)} | {VERBOSE: bool | None}
    defaults = {row.name: row.default for row in rows(estimator)} | {"model": estimator.MODELS[0]}
    defaults[VERBOSE] = None

    def __init__(self: Estimator, **given: Any) -> None:
        for name in given:
            if name not in defaults:
                raise ArgumentError(
                    "{name}: unknown parameter {name2}", estimator.__name__, instead_of(name, list(defaults))
                )
        for name, default in defaults.items():
            setattr(self, name, given.get(name, default))

    named = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=types[name])
        for name, default in defaults.items()
    ]
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    __init__.__signature__ = inspect.Signature([own, *named])  # type: ignore[attr-defined]
    estimator.__init__ = __init__  # type: ignore[assignment, method-assign]
    lines = []
    for row in rows(estimator):
        fitting = {
            "model": estimator.MODELS,
            "target": ("class", "labels", "ordered"),
        }  # numbers have their own estimators
        choices = fitting.get(row.name, row.choices)
        shown = f" ({', '.join(choices)})" if choices else ""
        more = ", or a mapping from each class" if row.kind is dict else ""
        lines.append(f"        {row.name}: {row.meaning}{shown}{more}. Default: {defaults[row.name]!r}.")
    lines.append(
        f"        {VERBOSE}: Show on standard error what a fit does, once it takes more than two seconds; by "
        "default\n            where that is a terminal or a notebook. Default: None."
    )
    text = (estimator.__doc__ or "").replace("{about}", estimator.ABOUT)
    estimator.__doc__ = text.replace("{parameters}", "Args:\n" + "\n".join(lines))


# Advice to those who train in a program of their own while others are busy: given once, where it would help.

_LONG = 5.0  # seconds: a shorter training needs no advice
_BUSY = 0.5  # of a core

_has_advised = False


@contextlib.contextmanager
def advice_about_neighbours(threads: int) -> Iterator[None]:
    """Warn once, five seconds into a training while other programs are busy, that threads spin as they wait.

    The command sets `OMP_WAIT_POLICY=PASSIVE` for itself; in a program of somebody else that would change
    other libraries too, so its user is advised. Fewer than two `threads` need no advice.
    """
    if _has_advised or threads < 2 or os.environ.get("OMP_WAIT_POLICY", "").upper() == "PASSIVE":
        yield
        return
    # The warning names the user's own line: the first frame outside of Pellucid and of `contextlib`.
    frame = sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in {
        "pellucid",
        "contextlib",
    }:
        frame = frame.f_back
    # While it trains, not after it: what is slow for this reason is stopped and started anew.
    with _after(_LONG, partial(_advise, cores.look(), frame.f_code.co_filename, frame.f_lineno)):
        yield


@contextlib.contextmanager
def _after(seconds: float, call: Callable[[], object]) -> Iterator[None]:
    """Call a function in a thread of its own once what is within has taken so long."""
    timer = threading.Timer(seconds, call)
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
        Sentence(
            "other programs keep {busy:.1f} of {usable} busy, and threads that wait "
            "for one another take time from them and from this training; set OMP_WAIT_POLICY=PASSIVE in the "
            "environment before Python starts, or pass threads=1",
            busy,
            count_of(cores.usable(), "core"),
        ),
        UserWarning,
        file,
        line,
    )


# What a fit shows while it takes long: lines on standard error.

_SILENT = 2.0  # seconds that may pass without a word
_BETWEEN = 5.0  # seconds from one line about a network in training to the next


class FitProgress:
    """Lines about the stages of a fit, from two seconds on; each says what is done now, or took how long.

    Args:
        verbose: the parameter of an estimator: whether to show them; `None` where standard error is a
            terminal or belongs to a notebook.
    """

    def __init__(self, verbose: bool | None) -> None:
        is_shown = _is_watched() if verbose is None else bool(verbose)
        self._stages = Stages() if is_shown else None
        self._lock = threading.Lock()
        self._waiting: (
            list[tuple[str, bool]] | None
        ) = []  # lines of the first seconds; `None` once they are over

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show what is done within."""
        if self._stages is None:
            yield
            return
        with _after(_SILENT, self._begin):
            yield

    @contextlib.contextmanager
    def stage(self, words: str, done: str) -> Iterator[None]:
        """Show one stage: its words while it goes on, and those when it is done, with its seconds."""
        began = time.monotonic()
        self._line(f"{words} ...", is_done=False)
        yield
        self._line(Sentence("{done}  {took:.1f} s", done, time.monotonic() - began), is_done=True)

    def observers(self, network: Planned) -> Sequence[Observer]:
        """What looks on while a network is trained."""
        return () if self._stages is None else (_Epochs(self, network),)

    def line(self, text: str) -> None:
        """Show a line."""
        self._line(text, is_done=False)

    def _begin(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting or [], None
            # What is over already has its own line.
            for at, (text, is_done) in enumerate(waiting):
                if is_done or at == len(waiting) - 1:
                    self._print(text, is_done=is_done)

    def _line(self, text: str, *, is_done: bool) -> None:
        if self._stages is None:
            return
        with self._lock:
            if self._waiting is None:
                self._print(text, is_done=is_done)
            else:
                self._waiting.append((text, is_done))

    def _print(self, text: str, *, is_done: bool) -> None:
        assert self._stages is not None
        self._stages.line(text, tick=is_done)


class _Epochs(Observer):
    """A line from time to time on how far the training of a network is."""

    def __init__(self, progress: FitProgress, network: Planned) -> None:
        self.progress, self.network = progress, network
        self.began = self.last = time.monotonic()

    def after_step(self, state: State) -> None:
        """Show the step, where the last line is some seconds old."""
        now = time.monotonic()
        if now - self.last < _BETWEEN:
            return
        self.last = now
        recipe = self.network.session.batches.recipe
        left = (now - self.began) * (recipe.total_steps - state.step) / max(1, state.step)
        self.progress.line(
            Sentence(
                "epoch {history} of {epochs}, about {left:.0f} s left",
                len(state.history) + 1,
                recipe.epochs,
                left,
            )
        )


def _is_watched() -> bool:
    """True where standard error is a terminal, or that of a notebook."""
    stream = sys.stderr
    if stream is None:
        return False
    return type(stream).__module__.startswith("ipykernel") or bool(getattr(stream, "isatty", bool)())
